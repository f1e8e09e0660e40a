// What every wire dialect implements. A protocol is pure: bytes and objects in, bytes and objects out; it knows no
// provider, no key and no socket. Provider facts live in providers/, the order of keys in gateway/plan.ts.
import type { ErrorCode, ErrorOrigin } from '../kernel/errors.ts'
import type { JsonScan } from '../kernel/json-scan.ts'
import type { Edit, JsonNode } from '../kernel/json-tree.ts'
import type { SseEvent } from '../kernel/sse.ts'
import type { ToldUsage, Usage } from './canonical.ts'
import type { RateLimitHeaders } from './rate-limits.ts'

/** `uniroute-chat` has clients only: no provider speaks it. */
export type ProtocolId = 'openai-chat' | 'openai-responses' | 'anthropic-messages' | 'gemini' | 'uniroute-chat'

export interface Operation {
  /** Stands in the ledger, for example `chat` or `count-tokens`. */
  readonly id: string
  /** What it is for; operations of one task are each other's counterparts in other dialects. */
  readonly task: 'generate' | 'embed' | 'count' | 'other'
  /**
   * Path behind the version segment at the provider, `/chat/completions`; `model` is percent-encoded where it stands in
   * the path.
   */
  upstreamPath(model: string): string
  /** Where the model's name stands in a request. */
  readonly modelIn: 'body' | 'path'
  /** A request may leave the model to something the account stores (a prompt template). */
  readonly modelOptional?: boolean
  /** Does the answer stream: as the body's `stream` says, always, or never? */
  readonly streaming: 'body' | 'always' | 'never'
  /** Query parameters of the client that go on to the provider. */
  readonly query: readonly string[]
}

/** All the planner needs of a request, read from its raw bytes. */
export interface Peek {
  /** As the client wrote it; null where the body names none. */
  readonly model: string | null
  readonly stream: boolean
  /**
   * The request names something an account stores (a previous response, a conversation), so only own keys may serve.
   */
  readonly storedReference: boolean
  /** The request declares functions the model may call (Chat only). */
  readonly functionTools?: boolean
  /** Most output tokens asked for, if said. */
  readonly maxOutput: number | null
}

/** An error as one dialect's client shall see it. */
export interface ErrorView {
  readonly code: ErrorCode | string
  readonly status: number
  readonly origin: ErrorOrigin
  readonly message: string
  readonly retryAfter: number | undefined
  readonly requestId: string
}

/** What an upstream's error body says, in no particular provider's terms. */
export interface UpstreamError {
  /** Machine-readable words of the body, lower case: code, type, status, reasons. */
  readonly signals: readonly string[]
  readonly message: string
  readonly retryAfterMs: number | null
  /** The status it names itself, where it came with a good one. */
  readonly status?: number
  /** Of a prompt that is too long: its tokens and how many fit, where the body says so in fields of their own. */
  readonly overflow?: { readonly tokens: number | null; readonly limit: number | null }
}

export interface StreamFacts {
  /** The error in an event, where it is one; null for every other event. `data` is the JSON text behind `data:`. */
  readError(event: SseEvent): UpstreamError | null
  /** Is the event that begins so an error of the provider's own? */
  isError(eventHead: string): boolean
  /** Texts of which one was seen somewhere in a stream that ended well; looked for in passing. */
  readonly marks: readonly string[]
  /** Did the stream end as the dialect ends? Judged from the head of its last events and the tail of its bytes. */
  isComplete(end: StreamEnd): boolean
  /**
   * Objects and texts that tell usage and may stand so far in front that the tail does not hold them (behind them a
   * response repeats its tools and metadata), by their keys, and what tells the one that is meant; inside a value of
   * one of these keys no other is looked for.
   */
  readonly usageMembers?: Readonly<Record<string, (value: unknown) => boolean>>
  /** Usage from the first event and the tail; null values where unsaid. `members`: the latest of those, as written. */
  readUsage(firstEvent: string, tail: string, members?: ReadonlyMap<string, string>): ToldUsage
  /** The dialect's own error event, complete with its blank line, fitting a stream of which so much was seen. */
  encodeError(error: ErrorView, seen: StreamSeen): string
  readonly keepAlive: string
}

export interface StreamSeen {
  readonly firstEvent: string
  readonly tail: string
}

export interface StreamEnd {
  /** First bytes of the last event, as text. */
  readonly lastEventHead: string
  /** One of `marks` was seen. */
  readonly marked: boolean
  /** Last few KB of the stream, as text. */
  readonly tail: string
}

export interface Protocol {
  readonly id: ProtocolId
  /** The provider a bare, unknown model name belongs to when asked for in this dialect. */
  readonly vendor: string
  readonly operations: Readonly<Record<string, Operation>>
  /** Top-level keys of a request body that `peek` wants found. */
  readonly peekKeys: ReadonlySet<string>
  peek(scan: JsonScan, read: (key: string) => unknown): Peek
  /** Usage from a whole answer: `read` gives the parsed value of a top-level key. */
  readonly usageKeys: ReadonlySet<string>
  readUsage(read: (key: string) => unknown): Usage
  /** Objects deep inside a whole answer that tell usage too, by their keys, and what tells the one that is meant. */
  readonly usageMembers?: Readonly<Record<string, (value: unknown) => boolean>>
  /** Which of them hold the provider's own usage object; the first that is there does. */
  readonly rawUsageKeys: readonly string[]
  encodeError(error: ErrorView): { status: number; body: string }
  decodeError(status: number, body: string): UpstreamError
  /**
   * Clients of this dialect know a conversation that is too long by these very words; absent where a code tells them.
   */
  overflowWords?(tokens: number | null, limit: number | null): string
  readonly stream: StreamFacts
  /** Its headers for rate limits; absent where it has none. */
  readonly rateLimits?: RateLimitHeaders
  /** Clients of this dialect want a signature beside every thought, whoever thought it. */
  readonly signsThoughts?: true
  /** Where reasoning state stands in its bodies; absent where it has none of its own. */
  readonly stateSlots?: StateSlots
}

/** Where a dialect keeps reasoning state, for who must find or remove it without reading the rest. */
export interface StateSlots {
  /** Keys whose text values in answers are state as the vendor writes it. */
  readonly answerKeys: readonly string[]
  /** Keys that stand for nothing else in requests; empty where only sealed envelopes are looked for. */
  readonly requestKeys: readonly string[]
  /** Threads that a provider stores: how their ids look in answers, and which keys name one in requests. */
  readonly threads?: { readonly id: RegExp; readonly requestKeys: readonly string[] }
  /** Where this text stands in a request, state stands behind other keys too, and `list` has to look. */
  readonly rareMark?: string
  /** One spelling for what may be written in several. */
  spell(value: string): string
  /** All state in a request, in order. */
  list(body: Buffer, root: JsonNode): string[]
  /** Takes the state for which `isForeign` holds out of a request, and nothing that a user or model said. */
  remove(body: Buffer, root: JsonNode, removal: StateRemoval): RemovedState
}

export interface StateRemoval {
  isForeign(value: string): boolean
  /** The model refuses a first call without state: a stand-in takes its place where the dialect has one. */
  readonly needsStandIn: boolean
}

export interface RemovedState {
  readonly edits: readonly Edit[]
  /** Thinking had to be switched off: the last tool turn lost what the model would want to see again. */
  readonly thinkingOff: boolean
}
