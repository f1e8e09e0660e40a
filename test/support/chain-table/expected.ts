// What must come of a request, told from the table of states and the rules alone: which keys are called in which order,
// who pays under which reason, or what the client is told.
import { FALLBACK_REASONS, type FallbackReason, type Payer } from '../../../contract/common.ts'
import { NO_KEY, UNREADABLE, type KeyState, type Refusal } from './key-states.ts'

export type Policy = 'allow' | 'never' | readonly FallbackReason[]

export interface Given {
  /** The caller's own keys in their order, each with its own policy. */
  readonly own: readonly { readonly state: KeyState; readonly policy: Policy }[]
  /** A key that somebody shares with the caller. */
  readonly shared: KeyState | null
  readonly server: KeyState
  readonly operator: readonly FallbackReason[]
  readonly account: Policy
  readonly apiKey: Policy
  readonly header: Policy
}

/** Own keys by their place from 0, the shared one and the server's by name. */
export type KeyName = number | 'shared' | 'server'

export interface Call {
  readonly key: KeyName
  readonly payer: Payer
  /** `none` for the caller's own. */
  readonly fallback: FallbackReason | 'none'
}

export interface Expected {
  /** The keys called, in order, each once: repeats are asked for elsewhere. */
  readonly calls: readonly Call[]
  /** The last of them served. */
  readonly served: boolean
  readonly refusal: Refusal | null
}

const allows = (policy: Policy, reason: FallbackReason): boolean =>
  policy === 'allow' || (policy !== 'never' && policy.includes(reason))

export function expectOutcome(given: Given): Expected {
  const calls: Call[] = []
  const inTheWay: Refusal[] = []
  const contributed: { state: KeyState; policy: Policy }[] = []
  let providerDown = false
  const end = (served: boolean, refusal: Refusal | null): Expected => ({ calls, served, refusal })

  for (const [key, { state, policy }] of given.own.entries()) {
    if (providerDown) break
    if (state.course === 'fail-closed') return end(false, UNREADABLE)
    if (state.called) calls.push({ key, payer: 'user', fallback: 'none' })
    if (state.course === 'serves') return end(true, null)
    contributed.push({ state, policy })
    inTheWay.push(state.refusal)
    providerDown = state.course === 'provider-down'
  }

  const telling = contributed.filter(({ state }) => state.course !== 'absent')
  const counting = telling.length > 0 ? telling : contributed
  const last = counting.at(-1)
  const capped = contributed.some(({ state }) => state.name === 'capped')
  const { shared } = given
  if (shared && !capped && !providerDown) {
    if (shared.course === 'fail-closed') return end(false, UNREADABLE)
    if (shared.called) calls.push({ key: 'shared', payer: 'team', fallback: last?.state.reason ?? 'no_key' })
    if (shared.course === 'serves') return end(true, null)
    inTheWay.push(shared.refusal)
  }

  if (mayServerServe(given, counting)) {
    if (given.server.called) calls.push({ key: 'server', payer: 'server', fallback: last?.state.reason ?? 'no_key' })
    if (given.server.course === 'serves') return end(true, null)
    inTheWay.push(given.server.refusal)
  }
  const told = inTheWay.reduce<Refusal>((worst, one) => (one.rank <= worst.rank ? one : worst), NO_KEY)
  return end(false, told)
}

/** Operator ∩ account ∩ API key ∩ request for every reason contributed, and each key's own policy for its own. */
function mayServerServe(given: Given, counting: readonly { state: KeyState; policy: Policy }[]): boolean {
  if (given.own.some(({ policy }) => policy === 'never')) return false
  const reasons = counting.length > 0 ? counting.map(({ state }) => state.reason) : (['no_key'] as const)
  const everywhere = FALLBACK_REASONS.filter(
    (reason) =>
      given.operator.includes(reason) &&
      [given.account, given.apiKey, given.header].every((policy) => allows(policy, reason)),
  )
  if (!reasons.every((reason) => reason !== null && everywhere.includes(reason))) return false
  if (!counting.every(({ state, policy }) => allows(policy, state.reason!))) return false
  const isGraceOver = given.own.some(({ state }) => state.longInvalid)
  if (isGraceOver && counting.some(({ state }) => state.reason === 'invalid')) return false
  // Else anyone stores a junk key to spend the operator's.
  const isJunk = ({ state }: { state: KeyState }) => state.reason === 'invalid' && !state.workedBefore
  return given.operator.includes('no_key') || !counting.some(isJunk)
}
