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
  let leftAlone: { call: Call; state: KeyState } | null = null
  const isFull = (state: KeyState): boolean => calls.length >= MOST_CALLS && takesTurn(state)
  const tell = () => inTheWay.reduce<Refusal>((worst, one) => (one.rank <= worst.rank ? one : worst), NO_KEY)
  const end = (served: boolean, refusal: Refusal | null): Expected => ({ calls, served, refusal })

  for (const [key, { state, policy }] of given.own.entries()) {
    if (providerDown) break
    if (isFull(state)) return end(false, tell())
    if (state.leftAlone) leftAlone = { call: { key, payer: 'user', fallback: 'none' }, state }
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
    if (isFull(shared)) return end(false, tell())
    if (shared.course === 'fail-closed') return end(false, UNREADABLE)
    if (shared.called) calls.push({ key: 'shared', payer: 'team', fallback: last?.state.reason ?? 'no_key' })
    if (shared.course === 'serves') return end(true, null)
    inTheWay.push(shared.refusal)
  }

  if (mayServerServe(given, counting)) {
    if (isFull(given.server)) return end(false, tell())
    const call = { key: 'server', payer: 'server', fallback: last?.state.reason ?? 'no_key' } as const
    if (given.server.leftAlone) leftAlone = { call, state: given.server }
    if (given.server.called) calls.push(call)
    if (given.server.course === 'serves') return end(true, null)
    inTheWay.push(given.server.refusal)
  }
  // A provider that is left alone is asked all the same where nothing else was.
  if (leftAlone && calls.length === 0) {
    calls.push(leftAlone.call)
    if (leftAlone.state.leftAlone === 'recovered') return end(true, null)
  }
  return end(false, tell())
}

/** For one request, repeats included. */
export const MOST_CALLS = 6

/** Not set aside by what is known of it: its turn comes, though its cap may then keep it from being called. */
export const takesTurn = ({ called, course, name, leftAlone }: KeyState): boolean =>
  called || course === 'fail-closed' || name === 'capped' || name === 'allowance spent' || leftAlone !== undefined

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
