// Retries cost money and pile up on a provider that is already failing: at most a tenth of a provider's requests over
// ten seconds, and never fewer than three.
import type { Clock } from '../kernel/clock.ts'

export interface RetryBudget {
  countRequest(provider: string): void
  /** Takes one retry from the budget; false when it is spent. */
  take(provider: string): boolean
  /** How many there are for one more request; takes none. */
  left(provider: string): number
}

const WINDOW_SECONDS = 10
const SHARE = 0.1
const FLOOR = 3

interface Window {
  /** Per second of monotonic time, in a ring. */
  readonly seconds: Float64Array
  readonly requests: Float64Array
  readonly retries: Float64Array
}

export function createRetryBudget({ clock }: { clock: Clock }): RetryBudget {
  const windows = new Map<string, Window>()

  function slot(provider: string): { window: Window; index: number } {
    let window = windows.get(provider)
    if (!window) {
      const ring = (): Float64Array => new Float64Array(WINDOW_SECONDS)
      window = { seconds: ring().fill(-1), requests: ring(), retries: ring() }
      windows.set(provider, window)
    }
    const second = Math.floor(clock.monotonic() / 1000)
    const index = second % WINDOW_SECONDS
    if (window.seconds[index] !== second) {
      window.seconds[index] = second
      window.requests[index] = 0
      window.retries[index] = 0
    }
    return { window, index }
  }

  function sum(window: Window, ring: Float64Array): number {
    const oldest = Math.floor(clock.monotonic() / 1000) - WINDOW_SECONDS
    let total = 0
    for (let index = 0; index < WINDOW_SECONDS; index++) if (window.seconds[index]! > oldest) total += ring[index]!
    return total
  }

  const mostOf = (requests: number): number => Math.max(FLOOR, Math.floor(requests * SHARE))

  return {
    countRequest(provider) {
      const { window, index } = slot(provider)
      window.requests[index]! += 1
    },
    take(provider) {
      const { window, index } = slot(provider)
      if (sum(window, window.retries) >= mostOf(sum(window, window.requests))) return false
      window.retries[index]! += 1
      return true
    },
    left(provider) {
      const { window } = slot(provider)
      return mostOf(sum(window, window.requests) + 1) - sum(window, window.retries)
    },
  }
}
