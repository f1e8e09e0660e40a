// A scenario: what a client asks, what the fake provider answers, how the load arrives, and what must be true of every
// exchange. Data and two checks; peers and targets take all they do from it.
import { isDeepStrictEqual } from 'node:util'

export interface Scenario {
  readonly id: string
  readonly summary: string
  /** What the figures count. */
  readonly unit: 'request' | 'chunk'
  readonly unitsPerRequest: number
  /** Requests under way at once; each connection sends its next as soon as the last is answered. */
  readonly connections: number
  readonly path: string
  readonly requestBody: Buffer
  /** Whose key is asked with. */
  readonly provider: 'openai' | 'anthropic' | 'google'
  /** What the provider is asked. */
  readonly upstreamPath: string
  readonly answer: Answer
  /** Translated: the same stream in the provider's own dialect, for targets that cannot translate. */
  readonly untranslated?: Scenario
  /** What is wrong with the body the provider was sent; null when nothing is. */
  checkRequest(body: Buffer): string | null
  /** What is wrong with the body the client was given. */
  checkAnswer(body: Buffer): string | null
}

/** One piece is a whole answer of known length; several are a stream, each piece a chunk and a write of its own. */
export interface Answer {
  readonly contentType: string
  readonly pieces: readonly Buffer[]
  /** Between pieces; 0 sends them all at once. */
  readonly gapMs: number
  /** So many pieces come at once, the others when the benchmark says so. */
  readonly held?: number
}

/** In the keys of targets that may write a request anew. */
export const REWRITES = '-rewrites'

/** The check of a request that need not come in the same bytes. */
export function saysTheSame(body: Buffer, expected: Buffer): boolean {
  return isDeepStrictEqual(JSON.parse(body.toString('utf8')), JSON.parse(expected.toString('utf8')))
}

/** The check of a relay: not one byte may differ. */
export function sameBytes(what: string, expected: Buffer): (body: Buffer) => string | null {
  return (body) => {
    if (body.equals(expected)) return null
    return `${what} differs: ${body.length} bytes came, ${expected.length} were sent`
  }
}
