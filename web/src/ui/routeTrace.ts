// What a route trace draws: stops along one line, from who asked to what answered.
import type { Payer } from '../../../contract/common.ts'

/**
 * done: it served, or was the way through · failed: it was tried, and did not serve · skipped: it was passed over.
 */
export type TraceState = 'done' | 'failed' | 'skipped'

export interface TraceStop {
  readonly kind: 'start' | 'key' | 'end'
  readonly state: TraceState
  /** Whose key; null for the ends of the line. */
  readonly payer: Payer | null
  readonly title: string
  readonly lines: readonly string[]
}

/** The line into each stop: the payer's where its key served, broken where it failed, faint where nothing ran. */
export type TraceLine = Payer | 'failed' | 'faint'

export function lineInto(stops: readonly TraceStop[], index: number): TraceLine {
  const stop = stops[index]!
  if (stop.kind === 'key') return stop.state === 'done' ? stop.payer! : stop.state === 'failed' ? 'failed' : 'faint'
  if (stop.state !== 'done') return stop.state === 'failed' ? 'failed' : 'faint'
  return stops.slice(0, index).findLast(({ state, payer }) => state === 'done' && payer !== null)?.payer ?? 'faint'
}
