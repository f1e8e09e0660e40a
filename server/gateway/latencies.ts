// How long the models took to their first byte lately, as this process saw it. Streamed and whole answers are told
// apart: a whole one begins when it is ready.
import type { Clock } from '../kernel/clock.ts'

export interface Latencies {
  note(provider: string, model: string, streamed: boolean, firstByteMs: number): void
  /** The median of the last few, milliseconds; null where none is recent. */
  medianOf(provider: string, model: string, streamed: boolean): number | null
}

const KEPT = 15
const RECENT_MS = 15 * 60_000
/** Names are the clients' to invent. */
const MOST_MODELS = 2_000

interface Samples {
  readonly values: number[]
  at: number
}

export function createLatencies({ clock }: { clock: Clock }): Latencies {
  const models = new Map<string, Samples>()
  const nameOf = (provider: string, model: string, streamed: boolean): string =>
    `${provider}/${model}${streamed ? '' : ' whole'}`

  return {
    note(provider, model, streamed, firstByteMs) {
      const name = nameOf(provider, model, streamed)
      const now = clock.monotonic()
      let samples = models.get(name)
      if (!samples || now - samples.at > RECENT_MS) {
        models.delete(name)
        models.set(name, (samples = { values: [], at: now }))
        if (models.size > MOST_MODELS) models.delete(models.keys().next().value!)
      }
      samples.values.push(firstByteMs)
      if (samples.values.length > KEPT) samples.values.shift()
      samples.at = now
    },
    medianOf(provider, model, streamed) {
      const samples = models.get(nameOf(provider, model, streamed))
      if (!samples || clock.monotonic() - samples.at > RECENT_MS) return null
      const sorted = samples.values.toSorted((a, b) => a - b)
      return sorted[Math.floor((sorted.length - 1) / 2)] ?? null
    },
  }
}
