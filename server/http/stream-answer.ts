// An answer that is made while it is sent. Nothing is made faster than it is taken; whoever takes nothing for a minute
// is cut, and making stops when the client leaves.
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

/** Called once, when the headers are out; `signal` says that nobody reads any more. */
export type AnswerStream = (signal: AbortSignal) => AsyncIterable<string | Uint8Array>

const STALLED_MS = 60_000

/** Resolves when all is sent or the client is gone; rejects where making it failed, with the answer unfinished. */
export async function pumpAnswer(response: ServerResponse, open: AnswerStream, stalledMs = STALLED_MS): Promise<void> {
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  response.once('close', leave)
  try {
    response.flushHeaders()
    for await (const chunk of open(gone.signal)) {
      if (gone.signal.aborted) return
      if (!response.write(chunk)) await waitForReader(response, gone.signal, stalledMs)
    }
    if (!gone.signal.aborted) response.end()
  } finally {
    response.off('close', leave)
  }
}

async function waitForReader(response: ServerResponse, gone: AbortSignal, stalledMs: number): Promise<void> {
  const timer = setTimeout(() => response.destroy(), stalledMs)
  try {
    await once(response, 'drain', { signal: gone })
  } catch (error) {
    if (!gone.aborted) throw error
  } finally {
    clearTimeout(timer)
  }
}
