// How fast a caller may call and how many tokens a caller may use: of the API key, its user and its team together. A
// call takes one request when it is let in, then what it may use in tokens; what it really used takes the place of
// that.
// Invariants: a refused call consumes nothing; `retryAfter` is the least whole number of seconds after which the same
// call passes, as far as what refused it goes.
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { RateStore, RateWindow, Take, TakeVerdict, WindowState } from './rate-store.ts'

export interface RateLimit extends RateWindow {
  readonly kind: 'api-key' | 'user' | 'team'
  readonly counts: 'requests' | 'tokens'
}

/** What a caller with limits is told beside an answer. */
export interface RateStanding extends WindowState {
  readonly limit: number
}

/** A call that was let in. */
export interface Admitted {
  /** Takes what it may use, or throws rate_limit_exceeded and gives the request back. Once. */
  takeTokens(estimate: number): void | Promise<void>
  /** Adds to what it really used. */
  countTokens(used: number): void
  /** What it used takes the place of what it took, at the end. Once; nothing where no tokens were taken. */
  settle(): void
  /** The window of which least is left, of each; absent where there is no limit. */
  readonly standing: { readonly requests?: RateStanding; readonly tokens?: RateStanding }
}

export interface Limits {
  /** Takes one request, or throws rate_limit_exceeded. Only asked of callers with limits. */
  admit(limits: readonly RateLimit[]): Admitted | Promise<Admitted>
}

type Standing = Partial<Record<RateLimit['counts'], RateStanding>>

/** An error that can say how the caller stands. */
export class RateLimitError extends GatewayError {
  readonly standing: Standing

  constructor(limit: RateLimit, waitMs: number, standing: Standing) {
    const retryAfter = Math.max(1, Math.ceil(waitMs / 1000))
    super('rate_limit_exceeded', { message: explain(limit, retryAfter), retryAfter })
    this.standing = standing
  }
}

export function createLimits({ store, clock }: { store: RateStore; clock: Clock }): Limits {
  return {
    admit(limits) {
      const takes = takesOf(limits, 'requests', 1)
      const takenAt = clock.now()
      const verdict = takes.length === 0 ? NOTHING_TAKEN : store.take(takes)
      const go = (found: TakeVerdict): Admitted => {
        const standing = { ...judge(takes, found, {}) }
        return createAdmitted({ store, clock, limits, takes, takenAt, standing })
      }
      return verdict instanceof Promise ? verdict.then(go) : go(verdict)
    },
  }
}

const NOTHING_TAKEN: TakeVerdict = Object.freeze({ ok: true, states: [] })

type LimitTake = Take & { readonly window: RateLimit }

function takesOf(limits: readonly RateLimit[], counts: RateLimit['counts'], cost: number): LimitTake[] {
  return limits.filter((limit) => limit.counts === counts).map((window) => ({ window, cost }))
}

function createAdmitted(call: {
  store: RateStore
  clock: Clock
  limits: readonly RateLimit[]
  takes: readonly LimitTake[]
  takenAt: number
  standing: Standing
}): Admitted {
  const { store, clock, limits, standing } = call
  let taken: { takes: readonly LimitTake[]; at: number } | undefined
  let used = 0

  function giveRequestBack(): void {
    store.correct(
      call.takes.map(({ window, cost }) => ({ window, cost: -cost })),
      call.takenAt,
    )
  }

  return {
    standing,
    takeTokens(estimate) {
      const takes = takesOf(limits, 'tokens', estimate)
      if (takes.length === 0) return
      const at = clock.now()
      const go = (verdict: TakeVerdict): void => {
        if (!verdict.ok) giveRequestBack()
        Object.assign(standing, judge(takes, verdict, standing))
        taken = { takes, at }
      }
      const verdict = store.take(takes)
      return verdict instanceof Promise ? verdict.then(go) : go(verdict)
    },
    countTokens(more) {
      used += more
    },
    settle() {
      if (!taken) return
      const { takes, at } = taken
      taken = undefined
      store.correct(
        takes.map(({ window, cost }) => ({ window, cost: used - cost })),
        at,
      )
    },
  }
}

/** How the caller stands; throws where a window had no room. */
function judge(takes: readonly LimitTake[], verdict: TakeVerdict, before: Standing): Standing {
  const standing: Standing = { ...before }
  for (const [index, { window }] of takes.entries()) {
    const state = verdict.states[index]!
    const known = standing[window.counts]
    if (!known || state.remaining < known.remaining) standing[window.counts] = { limit: window.most, ...state }
  }
  if (!verdict.ok) throw new RateLimitError(takes[verdict.index]!.window, verdict.waitMs, standing)
  return standing
}

const WHO = { 'api-key': 'This UniRoute API key', user: 'Your account', team: 'Your team' } as const
const WHAT_TO_DO = {
  'api-key': 'raise the limit',
  user: 'ask an administrator for more',
  team: "ask the team's admins for more",
} as const

function explain({ kind, most, counts, per }: RateLimit, seconds: number): string {
  return `${WHO[kind]} has reached its limit of ${most} ${counts} per ${per}. Wait ${seconds} s, or ${WHAT_TO_DO[kind]}.`
}
