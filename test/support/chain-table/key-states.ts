// The states a provider key can be in, row by row as the rules for users' keys have them: how each comes about, which
// reason it contributes, what is tried after it, and what the client is told if nothing remains. Written by hand from
// the rules (docs/byok.md), never from the code that the table is there to judge.
import type { FallbackReason } from '../../../contract/common.ts'
import type { Simulated } from '../../../contract/route.ts'
import type { ScenarioName } from '../../fake-provider/scenarios.ts'

/** What a client is told when nothing remains. */
export interface Refusal {
  readonly code: string
  /** The same in every dialect; overload alone is 529 to Anthropic's clients. */
  readonly status: number
  /** Is there a Retry-After? An overload never guesses one for Anthropic's clients. */
  readonly retryAfter: boolean
  /** What wins where several keys stood in the way: temporary states before lasting ones. */
  readonly rank: number
}

const RATE_LIMITED: Refusal = { code: 'rate_limit_exceeded', status: 429, retryAfter: true, rank: 1 }
const DOWN: Refusal = { code: 'upstream_error', status: 503, retryAfter: true, rank: 2 }
const OVERLOADED: Refusal = { code: 'overloaded', status: 503, retryAfter: true, rank: 2 }
const TIMEOUT: Refusal = { code: 'timeout', status: 504, retryAfter: false, rank: 2 }
const EXHAUSTED: Refusal = { code: 'provider_quota_exhausted', status: 402, retryAfter: false, rank: 3 }
const ALLOWANCE_SPENT: Refusal = { code: 'server_allowance_spent', status: 402, retryAfter: false, rank: 4 }
const CAPPED: Refusal = { code: 'own_cap_reached', status: 402, retryAfter: false, rank: 5 }
const NOT_ENABLED: Refusal = { code: 'model_not_enabled', status: 403, retryAfter: false, rank: 6 }
const INVALID: Refusal = { code: 'provider_key_invalid', status: 424, retryAfter: false, rank: 7 }
export const NO_KEY: Refusal = { code: 'no_usable_key', status: 403, retryAfter: false, rank: 8 }
export const UNREADABLE: Refusal = { code: 'provider_key_unreadable', status: 503, retryAfter: false, rank: 0 }

/** What becomes of a key whose turn it is. */
type Course =
  /** It serves. */
  | 'serves'
  /** The next key, then the server's where the reason is granted. */
  | 'next'
  /** As if it were not there; its reason counts only where no other key has one. */
  | 'absent'
  /** No other user's key repairs a provider: the server's next, where granted. */
  | 'provider-down'
  /** The request ends. */
  | 'fail-closed'

export interface KeyState {
  readonly name: string
  readonly course: Course
  /** null: the server never serves instead. */
  readonly reason: FallbackReason | null
  readonly refusal: Refusal
  /** Is the provider called with this key, where the state is not known yet? */
  readonly called: boolean
  /** Known from the first call on, so that the second request does not call any more. */
  readonly remembered: boolean
  /** How the provider treats the key; `ok` where the state is none of the provider's. */
  readonly scenario: `${ScenarioName}${number | ''}`
  /** What an explanation is told to suppose, for what the provider has yet to say. */
  readonly simulate: Simulated | null
  /** The owner's own settings. */
  readonly settings?: (model: string) => object
  /** Has a call gone well before it? */
  readonly workedBefore?: true
  /** Its stored form is harmed. */
  readonly damaged?: true
  /** So many calls failed just now that its provider is left alone; `recovered`: it would serve again. */
  readonly leftAlone?: 'down' | 'recovered'
  /** Rejected longer ago than `INVALID_GRACE`, and not to be asked again yet. */
  readonly longInvalid?: true
  /**
   * Needs a model that the price list knows, since a name that anyone may invent is not remembered, or costs nothing.
   */
  readonly knownModel?: true
}

const ofProvider = (
  name: string,
  scenario: KeyState['scenario'],
  simulate: Simulated,
  refusal: Refusal,
  reason: FallbackReason | null,
): KeyState => ({ name, course: 'next', reason, refusal, called: true, remembered: true, scenario, simulate })

const down = (
  name: string,
  scenario: KeyState['scenario'],
  simulate: Simulated,
  refusal: Refusal = DOWN,
): KeyState => ({
  ...ofProvider(name, scenario, simulate, refusal, 'outage'),
  course: 'provider-down',
  remembered: false,
})

const ofOwner = (name: string, settings: (model: string) => object): KeyState => ({
  name,
  course: 'absent',
  reason: 'no_key',
  refusal: NO_KEY,
  called: false,
  remembered: false,
  scenario: 'ok',
  simulate: null,
  settings,
})

export const ACTIVE: KeyState = {
  ...ofOwner('active', () => ({})),
  course: 'serves',
  called: true,
}

export const INVALID_STATE = ofProvider('invalid', 'invalid', '401', INVALID, 'invalid')

export const UNDECRYPTABLE: KeyState = {
  ...ofOwner('undecryptable', () => ({})),
  course: 'fail-closed',
  reason: null,
  refusal: UNREADABLE,
  damaged: true,
}

/** Waited for, so there are fewer cases of it. */
export const SILENT = down('provider down: timeout', 'hang', 'timeout', TIMEOUT)

/** At a provider nobody listens for: no key of anybody's reaches it, the server's neither. */
export const UNREACHABLE = down('provider down: connect failure', 'ok', '5xx')

/** Its breaker is open: asked all the same where nobody else is. */
export const LEFT_ALONE: KeyState = {
  ...down('provider left alone', 'down500', '5xx'),
  called: false,
  leftAlone: 'down',
}
export const LEFT_ALONE_RECOVERED: KeyState = {
  ...LEFT_ALONE,
  name: 'provider left alone, recovered',
  scenario: 'ok',
  simulate: null,
  leftAlone: 'recovered',
}

const COOLING = ofProvider('cooling', 'ratelimit30', '429', RATE_LIMITED, 'rate_limited')
const EXHAUSTED_STATE = ofProvider('exhausted', 'quota', 'quota', EXHAUSTED, 'exhausted')

/** Every state that one key can be in; `null` is no key at all. */
export const KEY_STATES: readonly (KeyState | null)[] = [
  null,
  ACTIVE,
  COOLING,
  EXHAUSTED_STATE,
  INVALID_STATE,
  { ...INVALID_STATE, name: 'invalid, having worked', workedBefore: true },
  {
    ...INVALID_STATE,
    name: 'invalid, its grace over',
    called: false,
    remembered: false,
    simulate: null,
    longInvalid: true,
  },
  { ...ofProvider('restricted', 'forbidden-model', '403', NOT_ENABLED, null), knownModel: true },
  {
    ...ofOwner('capped', () => ({ cap: { usd: 0.000_000_001, period: 'total' } })),
    course: 'next',
    reason: null,
    refusal: CAPPED,
    knownModel: true,
  },
  ofOwner('disabled', () => ({ is_active: false })),
  ofOwner('expired', () => ({ expires_at: '2026-01-01T00:00:00Z' })),
  ofOwner('for other models', (model) => ({ allowed_models: [`${model}-and-no-other`] })),
  UNDECRYPTABLE,
  down('provider down: 500', 'down500', '5xx'),
  down('provider down: 502', 'down502', '5xx'),
  down('provider down: overloaded', 'overloaded529', '529', OVERLOADED),
  down('provider down: connection reset', 'reset', '5xx'),
]

/**
 * States of the operator's own key. A key that is rejected or out of credit is so for all: one call has found it out.
 */
export const SERVER_STATES: readonly KeyState[] = [
  { ...COOLING, name: 'server cooling' },
  { ...EXHAUSTED_STATE, name: 'server exhausted', called: false, simulate: null },
  { ...INVALID_STATE, name: 'server invalid', called: false, simulate: null },
  down('server down', 'down502', '5xx'),
  down('server overloaded', 'overloaded529', '529', OVERLOADED),
  // What was spent of it is every user's own, so the operator grants next to nothing.
  { ...ACTIVE, name: 'allowance spent', course: 'next', called: false, refusal: ALLOWANCE_SPENT, knownModel: true },
]

export const nameOf = (state: KeyState | null): string => state?.name ?? 'no key'
