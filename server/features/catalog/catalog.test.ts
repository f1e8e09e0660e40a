// Aliases and overrides on a real database: written with their audit entry, in force at once here and within five
// seconds elsewhere, each user's own for that user alone.
import { expect, test } from 'vitest'
import type { OverrideBody } from '../../../contract/catalog.ts'
import { createMovableClock, START, type MovableClock } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { addPlainUser } from '../../../test/support/plain-users.ts'
import type { Database } from '../../database/database.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createProviders } from '../../providers/registry.ts'
import { createAudit } from '../audit/audit.ts'
import { createCatalogMemory } from './memory.ts'
import { createCatalogService } from './service.ts'
import { createCatalogStore } from './store.ts'

const endpoint = { origin: 'http://127.0.0.1:1', basePath: '', versionSegment: null }

function openRoom(database: Database, clock: MovableClock = createMovableClock()) {
  const providers = createProviders({
    endpoints: {},
    custom: [{ id: 'lab', name: 'Lab', endpoint, apiKeyEnv: null }],
    serverKeys: {},
    userBaseUrls: false,
  })
  const audit = createAudit({ database, clock })
  const real = createCatalogStore(database)
  const asked: string[] = []
  const store = {
    ...real,
    listAliases: (owner: string | null) => {
      asked.push(owner ?? 'all')
      return real.listAliases(owner)
    },
  }
  const memory = createCatalogMemory({ store, providers, clock })
  const service = createCatalogService({ database, store, memory, providers, audit, clock })
  return { clock, audit, memory, service, asked }
}

const ACTOR = { userId: 'admin', ip: '192.0.2.1' }
const GPT = { provider: 'openai', model: 'gpt-5' }

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof GatewayError ? error.code : error),
  )

describeOnEachDatabase('the catalogue', (open) => {
  test('an alias is saved in one spelling, changed, listed by name and removed; each with its audit entry', async () => {
    const database = await open()
    const { service, audit } = openRoom(database)
    await service.putAlias(null, 'small', { target: 'models/gemini-3.5-flash' }, ACTOR)
    await service.putAlias(null, 'large', { target: 'claude-opus-5' }, ACTOR)
    const changed = await service.putAlias(null, 'large', { target: 'lab/org/llama' }, ACTOR)
    const updated_at = new Date(START).toISOString()
    expect(changed).toEqual({ name: 'large', target: 'lab/org/llama', provider: 'lab', model: 'org/llama', updated_at })
    expect(await service.listAliases(null)).toEqual([
      changed,
      { name: 'small', target: 'google/gemini-3.5-flash', provider: 'google', model: 'gemini-3.5-flash', updated_at },
    ])
    expect(await service.getAlias(null, 'large')).toEqual(changed)
    await service.removeAlias(null, 'small', ACTOR)
    expect(await codeOf(service.removeAlias(null, 'small', ACTOR))).toBe('not_found')
    expect(await codeOf(service.getAlias(null, 'small'))).toBe('not_found')
    const entries = await database.query.selectFrom('audit_log').select(['action', 'target_id', 'details']).execute()
    expect(entries.map(({ action, target_id }) => `${action} ${target_id}`)).toEqual([
      'alias.saved small',
      'alias.saved large',
      'alias.saved large',
      'alias.removed small',
    ])
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 4 })
  })

  test('an alias may have several targets with an order, shown and resolved; with one again it is as before', async () => {
    const { service, memory } = openRoom(await open())
    const targets = [{ model: 'gpt-5', weight: 3 }, { model: 'lab/llama' }]
    const shown = await service.putAlias(null, 'any', { targets, strategy: 'weighted' }, ACTOR)
    expect(shown).toMatchObject({
      target: 'openai/gpt-5',
      targets: [
        { model: 'openai/gpt-5', weight: 3 },
        { model: 'lab/llama', weight: 1 },
      ],
      strategy: 'weighted',
    })
    expect(await service.getAlias(null, 'any')).toEqual(shown)
    expect(await memory.resolveModel('ann', 'any', 'x')).toEqual({
      ...GPT,
      choice: {
        order: 'weighted',
        targets: [
          { ...GPT, weight: 3 },
          { provider: 'lab', model: 'llama', weight: 1 },
        ],
      },
    })
    expect(await codeOf(service.putAlias(null, 'any', { targets: [...targets, { model: 'whose' }] }, ACTOR))).toBe(
      'validation_failed',
    )
    await service.putAlias(null, 'any', { targets: [{ model: 'gpt-5' }] }, ACTOR)
    expect(await memory.resolveModel('ann', 'any', 'x')).toEqual(GPT)
  })

  test('a name or a target that would mislead is refused, and nothing is written', async () => {
    const { service } = openRoom(await open())
    for (const [name, target] of [
      ['openai/x', 'gpt-5'],
      ['lab/x', 'gpt-5'],
      ['a b', 'gpt-5'],
      ['fine', 'nobody-knows-whose'],
      ['fine', 'fine'],
    ] as const) {
      expect(await codeOf(service.putAlias(null, name, { target }, ACTOR))).toBe('validation_failed')
    }
    expect(await service.listAliases(null)).toEqual([])
  })

  test('an alias holds on this instance at once, and elsewhere within five seconds', async () => {
    const database = await open()
    const clock = createMovableClock()
    const here = openRoom(database, clock)
    const elsewhere = openRoom(await open({ sameAs: database }), clock)
    const resolveElsewhere = async () => elsewhere.memory.resolveModel('u', 'fast', 'openai')
    expect(await resolveElsewhere()).toEqual({ provider: 'openai', model: 'fast' })
    await here.service.putAlias(null, 'fast', { target: 'lab/llama' }, ACTOR)
    expect(await here.memory.resolveModel('u', 'fast', 'openai')).toEqual({ provider: 'lab', model: 'llama' })
    clock.advance(4_999)
    expect(await resolveElsewhere()).toEqual({ provider: 'lab', model: 'llama' })
    await here.service.removeAlias(null, 'fast', ACTOR)
    clock.advance(4_999)
    expect(await resolveElsewhere()).toEqual({ provider: 'openai', model: 'fast' })
  })

  test('one’s own alias stands before everybody’s, and is nobody else’s', async () => {
    const database = await open()
    await addPlainUser(database, 'ann')
    await addPlainUser(database, 'bob')
    const clock = createMovableClock()
    const here = openRoom(database, clock)
    const elsewhere = openRoom(await open({ sameAs: database }), clock)
    await here.service.putAlias(null, 'fast', { target: 'lab/llama' }, ACTOR)
    await elsewhere.memory.resolveModel('ann', 'fast', 'x')
    await here.service.putAlias('ann', 'fast', { target: 'gpt-5' }, { userId: 'ann', ip: '192.0.2.2' })
    expect(await here.memory.resolveModel('ann', 'fast', 'x')).toEqual(GPT)
    expect(await here.memory.resolveModel('bob', 'fast', 'x')).toEqual({ provider: 'lab', model: 'llama' })
    expect([...(await here.memory.aliasesFor('ann'))]).toEqual([['fast', GPT]])
    // What memory holds of them gives way at once.
    await here.service.putAlias('ann', 'fast', { target: 'claude-opus-5' }, ACTOR)
    expect(await here.memory.resolveModel('ann', 'fast', 'x')).toEqual({
      provider: 'anthropic',
      model: 'claude-opus-5',
    })
    await here.service.putAlias('ann', 'fast', { target: 'gpt-5' }, ACTOR)
    expect(await here.service.listAliases('bob')).toEqual([])
    expect(await codeOf(here.service.removeAlias('bob', 'fast', ACTOR))).toBe('not_found')
    clock.advance(4_999)
    expect(await elsewhere.memory.resolveModel('ann', 'fast', 'x')).toEqual(GPT)
    await here.service.removeAlias('ann', 'fast', ACTOR)
    expect(await here.memory.resolveModel('ann', 'fast', 'x')).toEqual({ provider: 'lab', model: 'llama' })
    await here.service.putAlias('ann', 'mine', { target: 'gpt-5' }, ACTOR)
    await database.query.deleteFrom('users').where('id', '=', 'ann').execute()
    expect(await here.service.listAliases('ann')).toEqual([])
  })

  test('resolving asks the database once in a while, and for users only where some have aliases of their own', async () => {
    const database = await open()
    await addPlainUser(database, 'ann')
    const { memory, service, asked, clock } = openRoom(database)
    await memory.refresh()
    for (let i = 0; i < 100; i++) {
      expect(memory.resolveModel(`user-${i}`, 'gpt-5', 'x')).toEqual(GPT)
    }
    expect(asked).toEqual(['all'])
    await service.putAlias('ann', 'mine', { target: 'gpt-5' }, ACTOR)
    asked.length = 0
    for (let i = 0; i < 10; i++) await memory.resolveModel('bob', 'mine', 'x')
    expect(asked).toEqual(['bob'])
    clock.advance(5_000)
    await Promise.all(Array.from({ length: 10 }, () => memory.resolveModel('bob', 'mine', 'x')))
    expect(asked).toEqual(['bob', 'all', 'bob'])
  })

  test('an override is kept to the nano-dollar and with every field, and found by the model’s bare name', async () => {
    const { service, memory } = openRoom(await open())
    const body: OverrideBody = {
      price: { input: 0.000_000_001, output: 999_999.999_999_999, cache_read: 0, cache_write: null },
      profile: {
        display_name: 'Ours',
        context_window: 9,
        max_output: 8,
        max_thinking_budget: 7,
        input_modalities: ['text', 'image'],
        output_modalities: ['text'],
        thinking: 'effort',
        efforts: ['low', 'high'],
        can_disable_thinking: false,
        sampling: 'none',
        schema: 'native',
        mid_system: true,
        image_in_tool_result: true,
        needs_thought_signature: true,
        cache_breakpoints: true,
      },
      enabled: false,
      hidden: true,
    }
    const saved = await service.putOverride('google', 'models/gemini-x', body, ACTOR)
    expect(saved).toEqual({
      ...body,
      provider: 'google',
      model: 'gemini-x',
      price: { ...body.price, cache_write_1h: null },
      updated_at: new Date(START).toISOString(),
    })
    expect(await service.getOverride('google', 'gemini-x')).toEqual(saved)
    expect(memory.overrides.find('google', 'models/gemini-x')).toMatchObject({
      price: { input: 1, output: 999_999_999_999_999, cacheRead: 0, cacheWrite: null },
      facts: { maxOutput: 8, thinking: 'effort', efforts: ['low', 'high'], sampling: 'none', midSystem: true },
      displayName: 'Ours',
      isEnabled: false,
      isHidden: true,
    })
    // A new one stands in the place of the whole old one.
    await service.putOverride('google', 'gemini-x', { enabled: true, hidden: false }, ACTOR)
    expect(memory.overrides.find('google', 'gemini-x')).toMatchObject({ price: null, facts: {}, isEnabled: true })
    await service.removeOverride('google', 'gemini-x', ACTOR)
    expect(memory.overrides.find('google', 'gemini-x')).toBeUndefined()
    expect(await codeOf(service.removeOverride('google', 'gemini-x', ACTOR))).toBe('not_found')
    expect(await codeOf(service.putOverride('nobody', 'x', { enabled: true, hidden: false }, ACTOR))).toBe(
      'unknown_provider',
    )
  })

  test('a profile that another release wrote counts as none, and the rest of the row holds', async () => {
    const database = await open()
    const { service, memory } = openRoom(database)
    await service.putOverride('lab', 'llama', { enabled: false, hidden: true, profile: { max_output: 5 } }, ACTOR)
    await database.query.updateTable('catalog_overrides').set({ profile: '{"from":"the future"}' }).execute()
    await memory.changed(null)
    expect(memory.overrides.find('lab', 'llama')).toMatchObject({ facts: {}, isEnabled: false, isHidden: true })
  })

  test('a user has a hundred aliases at most, and the hundred-and-first is not written', async () => {
    const database = await open()
    await addPlainUser(database, 'ann')
    const { service } = openRoom(database)
    const rows = Array.from({ length: 100 }, (_, i) => ({ user_id: 'ann', name: `a${i}`, ...GPT, updated_at: 0 }))
    await database.query.insertInto('user_aliases').values(rows).execute()
    expect(await codeOf(service.putAlias('ann', 'one-more', { target: 'gpt-5' }, ACTOR))).toBe('conflict')
    expect(await service.listAliases('ann')).toHaveLength(100)
    // One in the place of another is no more.
    expect(await codeOf(service.putAlias('ann', 'a7', { target: 'lab/llama' }, ACTOR))).toBe('done')
  })
})
