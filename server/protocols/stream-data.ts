// What the data of a stream's event hold. What says nothing is passed over: an event without data, a ping, `null`, a
// closing `[DONE]`. Anything else is a JSON object, or the answer was cut or damaged on its way: what is missing then
// nobody knows, so the stream ends in an error, whatever comes behind.
import type { SseEvent } from '../kernel/sse.ts'
import type { StreamError, StreamEvent } from './canonical.ts'
import { asObject, parseJson, type JsonObject } from './read.ts'

/** null: the event says nothing. */
export function readEventData({ event, data }: SseEvent): JsonObject | 'unreadable' | null {
  const text = data.trim()
  if (text === '' || text === '[DONE]' || text === 'null') return null
  const object = asObject(parseJson(text))
  if (object) return object
  return event === 'ping' ? null : 'unreadable'
}

/** The provider reported no error: its answer stopped, or cannot be read. */
export function malformedAnswer(message: string): StreamError {
  return { status: 502, signals: [], message, retryAfterMs: null, malformed: true }
}

export const UNREADABLE: StreamEvent = {
  type: 'error',
  error: malformedAnswer('The answer is not readable: an event holds no JSON object.'),
}

export const BROKEN_OFF: StreamEvent = {
  type: 'error',
  error: malformedAnswer('The answer broke off before its end.'),
}
