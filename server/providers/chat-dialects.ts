// Peculiarities of the servers that speak OpenAI's chat dialect, one record each: what may be asked of them, where
// their thoughts stand, what they refuse. Chosen by the operator's word for it, else by a well-known host, else the
// cautious one.
// Sources, November 2026: 04-protocols.md §5 (issues quoted there); `recorded` = accepted or sent by that server in the
// recorded traffic; `docs` = the vendor's public documentation; `unsure` = neither, so the value that refuses nothing.
import { CONSERVATIVE_DIALECT, type ChatDialect } from '../protocols/profile.ts'
import type { ProtocolId } from '../protocols/protocol.ts'

/** How requests reach a server of this kind. */
export interface ChatServer {
  readonly chatDialect: ChatDialect
  /** The dialect that requests translated to it use. */
  readonly translateVia: ProtocolId
  /** The key travels in `api-key` instead of as a bearer token. */
  readonly apiKeyHeader?: boolean
  /** As of a provider; absent = none. */
  readonly forwardHeaders?: readonly string[]
  /** `usage.cost` in its answers is what it charged, in dollars. */
  readonly tellsCharge?: true
}

export const OPENAI_DIALECT: ChatDialect = {
  maxTokensField: 'max_completion_tokens',
  developerRole: true,
  midSystem: true,
  streamUsage: true,
  schema: 'strict',
  forcedToolChoice: true,
  parallelFlag: true,
  reasoningIn: 'reasoning_effort',
  reasoningOut: 'reasoning_content', // it shows none in this dialect
  replayReasoning: false,
  idRule: 'any',
  cacheControl: false,
  imageInTool: false,
  extras: true,
  strictTools: true,
  customTools: true,
}

/** What OpenAI's own clients tell OpenAI; `x-codex-*` is a prefix. */
export const OPENAI_HEADERS = [
  'openai-beta',
  'session-id',
  'thread-id',
  'x-client-request-id',
  'x-codex-*',
  'originator',
  'idempotency-key',
] as const

const DEEPSEEK: ChatDialect = {
  ...CONSERVATIVE_DIALECT,
  reasoningIn: 'thinking', // recorded: {"type":"enabled"}
  replayReasoning: true, // a tool turn without it is a 400 (issue)
  // Refused while it thinks (issue opencode-mem#253), and it may think unasked.
  forcedToolChoice: false,
  extras: false, // docs: no seed, no logit_bias
}

const MISTRAL: ChatDialect = {
  ...CONSERVATIVE_DIALECT,
  streamUsage: false, // recorded: usage comes unasked; unknown fields are a 422 (docs)
  schema: 'strict', // docs
  parallelFlag: true, // recorded
  reasoningIn: 'reasoning_effort', // recorded, on models that think
  reasoningOut: 'thinking_parts', // recorded
  idRule: 'alnum9', // issue
  extras: false, // docs: `random_seed` instead of `seed`, no logit_bias
}

const OPENROUTER: ChatDialect = {
  ...CONSERVATIVE_DIALECT,
  developerRole: true, // recorded
  schema: 'strict', // docs
  parallelFlag: true, // docs
  reasoningIn: 'reasoning', // recorded: {"effort"} and {"max_tokens"}
  reasoningOut: 'reasoning', // recorded, with reasoning_details
  cacheControl: true, // recorded
  imageInTool: true, // recorded
  strictTools: true, // recorded
}

const OLLAMA: ChatDialect = {
  ...CONSERVATIVE_DIALECT,
  schema: 'strict', // recorded
  forcedToolChoice: false, // docs: tool_choice is taken and has no effect
  reasoningIn: 'reasoning_effort', // docs
  reasoningOut: 'reasoning', // recorded
}

const VLLM: ChatDialect = {
  ...CONSERVATIVE_DIALECT,
  midSystem: false, // chat templates of several model families refuse it
  schema: 'strict', // docs
  parallelFlag: true, // docs
  reasoningIn: 'reasoning_effort', // docs; servers that do not know it ignore it
  reasoningOut: 'reasoning', // issue; <think> without a reasoning parser
}

const GROQ: ChatDialect = {
  ...CONSERVATIVE_DIALECT,
  schema: 'strict', // docs
  parallelFlag: true, // docs
  reasoningIn: 'reasoning_effort', // recorded
  reasoningOut: 'reasoning', // recorded
  extras: false, // docs: logit_bias and logprobs are a 400
  strictTools: true, // recorded
}

const XAI: ChatDialect = {
  ...CONSERVATIVE_DIALECT,
  schema: 'strict', // docs
  parallelFlag: true, // docs
  reasoningIn: 'reasoning_effort', // docs, on models that take it
  reasoningOut: 'reasoning_content', // recorded
  extras: false, // docs: models that think refuse penalties
  strictTools: true, // recorded
}

const TOGETHER: ChatDialect = {
  ...CONSERVATIVE_DIALECT,
  schema: 'strict', // docs
  reasoningOut: 'reasoning', // unsure
}

const compatible = (chatDialect: ChatDialect): ChatServer => ({ chatDialect, translateVia: 'openai-chat' })

/** By the word an operator writes in PROVIDERS_FILE. */
const SERVERS: Readonly<Record<string, ChatServer>> = {
  // Function tools with reasoning are refused by its chat endpoint, so everything translated goes to Responses.
  openai: { chatDialect: OPENAI_DIALECT, translateVia: 'openai-responses', forwardHeaders: OPENAI_HEADERS },
  azure: { chatDialect: OPENAI_DIALECT, translateVia: 'openai-responses', apiKeyHeader: true },
  deepseek: compatible(DEEPSEEK),
  mistral: compatible(MISTRAL),
  openrouter: { ...compatible(OPENROUTER), tellsCharge: true }, // recorded
  ollama: compatible(OLLAMA),
  vllm: compatible(VLLM),
  groq: compatible(GROQ),
  xai: compatible(XAI),
  together: compatible(TOGETHER),
  conservative: compatible(CONSERVATIVE_DIALECT),
  'openai-chat': compatible(CONSERVATIVE_DIALECT),
}

/** Endings of well-known hosts, at a dot. */
const HOSTS: readonly (readonly [suffix: string, server: string])[] = [
  ['api.openai.com', 'openai'],
  ['openai.azure.com', 'azure'],
  ['services.ai.azure.com', 'azure'],
  ['cognitiveservices.azure.com', 'azure'],
  ['api.deepseek.com', 'deepseek'],
  ['api.mistral.ai', 'mistral'],
  ['openrouter.ai', 'openrouter'],
  ['ollama.com', 'ollama'],
  ['api.groq.com', 'groq'],
  ['api.x.ai', 'xai'],
  ['api.together.ai', 'together'],
  ['api.together.xyz', 'together'],
]

/** The words an operator may write. */
export const CHAT_DIALECT_NAMES: readonly string[] = Object.keys(SERVERS)

/** A kind of server by its word; undefined where nobody knows it. */
export function findChatServer(name: string): ChatServer | undefined {
  return Object.hasOwn(SERVERS, name) ? SERVERS[name] : undefined
}

/** The kind of server at an address; undefined where the host says nothing. */
export function chatServerAt(origin: string): ChatServer | undefined {
  const host = new URL(origin).hostname
  const known = HOSTS.find(([suffix]) => host === suffix || host.endsWith(`.${suffix}`))
  return known && SERVERS[known[1]]
}

export const CONSERVATIVE_SERVER: ChatServer = compatible(CONSERVATIVE_DIALECT)
