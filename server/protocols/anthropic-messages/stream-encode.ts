// Events of the middle model as a Messages stream. Every event has its `event:` line: without it the official clients
// see nothing.
import { UNKNOWN_USAGE, type Extras, type StreamEvent } from '../canonical.ts'
import type { ResponseEncoding, StreamEncoder } from '../codec.ts'
import { asObject } from '../read.ts'
import { createBlockWriter } from './block-writer.ts'
import { anthropicErrorObject, anthropicStatus } from './error.ts'
import { writeFinish } from './finish.ts'
import { PROTOCOL } from './names.ts'
import { messagesStream } from './stream.ts'
import { writeAnthropicUsage } from './usage.ts'

export const MALFORMED = 'The model gave an answer that cannot be read. Try again.'

export function messageId(requestId: string): string {
  return `msg_${requestId.replace(/^req_/, '')}`
}

export function createMessagesEncoder(encoding: ResponseEncoding): StreamEncoder {
  const writer = createBlockWriter(encoding)
  let usage = UNKNOWN_USAGE
  let started = false
  let over = false

  function start(): string {
    if (started) return ''
    started = true
    const message = {
      id: messageId(encoding.requestId),
      type: 'message',
      role: 'assistant',
      model: encoding.requestedModel,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: writeAnthropicUsage(usage),
    }
    return wire({ type: 'message_start', message })
  }

  function finish({ finish: why, extensions }: Extract<StreamEvent, { type: 'finish' }>): string {
    over = true
    const stop = writeFinish(why, writer)
    if (!stop) return wire({ type: 'error', error: { type: 'api_error', message: MALFORMED } })
    const { container, context_management: management, usage: counted } = ownFields(extensions)
    return (
      wire({
        type: 'message_delta',
        delta: { ...stop, ...(container === undefined ? {} : { container }) },
        usage: { ...writeAnthropicUsage(usage, counted), ...asObject(counted) },
        ...(management === undefined ? {} : { context_management: management }),
      }) + wire({ type: 'message_stop' })
    )
  }

  return {
    push(event) {
      if (over) return ''
      switch (event.type) {
        case 'response-start':
          return start()
        case 'part-start':
        case 'part-delta':
        case 'part-end':
          return (
            start() +
            writer
              .push(event)
              .map((one) => wire({ ...one }))
              .join('')
          )
        case 'usage':
          usage = event.usage
          return ''
        case 'finish':
          return start() + finish(event)
        case 'ping':
          return started ? messagesStream.keepAlive : ''
        case 'error':
          return ''
      }
    },
    fail(error) {
      over = true
      return `event: error\ndata: ${JSON.stringify(anthropicErrorObject(error, anthropicStatus(error)))}\n\n`
    },
  }
}

export function ownFields(extensions: Extras | undefined): Readonly<Record<string, unknown>> {
  return extensions?.[PROTOCOL] ?? {}
}

function wire(event: Readonly<Record<string, unknown>> & { readonly type: string }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
