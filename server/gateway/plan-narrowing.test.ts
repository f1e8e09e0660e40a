// What narrows a plan further: what a key is not good for, what is imagined to be gone, which limits count, a `never`
// on another key, and the two headers that name a key or a reason.
import { describe, expect, test } from 'vitest'
import { FALLBACK_REASONS } from '../../contract/common.ts'
import { START } from '../../test/support/account-rooms.ts'
import { PLAN_CALLER, PROVIDER_KEY } from '../../test/support/planned-keys.ts'
import { createPlanned, LEASE, LENT, type PlannedSituation, suspend, turnOf } from '../../test/support/plans.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import type { Chain, KeyFate } from './chain.ts'
import { healthName, readFallbackHeader, readKeyHeader, serverKeyName } from './plan.ts'

/** Every step to the end, each try failing by its own rate limit. */
function walkAll(chain: Chain): string[] {
  const steps: string[] = []
  for (let step = chain.next(); step.kind !== 'none'; step = chain.next()) {
    steps.push(step.kind === 'server' ? 'server' : step.record.id)
    chain.report('rate_limited')
  }
  return steps
}

const walkOf = async (situation: PlannedSituation): Promise<string[]> => walkAll(await createPlanned(situation).plan())
const lent = (id: string, more: Partial<ProviderKeyRecord> = {}, lease: Partial<typeof LEASE> = {}) => ({
  record: { ...LENT, id, ...more },
  lease: { ...LEASE, id: `lease of ${id}`, ...lease },
})

describe('what a key is not good for', () => {
  const setUnfit = ({ health }: ReturnType<typeof createPlanned>, name: string, model: string, use: string): void =>
    health.setUnfit(turnOf(health, name, model), use)

  test('keeps it from that use of that model, and from nothing else', async () => {
    const wanted: [PlannedSituation['request'], string][] = [
      [{ use: 'files' }, 'server for no_key'],
      [{ use: 'chat' }, 'key0'],
      [{}, 'key0'],
      [{ use: 'files', model: 'gpt-5' }, 'key0'],
    ]
    for (const [request, expected] of wanted) {
      const planned = createPlanned({ keys: [{}], ...(request && { request }) })
      setUnfit(planned, healthName(planned.records[0]!), 'gpt-4o', 'files')
      expect([request, await planned.first()]).toEqual([request, expected])
    }
  })

  test('where no one model is asked for, is what it is not good for without one', async () => {
    const planned = createPlanned({ keys: [{}], shared: [lent('lent')], request: { model: null, use: 'files' } })
    for (const name of [healthName(planned.records[0]!), 'lent:1', serverKeyName('openai')]) {
      expect(await planned.first()).not.toBe('none')
      setUnfit(planned, name, '', 'files')
    }
    expect(await planned.first()).toBe('none')
  })

  test('counts within the scope of its limits', async () => {
    const planned = createPlanned({ keys: [{}], request: { use: 'files', scope: 'batch' } })
    setUnfit(planned, healthName(planned.records[0]!), 'gpt-4o', 'files')
    expect(await planned.first()).toBe('key0')
    setUnfit(planned, healthName(planned.records[0]!), 'batch', 'files')
    expect(await planned.first()).toBe('server for no_key')
  })

  test('holds for shared keys and for the server’s', async () => {
    const planned = createPlanned({ shared: [lent('lent')], request: { use: 'files' } })
    expect(await planned.first()).toBe('lent for no_key')
    setUnfit(planned, healthName(LENT), 'gpt-4o', 'files')
    expect(await planned.first()).toBe('server for no_key')
    setUnfit(planned, serverKeyName('openai'), 'gpt-4o', 'files')
    expect(await planned.first()).toBe('none')
    expect((await planned.weigh()).server).toEqual({ exists: true, fate: 'unfit' })
  })

  test('a state of the server’s key is told before it', async () => {
    const planned = createPlanned({ request: { use: 'files' } })
    setUnfit(planned, serverKeyName('openai'), 'gpt-4o', 'files')
    planned.health.cool(turnOf(planned.health, serverKeyName('openai')), 1_000)
    expect((await planned.weigh()).server.fate).toBe('rate_limited')
  })
})

test('limits count under their scope, where it is not the model', async () => {
  const cooled = (scope: string): PlannedSituation => ({ keys: [{}], request: { scope } })
  for (const [scope, expected] of [
    ['batch', 'server for rate_limited'],
    ['gpt-4o', 'key0'],
  ] as const) {
    const planned = createPlanned(cooled(scope))
    planned.health.cool(turnOf(planned.health, healthName(planned.records[0]!), 'batch'), 1_000)
    expect(await planned.first()).toBe(expected)
  }
  const models = [{ model: 'batch', status: 'cooling', until: START + 1 }] as const
  const situation = { keys: [{ models }], request: { scope: 'batch' } }
  expect(await createPlanned(situation).first()).toBe('server for rate_limited')
})

describe('what others found of a key', () => {
  test.each<[string, Partial<ProviderKeyRecord>, string]>([
    ['invalid', { status: 'invalid', statusAt: START, probe: { at: START + 1, afterMs: 1 } }, 'server for invalid'],
    ['out of credit', { status: 'exhausted', probe: { at: START + 1, afterMs: 1 } }, 'server for exhausted'],
    ['waiting', { models: [{ model: 'gpt-4o', status: 'cooling', until: START + 1 }] }, 'server for rate_limited'],
    ['without the model', { models: [{ model: 'gpt-4o', status: 'restricted', until: START + 1 }] }, 'none'],
    ['active, whatever stands in its probe', { status: 'active', probe: { at: START + 1, afterMs: 1 } }, 'key0'],
    ['invalid, nobody said until when', { status: 'invalid', probe: null }, 'key0'],
  ])('%s is why it does not serve', async (_what, key, expected) => {
    expect(await createPlanned({ keys: [key] }).first()).toBe(expected)
  })

  test('what this process saw itself is told first', async () => {
    const models = [{ model: 'gpt-4o', status: 'cooling', until: START + 1 }] as const
    const planned = createPlanned({ keys: [{ models, status: 'invalid', statusAt: START }] })
    suspend(planned.health, planned.records[0]!)
    expect(await planned.first()).toBe('server for invalid')
  })
})

describe('what is imagined to be gone', () => {
  const shared = [lent('lent0'), lent('lent1'), lent('lent2')]

  test('a key, own or shared', async () => {
    const keys = [{}, {}]
    const walk = (keyId: string) => walkOf({ keys, shared, request: { without: { keyId } } })
    expect(await walk('key0')).toEqual(['key1', 'lent0', 'lent1', 'lent2', 'server'])
    expect(await walk('lent1')).toEqual(['key0', 'key1', 'lent0', 'lent2', 'server'])
    expect(await walk('nobody’s')).toEqual(['key0', 'key1', 'lent0', 'lent1', 'lent2', 'server'])
  })

  test('leases, and with them the keys they lend', async () => {
    const without = { leaseIds: ['lease of lent0', 'lease of lent2'] }
    expect(await walkOf({ keys: [{}], shared, request: { without } })).toEqual(['key0', 'lent1', 'server'])
    expect(await walkOf({ shared, request: { without: { leaseIds: [] } } })).toEqual([
      'lent0',
      'lent1',
      'lent2',
      'server',
    ])
  })

  test('with a key goes what its owner forbade', async () => {
    const keys = [{ fallback: 'never' as const, isActive: false }]
    expect(await walkOf({ keys })).toEqual([])
    expect(await walkOf({ keys, request: { without: { keyId: 'key0' } } })).toEqual(['server'])
  })
})

describe('a `never` on a key for another provider', () => {
  const keys = [{ provider: 'anthropic', fallback: 'never' as const }]

  test('binds where that provider’s models come into question as well', async () => {
    const walk = (...providers: string[]) => walkOf({ keys, request: { providers: new Set(providers) } })
    expect(await walk('openai')).toEqual(['server'])
    expect(await walk('openai', 'anthropic')).toEqual([])
    expect(await walkOf({ keys })).toEqual(['server'])
  })

  test('no other policy of it does', async () => {
    const providers = new Set(['openai', 'anthropic'])
    for (const fallback of ['allow', []] as const) {
      expect(await walkOf({ keys: [{ ...keys[0], fallback }], request: { providers } })).toEqual(['server'])
    }
  })
})

describe('why a key counts as absent', () => {
  test.each<[string | null, Partial<ProviderKeyRecord>, string | null]>([
    ['disabled', { isActive: false, expiresAt: START }, 'gpt-4o'],
    ['keys_not_taken', { provider: 'ollama', expiresAt: START }, 'gpt-4o'],
    ['keys_not_taken', { provider: 'gone' }, 'gpt-4o'],
    ['expired', { expiresAt: START, allowedModels: [] }, 'gpt-4o'],
    [null, { expiresAt: START + 1 }, 'gpt-4o'],
    ['model_not_allowed', { allowedModels: ['gpt-5'] }, 'gpt-4o'],
    [null, { allowedModels: ['openai/gpt-4o'] }, 'gpt-4o'],
    [null, { allowedModels: ['gpt-5'] }, null],
    [null, {}, null],
  ])('%j', (why, key, model) => {
    expect(createPlanned({}).planner.whyUnusable({ ...PROVIDER_KEY, ...key }, model)).toBe(why)
  })
})

describe('shared keys', () => {
  test.each<[string, ReturnType<typeof lent>, KeyFate | null]>([
    ['without terms', lent('a'), null],
    ['of a lease that ends later', lent('a', {}, { expiresAt: START + 1 }), null],
    ['of a lease that has just ended', lent('a', {}, { expiresAt: START }), 'unusable'],
    ['for another model', lent('a', {}, { allowedModels: ['gpt-5'] }), 'unusable'],
    ['switched off by their owner', lent('a', { isActive: false }), 'unusable'],
    ['kept for another model by their owner', lent('a', { allowedModels: ['gpt-5'] }), 'unusable'],
    ['waiting', lent('a', { models: [{ model: 'gpt-4o', status: 'cooling', until: START + 1 }] }), 'rate_limited'],
  ])('%s', async (_which, one, fate) => {
    const { sharedKeys } = await createPlanned({ shared: [one] }).weigh()
    expect(sharedKeys).toEqual([{ ...one, fate }])
  })

  test('for one model only are in a list of models, where none is asked for', async () => {
    const shared = [lent('a', {}, { allowedModels: ['gpt-5'] })]
    expect(await walkOf({ shared, request: { model: null } })).toEqual(['a', 'server'])
  })

  test('which the API key lets no team pay with stay in the list, unused', async () => {
    const caller = { allowedPayers: new Set(['user', 'server'] as const) }
    const { sharedKeys } = await createPlanned({ shared: [lent('a')], caller }).weigh()
    expect(sharedKeys.map(({ fate }) => fate)).toEqual(['unusable'])
  })

  test('the one whose state a conversation carries is asked first, and others keep their order', async () => {
    const shared = [lent('a'), lent('b'), lent('c')]
    expect(await walkOf({ shared, request: { preferredKey: 'c' } })).toEqual(['c', 'a', 'b', 'server'])
  })

  test('an own key that is shared with others is no borrowed one', async () => {
    expect(await walkOf({ shared: [lent('a', { userId: 'u' }), lent('b')] })).toEqual(['b', 'server'])
  })

  test('with a team’s API key, an own key shared with it can be imagined away', async () => {
    const caller = { principal: { ...PLAN_CALLER.principal, teamId: 'T' } }
    const shared = [lent('a', { userId: 'u' }), lent('b')]
    expect(await walkOf({ shared, caller })).toEqual(['a', 'b', 'server'])
    expect(await walkOf({ shared, caller, request: { without: { keyId: 'a' } } })).toEqual(['b', 'server'])
  })
})

describe('what the server is granted', () => {
  test('is told as it stands, with what stood in the way before', async () => {
    const earlier = [{ payer: 'user', record: null, fate: 'invalid' }] as const
    const caller = { fallback: ['outage'], accountFallback: ['invalid'] }
    const parts = await createPlanned({ caller, request: { earlier, fallbackHeader: 'no_key' } }).weigh()
    expect(parts).toEqual({
      ownKeys: [],
      sharedKeys: [],
      server: { exists: true, fate: null },
      grants: {
        operator: new Set(FALLBACK_REASONS),
        account: ['invalid'],
        apiKey: ['outage'],
        request: ['no_key'],
        serverAllowed: true,
        forbidden: false,
        graceOver: new Set(),
        invalidOnceWorked: false,
      },
      earlier,
    })
    expect((await createPlanned({}).weigh()).earlier).toEqual([])
  })

  test('ends for each provider by itself, where a key died a day ago', async () => {
    const day = 24 * 3_600_000
    const keys = [
      { provider: 'anthropic', status: 'invalid', statusAt: START - day - 1 },
      { provider: 'google', status: 'invalid', statusAt: START - day },
      { provider: 'openai', status: 'exhausted', statusAt: START - day - 1 },
    ] as const
    expect((await createPlanned({ keys }).weigh()).grants.graceOver).toEqual(new Set(['anthropic']))
    const undated = [{ status: 'invalid', statusAt: null }] as const
    expect((await createPlanned({ keys: undated }).weigh()).grants.graceOver).toEqual(new Set(['openai']))
  })
})

describe('x-uniroute-key', () => {
  const ID = '01J8ZC4Q6T9V2X5B7N0M3K1H4G'

  test('is the id of a key, or nothing', () => {
    expect(readKeyHeader(undefined)).toBeNull()
    expect(readKeyHeader(` pk_${ID} `)).toBe(ID)
    for (const wrong of ['', ID, `key_${ID}`, 'pk_1', `pk_${ID}, pk_${ID}`]) {
      expect(() => readKeyHeader(wrong)).toThrow(
        expect.objectContaining({
          code: 'bad_request',
          publicMessage: 'The header x-uniroute-key takes the id of one of your provider keys: pk_….',
        }),
      )
    }
  })

  test('names one of the caller’s own, for this provider, or is refused', async () => {
    const refused = {
      code: 'no_usable_key',
      publicMessage:
        'x-uniroute-key names none of your keys for OpenAI. Send the id of one, as GET /admin/provider-keys lists it, or leave the header out.',
    }
    const walk = (namedKey: string | null) =>
      walkOf({ keys: [{}, {}, { provider: 'anthropic' }], shared: [lent('lent')], request: { namedKey } })
    expect(await walk('key1')).toEqual(['key1', 'key0', 'lent', 'server'])
    expect(await walk(null)).toEqual(['key0', 'key1', 'lent', 'server'])
    await expect(walk('key2')).rejects.toMatchObject(refused)
    await expect(walk('lent')).rejects.toMatchObject(refused)
  })

  test('goes before the key whose state the conversation carries', async () => {
    const request = { namedKey: 'key2', preferredKey: 'key1' }
    expect(await walkOf({ keys: [{}, {}, {}], request })).toEqual(['key2', 'key0', 'key1', 'server'])
  })

  test('of an account’s own things is the only key, though it cannot serve; without a usable key all say why', async () => {
    const keys = [{ isActive: false }, { isActive: false }]
    const ids = async (request: PlannedSituation['request']) =>
      (await createPlanned({ keys, request: { oneKey: true, ...request } }).weigh()).ownKeys.map(
        ({ record }) => record.id,
      )
    expect(await ids({ namedKey: 'key1' })).toEqual(['key1'])
    expect(await ids({})).toEqual(['key0', 'key1'])
  })
})

test('a wrong x-uniroute-fallback is refused with all that it takes', () => {
  expect(() => readFallbackHeader('allow')).toThrow(
    expect.objectContaining({
      publicMessage:
        'The header x-uniroute-fallback takes "never" or a list of no_key, invalid, outage, rate_limited, exhausted.',
    }),
  )
})
