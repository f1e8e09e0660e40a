// Whole answers, both ways: read like a stream that came at once, written as a stream folded up.
import type { ChatResponse } from '../canonical.ts'
import type { ResponseDecoding, ResponseEncoding } from '../codec.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { createAnswerReader } from './answer-reader.ts'
import { createBlockWriter, type WireEvent } from './block-writer.ts'
import { writeFinish } from './finish.ts'
import { inputOfArgs } from './parts.ts'
import { MALFORMED, messageId, ownFields } from './stream-encode.ts'
import { writeAnthropicUsage } from './usage.ts'

export function decodeMessagesResponse(body: JsonObject, decoding: ResponseDecoding): ChatResponse {
  const reader = createAnswerReader(decoding)
  const { content } = body
  reader.start(body)
  for (const [index, entry] of (Array.isArray(content) ? (content as unknown[]) : []).entries()) {
    const block = asObject(entry)
    if (!block) continue
    reader.open(String(index), block)
    reader.close(String(index))
  }
  reader.usage(asObject(body['usage']))
  const { stop_reason, stop_sequence, stop_details, container, context_management } = body
  reader.stop({ stop_reason, stop_sequence, stop_details, container, context_management })
  // Without a list of blocks it is no answer, and nothing that could be called its end was said.
  if (Array.isArray(content)) reader.finish()
  return collectEvents(reader.take())
}

export function encodeMessagesResponse(response: ChatResponse, encoding: ResponseEncoding): Record<string, unknown> {
  const writer = createBlockWriter(encoding)
  const content: Record<string, unknown>[] = []
  const args = new Map<number, string>()
  for (const event of eventsOf(response)) {
    if (event.type !== 'part-start' && event.type !== 'part-delta' && event.type !== 'part-end') continue
    for (const wire of writer.push(event)) fold(content, args, wire, encoding)
  }
  const stop = writeFinish(response.finish, writer)
  if (!stop) return { type: 'error', error: { type: 'api_error', message: MALFORMED } }
  const { container, context_management: management, usage } = ownFields(response.extensions)
  return {
    id: messageId(encoding.requestId),
    type: 'message',
    role: 'assistant',
    model: encoding.requestedModel,
    content,
    ...stop,
    ...(container === undefined ? {} : { container }),
    ...(management === undefined ? {} : { context_management: management }),
    usage: { ...writeAnthropicUsage(response.usage, usage), ...asObject(usage) },
  }
}

function fold(
  content: Record<string, unknown>[],
  args: Map<number, string>,
  event: WireEvent,
  { losses }: ResponseEncoding,
): void {
  if (event.type === 'content_block_start') {
    const { citations } = event.content_block
    // Its own list, to be added to.
    content.push({ ...event.content_block, ...(Array.isArray(citations) ? { citations: [...citations] } : {}) })
  }
  const block = content[event.index]
  if (!block) return
  if (event.type === 'content_block_delta') addDelta(block, args, event.index, event.delta)
  const text = args.get(event.index)
  if (event.type !== 'content_block_stop' || text === undefined) return
  const input = inputOfArgs(text)
  if (!input) losses.approximate('tool_arguments', 'arguments that are no JSON object')
  block['input'] = input ?? { input: text }
}

function addDelta(block: Record<string, unknown>, args: Map<number, string>, index: number, delta: JsonObject): void {
  const add = (field: string): void => {
    block[field] = (asText(block[field]) ?? '') + (asText(delta[field]) ?? '')
  }
  switch (delta['type']) {
    case 'text_delta':
      return add('text')
    case 'thinking_delta':
      return add('thinking')
    case 'signature_delta':
      return add('signature')
    case 'compaction_delta':
      return add('content')
    case 'citations_delta': {
      if (Array.isArray(block['citations'])) block['citations'].push(delta['citation'])
      else block['citations'] = [delta['citation']]
      return
    }
    case 'input_json_delta':
      args.set(index, (args.get(index) ?? '') + (asText(delta['partial_json']) ?? ''))
  }
}
