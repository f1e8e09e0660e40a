// What the suites of this codec share: encodings with everything known, decodings, streams cut into events.
import type { ChatRequest, ChatResponse, Item, Signature, StreamEvent, Usage } from '../canonical.ts'
import { createLossReport, type RequestEncoding, type ResponseDecoding, type ResponseEncoding } from '../codec.ts'
import { CONSERVATIVE_DIALECT, type ModelProfile } from '../profile.ts'
import { restoreTool, type KnownTool } from '../tool-names.ts'
import { eventsOfStream, hash8, lossNames, openEnvelope, requestOf, sealEnvelope } from '../testing.ts'
import { geminiCodec } from './codec.ts'

export const codec = geminiCodec
export { eventsOfStream, lossNames, openEnvelope, requestOf, sealEnvelope } from '../testing.ts'

/** A Gemini 3 model, as far as this codec asks. */
export const PROFILE: ModelProfile = {
  model: 'gemini-3-pro',
  maxOutput: 65_536,
  thinking: 'level',
  efforts: ['low', 'medium', 'high'],
  canDisableThinking: false,
  sampling: 'all',
  schema: 'native',
  midSystem: false,
  imageInToolResult: true,
  needsThoughtSignature: true,
  cacheBreakpoints: false,
  dialect: CONSERVATIVE_DIALECT,
}

export const BUDGET_PROFILE: ModelProfile = {
  ...PROFILE,
  model: 'gemini-2.5-flash',
  thinking: 'budget',
  efforts: [],
  canDisableThinking: true,
  imageInToolResult: false,
  needsThoughtSignature: false,
}

export function encodingOf(fields: Partial<RequestEncoding> = {}): RequestEncoding {
  return {
    profile: PROFILE,
    provider: 'google',
    account: 'key-1',
    stream: false,
    hash8,
    losses: createLossReport(),
    ...fields,
  }
}

export function encode(fields: Partial<ChatRequest>, encoding: Partial<RequestEncoding> = {}) {
  const whole = encodingOf(encoding)
  const { body, toolNames, enforceStop } = codec.encodeRequest(requestOf(fields), whole)
  return { body, toolNames, enforceStop, losses: lossNames(whole.losses) }
}

export function decode(body: Record<string, unknown>, losses = createLossReport()): ChatRequest {
  return codec.decodeRequest(body, { model: 'm', stream: false, openEnvelope, losses })
}

/** What stands in the slot for a signature. */
export function slotOf(signature: Signature): string {
  return Buffer.from(sealEnvelope(signature)).toString('base64')
}

export function decodingOf(toolNames: ReadonlyMap<string, KnownTool> = new Map()): ResponseDecoding {
  return {
    provider: 'google',
    account: 'key-1',
    model: 'gemini-3-pro',
    restoreTool: (name) => restoreTool(toolNames, name),
  }
}

export function responseEncodingOf(fields: Partial<ResponseEncoding> = {}): ResponseEncoding {
  return {
    requestedModel: 'asked-for',
    requestId: 'req_01J',
    created: 1_700_000_000,
    sealEnvelope,
    streamUsage: true,
    request: requestOf({ reasoning: { visible: true } }),
    losses: createLossReport(),
    ...fields,
  }
}

export function decodeStream(text: string, decoding = decodingOf()): StreamEvent[] {
  const decoder = codec.streamDecoder(decoding)
  return [...eventsOfStream(text).flatMap((event) => decoder.push(event)), ...decoder.end()]
}

/** The chunks of a wire text, checked to stand on one `data:` line each and to end in a blank line. */
export function wireChunks(text: string): Record<string, unknown>[] {
  if (text !== '' && !text.endsWith('\n\n')) throw new Error('the last event is not ended')
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => {
      if (!event.startsWith('data: ') || event.includes('\n')) throw new Error(`not one data line: ${event}`)
      return JSON.parse(event.slice(6)) as Record<string, unknown>
    })
}

export function encodeStream(events: Iterable<StreamEvent>, encoding = responseEncodingOf()): string {
  const encoder = codec.streamEncoder(encoding)
  return [...events].map((event) => encoder.push(event)).join('')
}

/** A stream of these chunks. */
export function sse(...chunks: readonly unknown[]): string {
  return chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')
}

// ---- Items of a conversation and the contents they become
// ------------------------------------------------------------

type Json = Record<string, unknown>

export const user = (text: string, turn = 0): Item => ({ kind: 'text', role: 'user', turn, text })
export const call = (id: string, fields: Partial<Item & { kind: 'call' }> = {}): Item => ({
  kind: 'call',
  turn: 1,
  id,
  name: 'f',
  argsText: '{"x":1}',
  style: 'json',
  ...fields,
})
export const result = (callId: string, text: string, fields: Partial<Item & { kind: 'result' }> = {}): Item => ({
  kind: 'result',
  turn: 2,
  callId,
  parts: [{ kind: 'text', text }],
  isError: false,
  style: 'json',
  ...fields,
})
export const thought: Signature = { provider: 'google', account: 'key-1', model: 'm', kind: 'thought', value: 'c2ln' }
export const foreign: Signature = { provider: 'anthropic', account: 'a', model: 'm', kind: 'signature', value: 'abc' }
export const contentsOf = (items: readonly Item[], encoding = {}): Json[] =>
  encode({ items: [...items] }, encoding).body['contents'] as Json[]
export const partsOf = (items: readonly Item[], turn: number, encoding = {}): Json[] =>
  contentsOf(items, encoding)[turn]!['parts'] as Json[]

// ---- Answers and the chunks they come in
// ------------------------------------------------------------------------------

export const USAGE: Usage = {
  input: 10,
  cacheRead: null,
  cacheWrite: null,
  cacheWrite1h: null,
  output: 5,
  reasoning: null,
  searches: null,
}
export const text = (value: string): Item => ({ kind: 'text', role: 'assistant', turn: 0, text: value })
export const answerOf = (items: readonly Item[], fields: Partial<ChatResponse> = {}): ChatResponse => ({
  id: 'r',
  model: 'm',
  created: 0,
  items,
  finish: { unified: 'stop', raw: 'STOP' },
  usage: USAGE,
  extensions: {},
  ...fields,
})
export const chunkOf = (parts: readonly unknown[], fields: Json = {}, around: Json = {}): Json => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...fields }],
  modelVersion: 'gemini-3-pro',
  responseId: 'abc',
  ...around,
})
export const decodeWhole = (body: Json): ChatResponse => codec.decodeResponse(body, decodingOf())
