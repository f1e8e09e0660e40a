// `/v1/chat/stream`: `data:{id, content, done, usage, error, provider}`, one event per piece of text, and a last one
// with `done: true` that holds what a whole answer has beside its text. A stream that fails ends with `error` and is
// never `done`.
import { UNKNOWN_USAGE, type Citation, type StreamEvent, type Usage } from '../canonical.ts'
import type { ResponseEncoding, StreamEncoder } from '../codec.ts'
import type { ErrorView } from '../protocol.ts'
import { answerId, encodeCitations, encodeFinish, encodeServed, encodeUsage, reportPart } from './parts.ts'

const write = (data: Record<string, unknown>): string => `data: ${JSON.stringify(data)}\n\n`

/** The last event of a stream that fails. */
export function encodeFailure(error: Pick<ErrorView, 'message'>, id?: string): string {
  return write({ ...(id === undefined ? {} : { id }), content: '', done: false, error: error.message })
}

export function createStreamEncoder(encoding: ResponseEncoding): StreamEncoder {
  const id = answerId(encoding)
  const citations: Citation[] = []
  let usage: Usage = UNKNOWN_USAGE
  /** The same in every event of a stream. */
  let served: { provider?: string } | null = null

  function readServed(): { provider?: string } {
    const provider = encoding.served?.().provider
    return provider === undefined ? {} : { provider }
  }

  function encodeDelta(event: Extract<StreamEvent, { type: 'part-delta' }>): string {
    const { delta } = event
    if (delta.kind === 'citation') citations.push(delta.citation)
    if (delta.kind !== 'text' && delta.kind !== 'refusal') return ''
    served ??= readServed()
    return delta.text === '' ? '' : write({ id, content: delta.text, done: false, ...served })
  }

  return {
    push(event) {
      switch (event.type) {
        case 'part-start':
          reportPart(event.part.kind, encoding.losses)
          return ''
        case 'part-delta':
          return encodeDelta(event)
        case 'usage':
          usage = event.usage
          return ''
        case 'finish':
          return write({
            id,
            content: '',
            done: true,
            model: encoding.requestedModel,
            finish_reason: encodeFinish(event.finish, encoding.losses),
            usage: encodeUsage(usage),
            ...encodeCitations(citations, encoding.losses),
            ...encodeServed(encoding),
          })
        case 'error':
          return encodeFailure(event.error, id)
        case 'response-start':
        case 'part-end':
        case 'ping':
          return ''
      }
    },
    fail: (error) => encodeFailure(error, id),
  }
}
