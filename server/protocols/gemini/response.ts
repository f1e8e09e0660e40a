// A whole answer: the events of its stream, read and written at once.
import type { ChatResponse } from '../canonical.ts'
import type { ResponseDecoding, ResponseEncoding } from '../codec.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import type { JsonObject } from '../read.ts'
import { AnswerReader } from './answer-reader.ts'
import { AnswerWriter } from './answer-writer.ts'

export function decodeResponse(body: JsonObject, decoding: ResponseDecoding): ChatResponse {
  const reader = new AnswerReader(decoding)
  const events = [...reader.read(body), ...reader.finish()]
  const response = collectEvents(events)
  // A whole answer that says something has ended, whether it says why or not; what it does not say is unknown.
  return reader.ended || response.items.length === 0 ? response : { ...response, finish: endOf(response) }
}

function endOf({ items }: ChatResponse): ChatResponse['finish'] {
  return { unified: items.some(({ kind }) => kind === 'call') ? 'tool_calls' : 'stop', raw: '', unknown: true }
}

export function encodeResponse(response: ChatResponse, encoding: ResponseEncoding): Record<string, unknown> {
  const writer = new AnswerWriter(encoding, false)
  const parts: JsonObject[] = []
  for (const event of eventsOf(response)) parts.push(...writer.push(event))
  return { ...writer.end({ type: 'finish', finish: response.finish, extensions: response.extensions }, parts) }
}
