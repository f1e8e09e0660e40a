// What this process knows of keys and providers from the answers it saw: rate limits and missing entitlements per key
// and model, states of server keys, and a breaker per provider, model and side. One user's bad key never touches what
// others share: only 5xx, timeouts and broken connections feed a breaker, and while all of them come from one owner it
// opens for that owner only.
import type { Clock } from '../kernel/clock.ts'
import type { KeyFate } from './chain.ts'

export interface Health {
  /** Why this key cannot serve this model now; null = it can. */
  keyFate(keyId: string, model: string): KeyFate | null
  /** Both return until when, epoch ms. */
  cool(keyId: string, model: string, retryAfterMs: number | null): number
  restrict(keyId: string, model: string): number
  /**
   * A lasting state of the whole key. Its end lets one real request probe it: after 1, 6, 24 h, or 10 min … 6 h; each
   * time longer than `heldMs`, for which it was set aside before.
   */
  suspend(keyId: string, fate: 'invalid' | 'exhausted', heldMs?: number): { at: number; afterMs: number }
  forgetKey(keyId: string): void
  /** Milliseconds until the key serves this model again; null when nothing holds it back. */
  cooldownLeft(keyId: string, model: string): number | null
  /** The models this key does not serve just now, and until when (epoch ms). States of the whole key are not among them. */
  listModels(keyId: string): readonly { readonly model: string; readonly fate: KeyFate; readonly until: number }[]
}

const FIRST_COOLDOWN_MS = 5_000
const LONGEST_COOLDOWN_MS = 300_000
const HOUR_MS = 3_600_000
const SUSPENSIONS = {
  invalid: [HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS],
  exhausted: [HOUR_MS / 6, HOUR_MS / 3, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS],
} as const
const RESTRICTED_MS = HOUR_MS
/** The names are the clients', so they are bounded per key. */
const MODELS_PER_KEY = 256
const MOST_KEYS = 50_000

interface ModelState {
  fate: KeyFate
  until: number
  /** Length of the last cooldown that nobody told us. */
  backoffMs: number
}

export function createHealth({ clock }: { clock: Clock }): Health {
  const keys = new Map<string, Map<string, ModelState>>()
  const WHOLE_KEY = ''

  function set(keyId: string, model: string, state: ModelState): void {
    let models = keys.get(keyId)
    if (!models) {
      models = new Map()
      keys.set(keyId, models)
      if (keys.size > MOST_KEYS) keys.delete(keys.keys().next().value!)
    }
    models.delete(model)
    models.set(model, state)
    if (models.size - Number(models.has(WHOLE_KEY)) <= MODELS_PER_KEY) return
    for (const oldest of models.keys()) if (oldest !== WHOLE_KEY) return void models.delete(oldest)
  }

  function live(keyId: string, model: string): ModelState | null {
    const state = keys.get(keyId)?.get(model)
    return state && state.until > clock.monotonic() ? state : null
  }

  return {
    keyFate: (keyId, model) =>
      keys.size === 0 ? null : ((live(keyId, WHOLE_KEY) ?? live(keyId, model))?.fate ?? null),
    cool(keyId, model, retryAfterMs) {
      const before = keys.get(keyId)?.get(model)
      const guess = Math.min(
        before ? Math.max(before.backoffMs * 2, FIRST_COOLDOWN_MS) : FIRST_COOLDOWN_MS,
        LONGEST_COOLDOWN_MS,
      )
      const length = retryAfterMs ?? guess
      const until = clock.monotonic() + length
      set(keyId, model, { fate: 'rate_limited', until, backoffMs: retryAfterMs === null ? guess : 0 })
      return clock.now() + length
    },
    restrict(keyId, model) {
      set(keyId, model, { fate: 'restricted', until: clock.monotonic() + RESTRICTED_MS, backoffMs: 0 })
      return clock.now() + RESTRICTED_MS
    },
    suspend(keyId, fate, heldMs = 0) {
      const before = keys.get(keyId)?.get(WHOLE_KEY)
      const steps = SUSPENSIONS[fate]
      const held = Math.max(before?.fate === fate ? before.backoffMs : 0, heldMs)
      const backoffMs = steps.find((step) => step > held) ?? steps.at(-1)!
      set(keyId, WHOLE_KEY, { fate, until: clock.monotonic() + backoffMs, backoffMs })
      return { at: clock.now() + backoffMs, afterMs: backoffMs }
    },
    forgetKey: (keyId) => void keys.delete(keyId),
    cooldownLeft(keyId, model) {
      const state = live(keyId, model)
      return state?.fate === 'rate_limited' ? Math.ceil(state.until - clock.monotonic()) : null
    },
    listModels(keyId) {
      const [now, monotonic] = [clock.now(), clock.monotonic()]
      return [...(keys.get(keyId) ?? [])]
        .filter(([model, state]) => model !== WHOLE_KEY && state.until > monotonic)
        .map(([model, { fate, until }]) => ({ model, fate, until: Math.ceil(now + until - monotonic) }))
    },
  }
}
