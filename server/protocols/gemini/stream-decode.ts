// The provider's stream: each event is a GenerateContentResponse. Sources may follow the finish reason, so the answer is
// finished only when the stream ends.
import type { StreamError, StreamEvent } from '../canonical.ts'
import type { ResponseDecoding, StreamDecoder } from '../codec.ts'
import { asCount, asObject, parseJson } from '../read.ts'
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
    push({ data }) {
      if (closed || data.trim() === '' || data.trim() === '[DONE]') return []
      const value = parseJson(data)
      const chunks = Array.isArray(value) ? (value as unknown[]) : [value]
      const events: StreamEvent[] = []
      for (const chunk of chunks) {
        const object = asObject(chunk)
        if (!object)
          return [...events, ...fail(brokenOff('The answer is not readable: an event holds no JSON object.'))]
        if (object['error'] !== undefined) return [...events, ...fail(errorOf(object['error'], JSON.stringify(object)))]
        events.push(...reader.read(object))
      }
      return events
    },
    end() {
      if (closed) return []
      closed = true
      const rest = reader.finish()
      if (reader.ended) return rest
      return [...rest, { type: 'error', error: brokenOff('The answer broke off before its end.') }]
    },
  }
}

function errorOf(error: unknown, body: string): StreamError {
  const code = asCount(asObject(error)?.['code']) ?? 0
  const { signals, message, retryAfterMs } = decodeGeminiError(200, body)
  return { status: code >= 400 && code <= 599 ? code : 502, signals, message, retryAfterMs }
}

function brokenOff(message: string): StreamError {
  return { status: 502, signals: [], message, retryAfterMs: null }
}
