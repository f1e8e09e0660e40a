// A conversation of the playground: what was asked, what was answered, by one model or by two beside each other.
import type { Payer } from '../../../../contract/common.ts'
import type { Receipt } from '../../../../contract/usage.ts'
import type { ApiError } from '../../services/api/send.ts'

/** As they stand in the form: text, empty for what the provider decides. */
export interface ChatSettings {
  system: string
  temperature: string
  topP: string
  maxTokens: string
  effort: string
  schema: string
  tools: string
}

export const NO_SETTINGS: ChatSettings = {
  system: '',
  temperature: '',
  topP: '',
  maxTokens: '',
  effort: '',
  schema: '',
  tools: '',
}

export interface AttachedPicture {
  readonly id: number
  readonly name: string
  readonly dataUrl: string
  readonly blob: Blob
}

export interface ToolCall {
  readonly id: string
  readonly name: string
  /** JSON, as far as it has come. */
  readonly arguments: string
  /** The call as the provider wrote it, with what belongs to it; goes back with its result. */
  readonly raw: Readonly<Record<string, unknown>>
}

export interface ToolResult {
  readonly callId: string
  readonly content: string
}

/** What has come of an answer. */
export interface ChatContent {
  readonly text: string
  readonly thoughts: string
  readonly refusal: string
  readonly calls: readonly ToolCall[]
  /** data: addresses of pictures that were made. */
  readonly pictures: readonly string[]
  /** Reasoning state; goes back unread. */
  readonly reasoningDetails: readonly unknown[]
  readonly finish: string | null
}

/** What the head of the answer says. */
export interface ChatHead {
  readonly requestId: string | null
  readonly payer: Payer | null
  readonly keyId: string | null
  readonly provider: string | null
  readonly model: string | null
  readonly fallback: string | null
  readonly warnings: string | null
}

export interface Answer {
  readonly id: number
  /** 0 or 1: which of the models that are compared. */
  readonly lane: number
  readonly model: string
  state: 'waiting' | 'streaming' | 'done' | 'stopped' | 'failed'
  content: ChatContent
  head: ChatHead | null
  firstTokenMs: number | null
  totalMs: number | null
  error: ApiError | null
  receipt: Receipt | null
}

export interface Turn {
  readonly id: number
  readonly text: string
  readonly pictures: readonly AttachedPicture[]
  /** In the place of a text: results of the calls of one lane's last answer. */
  readonly results: readonly ToolResult[]
  readonly answers: Answer[]
}
