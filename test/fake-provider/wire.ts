// What one dialect hands to the delivery: a whole JSON body, or the frames of a stream with its ending marked, so that
// a scenario can stop before it.
import type { Json } from './turn.ts'

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string>
  /** Exactly one of the two. */
  readonly body?: string | Buffer
  readonly frames?: readonly string[]
  /** How many frames at the end say that the answer is complete. */
  readonly terminalFrames?: number
}

export const jsonAnswer = (status: number, body: Json, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

export const dataFrame = (data: Json): string => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
export const eventFrame = (event: string, data: Json): string => `event: ${event}\n${dataFrame(data)}`
