// Crossing from one dialect to another as the gateway does it, without a gateway: the codecs, and what they are handed.
import { createProfiles } from '../../server/catalog/profiles.ts'
import { parseSseEvent } from '../../server/kernel/sse.ts'
import type { ChatRequest, ChatResponse, StreamEvent } from '../../server/protocols/canonical.ts'
import {
  createLossReport,
  type EncodedRequest,
  type LossReport,
  type ResponseDecoding,
  type ResponseEncoding,
} from '../../server/protocols/codec.ts'
import { CODECS } from '../../server/protocols/codecs.ts'
import { createCollector } from '../../server/protocols/collect.ts'
import { CONSERVATIVE_DIALECT, type ChatDialect, type ModelProfile } from '../../server/protocols/profile.ts'
import { hash8 } from '../../server/protocols/testing.ts'
import { restoreTool, type KnownTool } from '../../server/protocols/tool-names.ts'
import { findChatServer, OPENAI_DIALECT } from '../../server/providers/chat-dialects.ts'

export const DIALECTS = ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini'] as const
export type Dialect = (typeof DIALECTS)[number]

export type Json = Record<string, unknown>

export const PAIRS: readonly (readonly [Dialect, Dialect])[] = DIALECTS.flatMap((from) =>
  DIALECTS.filter((to) => to !== from).map((to) => [from, to] as const),
)

/** Kinds of servers that each take their own of the dialect, and a model of theirs. */
const SERVERS = [
  ['openrouter', 'anthropic/claude-sonnet-4.5'],
  ['deepseek', 'deepseek-chat'],
  ['mistral', 'mistral-large-latest'],
  ['groq', 'llama-3.3-70b-versatile'],
  ['vllm', 'qwen3-32b'],
] as const

/** Models of each dialect: first one that can nearly everything, then ones that cannot. */
export const MODELS: Readonly<Record<Dialect, readonly (readonly [model: string, dialect: ChatDialect])[]>> = {
  'openai-chat': [
    ['gpt-4.1', OPENAI_DIALECT],
    ...SERVERS.map(([name, model]) => [model, findChatServer(name)!.chatDialect] as const),
    ['our-own-7b', CONSERVATIVE_DIALECT],
  ],
  'openai-responses': [
    ['gpt-5.6', OPENAI_DIALECT],
    ['gpt-4o', OPENAI_DIALECT],
  ],
  'anthropic-messages': [
    ['claude-sonnet-4-5', CONSERVATIVE_DIALECT],
    ['claude-opus-5', CONSERVATIVE_DIALECT],
    ['claude-fable-5', CONSERVATIVE_DIALECT],
    ['claude-3-haiku-20240307', CONSERVATIVE_DIALECT],
  ],
  gemini: [
    ['gemini-3-pro-preview', CONSERVATIVE_DIALECT],
    ['gemini-2.5-flash', CONSERVATIVE_DIALECT],
    ['gemini-2.0-flash', CONSERVATIVE_DIALECT],
  ],
}

const profiles = createProfiles()

export function profileFor(dialect: Dialect, which = 0): ModelProfile {
  const [model, chatDialect] = MODELS[dialect][which % MODELS[dialect].length]!
  return profiles.profileOf('any', model, chatDialect)
}

export function decodeRequest(from: Dialect, body: Json, losses = createLossReport()): ChatRequest {
  return CODECS[from].decodeRequest(body, { model: 'asked-for', stream: false, openEnvelope: () => null, losses })
}

export function encodeRequest(
  to: Dialect,
  request: ChatRequest,
  losses: LossReport = createLossReport(),
  profile = profileFor(to),
): EncodedRequest {
  const account = 'account'
  return CODECS[to].encodeRequest(request, { profile, provider: 'any', account, stream: false, hash8, losses })
}

export function decodingOf(names?: ReadonlyMap<string, KnownTool>, dialect?: ChatDialect): ResponseDecoding {
  return {
    provider: 'any',
    account: 'account',
    model: 'served',
    restoreTool: (name) => (names ? restoreTool(names, name) : { name, style: 'json' }),
    ...(dialect ? { dialect } : {}),
  }
}

export const EMPTY_REQUEST: ChatRequest = {
  model: 'asked-for',
  stream: false,
  streamUsage: true,
  instructions: [],
  items: [],
  tools: [],
  builtins: [],
  sampling: {},
  stop: [],
  extensions: {},
}

export function encodingOf(losses = createLossReport(), request = EMPTY_REQUEST): ResponseEncoding {
  return {
    requestedModel: 'asked-for',
    requestId: 'req_01K00000000000000000000000',
    created: 1_790_000_000,
    sealEnvelope: () => 'urs1.AAAA',
    streamUsage: true,
    request,
    losses,
  }
}

/** A stream's text as the events of the middle model, as one whole answer, or the error it ended in. */
export function decodeStream(
  dialect: Dialect,
  text: string,
  decoding: ResponseDecoding,
): { events: StreamEvent[]; response: ChatResponse; error: string | null } {
  const decoder = CODECS[dialect].streamDecoder(decoding)
  const events: StreamEvent[] = []
  for (const block of text.replace(/^\uFEFF/, '').split(/\r\n\r\n|\n\n|\r\r/)) {
    if (!/^data:/m.test(block)) continue
    events.push(...decoder.push(parseSseEvent(block)))
  }
  events.push(...decoder.end())
  const collector = createCollector()
  for (const event of events) collector.push(event)
  return { events, response: collector.response(), error: collector.error?.message ?? null }
}

export function encodeStream(dialect: Dialect, events: Iterable<StreamEvent>, encoding: ResponseEncoding): string {
  const encoder = CODECS[dialect].streamEncoder(encoding)
  let text = ''
  for (const event of events) text += encoder.push(event)
  return text
}
