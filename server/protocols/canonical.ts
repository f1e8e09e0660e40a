// The middle model between the wire dialects: a list of items, not of messages, because two dialects interleave
// reasoning, text and calls and the order must survive. Nothing here knows a provider, a key or a socket.
import type { LossAction, LossName } from './losses.ts'
import type { ExactNumber } from './read.ts'

/**
 * Tokens of one call. null = the provider did not say; an explicit 0 is a 0. `input` includes cached tokens, `output`
 * includes reasoning.
 */
export interface Usage {
  readonly input: number | null
  readonly cacheRead: number | null
  /** All tokens written to a cache, whatever their lifetime. */
  readonly cacheWrite: number | null
  /** Those of `cacheWrite` that live an hour. */
  readonly cacheWrite1h: number | null
  readonly output: number | null
  readonly reasoning: number | null
  /** Searches of the web that the provider ran and counts apart from tokens. */
  readonly searches: number | null
  /** What the server itself says this cost, nano-dollars; only some do, and only where its provider is known to. */
  readonly chargedUsdNanos?: number
  /** In which tiers the provider says it was served, where they are not the standard ones; lower case. */
  readonly tiers?: readonly string[]
  /** Of `input` and `output`, those that are no text and have a price of their own. */
  readonly beyondText?: Partial<Record<`input${'Audio' | 'Image' | 'Video'}` | `output${'Audio' | 'Image'}`, number>>
}

export interface ToldUsage {
  readonly usage: Usage
  readonly raw: string | null
}

export const UNKNOWN_USAGE: Usage = {
  input: null,
  cacheRead: null,
  cacheWrite: null,
  cacheWrite1h: null,
  output: null,
  reasoning: null,
  searches: null,
}

export const UNTOLD_USAGE: ToldUsage = { usage: UNKNOWN_USAGE, raw: null }

export type Role = 'user' | 'assistant' | 'system' | 'developer'

/** Reasoning state of a provider, bound to the account that made it. Never visible text. */
export interface Signature {
  /** Provider id; '' where the client's dialect does not say (a native value of that dialect's vendor). */
  readonly provider: string
  /** Bare id of the provider key, `server:<provider>`, or '' where unknown. */
  readonly account: string
  readonly model: string
  /**
   * signature · encrypted · redacted · thought: which slot of its dialect the value came from. unsigned: no state at
   * all, `thoughts` alone, for clients whose dialect wants every thought signed; it never reaches a provider.
   */
  readonly kind: 'signature' | 'encrypted' | 'redacted' | 'thought' | 'unsigned'
  readonly value: string
  /** The reasoning item's own id, where the dialect has one. */
  readonly id?: string
  /** What the server that wrote it calls its format, where it labels it (`anthropic-claude-v1` in Chat Completions). */
  readonly format?: string
  /** The thoughts that it signs, while a client carries them that may not give them back as they were. */
  readonly thoughts?: string
}

/** A cache breakpoint behind an item; `ttl` as the client wrote it (`5m`, `1h`, `30m`, `12h`). */
export interface CacheMark {
  readonly ttl?: string
}

/**
 * Fields no other dialect has, under the id of the protocol they came in; written again there only, a Loss elsewhere.
 */
export type Extras = Readonly<Record<string, Readonly<Record<string, unknown>>>>

export type MediaKind = 'image' | 'pdf' | 'file' | 'audio' | 'video'
export type MediaSource =
  | { readonly from: 'data'; readonly mime: string; /** Standard base64. */ readonly data: string }
  | { readonly from: 'url'; readonly url: string; readonly mime?: string }
  /** Stored at the provider of the dialect it came in, which is `protocol`; absent = unknown. */
  | { readonly from: 'file'; readonly fileId: string; readonly protocol?: string; readonly mime?: string }

export interface Citation {
  readonly url?: string
  readonly title?: string
  readonly quote?: string
  /** Character range in the text it stands at, end exclusive. */
  readonly start?: number
  readonly end?: number
  /** As the dialect of origin wrote it. */
  readonly raw?: unknown
}

interface ItemBase {
  /** Items of one message of the client share a number; it only rises. */
  readonly turn: number
  readonly cache?: CacheMark
  readonly signature?: Signature
  /** Of this item alone (a document's `context`, a call's `caller`). */
  readonly extra?: Extras
}

export interface TextItem extends ItemBase {
  readonly kind: 'text'
  readonly role: Role
  readonly text: string
  readonly citations?: readonly Citation[]
}

export interface MediaItem extends ItemBase {
  readonly kind: 'media'
  readonly role: Role
  readonly media: MediaKind
  readonly source: MediaSource
  readonly name?: string
  readonly detail?: string
}

export interface ReasoningItem extends ItemBase {
  readonly kind: 'reasoning'
  /** Visible thoughts; '' beside a signature means: none were shown. */
  readonly text: string
  /** The text is a summary made by the provider. */
  readonly summary?: boolean
  /** The provider gave only sealed state. */
  readonly redacted?: boolean
}

export interface CallItem extends ItemBase {
  readonly kind: 'call'
  readonly id: string
  readonly name: string
  readonly namespace?: string
  /** The upstream's or client's exact text: JSON for `json`, anything for `freeform`. */
  readonly argsText: string
  readonly style: 'json' | 'freeform'
}

export type ResultPart =
  | {
      readonly kind: 'text'
      readonly text: string
      /** The text is a JSON value that its dialect held as a value, not as text (Gemini). */
      readonly json?: boolean
      readonly extra?: Extras
    }
  | {
      readonly kind: 'media'
      readonly media: MediaKind
      readonly source: MediaSource
      readonly name?: string
      readonly detail?: string
      readonly extra?: Extras
    }
  | { readonly kind: 'opaque'; readonly protocol: string; readonly raw: unknown }

export interface ResultItem extends ItemBase {
  readonly kind: 'result'
  readonly callId: string
  /** The function's name, where the dialect says it. */
  readonly name?: string
  readonly parts: readonly ResultPart[]
  readonly isError: boolean
  readonly style: 'json' | 'freeform'
}

export interface RefusalItem extends ItemBase {
  readonly kind: 'refusal'
  readonly text: string
}

/** What a dialect has and no other knows (built-in tool items, unknown blocks): re-emitted to the same dialect only. */
export interface OpaqueItem extends ItemBase {
  readonly kind: 'opaque'
  readonly protocol: string
  readonly role: Role
  readonly raw: unknown
}

export type Item = TextItem | MediaItem | ReasoningItem | CallItem | ResultItem | RefusalItem | OpaqueItem

/** A leading system or developer text. */
export interface Instruction {
  readonly role: 'system' | 'developer'
  readonly text: string
  readonly cache?: CacheMark
  /**
   * Holds for this call alone: a conversation stored at the provider does not carry it on (Responses' `instructions`).
   */
  readonly forThisCall?: boolean
}

export interface Tool {
  readonly kind: 'function' | 'freeform'
  readonly name: string
  readonly namespace?: string
  readonly description?: string
  /** JSON schema of a function's arguments, as the client wrote it; absent = no arguments. */
  readonly schema?: unknown
  readonly strict?: boolean
  /** Of a freeform tool, as the client wrote it. */
  readonly grammar?: unknown
  readonly cache?: CacheMark
  /** Of this tool alone (`defer_loading`, `input_examples`). */
  readonly extra?: Extras
  /** Declared inside the conversation, before the item of this index (Responses' `additional_tools`). */
  readonly declaredAt?: number
}

/** A tool that the provider itself runs (web search, code execution …), in the dialect it was written in. */
export interface Builtin {
  readonly protocol: string
  /** web_search is the one that has counterparts; everything else is foreign elsewhere. */
  readonly kind: 'web_search' | 'other'
  readonly name: string
  readonly raw: unknown
  /** As of a tool. */
  readonly declaredAt?: number
}

export type ToolChoice =
  | { readonly mode: 'auto' | 'none' | 'required' }
  /** `builtin`: a tool of the provider's, though a function may have its name. */
  | { readonly mode: 'named'; readonly name: string; readonly namespace?: string; readonly builtin?: true }
  /** Only these, functions and tools of providers; `others`: and every tool of providers beside them (Gemini). */
  | { readonly mode: 'allowed'; readonly names: readonly string[]; readonly required: boolean; readonly others?: true }

export type Format =
  | { readonly kind: 'text' }
  | { readonly kind: 'json_object' }
  | {
      readonly kind: 'json_schema'
      readonly name?: string
      readonly description?: string
      readonly schema: unknown
      readonly strict?: boolean
    }

export const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const
export type Effort = (typeof EFFORTS)[number]

export interface ReasoningWish {
  readonly effort?: Effort
  /** Tokens for thinking; 0 = none, -1 = the model decides. */
  readonly budget?: number
  /**
   * The model decides by itself how much to think; false: an effort was named without asking for thoughts (Anthropic).
   */
  readonly adaptive?: boolean
  /** The client wants to see thoughts. */
  readonly visible?: boolean
  /** The client wants sealed reasoning state that it can hand back. */
  readonly include?: boolean
}

export interface Sampling {
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly frequencyPenalty?: number
  readonly presencePenalty?: number
  readonly logitBias?: Readonly<Record<string, number>>
}

export interface ChatRequest {
  /** As the client wrote it. */
  readonly model: string
  readonly stream: boolean
  /** The client's stream shall tell its usage (Chat Completions asks for it; others always do). */
  readonly streamUsage: boolean
  readonly instructions: readonly Instruction[]
  readonly items: readonly Item[]
  readonly tools: readonly Tool[]
  readonly builtins: readonly Builtin[]
  readonly toolChoice?: ToolChoice
  readonly parallel?: boolean
  readonly format?: Format
  readonly reasoning?: ReasoningWish
  readonly sampling: Sampling
  readonly stop: readonly string[]
  readonly maxOutput?: number
  readonly n?: number
  readonly logprobs?: { readonly top?: number }
  readonly seed?: number | ExactNumber
  readonly verbosity?: 'low' | 'medium' | 'high'
  readonly cacheKey?: string
  readonly tier?: string
  readonly userId?: string
  /** The dialect the client wrote in, where its codec says so: what crosses into another may have to be refused. */
  readonly origin?: string
  /** Handed back in the answer as it came, and meant for nobody else (`conversation_id` of `/v1/chat`). */
  readonly echo?: Readonly<Record<string, unknown>>
  /** The client knows one call per answer, in the older `function_call` form (Chat Completions). */
  readonly legacyCalls?: boolean
  /** Fields a dialect does not share, under its protocol id; each is re-emitted there, and a Loss elsewhere. */
  readonly extensions: Extras
}

export type FinishUnified =
  | 'stop'
  | 'stop_sequence'
  | 'length'
  | 'context_window'
  | 'tool_calls'
  | 'refusal'
  | 'content_filter'
  | 'pause'
  | 'malformed'

export interface Finish {
  readonly unified: FinishUnified
  /** The upstream's own word; '' where there was none. */
  readonly raw: string
  /** Nobody knows the upstream's word, or it said none at the end of a whole answer: a plain end stands in for it. */
  readonly unknown?: true
  /** The stop sequence that was met. */
  readonly sequence?: string
  readonly details?: unknown
}

export interface ChatResponse {
  /** The upstream's id, or '' where it gave none. */
  readonly id: string
  /** The upstream's own name for the model. */
  readonly model: string
  /** Seconds since the epoch; 0 where unknown. */
  readonly created: number
  readonly items: readonly Item[]
  readonly finish: Finish
  readonly usage: Usage
  readonly extensions: Extras
}

export type PartKind = 'text' | 'reasoning' | 'call' | 'refusal' | 'opaque' | 'media'

/** What is known of a part when it opens. */
export type PartMeta =
  | { readonly kind: 'text' | 'refusal'; readonly extra?: Extras }
  | { readonly kind: 'reasoning'; readonly summary?: boolean; readonly redacted?: boolean }
  | {
      readonly kind: 'call'
      readonly id: string
      readonly name: string
      readonly namespace?: string
      readonly style: 'json' | 'freeform'
      readonly extra?: Extras
    }
  | { readonly kind: 'media'; readonly media: MediaKind; readonly source: MediaSource }
  | { readonly kind: 'opaque'; readonly protocol: string; readonly raw: unknown }

export type PartDelta =
  | { readonly kind: 'text' | 'args' | 'reasoning' | 'refusal'; readonly text: string }
  | { readonly kind: 'signature'; readonly signature: Signature }
  | { readonly kind: 'citation'; readonly citation: Citation }

/**
 * One event of a stream. Parts are numbered from 0 and open one at a time: part-start(i), deltas of i, part-end(i).
 * `usage` is cumulative: later values overwrite. A stream that ends well has exactly one `finish`, at its end; one that
 * fails has exactly one `error` instead.
 */
export type StreamEvent =
  | { readonly type: 'response-start'; readonly id: string; readonly model: string; readonly created: number }
  | { readonly type: 'part-start'; readonly index: number; readonly part: PartMeta }
  | { readonly type: 'part-delta'; readonly index: number; readonly delta: PartDelta }
  | { readonly type: 'part-end'; readonly index: number }
  | { readonly type: 'usage'; readonly usage: Usage }
  | {
      readonly type: 'finish'
      readonly finish: Finish
      /** What a whole answer has in `extensions`. */
      readonly extensions?: Extras
    }
  | { readonly type: 'ping' }
  | { readonly type: 'error'; readonly error: StreamError }

export interface StreamError {
  readonly status: number
  /** The upstream's machine-readable words, lower case. */
  readonly signals: readonly string[]
  readonly message: string
  readonly retryAfterMs: number | null
  /** The provider reported nothing: its answer broke off, or cannot be read. */
  readonly malformed?: true
}

/**
 * Something the client asked for, or said, or the provider answered, that did not survive the crossing. Never silent.
 * What an answer has beside its content (fingerprints, verdicts of filters) was not asked for and is none.
 */
export interface Loss {
  readonly path: LossName
  readonly action: LossAction
  readonly why: string
}
