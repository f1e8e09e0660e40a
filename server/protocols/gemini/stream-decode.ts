// The provider's stream: each event is a GenerateContentResponse. Sources may follow the finish reason, so the answer
// is finished only when the stream ends.
import type { StreamError, StreamEvent } from '../canonical.ts'
import type { ResponseDecoding, StreamDecoder } from '../codec.ts'
import { asCount, asObject, parseJson } from '../read.ts'
import { BROKEN_OFF, readEventData, UNREADABLE } from '../stream-data.ts'
import { AnswerReader } from './answer-reader.ts'
import { decodeGeminiError } from './error.ts'

export function createStreamDecoder(decoding: ResponseDecoding): StreamDecoder {
  const reader = new AnswerReader(decoding)
  let closed = false

  const fail = (error: StreamError): StreamEvent[] => {
    closed = true
    return [{ type: 'error', error }]
  }

  return {
    push(event) {
      if (closed) return []
      const list: unknown = /^\s*\[/.test(event.data) ? parseJson(event.data) : null
      const one = Array.isArray(list) ? null : readEventData(event)
      const chunks = Array.isArray(list) ? list.map(asObject) : one === null ? [] : [one]
      const events: StreamEvent[] = []
      for (const chunk of chunks) {
        if (chunk === null || chunk === 'unreadable') {
          closed = true
          return [...events, UNREADABLE]
        }
        const { error } = chunk
        if (error !== undefined && error !== null) return [...events, ...fail(errorOf(error, JSON.stringify(chunk)))]
        events.push(...reader.read(chunk))
      }
      return events
    },
    end() {
      if (closed) return []
      closed = true
      const rest = reader.finish()
      if (reader.ended) return rest
      return [...rest, BROKEN_OFF]
    },
  }
}

function errorOf(error: unknown, body: string): StreamError {
  const code = asCount(asObject(error)?.['code']) ?? 0
  const { signals, message, retryAfterMs } = decodeGeminiError(200, body)
  return { status: code >= 400 && code <= 599 ? code : 502, signals, message, retryAfterMs }
}
