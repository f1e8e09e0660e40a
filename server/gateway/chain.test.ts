// The order of keys and who may stand in for whom: the rules of docs/byok.md row by row, then every combination against
// an oracle that is written from the rules and shares nothing with the chain.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PROVIDER_KEY } from '../../test/support/planned-keys.ts'
import { EVERYTHING, LEASE } from '../../test/support/plans.ts'
import { FALLBACK_REASONS, type FallbackReason } from '../../contract/common.ts'
import type { StoredFallback } from '../kernel/fallback.ts'
import {
  createChain,
  type Grants,
  type KeyFate,
  type Obstacle,
  type OwnKey,
  type ServerSide,
  type SharedKey,
  type Step,
} from './chain.ts'

const SERVER: ServerSide = { exists: true, fate: null }

interface KeyCase {
  /** Set aside by its state; null = it is tried. */
  readonly fate?: KeyFate | null
  /** What the try comes to. */
  readonly outcome?: KeyFate
  readonly fallback?: StoredFallback
  readonly workedAt?: number | null
}

const ownKey = ({ fate = null, fallback = 'allow', workedAt = 1 }: KeyCase, index: number): OwnKey => ({
  record: { ...PROVIDER_KEY, id: `key${index}`, fallback, workedAt },
  fate,
})

const sharedKey = (one: KeyCase, index: number): SharedKey => ({
  ...ownKey(one, index),
  record: { ...PROVIDER_KEY, id: `shared${index}`, userId: 'owner', fallback: one.fallback ?? 'allow' },
  lease: { ...LEASE, id: `L${index}` },
})

/** Walks to the end, each try failing as its case says; a try without an outcome ends the walk as served. */
function walk(
  cases: readonly KeyCase[],
  grants: Partial<Grants> = {},
  server: Partial<ServerSide> = {},
  sharedCases: readonly KeyCase[] = [],
  earlier: readonly Obstacle[] = [],
): string[] {
  const chain = createChain({
    ownKeys: cases.map(ownKey),
    sharedKeys: sharedCases.map(sharedKey),
    server: { ...SERVER, ...server },
    grants: { ...EVERYTHING, ...grants },
    earlier,
  })
  const steps: string[] = []
  for (;;) {
    const step = chain.next()
    steps.push(nameOf(step))
    if (step.kind === 'none' || step.kind === 'server') return steps
    const among = step.kind === 'own' ? cases : sharedCases
    const outcome = among[Number(step.record.id.slice(-1))]!.outcome
    if (outcome === undefined) return steps
    chain.report(outcome)
  }
}

function nameOf(step: Step): string {
  if (step.kind === 'shared') return `${step.record.id} for ${step.reason}`
  return step.kind === 'own' ? step.record.id : step.kind === 'server' ? `server for ${step.reason}` : 'none'
}

describe('order', () => {
  test('own keys in their order, the first that works ends it', () => {
    expect(walk([{ outcome: 'invalid' }, { outcome: 'rate_limited' }, {}])).toEqual(['key0', 'key1', 'key2'])
  })

  test('a key set aside by its state is stepped over', () => {
    expect(walk([{ fate: 'rate_limited' }, { fate: 'unusable' }, {}])).toEqual(['key2'])
  })

  test('without own keys the server serves for no_key', () => {
    expect(walk([])).toEqual(['server for no_key'])
  })

  test('the server is asked once', () => {
    const chain = createChain({ ownKeys: [], sharedKeys: [], server: SERVER, grants: EVERYTHING })
    expect(chain.next().kind).toBe('server')
    chain.report('outage')
    expect(chain.next().kind).toBe('none')
    expect(chain.next().kind).toBe('none')
  })

  test('where there is no server key, or it has a state of its own, nothing remains', () => {
    expect(walk([], {}, { exists: false })).toEqual(['none'])
    const chain = createChain({
      ownKeys: [],
      sharedKeys: [],
      server: { exists: true, fate: 'exhausted' },
      grants: EVERYTHING,
    })
    expect(chain.next().kind).toBe('none')
    expect(chain.obstacles).toEqual([{ payer: 'server', record: null, fate: 'exhausted' }])
  })

  test('after an outage no other own key is tried', () => {
    expect(walk([{ outcome: 'outage' }, {}, {}])).toEqual(['key0', 'server for outage'])
  })

  test('every obstacle is kept, in the order in which it was met', () => {
    const chain = createChain({
      ownKeys: [{ fate: 'invalid' as const }, { fate: null }].map(ownKey),
      sharedKeys: [],
      server: SERVER,
      grants: EVERYTHING,
    })
    chain.next()
    chain.report('rate_limited')
    chain.next()
    chain.report('outage')
    expect(chain.obstacles.map(({ payer, record, fate }) => [payer, record?.id ?? null, fate])).toEqual([
      ['user', 'key0', 'invalid'],
      ['user', 'key1', 'rate_limited'],
      ['server', null, 'outage'],
    ])
  })
})

describe('reasons', () => {
  test.each([
    ['unusable', 'no_key'],
    ['invalid', 'invalid'],
    ['exhausted', 'exhausted'],
    ['rate_limited', 'rate_limited'],
    ['outage', 'outage'],
  ] as const)('%s contributes %s, by state and by try alike', (fate, reason) => {
    expect(walk([{ fate }])).toEqual([`server for ${reason}`])
    if (fate !== 'unusable') expect(walk([{ outcome: fate }]).at(-1)).toBe(`server for ${reason}`)
  })

  test.each(['restricted', 'capped'] as const)('%s never reaches the server, whoever stands beside it', (fate) => {
    expect(walk([{ fate }])).toEqual(['none'])
    expect(walk([{ outcome: fate }])).toEqual(['key0', 'none'])
    expect(walk([{ fate }, { outcome: 'invalid' }])).toEqual(['key1', 'none'])
    expect(walk([{ outcome: 'outage' }, { fate }])).toEqual(['key0', 'server for outage'])
    expect(walk([{ fate }, { fate: 'unusable' }])).toEqual(['none'])
  })

  test('unusable keys contribute only where no other did', () => {
    const noKeyOnly = { operator: new Set(['no_key']) }
    expect(walk([{ fate: 'unusable' }, { fate: 'unusable' }], noKeyOnly)).toEqual(['server for no_key'])
    expect(walk([{ fate: 'unusable' }, { fate: 'invalid' }], noKeyOnly)).toEqual(['none'])
    expect(walk([{ fate: 'unusable' }, { fate: 'invalid' }], { operator: new Set(['invalid']) })).toEqual([
      'server for invalid',
    ])
  })

  test('every contributed reason must be granted; the last own key names it', () => {
    const cases: KeyCase[] = [{ outcome: 'rate_limited' }, { outcome: 'invalid' }]
    expect(walk(cases, { operator: new Set(['invalid']) }).at(-1)).toBe('none')
    expect(walk(cases, { operator: new Set(['rate_limited']) }).at(-1)).toBe('none')
    expect(walk(cases, { operator: new Set(['rate_limited', 'invalid']) }).at(-1)).toBe('server for invalid')
  })
})

describe('shared keys', () => {
  const shared = (cases: readonly KeyCase[], sharedCases: readonly KeyCase[], grants: Partial<Grants> = {}) =>
    walk(cases, grants, {}, sharedCases)

  test('stand between the own keys and the server, and say why the own ones do not serve', () => {
    expect(shared([], [{}])).toEqual(['shared0 for no_key'])
    expect(shared([{}], [{}])).toEqual(['key0'])
    expect(shared([{ outcome: 'invalid' }], [{ fate: 'capped' }, {}])).toEqual(['key0', 'shared1 for invalid'])
    expect(shared([{ fate: 'restricted' }], [{}])).toEqual(['shared0 for no_key'])
  })

  test('contribute no reason: only what became of the own keys opens the server', () => {
    const onlyNoKey = { operator: new Set(['no_key']) }
    expect(shared([], [{ outcome: 'invalid' }], onlyNoKey)).toEqual(['shared0 for no_key', 'server for no_key'])
    expect(shared([{ outcome: 'invalid' }], [{ outcome: 'rate_limited' }], onlyNoKey)).toEqual([
      'key0',
      'shared0 for invalid',
      'none',
    ])
  })

  test('contribute no policy: the `never` of a lender does not bind the borrower, nor does the borrower’s keep shared keys out', () => {
    expect(shared([], [{ outcome: 'invalid', fallback: 'never' }]).at(-1)).toBe('server for no_key')
    expect(shared([{ outcome: 'invalid', fallback: 'never' }], [{}])).toEqual(['key0', 'shared0 for invalid'])
  })

  test('are not tried after an outage, nor once an own spending cap is reached', () => {
    expect(shared([{ outcome: 'outage' }], [{}])).toEqual(['key0', 'server for outage'])
    expect(shared([], [{ outcome: 'outage' }, {}])).toEqual(['shared0 for no_key', 'server for no_key'])
    expect(shared([{ fate: 'capped' }], [{}])).toEqual(['none'])
  })
})

describe('grants', () => {
  const levels = [
    ['operator', { operator: new Set(['no_key', 'outage']) }, { operator: new Set<string>() }],
    ['account', { account: ['outage'] }, { account: 'never' }],
    ['API key', { apiKey: ['outage'] }, { apiKey: 'never' }],
    ['request', { request: ['outage'] }, { request: 'never' }],
  ] as const
  test.each(levels)('the %s narrows', (_level, listing, never) => {
    expect(walk([{ outcome: 'outage' }], listing).at(-1)).toBe('server for outage')
    expect(walk([{ outcome: 'invalid' }], listing).at(-1)).toBe('none')
    expect(walk([{ outcome: 'outage' }], never).at(-1)).toBe('none')
  })

  test('a request cannot widen what another level refuses', () => {
    expect(walk([], { operator: new Set(['outage']), request: ['no_key'] })).toEqual(['none'])
    expect(walk([], { account: 'never', request: ['no_key'] })).toEqual(['none'])
  })

  test('each key answers for its own reason only', () => {
    const cases: KeyCase[] = [
      { outcome: 'invalid', fallback: ['invalid'] },
      { outcome: 'outage', fallback: ['outage'] },
    ]
    expect(walk(cases).at(-1)).toBe('server for outage')
    expect(walk([{ outcome: 'invalid', fallback: ['outage'] }, ...cases]).at(-1)).toBe('none')
    // Not reached, so its list is not asked.
    expect(walk([{ outcome: 'outage' }, { fallback: ['invalid'] }]).at(-1)).toBe('server for outage')
  })

  test.each<[string, KeyCase[]]>([
    ['while switched off', [{ fate: 'unusable', fallback: 'never' }]],
    ['behind a key that failed', [{ outcome: 'outage' }, { fallback: 'never' }]],
    ['in front of one', [{ fate: 'unusable', fallback: 'never' }, { outcome: 'invalid' }]],
    ['after its own failure', [{ outcome: 'rate_limited', fallback: 'never' }]],
  ])('never on a key binds %s', (_when, cases) => {
    expect(walk(cases).at(-1)).toBe('none')
  })

  test('without leave to pay, or for what an account stores, the server stays out', () => {
    expect(walk([], { serverAllowed: false })).toEqual(['none'])
    expect(walk([{ outcome: 'outage' }], { serverAllowed: false })).toEqual(['key0', 'none'])
  })

  test('past its grace `invalid` no longer counts; other reasons do', () => {
    expect(walk([{ fate: 'invalid' }], { graceOver: new Set(['openai']) })).toEqual(['none'])
    expect(walk([{ outcome: 'outage' }], { graceOver: new Set(['openai']) }).at(-1)).toBe('server for outage')
  })

  test('where only keys that once worked may lean on the server, a junk key may not, not even beside a good one', () => {
    const strict = { invalidOnceWorked: true }
    expect(walk([{ fate: 'invalid', workedAt: 5 }], strict)).toEqual(['server for invalid'])
    expect(walk([{ fate: 'invalid', workedAt: null }], strict)).toEqual(['none'])
    expect(walk([{ fate: 'unusable' }, { outcome: 'invalid', workedAt: null }], strict).at(-1)).toBe('none')
    expect(walk([{ outcome: 'outage', workedAt: null }], strict).at(-1)).toBe('server for outage')
  })
})

describe('over all models of a request', () => {
  const before = (one: KeyCase): Obstacle => ({
    payer: 'user',
    record: { ...ownKey(one, 9).record, provider: 'anthropic' },
    fate: one.fate ?? 'invalid',
  })
  const walkAfter = (earlier: readonly KeyCase[], cases: readonly KeyCase[], grants: Partial<Grants> = {}): string[] =>
    walk(cases, grants, {}, [], earlier.map(before))

  test('what stood in the way of own keys before counts for the server now, each under its own policy', () => {
    expect(walkAfter([{ fate: 'invalid' }], [])).toEqual(['server for invalid'])
    expect(walkAfter([{ fate: 'invalid', fallback: ['outage'] }], [])).toEqual(['none'])
    expect(walkAfter([{ fate: 'rate_limited' }], [], { operator: new Set(['no_key', 'invalid']) })).toEqual(['none'])
    expect(walkAfter([{ fate: 'invalid' }], [], { graceOver: new Set(['anthropic']) })).toEqual(['none'])
    expect(walkAfter([{ fate: 'invalid' }], [{ outcome: 'outage' }]).at(-1)).toBe('server for outage')
  })

  test('a reason of before gives no leave that `no_key` does not have', () => {
    expect(walkAfter([{ fate: 'invalid' }], [], { operator: new Set(['invalid']) })).toEqual(['none'])
  })

  test('past a cap, or a missing entitlement, the server serves no other model either; an own key does', () => {
    for (const fate of ['capped', 'restricted'] as const) {
      expect(walkAfter([{ fate }], [])).toEqual(['none'])
      expect(walkAfter([{ fate }], [{}])[0]).toBe('key0')
    }
    expect(walk([], {}, {}, [{}], [before({ fate: 'capped' })])).toEqual(['none'])
    expect(walk([], {}, {}, [{}], [before({ fate: 'restricted' })])[0]).toBe('shared0 for no_key')
  })

  test('`never` on an own key for one of them holds for all', () => {
    expect(walk([], { forbidden: true })).toEqual(['none'])
    expect(walk([{}], { forbidden: true })[0]).toBe('key0')
  })
})

const fates: readonly KeyFate[] = ['unusable', 'invalid', 'exhausted', 'rate_limited', 'restricted', 'capped', 'outage']
const policy: fc.Arbitrary<StoredFallback> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<StoredFallback>('allow') },
  { weight: 1, arbitrary: fc.constant<StoredFallback>('never') },
  { weight: 2, arbitrary: fc.subarray([...FALLBACK_REASONS]) },
)
const keyCase: fc.Arbitrary<Required<KeyCase>> = fc.record({
  fate: fc.option(fc.constantFrom(...fates.filter((fate) => fate !== 'outage')), { nil: null }),
  outcome: fc.constantFrom(...fates.filter((fate) => fate !== 'unusable')),
  fallback: policy,
  workedAt: fc.constantFrom(null, 1),
})
const anyGrants: fc.Arbitrary<Grants> = fc.record({
  operator: fc.subarray([...FALLBACK_REASONS], { minLength: 2 }).map((reasons) => new Set<string>(reasons)),
  account: policy,
  apiKey: policy,
  request: fc.option(policy, { nil: null }),
  serverAllowed: fc.boolean(),
  graceOver: fc.boolean().map((isOver) => new Set(isOver ? ['openai'] : [])),
  invalidOnceWorked: fc.boolean(),
})

/** The rules in prose, as a table of sets: which reasons were contributed by whom, and does everyone allow each? */
function mayServerServe(cases: readonly Required<KeyCase>[], grants: Grants): boolean {
  const reached: { reason: FallbackReason | 'forbidden'; by: Required<KeyCase> }[] = []
  for (const by of cases) {
    const fate = by.fate ?? by.outcome
    const special: Partial<Record<KeyFate, FallbackReason | 'forbidden'>> = {
      unusable: 'no_key',
      restricted: 'forbidden',
      capped: 'forbidden',
    }
    reached.push({ reason: special[fate] ?? (fate as FallbackReason), by })
    if (fate === 'outage') break
  }
  const others = reached.filter(({ reason }) => reason !== 'no_key')
  const contributed = others.length > 0 ? others : reached
  const listed = (given: StoredFallback | null): readonly string[] =>
    given === null || given === 'allow' ? FALLBACK_REASONS : given === 'never' ? [] : given
  const everywhere = FALLBACK_REASONS.filter((reason) =>
    [[...grants.operator], listed(grants.account), listed(grants.apiKey), listed(grants.request)].every((level) =>
      level.includes(reason),
    ),
  )
  const asked: (FallbackReason | 'forbidden')[] =
    cases.length === 0 ? ['no_key'] : contributed.map(({ reason }) => reason)
  return (
    grants.serverAllowed &&
    !cases.some(({ fallback }) => fallback === 'never') &&
    asked.every((reason) => reason !== 'forbidden' && everywhere.includes(reason)) &&
    contributed.every(({ reason, by }) => listed(by.fallback).includes(reason)) &&
    !(asked.includes('invalid') && grants.graceOver.has('openai')) &&
    !(grants.invalidOnceWorked && contributed.some(({ reason, by }) => reason === 'invalid' && by.workedAt === null))
  )
}

describe('every combination', () => {
  test('the server is given exactly where each grant and each key allows its reason', () => {
    let given = 0
    fc.assert(
      fc.property(fc.array(keyCase, { maxLength: 4 }), anyGrants, (cases, grants) => {
        const steps = walk(cases, grants)
        const served = steps.some((step) => step.startsWith('server'))
        if (served) given++
        expect(served).toBe(mayServerServe(cases, grants))
      }),
      { numRuns: 5_000 },
    )
    // The property would hold of a chain that never gives the server, too.
    expect(given).toBeGreaterThan(100)
  })

  test('own keys are tried in order, each at most once, and only those without a state', () => {
    fc.assert(
      fc.property(fc.array(keyCase, { maxLength: 6 }), anyGrants, (cases, grants) => {
        const tried = walk(cases, grants).filter((step) => step.startsWith('key'))
        const free = cases.flatMap(({ fate }, index) => (fate === null ? [index] : []))
        const stop = free.findIndex((index) => cases[index]!.outcome === 'outage')
        expect(tried).toEqual((stop === -1 ? free : free.slice(0, stop + 1)).map((index) => `key${index}`))
      }),
    )
  })
})
