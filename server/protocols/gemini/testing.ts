// What the suites of this codec share: encodings with everything known, decodings, streams cut into events.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import type { ChatRequest, ChatResponse, Item, Signature, StreamEvent, Usage } from '../canonical.ts'
import {
  createLossReport,
  type LossReport,
  type RequestEncoding,
  type ResponseDecoding,
  type ResponseEncoding,
} from '../codec.ts'
import { CONSERVATIVE_DIALECT, type ModelProfile } from '../profile.ts'
import { restoreTool, type KnownTool } from '../tool-names.ts'
import { parseSseEvent, type SseEvent } from '../../kernel/sse.ts'
import { geminiCodec } from './codec.ts'

export const codec = geminiCodec

export const RUNS = { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 500) }

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

export function hash8(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

export function requestOf(fields: Partial<ChatRequest>): ChatRequest {
  return {
    model: 'm',
    stream: false,
    streamUsage: true,
    instructions: [],
    items: [{ kind: 'text', role: 'user', turn: 0, text: 'hello' }],
    tools: [],
    builtins: [],
    sampling: {},
    stop: [],
    extensions: {},
    ...fields,
  }
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

/** Envelopes of these suites are readable: `urs1.` and the signature as JSON. */
export function sealEnvelope(signature: Signature): string {
  return `urs1.${JSON.stringify(signature)}`
}

export function openEnvelope(text: string): Signature | null {
  return text.startsWith('urs1.{') ? (JSON.parse(text.slice(5)) as Signature) : null
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

export function lossNames({ losses }: LossReport): string[] {
  return losses.map(({ path, action }) => `${action === 'dropped' ? 'dropped' : 'approx'}=${path}`)
}

export function eventsOfStream(text: string): SseEvent[] {
  return text
    .split(/\r?\n\r?\n/)
    .filter((event) => event.trim() !== '')
    .map(parseSseEvent)
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

// ---- Items of a conversation and the contents they become ------------------------------------------------------------

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

// ---- Answers and the chunks they come in ------------------------------------------------------------------------------

export const USAGE: Usage = {
  input: 10,
  cacheRead: null,
  cacheWrite: null,
  cacheWrite1h: null,
  output: 5,
  reasoning: null,
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

// ---- Generated answers and requests: what the laws are held against ---------------------------------------------------

export const words = fc.oneof(fc.string({ minLength: 1 }), fc.string({ minLength: 1, unit: 'grapheme' }))
export const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,10}$/)
export const args = fc.dictionary(name, fc.jsonValue({ maxDepth: 2 })).map((value) => JSON.stringify(value))
const base64 = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('base64'))
const data = fc.record({ from: fc.constant('data' as const), mime: fc.constant('image/png'), data: base64 })

export const state = (kind: Signature['kind']): fc.Arbitrary<Signature> =>
  fc.record({
    provider: fc.constant(kind === 'thought' ? 'google' : 'anthropic'),
    account: fc.constant('key-1'),
    model: fc.constant('m'),
    kind: fc.constant(kind),
    value: base64,
  })
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined })
const signed = <Found extends object>(
  found: Found,
  signature: Signature | undefined,
): Found & { signature?: Signature } => (signature ? { ...found, signature } : found)

const textItem = fc
  .tuple(words, maybe(state('thought')))
  .map(([text, signature]): Item => signed({ kind: 'text', role: 'assistant', turn: 0, text }, signature))
const reasoningItem = fc
  .tuple(fc.oneof(words, fc.constant('')), maybe(fc.oneof(state('thought'), state('signature'))))
  .map(([text, signature]): Item => signed({ kind: 'reasoning', turn: 0, text }, signature))
const callItem = fc
  .tuple(fc.uuid(), name, args, maybe(state('thought')))
  .map(([id, called, argsText, signature]): Item =>
    signed({ kind: 'call', turn: 0, id, name: called, argsText, style: 'json' }, signature),
  )
const mediaItem = data.map((source): Item => ({ kind: 'media', role: 'assistant', turn: 0, media: 'image', source }))
const opaqueItem = words.map((code): Item => ({
  kind: 'opaque',
  protocol: 'gemini',
  role: 'assistant',
  turn: 0,
  raw: { executableCode: { language: 'PYTHON', code } },
}))
const anyItem = fc.oneof(textItem, reasoningItem, callItem, mediaItem, opaqueItem)

const usage = fc
  .record({ input: fc.nat(9999), cacheRead: maybe(fc.nat(99)), answer: fc.nat(9999), reasoning: maybe(fc.nat(999)) })
  .map(({ input, cacheRead, answer, reasoning }): Usage => ({
    input,
    cacheRead: cacheRead ?? null,
    cacheWrite: null,
    cacheWrite1h: null,
    output: answer + (reasoning ?? 0),
    reasoning: reasoning ?? null,
  }))
const finish = fc.constantFrom(
  { unified: 'stop', raw: 'STOP' } as const,
  { unified: 'length', raw: 'MAX_TOKENS' } as const,
  { unified: 'content_filter', raw: 'SPII' } as const,
  { unified: 'refusal', raw: 'refusal' } as const,
)
export const response = fc
  .record({ items: fc.array(anyItem, { maxLength: 6 }), usage, finish })
  .map((fields): ChatResponse => ({ id: 'r', model: 'm', created: 0, extensions: {}, ...fields }))

const own = (signature: Signature | undefined): Signature | undefined =>
  signature && { provider: '', account: '', model: '', kind: 'thought', value: signature.value }

const userItems = fc.array(
  fc.oneof(
    words.map((text) => ({ kind: 'text' as const, role: 'user' as const, text })),
    data.map((source) => ({ kind: 'media' as const, role: 'user' as const, media: 'image' as const, source })),
  ),
  { minLength: 1, maxLength: 3 },
)
const spoken = fc
  .tuple(words, maybe(state('thought')))
  .map(([text, signature]) => signed({ kind: 'text' as const, role: 'assistant' as const, text }, own(signature)))
const thoughts = words.map((text) => ({ kind: 'reasoning' as const, text }))
const called = fc
  .record({ id: fc.uuid(), name, argsText: args, signature: maybe(state('thought')) })
  .map(({ signature, ...call }) => signed({ kind: 'call' as const, style: 'json' as const, ...call }, own(signature)))
const resultPart = fc.oneof(
  words.map((text) => ({ kind: 'text' as const, text })),
  fc
    .dictionary(fc.constantFrom('a', 'b', 'city'), fc.jsonValue({ maxDepth: 1 }), { minKeys: 1 })
    .map((value) => ({ kind: 'text' as const, text: JSON.stringify(value), json: true })),
  data.map((source) => ({ kind: 'media' as const, media: 'image' as const, source })),
)

/** A user's turn, then an answer; where it calls, each call's result in the turn after. */
const round = fc.record({
  user: userItems,
  said: fc.array(fc.oneof(spoken, thoughts), { maxLength: 2 }),
  calls: fc.array(fc.tuple(called, resultPart, fc.boolean()), { maxLength: 3 }),
})
export const conversation = fc.array(round, { minLength: 1, maxLength: 3 }).map((rounds) => {
  const turns: Omit<Item, 'turn'>[][] = []
  for (const { user, said, calls } of rounds) {
    const results = calls.map(([call, part, isError]) => {
      const parts = [part]
      return {
        kind: 'result',
        callId: call.id,
        name: call.name,
        parts,
        isError: isError && part.kind === 'text',
        style: 'json',
      }
    })
    const answer = [...said, ...calls.map(([call]) => call)]
    const last = turns.at(-1)
    // Results and what the user says next are one turn.
    if (last && turns.length % 2 === 1) last.push(...user)
    else turns.push([...user])
    turns.push(answer.length > 0 ? answer : [{ kind: 'text', role: 'assistant', text: 'yes' } as Omit<Item, 'turn'>])
    if (results.length > 0) turns.push(results as Omit<Item, 'turn'>[])
  }
  return turns.flatMap((turn, index) => turn.map((item) => ({ ...item, turn: index }) as Item))
})

export const request = fc
  .record({
    items: conversation,
    instructions: fc.array(
      words.map((text) => ({ role: 'system' as const, text })),
      { maxLength: 2 },
    ),
    tools: fc
      .uniqueArray(fc.record({ name, description: words }), { selector: (tool) => tool.name, maxLength: 3 })
      .map((tools) =>
        tools.map((tool) => ({ kind: 'function' as const, ...tool, schema: { type: 'object', properties: {} } })),
      ),
    temperature: maybe(fc.double({ min: 0, max: 2, noNaN: true })),
    topK: maybe(fc.nat(100)),
    stop: fc.array(words, { maxLength: 5 }),
    maxOutput: maybe(fc.integer({ min: 1, max: 9999 })),
    seed: maybe(fc.integer()),
    effort: fc.constantFrom('low', 'medium', 'high', undefined),
    visible: maybe(fc.boolean()),
    schema: fc.boolean(),
  })
  .map(({ temperature, topK, maxOutput, seed, effort, visible, schema, ...fields }): ChatRequest => {
    const sampling = { ...(temperature === undefined ? {} : { temperature }), ...(topK === undefined ? {} : { topK }) }
    const reasoning = { ...(effort ? { effort } : {}), ...(visible === undefined ? {} : { visible }) }
    return requestOf({
      ...fields,
      sampling,
      ...(maxOutput === undefined ? {} : { maxOutput }),
      ...(seed === undefined ? {} : { seed }),
      ...(Object.keys(reasoning).length > 0 ? { reasoning } : {}),
      ...(schema ? { format: { kind: 'json_schema', schema: { type: 'string' } } } : {}),
      ...(fields.tools.length > 0 ? { toolChoice: { mode: 'required' } } : {}),
      extensions: { gemini: {} },
    })
  })
