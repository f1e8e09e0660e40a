// How the explained chain would be walked under simulated answers: which keys fail, which are passed over, which
// serves.
import type { RouteExplanation, Simulate, Simulated } from '../../../contract/route.ts'

export type ChainStep = RouteExplanation['chain'][number]

export interface WalkedStep {
  readonly step: ChainStep
  /** serves: the way ends here · failed: it was asked · passed: it was not. */
  readonly fate: 'serves' | 'failed' | 'passed'
  /** Of a failed one; undefined where its own state ends the request. */
  readonly answer?: Simulated | undefined
}

export interface WalkedPlan {
  /** Up to what serves; all of it where nothing does. */
  readonly way: readonly WalkedStep[]
  /** Behind what serves. */
  readonly reserve: readonly ChainStep[]
}

/** The reason that a failed key of one's own gives the server's key; null where it gives none. */
const REASONS: Readonly<Record<Simulated, string | null>> = {
  '401': 'invalid',
  '403': null,
  '429': 'rate_limited',
  '5xx': 'outage',
  '529': 'outage',
  timeout: 'outage',
  quota: 'exhausted',
}

export function walkPlan({ chain, result }: RouteExplanation, simulated: Simulate): WalkedPlan {
  const servesAt = result?.decision === 'serve' ? chain.findIndex((step) => isServedBy(step, result)) : -1
  const way = servesAt === -1 ? chain : chain.slice(0, servesAt + 1)
  const asked: { step: ChainStep; answer: Simulated }[] = []
  const walked = way.map((step, index): WalkedStep => {
    if (index === servesAt) return { step, fate: 'serves' }
    if (step.decision === 'skip' || isPassedOver(step, asked)) return { step, fate: 'passed' }
    const answer = simulated[step.provider_key_id ?? 'server'] ?? simulated['provider']
    if (answer === undefined) return { step, fate: step.reason === 'undecryptable' ? 'failed' : 'passed' }
    asked.push({ step, answer })
    return { step, fate: 'failed', answer }
  })
  return { way: walked, reserve: servesAt === -1 ? [] : chain.slice(servesAt + 1) }
}

/** Another user's key repairs no provider; the server's key serves only for the reasons it is granted for. */
function isPassedOver(step: ChainStep, asked: readonly { step: ChainStep; answer: Simulated }[]): boolean {
  const before = asked.filter((one) => one.step.provider === step.provider && one.step.model === step.model)
  if (step.billed_to !== 'server') return before.some(({ answer }) => REASONS[answer] === 'outage')
  const own = before.filter((one) => one.step.billed_to === 'user').map(({ answer }) => REASONS[answer])
  const granted = step.reason.split(',')
  return !own.every((reason) => reason !== null && granted.includes(reason))
}

function isServedBy(step: ChainStep, result: NonNullable<RouteExplanation['result']>): boolean {
  return (
    step.decision === 'try' &&
    step.billed_to === result.billed_to &&
    step.provider_key_id === result.provider_key_id &&
    (result.provider === undefined || (step.provider === result.provider && step.model === result.model))
  )
}
