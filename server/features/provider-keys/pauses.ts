// How long a key that was set aside as a whole is left alone before it is tried again: longer each time in a row.
const HOUR_MS = 3_600_000

const PAUSES = {
  invalid: [HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS],
  exhausted: [HOUR_MS / 6, HOUR_MS / 3, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS],
} as const

/** A state of the whole key. */
export type Suspension = keyof typeof PAUSES

/** Milliseconds; `heldMs`: the pause before, 0 for the first. */
export function nextPause(fate: Suspension, heldMs: number): number {
  const steps: readonly number[] = PAUSES[fate]
  return steps.find((step) => step > heldMs) ?? steps.at(-1)!
}
