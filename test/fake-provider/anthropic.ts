// Anthropic Messages, count_tokens and models as the fake speaks them.
import { checkMessagesRules } from './rules-anthropic.ts'
import type { Sealer } from './signatures.ts'
import {
  composeReply,
  countTokens,
  createTextId,
  cutText,
  textOf,
  type Json,
  type Reply,
  type Said,
  type Turn,
} from './turn.ts'
import { eventFrame, jsonAnswer, type Answer } from './wire.ts'

export const ANTHROPIC_MODELS = ['claude-opus-4-8', 'claude-sonnet-5', 'claude-haiku-4-5-20251001']
/** From this version on the key travels as a bearer token and sampling parameters are refused. */
export const BEARER_VERSION = '2026-10-21'

export function checkMessagesBody(body: Json, version: string, counting: boolean, seal: Sealer): string | undefined {
  if (typeof body?.model !== 'string') return 'model: Field required'
  if (!counting && typeof body.max_tokens !== 'number') return 'max_tokens: Field required'
  if (!Array.isArray(body.messages)) return 'messages: Field required'
  if (body.messages.length === 0) return 'messages: at least one message is required'
  for (const [at, message] of body.messages.entries()) {
    if (!['user', 'assistant', 'system'].includes(message?.role)) {
      return `messages.${at}.role: Input should be 'user' or 'assistant'`
    }
  }
  const sampling = ['temperature', 'top_p', 'top_k'].find((name) => body[name] !== undefined)
  if (version >= BEARER_VERSION && sampling !== undefined) return `${sampling}: Extra inputs are not permitted`
  return checkMessagesRules(body, seal)
}

export function readMessagesTurn(body: Json): Turn {
  const lastUser = body.messages.findLast((message: Json) => message.role === 'user')
  const results = Array.isArray(lastUser?.content)
    ? lastUser.content.filter((block: Json) => block.type === 'tool_result')
    : []
  const choice = body.tool_choice
  const forced = choice?.type === 'tool' ? choice.name : choice?.type
  const text = JSON.stringify([body.system ?? '', body.messages, body.tools ?? []])
  return {
    model: body.model,
    lastText: textOf(lastUser?.content),
    toolResult: results.length === 0 ? undefined : results.map((block: Json) => textOf(block.content)).join(' '),
    tools: (body.tools ?? [])
      .filter((tool: Json) => tool.input_schema !== undefined)
      .map((tool: Json) => ({ name: tool.name, schema: tool.input_schema })),
    toolChoice: forced === 'auto' ? undefined : forced,
    wantsReasoning: body.thinking !== undefined && body.thinking.type !== 'disabled',
    jsonSchema: body.output_config?.format?.schema,
    promptCharacters: text.length,
    hasCacheHints: text.includes('"cache_control"'),
    maxTokens: body.max_tokens,
    media: seenIn(lastUser?.content),
    stop: body.stop_sequences,
    oneCallOnly: choice?.disable_parallel_tool_use === true,
  }
}

function seenIn(content: Json): Turn['media'] {
  const parts: Json[] = Array.isArray(content) ? content : []
  return parts
    .filter((block) => block.source?.type === 'base64')
    .map(({ source }) => ({ mime: source.media_type, bytes: Buffer.from(source.data, 'base64').length }))
}

export function answerMessages(body: Json, said: Said, seal: Sealer): Answer {
  const reply = composeReply(readMessagesTurn(body), said)
  const id = createTextId('msg_01', 22)
  const stops = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use', refusal: 'refusal' }
  const stop = reply.stoppedBy === undefined ? stops[reply.finish] : 'stop_sequence'
  const sequence = reply.stoppedBy ?? null
  const message = {
    model: body.model,
    id,
    type: 'message',
    role: 'assistant',
    content: writeBlocks(body, reply, seal),
    stop_reason: stop,
    stop_sequence: sequence,
    usage: writeUsage(reply, reply.usage.output),
  }
  if (body.stream !== true) return jsonAnswer(200, message)

  const frames = [
    eventFrame('message_start', {
      type: 'message_start',
      message: { ...message, content: [], stop_reason: null, stop_sequence: null, usage: writeUsage(reply, 1) },
    }),
  ]
  for (const [index, block] of message.content.entries()) frames.push(...streamBlock(block, index))
  frames.splice(2, 0, eventFrame('ping', { type: 'ping' }))
  const { service_tier: _tier, cache_creation: _creation, ...counts } = message.usage
  frames.push(
    eventFrame('message_delta', {
      type: 'message_delta',
      delta: { stop_reason: stop, stop_sequence: sequence },
      usage: counts,
    }),
    eventFrame('message_stop', { type: 'message_stop' }),
  )
  return { status: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8' }, frames, terminalFrames: 2 }
}

function writeBlocks(body: Json, reply: Reply, seal: Sealer): Json[] {
  const blocks: Json[] = []
  if (reply.reasoning !== '') {
    const shown = body.thinking?.display === 'omitted' ? '' : reply.reasoning
    blocks.push({ type: 'thinking', thinking: shown, signature: seal.issue('anthropic', shown) })
  }
  if (reply.calls.length === 0) blocks.push({ type: 'text', text: reply.text })
  for (const call of reply.calls) {
    blocks.push({ type: 'tool_use', id: `toolu_01${call.id.slice(0, 22)}`, name: call.name, input: call.args })
  }
  return blocks
}

function streamBlock(block: Json, index: number): string[] {
  const delta = (fields: Json): string =>
    eventFrame('content_block_delta', { type: 'content_block_delta', index, delta: fields })
  const empty = { text: { text: '' }, thinking: { thinking: '', signature: '' }, tool_use: { input: {} } }
  const opened = { ...block, ...empty[block.type as keyof typeof empty] }
  const frames = [eventFrame('content_block_start', { type: 'content_block_start', index, content_block: opened })]
  if (block.type === 'text') {
    for (const piece of cutText(block.text)) frames.push(delta({ type: 'text_delta', text: piece }))
  } else if (block.type === 'thinking') {
    for (const piece of cutText(block.thinking, 12)) frames.push(delta({ type: 'thinking_delta', thinking: piece }))
    frames.push(delta({ type: 'signature_delta', signature: block.signature }))
  } else {
    frames.push(delta({ type: 'input_json_delta', partial_json: '' }))
    for (const piece of cutText(JSON.stringify(block.input))) {
      frames.push(delta({ type: 'input_json_delta', partial_json: piece }))
    }
  }
  frames.push(eventFrame('content_block_stop', { type: 'content_block_stop', index }))
  return frames
}

function writeUsage(reply: Reply, output: number): Json {
  const { input, cacheRead, cacheWrite, reasoning } = reply.usage
  return {
    input_tokens: input - cacheRead - cacheWrite,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    cache_creation: { ephemeral_5m_input_tokens: cacheWrite, ephemeral_1h_input_tokens: 0 },
    output_tokens: output,
    ...(reasoning > 0 && { output_tokens_details: { thinking_tokens: reasoning } }),
    service_tier: 'standard',
  }
}

export function answerCountTokens(body: Json): Answer {
  return jsonAnswer(200, { input_tokens: countTokens(readMessagesTurn(body).promptCharacters) })
}

export function answerAnthropicModels(id: string | undefined, query: URLSearchParams): Answer {
  const all = ANTHROPIC_MODELS.map((name) => ({
    type: 'model',
    id: name,
    display_name: name,
    created_at: '2026-02-01T00:00:00Z',
  }))
  if (id !== undefined) {
    const found = all.find((model) => model.id === id)
    if (found !== undefined) return jsonAnswer(200, found)
    const error = { type: 'not_found_error', message: `model: ${id}` }
    return jsonAnswer(404, { type: 'error', error, request_id: createTextId('req_011', 21) })
  }
  const after = query.get('after_id')
  const from = after === null ? 0 : all.findIndex((model) => model.id === after) + 1
  const limit = Number(query.get('limit') ?? 20)
  const data = all.slice(from, from + limit)
  const edges = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
  return jsonAnswer(200, { data, has_more: from + limit < all.length, ...edges })
}
