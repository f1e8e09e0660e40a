// Answers as providers write them, event by event, for tests that say themselves what a provider answers.
import type { ReplayAnswer } from '../fake-provider/fake-provider.ts'
import { dataFrame, eventFrame } from '../fake-provider/wire.ts'
import type { Json } from './uniroute-client.ts'

export interface Ending {
  readonly newline?: '\r\n'
  /** Cut into writes of so many bytes, inside characters as well. */
  readonly pieces?: number
}

export function streamAnswer(text: string, { newline, pieces }: Ending = {}): ReplayAnswer {
  const body = Buffer.from(newline === undefined ? text : text.replaceAll('\n', newline))
  const headers = { 'content-type': 'text/event-stream; charset=utf-8' }
  if (pieces === undefined) return { status: 200, headers, body }
  const cuts = Array.from({ length: Math.floor(body.length / pieces) }, (_, at) => (at + 1) * pieces)
  return { status: 200, headers, body, cuts }
}

export function jsonAnswer(body: Json, status = 200, headers: Record<string, string> = {}): ReplayAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(JSON.stringify(body)),
  }
}

// ---- Anthropic Messages --------------------------------------------------------------------------------------------

export const anthropicFrames = (events: readonly Json[]): string =>
  events.map((event) => eventFrame(event.type, event)).join('')
export const anthropicStream = (events: readonly Json[], ending?: Ending): ReplayAnswer =>
  streamAnswer(anthropicFrames(events), ending)

export const messageStart = (usage: Json = { input_tokens: 9, output_tokens: 1 }): Json => ({
  type: 'message_start',
  message: {
    id: 'msg_01Upstream',
    type: 'message',
    role: 'assistant',
    model: 'claude-served',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  },
})

/** A content block whole: how it opens, its deltas, its end. */
export const block = (index: number, content_block: Json, ...deltas: readonly Json[]): Json[] => [
  { type: 'content_block_start', index, content_block },
  ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
  { type: 'content_block_stop', index },
]
export const textBlock = (index: number, text: string): Json[] =>
  block(index, { type: 'text', text: '' }, { type: 'text_delta', text })
export const thinkingBlock = (index: number, thinking: string, signature: string): Json[] =>
  block(
    index,
    { type: 'thinking', thinking: '', signature: '' },
    ...(thinking === '' ? [] : [{ type: 'thinking_delta', thinking }]),
    { type: 'signature_delta', signature },
  )
export const callBlock = (index: number, id: string, name: string, ...pieces: readonly string[]): Json[] =>
  block(
    index,
    { type: 'tool_use', id, name, input: {} },
    ...pieces.map((partial_json) => ({ type: 'input_json_delta', partial_json })),
  )
export const messageEnd = (stop_reason: string, usage: Json = { output_tokens: 7 }, more: Json = {}): Json[] => [
  { type: 'message_delta', delta: { stop_reason, stop_sequence: null, ...more }, usage },
  { type: 'message_stop' },
]
export const message = (content: readonly Json[], stop_reason: string, more: Json = {}): Json => ({
  ...messageStart().message,
  content,
  stop_reason,
  ...more,
})

// ---- Chat Completions ----------------------------------------------------------------------------------------------

export const chatFrames = (chunks: readonly Json[]): string => chunks.map(dataFrame).join('')
export const chatStream = (chunks: readonly Json[], ending?: Ending): ReplayAnswer =>
  streamAnswer(chatFrames([...chunks, '[DONE]']), ending)

export const chunk = (delta: Json, finish_reason: string | null = null): Json => ({
  id: 'chatcmpl-upstream',
  object: 'chat.completion.chunk',
  created: 1_790_000_000,
  model: 'served',
  choices: [{ index: 0, delta, finish_reason }],
})
export const callChunk = (fields: Json): Json => chunk({ tool_calls: [fields] })
export const usageChunk = (usage: Json = { prompt_tokens: 9, completion_tokens: 7, total_tokens: 16 }): Json => ({
  ...chunk({}),
  choices: [],
  usage,
})
export const completion = (message: Json, finish_reason: string): Json => ({
  id: 'chatcmpl-upstream',
  object: 'chat.completion',
  created: 1_790_000_000,
  model: 'served',
  choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason }],
  usage: { prompt_tokens: 9, completion_tokens: 7, total_tokens: 16 },
})

// ---- Responses -----------------------------------------------------------------------------------------------------

export const responsesStream = (events: readonly Json[], ending?: Ending): ReplayAnswer =>
  streamAnswer(events.map((event, at) => eventFrame(event.type, { ...event, sequence_number: at })).join(''), ending)

export const response = (output: readonly Json[], more: Json = {}): Json => ({
  id: 'resp_upstream',
  object: 'response',
  created_at: 1_790_000_000,
  model: 'gpt-served',
  status: 'completed',
  output,
  usage: { input_tokens: 9, output_tokens: 7, total_tokens: 16 },
  ...more,
})
export const responseStart = (): Json[] =>
  ['created', 'in_progress'].map((step) => ({
    type: `response.${step}`,
    response: response([], { status: 'in_progress', usage: null }),
  }))
export const functionCall = (call_id: string, name: string, args: string): Json => ({
  type: 'function_call',
  id: `fc_${call_id}`,
  call_id,
  name,
  arguments: args,
  status: 'completed',
})
export const reasoningItem = (id: string, encrypted_content: string): Json => ({
  type: 'reasoning',
  id,
  summary: [],
  encrypted_content,
})
export const outputText = (text: string): Json => ({
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text, annotations: [] }],
})

// ---- Gemini --------------------------------------------------------------------------------------------------------

export const geminiStream = (chunks: readonly Json[], ending?: Ending): ReplayAnswer =>
  streamAnswer(chunks.map(dataFrame).join(''), ending)

export const candidate = (parts: readonly Json[], finishReason?: string, more: Json = {}): Json => ({
  candidates: [{ index: 0, content: { role: 'model', parts }, ...(finishReason && { finishReason }) }],
  modelVersion: 'gemini-served',
  usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 7, totalTokenCount: 16 },
  ...more,
})
export const geminiCall = (name: string, args: Json, more: Json = {}): Json => ({
  functionCall: { name, args },
  ...more,
})
