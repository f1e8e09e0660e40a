// A plan is walked as the server walks the chain: what was asked, what was passed over, what serves.
import { describe, expect, test } from 'vitest'
import type { RouteExplanation, Simulate } from '../../../contract/route.ts'
import { walkPlan } from './walkPlan.ts'

type Step = RouteExplanation['chain'][number]

const WORK = `pk_${'0'.repeat(26)}`
const SPARE = `pk_${'1'.repeat(26)}`

const step = (id: string | null, more: Partial<Step> = {}): Step => ({
  provider: 'openai',
  model: 'gpt-4o',
  provider_key_id: id,
  billed_to: id === null ? 'server' : 'user',
  decision: 'try',
  reason: id === null ? 'invalid,outage' : 'own_key',
  ...more,
})
const served = (by: Step): RouteExplanation['result'] => ({
  decision: 'serve',
  billed_to: by.billed_to,
  provider_key_id: by.provider_key_id,
  fallback: 'none',
  status: 200,
  code: null,
})
const REFUSED: RouteExplanation['result'] = {
  decision: 'refuse',
  billed_to: null,
  provider_key_id: null,
  fallback: null,
  status: 429,
  code: 'rate_limited',
}

function fates(chain: Step[], result: RouteExplanation['result'], simulated: Simulate): string[] {
  return walkPlan({ model: 'gpt-4o', chain, result }, simulated).way.map(({ fate }) => fate)
}

describe('the way', () => {
  const chain = [step(WORK), step(SPARE), step(null)]

  test('ends at what serves; what stands behind it is in reserve', () => {
    const plan = walkPlan({ model: 'gpt-4o', chain, result: served(chain[0]!) }, {})
    expect(plan.way.map(({ fate }) => fate)).toEqual(['serves'])
    expect(plan.reserve).toEqual(chain.slice(1))
  })

  test('a key that is supposed to fail is asked, the next one serves', () => {
    expect(fates(chain, served(chain[1]!), { [WORK]: '401' })).toEqual(['failed', 'serves'])
  })

  test('a provider that is down is not asked again with the next key of a user', () => {
    expect(fates(chain, served(chain[2]!), { [WORK]: '5xx' })).toEqual(['failed', 'passed', 'serves'])
  })

  test('the server’s key is not asked for a reason it is not granted for', () => {
    expect(fates(chain, REFUSED, { provider: '429' })).toEqual(['failed', 'failed', 'passed'])
    expect(fates(chain, REFUSED, { provider: '401' })).toEqual(['failed', 'failed', 'failed'])
  })

  test('a key that is set aside is passed over; one that does not open ends the request', () => {
    const shut = [step(WORK, { decision: 'skip', reason: 'disabled' }), step(SPARE, { reason: 'undecryptable' })]
    expect(fates(shut, REFUSED, {})).toEqual(['passed', 'failed'])
  })
})
