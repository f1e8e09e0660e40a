// What the suites of this codec share: encodings with everything known, decodings, streams cut into events.
import { UNKNOWN_USAGE, type ChatRequest, type Item, type StreamEvent } from '../canonical.ts'
import {
  createLossReport,
  type LossReport,
  type RequestEncoding,
  type ResponseDecoding,
  type ResponseEncoding,
} from '../codec.ts'
import { eventsOf } from '../collect.ts'
import { CONSERVATIVE_DIALECT, type ModelProfile } from '../profile.ts'
import { restoreTool, type KnownTool } from '../tool-names.ts'
import { eventsOfStream, hash8, lossNames, openEnvelope, requestOf, sealEnvelope } from '../testing.ts'
import { anthropicMessagesCodec } from './codec.ts'

export const codec = anthropicMessagesCodec
export { eventsOfStream, hash8, lossNames, requestOf, sealEnvelope } from '../testing.ts'

/** A model of the 5 family, as far as this codec asks. */
export const PROFILE: ModelProfile = {
  model: 'claude-opus-5',
  maxOutput: 64_000,
  thinking: 'adaptive',
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  canDisableThinking: true,
  sampling: 'none',
  schema: 'native',
  midSystem: true,
  imageInToolResult: true,
  needsThoughtSignature: false,
  cacheBreakpoints: true,
  dialect: CONSERVATIVE_DIALECT,
}

export const BUDGET_PROFILE: ModelProfile = {
  ...PROFILE,
  model: 'claude-sonnet-4-5',
  thinking: 'budget',
  efforts: [],
  sampling: 'one',
  midSystem: false,
}

export function encodingOf(fields: Partial<RequestEncoding> = {}): RequestEncoding {
  return {
    profile: PROFILE,
    provider: 'anthropic',
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
  return codec.decodeRequest(body, {
    model: 'm',
    stream: body['stream'] === true,
    openEnvelope: (text) => openEnvelope(text),
    losses,
  })
}

export function decodingOf(toolNames: ReadonlyMap<string, KnownTool> = new Map()): ResponseDecoding {
  return {
    provider: 'anthropic',
    account: 'key-1',
    model: 'claude-opus-5',
    restoreTool: (name) => restoreTool(toolNames, name),
  }
}

export function responseEncodingOf(losses: LossReport = createLossReport()): ResponseEncoding {
  return {
    requestedModel: 'asked-for',
    requestId: 'req_01J',
    created: 1_700_000_000,
    sealEnvelope,
    streamUsage: true,
    request: requestOf({}),
    losses,
  }
}

export function decodeStream(text: string, decoding = decodingOf()): StreamEvent[] {
  const decoder = codec.streamDecoder(decoding)
  return [...eventsOfStream(text).flatMap((event) => decoder.push(event)), ...decoder.end()]
}

/** The `data` objects of a wire text, checked to stand behind an `event:` line of the same name. */
export function wireEvents(text: string): Record<string, unknown>[] {
  return eventsOfStream(text).map(({ event, data }) => {
    const object = JSON.parse(data)
    if (event !== object.type) throw new Error(`event: ${event} before ${data}`)
    return object
  })
}

export function encodeStream(events: Iterable<StreamEvent>, encoding = responseEncodingOf()): string {
  const encoder = codec.streamEncoder(encoding)
  return [...events].map((event) => encoder.push(event)).join('')
}

/** Stream events with these data objects. */
export function sse(...objects: readonly Record<string, unknown>[]): string {
  return objects.map((object) => `event: ${String(object['type'])}\ndata: ${JSON.stringify(object)}\n\n`).join('')
}

// ---- Short names for items and events -----------------------------------------------------------------------------

export const user = (text: string): Item => ({ kind: 'text', role: 'user', turn: 0, text })
export const assistant = (text: string): Item => ({ kind: 'text', role: 'assistant', turn: 1, text })
export const call = (id: string, name = 'f', argsText = '{"x":1}'): Item => ({
  kind: 'call',
  turn: 1,
  id,
  name,
  argsText,
  style: 'json',
})
export const result = (callId: string, text: string): Item => ({
  kind: 'result',
  turn: 2,
  callId,
  isError: false,
  style: 'json',
  parts: [
    {
      kind: 'text',
      text,
    },
  ],
})
export const f = {
  kind: 'function',
  name: 'f',
  schema: { type: 'object', properties: { x: { type: 'number' } } },
} as const

export const START = {
  type: 'message_start',
  message: { id: 'msg_1', model: 'claude', usage: { input_tokens: 3, output_tokens: 1 } },
}
export const opening = (index: number, content_block: object) => ({ type: 'content_block_start', index, content_block })
export const delta = (index: number, delta: object) => ({ type: 'content_block_delta', index, delta })
export const closing = (index: number) => ({ type: 'content_block_stop', index })
export const ending = (stop_reason: string, usage: object = { output_tokens: 9 }, more: object = {}) => [
  { type: 'message_delta', delta: { stop_reason, stop_sequence: null, ...more }, usage },
  { type: 'message_stop' },
]
export const toolUse = (id: string, input: object = {}) => ({ type: 'tool_use', id, name: 'f', input })

export const answered = (parts: readonly Item[], unified: 'stop' | 'tool_calls' | 'length' = 'stop') => ({
  id: 'x',
  model: 'm',
  created: 0,
  usage: UNKNOWN_USAGE,
  extensions: {},
  items: parts,
  finish: {
    unified,
    raw: '',
  },
})
export const wireOf = (parts: readonly Item[], unified: 'stop' | 'tool_calls' | 'length' = 'stop') =>
  wireEvents(encodeStream(eventsOf(answered(parts, unified))))
export const brief = (wire: readonly Record<string, any>[]) =>
  wire
    .filter(({ type }) => String(type).startsWith('content_block'))
    .map(
      ({ type, index, content_block: block }) => `${String(type).slice(14)} ${index}${block ? ` ${block.type}` : ''}`,
    )
