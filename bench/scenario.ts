// A scenario: what a client asks, what the fake provider answers, how the load arrives, and what must be true of every
// exchange. Data and two checks; peers and targets take all they do from it.

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
  readonly answer: Answer
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
}

/** The check of a relay: not one byte may differ. */
export function sameBytes(what: string, expected: Buffer): (body: Buffer) => string | null {
  return (body) => {
    if (body.equals(expected)) return null
    return `${what} differs: ${body.length} bytes came, ${expected.length} were sent`
  }
}
