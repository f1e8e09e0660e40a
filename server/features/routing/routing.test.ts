// Routing settings on a real database: one's own stand before the default unless that is locked, in force at once here
// and within five seconds elsewhere, each change with its audit entry.
import { expect, test } from 'vitest'
import { routingBodySchema, type RoutingBody } from '../../../contract/routing.ts'
import { createMovableClock, START, type MovableClock } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { addPlainUser } from '../../../test/support/plain-users.ts'
import type { Database } from '../../database/database.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createProviders } from '../../providers/registry.ts'
import { createAudit } from '../audit/audit.ts'
import { createRoutingMemory } from './memory.ts'
import { createRoutingService } from './service.ts'
import { createRoutingStore, type RoutingOwner } from './store.ts'

const endpoint = { origin: 'http://127.0.0.1:1', basePath: '', versionSegment: null }

function openRoom(database: Database, clock: MovableClock = createMovableClock()) {
  const providers = createProviders({
    endpoints: {},
    custom: [{ id: 'lab', name: 'Lab', endpoint, apiKeyEnv: null }],
    serverKeys: {},
    userBaseUrls: false,
  })
  const audit = createAudit({ database, clock })
  const real = createRoutingStore(database)
  const asked: RoutingOwner[] = []
  const store = {
    ...real,
    find: (owner: RoutingOwner) => {
      asked.push(owner)
      return real.find(owner)
    },
  }
  const memory = createRoutingMemory({ store, providers, clock })
  const service = createRoutingService({ database, store: real, memory, providers, audit, clock })
  return { clock, memory, service, asked, audit }
}

const actor = (userId: string) => ({ userId, ip: '192.0.2.1' })
const ADMIN = actor('admin')

const body = (fields: object): RoutingBody => routingBodySchema.parse({ strategy: 'custom', ...fields })
const RULE = { name: 'Long prompts', when: { min_prompt_tokens: 1_000 }, targets: [{ model: 'gpt-5' }] }
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof GatewayError ? error.code : error),
  )

describeOnEachDatabase('routing settings', (open) => {
  test('nobody has set any: as listed, and nothing is asked per user', async () => {
    const { memory, service, asked } = openRoom(await open())
    expect(await memory.settingsFor('ann')).toEqual({ order: 'priority', rules: [] })
    expect(memory.settingsFor('bob')).toEqual({ order: 'priority', rules: [] })
    expect(asked).toEqual([null])
    expect(await service.readRouting('ann')).toMatchObject({ source: 'built_in', locked: false, own: null })
    expect(await service.readDefault()).toEqual({ strategy: 'priority', rules: [], locked: false, updated_at: null })
  })

  test('one’s own stand before the default, and are nobody else’s; without them the default holds again', async () => {
    const database = await open()
    await addPlainUser(database, 'ann')
    const { memory, service, audit } = openRoom(database)
    await service.putDefault(ADMIN, { strategy: 'cost', rules: [], locked: false })
    expect(await memory.settingsFor('ann')).toEqual({ order: 'cost', rules: [] })
    const saved = await service.putRouting(actor('ann'), body({ rules: [RULE] }))
    const updated_at = new Date(START).toISOString()
    const rules = [{ ...RULE, enabled: true, targets: [{ model: 'openai/gpt-5' }] }]
    expect(saved).toMatchObject({
      effective: { strategy: 'custom', rules },
      source: 'own',
      locked: false,
      own: { strategy: 'custom', rules, updated_at },
    })
    const target = { provider: 'openai', model: 'gpt-5', weight: 1 }
    expect(await memory.settingsFor('ann')).toEqual({
      order: 'priority',
      rules: [{ when: RULE.when, choice: { order: 'priority', targets: [target] } }],
    })
    expect((await memory.settingsFor('bob')).order).toBe('cost')
    // Rules wait under any other strategy.
    await service.putRouting(actor('ann'), { ...body({ rules: [RULE] }), strategy: 'latency' })
    expect(await memory.settingsFor('ann')).toEqual({ order: 'latency', rules: [] })
    expect((await service.readRouting('ann')).own?.rules).toEqual(rules)
    expect((await service.removeRouting(actor('ann'))).source).toBe('default')
    expect((await memory.settingsFor('ann')).order).toBe('cost')
    await service.removeRouting(actor('ann'))
    const entries = await database.query.selectFrom('audit_log').select(['action', 'target_id']).execute()
    expect(entries.map(({ action, target_id }) => `${action} ${target_id}`)).toEqual([
      'routing.saved default',
      'routing.saved ann',
      'routing.saved ann',
      'routing.removed ann',
    ])
    expect(await audit.verify()).toMatchObject({ ok: true })
  })

  test('a locked default puts users’ own out of force, and takes no new ones', async () => {
    const database = await open()
    await addPlainUser(database, 'ann')
    const { memory, service } = openRoom(database)
    await service.putRouting(actor('ann'), body({ strategy: 'weighted' }))
    await service.putDefault(ADMIN, { strategy: 'latency', rules: [], locked: true })
    expect((await memory.settingsFor('ann')).order).toBe('latency')
    const view = await service.readRouting('ann')
    expect(view).toMatchObject({ source: 'default', locked: true, own: { strategy: 'weighted' } })
    expect(await codeOf(service.putRouting(actor('ann'), body({ strategy: 'cost' })))).toBe('forbidden')
    await service.putDefault(ADMIN, { strategy: 'latency', rules: [], locked: false })
    expect((await memory.settingsFor('ann')).order).toBe('weighted')
  })

  test('a change holds here at once, and elsewhere within five seconds', async () => {
    const database = await open()
    await addPlainUser(database, 'ann')
    const clock = createMovableClock()
    const here = openRoom(database, clock)
    const elsewhere = openRoom(await open({ sameAs: database }), clock)
    const orderElsewhere = async () => (await elsewhere.memory.settingsFor('ann')).order
    expect(await orderElsewhere()).toBe('priority')
    await here.service.putRouting(actor('ann'), body({ strategy: 'cost' }))
    expect((await here.memory.settingsFor('ann')).order).toBe('cost')
    clock.advance(4_999)
    expect(await orderElsewhere()).toBe('cost')
    await here.service.putDefault(ADMIN, { strategy: 'latency', rules: [], locked: true })
    clock.advance(4_999)
    expect(await orderElsewhere()).toBe('latency')
  })

  test('they go with their user; a rule that is off, or whose providers are gone, is none', async () => {
    const database = await open()
    await addPlainUser(database, 'ann')
    const { memory, service, clock } = openRoom(database)
    const rules = [
      { ...RULE, enabled: false },
      { ...RULE, name: 'Gone', targets: [{ model: 'lab/llama' }] },
    ]
    await service.putRouting(actor('ann'), body({ rules }))
    expect((await memory.settingsFor('ann')).rules).toHaveLength(1)
    const row = await database.query.selectFrom('routing_settings').select('settings').executeTakeFirstOrThrow()
    await database.query
      .updateTable('routing_settings')
      .set({ settings: row.settings.replace('lab/llama', 'nobody-knows-whose') })
      .execute()
    clock.advance(5_000)
    expect((await memory.settingsFor('ann')).rules).toEqual([])
    await database.query.deleteFrom('users').where('id', '=', 'ann').execute()
    expect((await service.readRouting('ann')).own).toBeNull()
  })

  test('what would mislead is refused, and nothing is written', async () => {
    const { service } = openRoom(await open())
    const refused = (rule: object) => codeOf(service.putRouting(ADMIN, body({ rules: [{ ...RULE, ...rule }] })))
    expect(await refused({ targets: [{ model: 'nobody-knows-whose' }] })).toBe('validation_failed')
    expect(await refused({ when: { api_keys: ['ak_short'] } })).toBe('validation_failed')
    expect((await service.readRouting('admin')).own).toBeNull()
  })
})
