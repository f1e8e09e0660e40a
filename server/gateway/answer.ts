// An answer on its way to the client, whatever happens to its bytes: relayed or translated, streamed or whole. The
// attempt feeds it and asks it; it alone writes to the response.
import type { ToldUsage } from '../protocols/canonical.ts'
import type { ErrorView, UpstreamError } from '../protocols/protocol.ts'

export interface PushResult {
  /** The answer begins with an error of the provider's; nothing was sent to the client. */
  readonly error: UpstreamError | null
  /** An event that is no heartbeat was completed. */
  readonly progress: boolean
  /** The client does not take more now. */
  readonly full: boolean
  /** The gateway has all it wants: end the call (a stop sequence was met). */
  readonly enough?: boolean
}

export interface Refusal {
  readonly error: UpstreamError
  /** As the provider wrote it. */
  readonly body: Buffer
}

export interface Answer {
  /** The client has seen the status line. */
  readonly begun: boolean
  /** Bytes of the provider so far. */
  readonly bytes: number
  push(chunk: Buffer): PushResult
  /** The provider's stream ended cleanly: is the answer whole? Asked once, before `finish`. */
  isComplete(): boolean
  /** Why it is not, where it is an error that came with a good status; nothing was sent to the client. */
  readonly refusal?: Refusal | null
  finish(): void
  /** It ended in an error event of the provider's own, which the client has seen. */
  readonly endedInError?: boolean
  /** Fills silence, where the dialect and the moment allow it. */
  keepAlive(): void
  /** Ends an answer that had begun with the dialect's error. */
  break(error: ErrorView): void
  /** What the provider has told so far. */
  readUsage(): ToldUsage
  /** The gateway ended the answer before the provider counted: `readUsage` holds estimates. */
  readonly usageIsEstimated?: boolean
  /** Tokens of what the provider said, by its length; null where only the bytes around it are known. */
  readonly estimatedOutput?: number | null
}
