// A step that was set aside as an outage and is taken after all, and what a chain keeps of what stood in the way.
import { expect, test } from 'vitest'
import { PROVIDER_KEY } from '../../test/support/planned-keys.ts'
import { EVERYTHING, LEASE, LENT } from '../../test/support/plans.ts'
import { type Chain, createChain, type Grants, type KeyFate, type Obstacle, type Step } from './chain.ts'

interface Parts {
  readonly own?: readonly (KeyFate | null)[]
  readonly shared?: readonly (KeyFate | null)[]
  readonly earlier?: readonly Obstacle[]
}

function open({ own = [], shared = [], earlier }: Parts, grants: Partial<Grants> = {}): Chain {
  return createChain({
    ownKeys: own.map((fate, index) => ({ record: { ...PROVIDER_KEY, id: `key${index}` }, fate })),
    sharedKeys: shared.map((fate, index) => ({ record: { ...LENT, id: `lent${index}` }, lease: LEASE, fate })),
    server: { exists: true, fate: null },
    grants: { ...EVERYTHING, ...grants },
    ...(earlier && { earlier }),
  })
}

const told = ({ obstacles }: Chain) => obstacles.map(({ payer, record, fate }) => [payer, record?.id ?? null, fate])
const taken = (step: Step): Exclude<Step, { kind: 'none' }> =>
  step.kind === 'none' ? expect.fail('the chain has ended') : step

/** Takes a step and lets it fail. */
function fail(chain: Chain, fate: KeyFate): Exclude<Step, { kind: 'none' }> {
  const step = taken(chain.next())
  chain.report(fate)
  return step
}

test('what comes of the second try stands instead of the outage, and the server is asked for that reason', () => {
  const chain = open({ own: ['rate_limited', null] })
  const own = fail(chain, 'outage')
  expect(fail(chain, 'outage')).toEqual({ kind: 'server', reason: 'outage' })
  chain.retry(own)
  expect(told(chain)).toEqual([
    ['user', 'key0', 'rate_limited'],
    ['server', null, 'outage'],
  ])
  chain.report('invalid')
  expect(told(chain).at(-1)).toEqual(['user', 'key1', 'invalid'])
  expect(chain.next()).toEqual({ kind: 'server', reason: 'invalid' })
})

test('the server’s second try is its last', () => {
  const chain = open({})
  const server = fail(chain, 'outage')
  chain.retry(server)
  expect(told(chain)).toEqual([])
  chain.report('exhausted')
  expect(told(chain)).toEqual([['server', null, 'exhausted']])
  expect(chain.next()).toEqual({ kind: 'none' })
})

test('a shared key’s second try leaves alone what others came to', () => {
  const chain = open({ own: [null], shared: ['invalid', null] })
  fail(chain, 'rate_limited')
  const shared = fail(chain, 'outage')
  expect(told(chain)).toEqual([
    ['user', 'key0', 'rate_limited'],
    ['team', 'lent0', 'invalid'],
    ['team', 'lent1', 'outage'],
  ])
  chain.retry(shared)
  chain.report('exhausted')
  expect(told(chain)).toEqual([
    ['user', 'key0', 'rate_limited'],
    ['team', 'lent0', 'invalid'],
    ['team', 'lent1', 'exhausted'],
  ])
})

test('a step that did not fail by an outage is tried again beside what it came to', () => {
  const chain = open({ own: [null] })
  const own = fail(chain, 'rate_limited')
  chain.retry(own)
  expect(told(chain)).toEqual([['user', 'key0', 'rate_limited']])
})

test('before the first step, and behind the last, there is nothing to report of', () => {
  const chain = open({}, { serverAllowed: false })
  chain.report('outage')
  expect(chain.next()).toEqual({ kind: 'none' })
  chain.report('outage')
  expect(told(chain)).toEqual([])
})

test('an outage of the server is none of its users’ keys: those shared with the caller are still told in turn', () => {
  const chain = open({ shared: [null, null] })
  expect(fail(chain, 'rate_limited')).toMatchObject({ kind: 'shared' })
  expect(fail(chain, 'rate_limited')).toMatchObject({ kind: 'shared' })
  expect(fail(chain, 'outage')).toMatchObject({ kind: 'server' })
})

test.each(['capped', 'unpriced'] as const)(
  'an own limit (%s) keeps shared keys out, a shared key’s does not',
  (fate) => {
    expect(open({ own: [fate], shared: [null] }).next()).toEqual({ kind: 'none' })
    expect(open({ shared: [fate, null] }).next()).toMatchObject({ kind: 'shared', record: { id: 'lent1' } })
    const earlier = [{ payer: 'team', record: LENT, fate }] as const
    expect(open({ shared: [null], earlier }).next()).toMatchObject({ kind: 'shared' })
  },
)

test('a shared key says for which reason it serves: of the last own key that was there at all', () => {
  const reasonOf = (own: readonly KeyFate[]) => {
    const step = open({ own, shared: [null] }).next()
    return step.kind === 'shared' ? step.reason : step.kind
  }
  expect(reasonOf([])).toBe('no_key')
  expect(reasonOf(['unusable'])).toBe('no_key')
  expect(reasonOf(['invalid', 'rate_limited'])).toBe('rate_limited')
  expect(reasonOf(['rate_limited', 'unusable'])).toBe('rate_limited')
  expect(reasonOf(['invalid', 'unfit'])).toBe('no_key')
  expect(reasonOf(['invalid', 'restricted'])).toBe('no_key')
})

test('keys that were absent for models asked before ask nothing of the server', () => {
  const absent = { payer: 'user', record: { ...PROVIDER_KEY, fallback: ['outage'] }, fate: 'unusable' } as const
  expect(open({ earlier: [absent] }).next()).toEqual({ kind: 'server', reason: 'no_key' })
  expect(open({ earlier: [{ ...absent, fate: 'invalid' }] }).next()).toEqual({ kind: 'none' })
})
