// How a dialect becomes the middle model and back. Whole answers and streams go through the same parts, so a kind of
// block is switched on once per dialect. Codecs are pure: sealed reasoning state, fetched media and stored state are
// handed in by the gateway.
import type {
  ChatRequest,
  ChatResponse,
  Finish,
  FinishUnified,
  Loss,
  MediaItem,
  Signature,
  StreamEvent,
} from './canonical.ts'
import type { ChatDialect, ModelProfile } from './profile.ts'
import type { ErrorView } from './protocol.ts'
import type { SseEvent } from '../kernel/sse.ts'
import type { LossName } from './losses.ts'
import { isNoWish } from './no-wish.ts'
import { asObject, asText, type JsonObject } from './read.ts'
import type { KnownTool } from './tool-names.ts'

/** Collects losses; the same name and action is reported once, with all that was said of it. */
export interface LossReport {
  /** `value`: what is left out, where it may be one that asks for nothing; then nothing is lost. */
  drop(path: LossName, why: string, value?: unknown): void
  approximate(path: LossName, why: string): void
  readonly losses: readonly Loss[]
}

/** A request that cannot be said in the other dialect: becomes 400 `unsupported_parameter` (or bad_request). */
export class CannotCross extends Error {
  override readonly name = 'CannotCross'
  readonly path: string
  readonly code: 'unsupported_parameter' | 'bad_request'

  /** `message`: what cannot be, and what to do instead. */
  constructor(path: string, message: string, code: 'unsupported_parameter' | 'bad_request' = 'unsupported_parameter') {
    super(message)
    this.path = path
    this.code = code
  }
}

/** Reading a client's request. */
export interface RequestDecoding {
  /** Opens a `urs1.` envelope found in a slot for reasoning state; null where it is not ours to open. */
  openEnvelope(text: string): Signature | null
  readonly losses: LossReport
}

/** Writing a request for a provider. */
export interface RequestEncoding {
  readonly profile: ModelProfile
  /** The provider and account that will serve: state of any other is left out. */
  readonly provider: string
  readonly account: string
  /** Streams are asked for even where the client wants a whole answer, and the reverse, only through this. */
  readonly stream: boolean
  /** First 8 hex digits of a text's SHA-256; for ids that must be shortened the same way everywhere. */
  hash8(text: string): string
  readonly losses: LossReport
}

/** Reading a provider's answer: whose state it carries. */
export interface ResponseDecoding {
  readonly provider: string
  readonly account: string
  readonly model: string
  /** Tool names were mapped on the way out; this maps them back. */
  restoreTool(name: string): KnownTool
  /** Peculiarities of the server that answers, where the dialect has many servers. */
  readonly dialect?: ChatDialect
  /** Ours, `req_…`: calls that the provider leaves without an id get one that no other answer of a conversation has. */
  readonly requestId?: string
  /** Told the provider's usage object when it came, and again when more of it came: what counts is the last. */
  readonly onUsage?: (usage: JsonObject | null) => void
}

/** Writing an answer for the client. */
export interface ResponseEncoding {
  /** What `model` shall say: the name the client asked for. */
  readonly requestedModel: string
  /** Ours, `req_…`; message and response ids are derived from it where the dialect wants its own prefix. */
  readonly requestId: string
  /** Seconds since the epoch. */
  readonly created: number
  /** Seals reasoning state for the client's slot as `urs1.…`. */
  sealEnvelope(signature: Signature): string
  /** The client asked for usage in its stream. */
  readonly streamUsage: boolean
  /** What the client asked for, where an answer must echo it (Responses). */
  readonly request: ChatRequest
  readonly losses: LossReport
  /**
   * Who served, for the dialect that says so (`/v1/chat`); asked when the answer, or a stream's last event, is written.
   */
  readonly served?: () => Served
}

export interface Served {
  readonly provider: string
  /** null = unknown. */
  readonly costUsd: number | null
  readonly latencyMs: number
}

export interface EncodedRequest {
  readonly body: Record<string, unknown>
  /** Names as the provider will say them → as the client knows them. */
  readonly toolNames: ReadonlyMap<string, KnownTool>
  /** Stop sequences the provider cannot take; the gateway enforces them on the answer. */
  readonly enforceStop: readonly string[]
}

export interface StreamDecoder {
  /** Events for one SSE event of the provider. */
  push(event: SseEvent): StreamEvent[]
  /** At the clean end of the stream: what is still open, and `finish` or an `error` where none came. */
  end(): StreamEvent[]
}

export interface StreamEncoder {
  /** Wire text for one event; '' where the dialect says nothing there. */
  push(event: StreamEvent): string
  /** Ends in failure: the dialect's own error event. */
  fail(error: ErrorView): string
}

export interface Codec {
  /** Must its bytes be there before this dialect can hold it, although it came by its address? Absent = never. */
  needsBytes?(media: Pick<MediaItem, 'media' | 'source'>, request: Pick<ChatRequest, 'origin'>): boolean
  /** Arguments of calls are objects in its answers, and the clients' SDKs make one of whatever comes. */
  readonly argumentsAreObjects?: true
  decodeRequest(
    body: Readonly<Record<string, unknown>>,
    decoding: RequestDecoding & { model: string; stream: boolean },
  ): ChatRequest
  encodeRequest(request: ChatRequest, encoding: RequestEncoding): EncodedRequest
  decodeResponse(body: Readonly<Record<string, unknown>>, decoding: ResponseDecoding): ChatResponse
  encodeResponse(response: ChatResponse, encoding: ResponseEncoding): Record<string, unknown>
  streamDecoder(decoding: ResponseDecoding): StreamDecoder
  streamEncoder(encoding: ResponseEncoding): StreamEncoder
}

/** Reasons are added to one name's until they are so long. */
const LONGEST_WHY = 300

export function createLossReport(): LossReport {
  return new FoundLosses()
}

// A class, since one is made for every request: V8 puts the getters of object literals into old space.
class FoundLosses implements LossReport {
  #found: Map<string, Loss> | null = null

  get losses(): Loss[] {
    return this.#found === null ? [] : [...this.#found.values()]
  }

  drop(path: LossName, why: string, ...value: [] | [unknown]): void {
    if (value.length === 0 || !isNoWish(path, value[0])) this.#note(path, 'dropped', why)
  }

  approximate(path: LossName, why: string): void {
    this.#note(path, 'approximated', why)
  }

  #note(path: LossName, action: Loss['action'], why: string): void {
    this.#found ??= new Map()
    const key = `${action} ${path}`
    const known = this.#found.get(key)
    if (!known) this.#found.set(key, { path, action, why })
    else if (!known.why.includes(why) && known.why.length < LONGEST_WHY) {
      this.#found.set(key, { ...known, why: `${known.why}; ${why}` })
    }
  }
}

/** The provider's own sentence on why there is no answer, where it gave one beside it (Anthropic, Gemini). */
export function readExplanation({ unified, details }: Finish): string | null {
  if (unified !== 'refusal' && unified !== 'content_filter') return null
  const said = asText(asObject(details)?.['explanation'])
  return said === '' ? null : said
}

/** For dialects in which an answer that only pauses looks like one that is over. */
export function reportPause(unified: FinishUnified, losses: LossReport): void {
  if (unified === 'pause') losses.approximate('finish_reason', 'the provider paused; the answer can be asked to go on')
}
