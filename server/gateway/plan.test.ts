// Which of a user's keys come into question, with their states, and what narrows the server: expiry, allowed models,
// allowed payers, the request's header, the grace after a key died.
import { describe, expect, test } from 'vitest'
import { START } from '../../test/support/account-rooms.ts'
import { PLAN_CALLER, PROVIDER_KEY } from '../../test/support/planned-keys.ts'
import {
  createPlanned as create,
  LEASE,
  LENT,
  type PlannedSituation,
  suspend,
  turnOf,
} from '../../test/support/plans.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import { healthName, readFallbackHeader, serverKeyName } from './plan.ts'

const HOUR = 3_600_000

describe('own keys', () => {
  test.each<[string, Partial<ProviderKeyRecord>]>([
    ['switched off', { isActive: false }],
    ['expired', { expiresAt: START }],
    ['for other models', { allowedModels: ['gpt-5'] }],
    ['of another provider', { provider: 'anthropic' }],
  ])('one that is %s is stepped over as if absent', async (_which, key) => {
    expect(await create({ keys: [key, {}] }).first()).toBe('key1')
    expect(await create({ keys: [key] }).first()).toBe('server for no_key')
  })

  test.each<[string, Partial<ProviderKeyRecord>]>([
    ['expires later', { expiresAt: START + 1 }],
    ['allows the model', { allowedModels: ['gpt-4o'] }],
    ['was never tested', { status: 'untested', workedAt: null }],
  ])('one that %s is tried', async (_which, key) => {
    expect(await create({ keys: [key] }).first()).toBe('key0')
  })

  test('another provider’s `never` does not bind here', async () => {
    expect(await create({ keys: [{ provider: 'anthropic', fallback: 'never' }] }).first()).toBe('server for no_key')
  })

  test('a list without one model passes keys that are bound to some', async () => {
    const { first } = create({ keys: [{ allowedModels: ['gpt-5'] }], request: { model: null } })
    expect(await first()).toBe('key0')
  })

  test('states seen in this process hold for that secret; a new one starts without', async () => {
    const { health, records, first } = create({ keys: [{ status: 'invalid', statusAt: START }, {}] })
    suspend(health, records[0]!)
    health.cool(turnOf(health, healthName(records[1]!)), 5_000)
    expect(await first()).toBe('server for rate_limited')
    records[0] = { ...records[0]!, keyVersion: 2, status: 'untested' }
    expect(await first()).toBe('key0')
  })

  test('a key that passed a test since is tried again at once', async () => {
    const { health, records, first } = create({ keys: [{ status: 'invalid', statusAt: START }] })
    suspend(health, records[0]!)
    expect(await first()).toBe('server for invalid')
    records[0] = { ...records[0]!, status: 'active', statusAt: START }
    expect(await first()).toBe('key0')
  })

  test('… which gives it back nothing but that: the rate limit of a model lasts', async () => {
    const { health, records, first } = create({ keys: [{ status: 'invalid', statusAt: START }] })
    health.cool(turnOf(health, healthName(records[0]!)), 5_000)
    suspend(health, records[0]!)
    records[0] = { ...records[0]!, status: 'active', statusAt: START }
    expect(await first()).toBe('server for rate_limited')
  })
})

describe('who may pay', () => {
  test('an API key for the server only leaves own keys out', async () => {
    const caller = { allowedPayers: new Set(['server'] as const) }
    expect(await create({ keys: [{}], caller }).first()).toBe('server for no_key')
  })

  test('… but what their owner forbade stays forbidden', async () => {
    const caller = { allowedPayers: new Set(['server'] as const) }
    expect(await create({ keys: [{ fallback: 'never' }], caller }).first()).toBe('none')
    expect(await create({ keys: [{ fallback: ['outage'] }], caller }).first()).toBe('none')
  })

  test('an API key for own keys only, or a request for stored things, never reaches the server', async () => {
    expect(await create({ caller: { allowedPayers: new Set(['user'] as const) } }).first()).toBe('none')
    expect(await create({ caller: { allowedPayers: new Set(['team'] as const) }, keys: [{}] }).first()).toBe('none')
    expect(await create({ request: { ownKeysOnly: true } }).first()).toBe('none')
    expect(await create({ request: { ownKeysOnly: true }, keys: [{}] }).first()).toBe('key0')
  })

  test('whether it does is asked only where somebody else’s key might serve', async () => {
    let asked = 0
    const ownKeysOnly = () => ++asked > 0
    expect(await create({ serverKey: false, request: { ownKeysOnly } }).first()).toBe('none')
    expect(asked).toBe(0)
    expect(await create({ request: { ownKeysOnly } }).first()).toBe('none')
    expect(asked).toBe(1)
  })

  test('what belongs to one account is for the first usable key, or the named one, and no other', async () => {
    const keys = [{ isActive: false }, {}, {}]
    const walkAll = async (request: object): Promise<string[]> => {
      const chain = await create({ keys, request: { ownKeysOnly: true, ...request } }).plan()
      const walked: string[] = []
      for (let step = chain.next(); step.kind === 'own'; step = chain.next()) {
        walked.push(step.record.id)
        chain.report('rate_limited')
      }
      return walked
    }
    expect(await walkAll({})).toEqual(['key1', 'key2'])
    expect(await walkAll({ namedKey: 'key2' })).toEqual(['key2', 'key1'])
    expect(await walkAll({ oneKey: true })).toEqual(['key1'])
    expect(await walkAll({ oneKey: true, namedKey: 'key2' })).toEqual(['key2'])
    expect(await walkAll({ oneKey: true, namedKey: 'key0' })).toEqual([])
    await expect(walkAll({ namedKey: 'of-somebody-else' })).rejects.toMatchObject({ code: 'no_usable_key' })
  })

  test('where models are hidden, a key for certain models does not serve', async () => {
    const keys = [{ allowedModels: ['gpt-4o'] }, {}]
    expect(await create({ keys }).first()).toBe('key0')
    expect(await create({ keys, request: { hidesModels: true } }).first()).toBe('key1')
  })

  test.each<[string, PlannedSituation]>([
    ['operator', { serverFallback: ['outage'] }],
    ['account', { caller: { accountFallback: 'never' } }],
    ['API key', { caller: { fallback: ['outage'] } }],
    ['request', { request: { fallbackHeader: 'outage' } }],
    ['lack of a server key', { serverKey: false }],
  ])('the %s can keep the server out', async (_who, situation) => {
    expect(await create({}).first()).toBe('server for no_key')
    expect(await create(situation).first()).toBe('none')
  })

  test('a state of the server’s own key keeps it out', async () => {
    const { health, first } = create({})
    health.cool(turnOf(health, serverKeyName('openai')), 1_000)
    expect(await first()).toBe('none')
  })
})

describe('the grace of a key that died', () => {
  const dead = { status: 'invalid', statusAt: START } as const

  test('ends 24 h after the first of the user’s keys died, whichever rows came since', async () => {
    const { clock, health, records, first } = create({ keys: [dead, { ...dead, statusAt: START + 23 * HOUR }] })
    records.forEach((record) => suspend(health, record))
    expect(await first()).toBe('server for invalid')
    clock.advance(24 * HOUR)
    records.forEach((record) => suspend(health, record))
    expect(await first()).toBe('server for invalid')
    clock.advance(1)
    expect(await first()).toBe('none')
  })

  test('without `no_key` it is given only to a key that once worked, not to one beside it', async () => {
    const serverFallback = ['invalid', 'outage']
    const junk = { ...dead, workedAt: null }
    const walk = async (keys: readonly Partial<ProviderKeyRecord>[], granted: readonly string[]): Promise<string> => {
      const { health, records, first } = create({ keys, serverFallback: granted })
      records.forEach((record) => suspend(health, record))
      return first()
    }
    expect(await walk([dead], serverFallback)).toBe('server for invalid')
    expect(await walk([junk], serverFallback)).toBe('none')
    expect(await walk([junk, { isActive: false, workedAt: 1 }], serverFallback)).toBe('none')
    expect(await walk([junk], [...serverFallback, 'no_key'])).toBe('server for invalid')
  })
})

describe('x-uniroute-fallback', () => {
  test.each([
    [null, null],
    ['never', 'never'],
    [' NEVER ', 'never'],
    ['outage', ['outage']],
    ['outage, No_Key,,', ['outage', 'no_key']],
  ])('%j reads as %j', (value, expected) => {
    expect(readFallbackHeader(value)).toEqual(expected)
  })

  test.each(['', ' , ', 'allow', 'always', 'outage, nonsense', 'never, outage', 'constructor', '__proto__'])(
    '%j is refused, not read as leave',
    (value) => {
      const read = (): unknown => readFallbackHeader(value)
      expect(read).toThrow(GatewayError)
      expect(read).toThrow(expect.objectContaining({ code: 'bad_request', status: 400 }))
    },
  )
})

describe('the key whose state a conversation carries', () => {
  test('is asked first among the caller’s own, and every other keeps its place', async () => {
    const keys = [{}, {}, { id: 'signed' }, {}]
    const { plan } = create({ keys, request: { preferredKey: 'signed' } })
    const chain = await plan()
    const order: string[] = []
    for (let step = chain.next(); step.kind === 'own'; step = chain.next()) {
      order.push(step.record.id)
      chain.report('rate_limited')
    }
    expect(order).toEqual(['signed', 'key0', 'key1', 'key3'])
  })

  test('adds nobody: a key that is not the caller’s changes nothing', async () => {
    const { plan } = create({ keys: [{}], request: { preferredKey: 'somebody else' } })
    expect(await plan().then((chain) => chain.next())).toMatchObject({ kind: 'own', record: { id: 'key0' } })
  })
})

describe('what other instances found', () => {
  test.each<[string, Partial<ProviderKeyRecord>, string]>([
    ['set aside, not yet to be tried', { status: 'invalid', probe: { at: START + 1, afterMs: HOUR } }, 'key1'],
    ['out of credit, not yet to be tried', { status: 'exhausted', probe: { at: START + 1, afterMs: HOUR } }, 'key1'],
    ['set aside, its time has come', { status: 'invalid', probe: { at: START, afterMs: HOUR } }, 'key0'],
    ['waiting for this model', { models: [{ model: 'gpt-4o', status: 'cooling', until: START + 1 }] }, 'key1'],
    ['without this model', { models: [{ model: 'gpt-4o', status: 'restricted', until: START + 1 }] }, 'key1'],
    ['waiting for another model', { models: [{ model: 'gpt-5', status: 'cooling', until: START + 1 }] }, 'key0'],
    ['waited for this model', { models: [{ model: 'gpt-4o', status: 'cooling', until: START }] }, 'key0'],
  ])('a key %s', async (_name, key, expected) => {
    expect(await create({ keys: [key, {}] }).first()).toBe(expected)
  })
})

describe('keys shared by others', () => {
  const withTeam = (teamId: string | null) => ({ principal: { ...PLAN_CALLER.principal, teamId } })

  test('serve after the own ones, unless the lease filters the model out or has ended', async () => {
    const shared = [
      { record: LENT, lease: { ...LEASE, expiresAt: START } },
      { record: LENT, lease: { ...LEASE, allowedModels: ['gpt-5*'] } },
      { record: { ...LENT, provider: 'anthropic' }, lease: LEASE },
      { record: LENT, lease: { ...LEASE, allowedModels: ['gpt-4o*'] } },
    ]
    expect(await create({ shared }).first()).toBe('lent for no_key')
    expect(await create({ shared: shared.slice(0, 3) }).first()).toBe('server for no_key')
    expect(await create({ keys: [{}], shared }).first()).toBe('key0')
  })

  test('stay out where only own keys may serve, and where the API key lets no team pay', async () => {
    const shared = [{ record: LENT, lease: LEASE }]
    expect(await create({ shared, request: { ownKeysOnly: true } }).first()).toBe('none')
    expect(await create({ shared, caller: { allowedPayers: new Set(['user', 'server'] as const) } }).first()).toBe(
      'server for no_key',
    )
  })

  test('are asked about as well where there is no server key', async () => {
    const shared = [{ record: LENT, lease: LEASE }]
    const stored = { ownKeysOnly: () => true }
    expect(await create({ serverKey: false, shared, request: stored }).first()).toBe('none')
    expect(await create({ serverKey: false, shared, request: { ownKeysOnly: () => false } }).first()).toBe(
      'lent for no_key',
    )
  })

  test('are all that a team’s API key uses: its maker’s own keys serve only where they are shared with that team', async () => {
    const own = { record: { ...PROVIDER_KEY, id: 'mine' }, lease: LEASE }
    const caller = withTeam('T')
    expect(await create({ keys: [{}], shared: [{ record: LENT, lease: LEASE }], caller }).first()).toBe(
      'lent for no_key',
    )
    expect(await create({ keys: [{}], shared: [{ record: LENT, lease: LEASE }, own], caller }).first()).toBe('mine')
    expect(await create({ keys: [{}], caller }).first()).toBe('server for no_key')
  })
})
