// What this process knows of keys and providers from the answers it saw: rate limits and missing entitlements per key
// and model, states of server keys, and a breaker per provider, model and side. One user's bad key never touches what
// others share: only 5xx, timeouts and broken connections feed a breaker, and while all of them come from one owner it
// opens for that owner only.
import { nextPause, type Suspension } from '../features/provider-keys/pauses.ts'
import type { Clock } from '../kernel/clock.ts'
import type { KeyFate } from './chain.ts'

/** The right to ask with a key now; what comes of it is told to `Health` with it. */
export interface Turn {
  readonly keyId: string
  readonly model: string
  /** Wall time, epoch ms. */
  readonly begunAt: number
  /** Its request alone finds out whether a state of the whole key is over. */
  readonly probes: boolean
  /** Before or after which states it was begun; greater is later. */
  readonly order: number
}

export interface Health {
  /**
   * Why this key cannot serve this model now; null = it can. While one request probes a key, the others see its state.
   */
  keyFate(keyId: string, model: string): KeyFate | null
  /**
   * Takes a turn, or says what keeps it back. `known`: a state of the whole key that others found, whose time is over.
   * The right to probe is given back by `end`, and lost after `PROBE_MS`.
   */
  begin(keyId: string, model: string, known?: { fate: Suspension; heldMs: number } | null): Turn | KeyFate
  /** It has told nothing (more) of the key. */
  end(turn: Turn): void
  /**
   * The key has served: the states that were entered before this turn are over. Is there none that was entered since?
   */
  succeed(turn: Turn): boolean
  /** Both return until when, epoch ms. A failure begun before the state was entered lengthens no guess. */
  cool(turn: Turn, retryAfterMs: number | null): number
  restrict(turn: Turn): number
  /** The key is good, but not for this use of the model (an operation's id), or not from here. */
  setUnfit(turn: Turn, use: string): void
  isUnfit(keyId: string, model: string, use: string): boolean
  /**
   * A lasting state of the whole key. Its end lets one real request probe it: after 1, 6, 24 h, or 10 min … 6 h; each
   * time longer than `heldMs`, for which it was set aside before. null: the turn is older than the state, and no news.
   */
  suspend(turn: Turn, fate: Suspension, heldMs?: number): { at: number; afterMs: number } | null
  /**
   * Forgets a state of the whole key that was entered before then (epoch ms), where the key is known to be in another.
   */
  keepInStep(keyId: string, known: { readonly status: string; readonly statusAt: number | null }): void
  /** Milliseconds until the key serves this model again; null when nothing holds it back. */
  cooldownLeft(keyId: string, model: string): number | null
  /**
   * The models this key does not serve just now, and until when (epoch ms). States of the whole key are not among them.
   */
  listModels(keyId: string): readonly { readonly model: string; readonly fate: KeyFate; readonly until: number }[]
}

const FIRST_COOLDOWN_MS = 5_000
const LONGEST_COOLDOWN_MS = 300_000
const RESTRICTED_MS = 3_600_000
/** Its owner may be changing it just now, and somebody else may be paying meanwhile. */
const UNFIT_MS = 600_000
/** A probe that has not answered by then may hang, or be lost with its process. */
export const PROBE_MS = 60_000
/** The names are the clients', so they are bounded per key. */
const MODELS_PER_KEY = 256
const MOST_KEYS = 50_000

interface ModelState {
  fate: KeyFate
  /** Monotonic ms. */
  until: number
  /** Length of the last cooldown that nobody told us. */
  backoffMs: number
  /** Epoch ms. */
  enteredAt: number
  order: number
  /** Whose turn it is to probe it, and until when (monotonic ms). */
  probe: { readonly turn: Turn; readonly until: number } | null
}

const WHOLE_KEY = ''

/** A vendor's keys may be made for some of its addresses only. */
const nameUse = (model: string, use: string): string => `${model}\n${use}`

export function createHealth({ clock }: { clock: Clock }): Health {
  const keys = new Map<string, Map<string, ModelState>>()
  let order = 0

  function set(keyId: string, model: string, state: Pick<ModelState, 'fate' | 'until' | 'backoffMs'>): ModelState {
    let models = keys.get(keyId)
    if (!models) {
      models = new Map()
      keys.set(keyId, models)
      if (keys.size > MOST_KEYS) keys.delete(keys.keys().next().value!)
    }
    const entered = { ...state, enteredAt: clock.now(), order: ++order, probe: null }
    models.delete(model)
    models.set(model, entered)
    if (models.size - Number(models.has(WHOLE_KEY)) > MODELS_PER_KEY) {
      for (const oldest of models.keys()) {
        if (oldest === WHOLE_KEY) continue
        models.delete(oldest)
        break
      }
    }
    return entered
  }

  const find = (keyId: string, model: string): ModelState | undefined => keys.get(keyId)?.get(model)

  function remove(keyId: string, model: string): void {
    const models = keys.get(keyId)
    if (models?.delete(model) && models.size === 0) keys.delete(keyId)
  }

  /** It still lasts, or somebody is finding out whether it does. */
  function isLive(state: ModelState | undefined): state is ModelState {
    const now = clock.monotonic()
    return state !== undefined && (state.until > now || (state.probe !== null && state.probe.until > now))
  }

  function keyFate(keyId: string, model: string): KeyFate | null {
    if (keys.size === 0) return null
    const [whole, own] = [find(keyId, WHOLE_KEY), find(keyId, model)]
    return isLive(whole) ? whole.fate : isLive(own) ? own.fate : null
  }

  const wallTimeOf = (until: number): number => Math.ceil(clock.now() + until - clock.monotonic())

  return {
    keyFate,
    begin(keyId, model, known = null) {
      const fate = keyFate(keyId, model)
      if (fate !== null) return fate
      let whole = find(keyId, WHOLE_KEY)
      if (known && !whole) {
        whole = set(keyId, WHOLE_KEY, { fate: known.fate, until: clock.monotonic(), backoffMs: known.heldMs })
      }
      const turn = { keyId, model, begunAt: clock.now(), probes: whole !== undefined, order: ++order }
      if (whole) whole.probe = { turn, until: clock.monotonic() + PROBE_MS }
      return turn
    },
    end(turn) {
      const whole = find(turn.keyId, WHOLE_KEY)
      if (whole?.probe?.turn === turn) whole.probe = null
    },
    succeed({ keyId, model, order: begun }) {
      for (const name of [WHOLE_KEY, model]) {
        const state = find(keyId, name)
        if (state && state.order < begun) remove(keyId, name)
      }
      return find(keyId, WHOLE_KEY) === undefined
    },
    cool({ keyId, model, order: begun }, retryAfterMs) {
      const before = find(keyId, model)
      const isOld = before !== undefined && before.order > begun
      if (isOld && retryAfterMs === null) return wallTimeOf(before.until)
      const guess = Math.min(Math.max((before?.backoffMs ?? 0) * 2, FIRST_COOLDOWN_MS), LONGEST_COOLDOWN_MS)
      const until = clock.monotonic() + (retryAfterMs ?? guess)
      const backoffMs = retryAfterMs === null ? guess : 0
      const longest = isOld ? Math.max(before.until, until) : until
      return wallTimeOf(set(keyId, model, { fate: 'rate_limited', until: longest, backoffMs }).until)
    },
    restrict({ keyId, model }) {
      const until = clock.monotonic() + RESTRICTED_MS
      return wallTimeOf(set(keyId, model, { fate: 'restricted', until, backoffMs: 0 }).until)
    },
    isUnfit(keyId, model, use) {
      const state = keys.size === 0 ? undefined : find(keyId, nameUse(model, use))
      // A model may be called anything, so what was found of one that is called like this says nothing.
      return isLive(state) && state.fate === 'unfit'
    },
    setUnfit({ keyId, model }, use) {
      set(keyId, nameUse(model, use), { fate: 'unfit', until: clock.monotonic() + UNFIT_MS, backoffMs: 0 })
    },
    suspend({ keyId, order: begun }, fate, heldMs = 0) {
      const before = find(keyId, WHOLE_KEY)
      if (before && before.order > begun) return null
      const afterMs = nextPause(fate, Math.max(before?.fate === fate ? before.backoffMs : 0, heldMs))
      set(keyId, WHOLE_KEY, { fate, until: clock.monotonic() + afterMs, backoffMs: afterMs })
      return { at: clock.now() + afterMs, afterMs }
    },
    keepInStep(keyId, { status, statusAt }) {
      const whole = find(keyId, WHOLE_KEY)
      if (!whole || whole.fate === status || statusAt === null) return
      // Where the wall clock was put back since, times tell nothing, and what the record says is what came last.
      if (statusAt >= whole.enteredAt || whole.enteredAt > clock.now()) remove(keyId, WHOLE_KEY)
    },
    cooldownLeft(keyId, model) {
      const state = find(keyId, model)
      return isLive(state) && state.fate === 'rate_limited' ? Math.ceil(state.until - clock.monotonic()) : null
    },
    listModels(keyId) {
      const monotonic = clock.monotonic()
      return [...(keys.get(keyId) ?? [])]
        .filter(([model, state]) => model !== WHOLE_KEY && state.until > monotonic)
        .map(([name, { fate, until }]) => ({ model: name.split('\n')[0]!, fate, until: wallTimeOf(until) }))
    },
  }
}
