// What the suites of this codec share: servers that know everything and servers that know little, decodings, streams
// cut into events.
import type { ChatRequest, StreamEvent } from '../canonical.ts'
import { createLossReport, type RequestEncoding, type ResponseDecoding, type ResponseEncoding } from '../codec.ts'
import { CONSERVATIVE_DIALECT, type ChatDialect, type ModelProfile } from '../profile.ts'
import { restoreTool, type KnownTool } from '../tool-names.ts'
import { eventsOfStream, hash8, lossNames, openEnvelope, requestOf, sealEnvelope } from '../testing.ts'
import { openaiChatCodec } from './codec.ts'

export const codec = openaiChatCodec
export { eventsOfStream, hash8, lossNames, requestOf, sealEnvelope } from '../testing.ts'

/** A server that takes everything there is in this dialect. */
export const RICH_DIALECT: ChatDialect = {
  maxTokensField: 'max_completion_tokens',
  developerRole: true,
  midSystem: true,
  streamUsage: true,
  schema: 'strict',
  forcedToolChoice: true,
  parallelFlag: true,
  reasoningIn: 'reasoning_effort',
  reasoningOut: 'reasoning_content',
  replayReasoning: true,
  idRule: 'any',
  cacheControl: true,
  imageInTool: true,
  extras: true,
  strictTools: true,
  customTools: true,
}

export const PROFILE: ModelProfile = {
  model: 'served',
  maxOutput: 64_000,
  thinking: 'effort',
  efforts: ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'],
  canDisableThinking: true,
  sampling: 'all',
  schema: 'native',
  midSystem: true,
  imageInToolResult: true,
  needsThoughtSignature: false,
  cacheBreakpoints: false,
  dialect: RICH_DIALECT,
}

export function profileWith(dialect: Partial<ChatDialect>, more: Partial<ModelProfile> = {}): ModelProfile {
  return { ...PROFILE, ...more, dialect: { ...RICH_DIALECT, ...dialect } }
}

/** An unknown server. */
export const POOR_PROFILE: ModelProfile = { ...PROFILE, thinking: 'none', efforts: [], dialect: CONSERVATIVE_DIALECT }

export function encodingOf(fields: Partial<RequestEncoding> = {}): RequestEncoding {
  return {
    profile: PROFILE,
    provider: 'some-server',
    account: 'key-1',
    stream: false,
    hash8,
    losses: createLossReport(),
    ...fields,
  }
}

export function encode(request: ChatRequest, encoding: Partial<RequestEncoding> = {}) {
  const whole = encodingOf(encoding)
  const encoded = codec.encodeRequest(request, whole)
  return { ...encoded, messages: encoded.body['messages'] as Json[], losses: lossNames(whole.losses) }
}

export type Json = Record<string, any>

export function decode(body: Json, losses = createLossReport()): ChatRequest {
  return codec.decodeRequest(body, { model: 'm', stream: body['stream'] === true, openEnvelope, losses })
}

export function decodingOf(
  toolNames: ReadonlyMap<string, KnownTool> = new Map(),
  dialect?: ChatDialect,
): ResponseDecoding {
  return {
    provider: 'some-server',
    account: 'key-1',
    model: 'served',
    restoreTool: (name) => restoreTool(toolNames, name),
    ...(dialect ? { dialect } : {}),
  }
}

export function responseEncodingOf(fields: Partial<ResponseEncoding> = {}): ResponseEncoding {
  return {
    requestedModel: 'asked-for',
    requestId: 'req_01J',
    created: 1_700_000_000,
    sealEnvelope,
    streamUsage: true,
    request: requestOf({}),
    losses: createLossReport(),
    ...fields,
  }
}

export function decodeStream(text: string, decoding = decodingOf()): StreamEvent[] {
  const decoder = codec.streamDecoder(decoding)
  return [...eventsOfStream(text).flatMap((event) => decoder.push(event)), ...decoder.end()]
}

export function encodeStream(events: Iterable<StreamEvent>, encoding = responseEncodingOf()): string {
  const encoder = codec.streamEncoder(encoding)
  return [...events].map((event) => encoder.push(event)).join('')
}

/** The chunks of a wire text; `[DONE]` as that text. */
export function chunksOf(text: string): (Json | '[DONE]')[] {
  return eventsOfStream(text).map(({ data }) => (data === '[DONE]' ? data : JSON.parse(data)))
}

/** A stream of these chunks, each delta as choice 0 of one, ended as OpenAI ends. */
export function sse(...chunks: readonly Json[]): string {
  return [...chunks.map((chunk) => JSON.stringify(chunk)), '[DONE]'].map((data) => `data: ${data}\n\n`).join('')
}

export function delta(delta: Json, finish_reason: string | null = null): Json {
  return { id: 'chatcmpl-1', model: 'served', created: 5, choices: [{ index: 0, delta, finish_reason }] }
}
