// The ledger beside a provider's own count: equal where both saw the same, different where they did not, and the admin
// key nowhere afterwards.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { BilledUse } from '../fake-provider/billing.ts'
import { createFakeAdminKey, createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

let fake: FakeProvider
let uniroute: UniRoute
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({
    fake,
    serverKeys: { openai: createFakeKey('openai') },
    env: { LOG_LEVEL: 'trace' },
  })
})
afterEach(() => {
  const wrong = fake.violations()
  fake.forget()
  expect(wrong).toEqual([])
})
afterAll(async () => {
  await uniroute?.kill9()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

const today = (): string => new Date().toISOString().slice(0, 10)
const MODELS = { openai: 'gpt-4o', anthropic: 'claude-sonnet-5' } as const
type Vendor = keyof typeof MODELS

async function spend(caller: Caller, vendor: Vendor, text = 'Hi'): Promise<Json> {
  const messages = [{ role: 'user', content: text }]
  const [path, body] =
    vendor === 'openai'
      ? ['/v1/chat/completions', { model: MODELS.openai, messages }]
      : ['/v1/messages', { model: MODELS.anthropic, max_tokens: 99, messages }]
  const reply = await uniroute.call('POST', path, { token: caller.apiKey, body })
  expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
  return uniroute.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
}

/** What the provider would say of calls with these receipts. */
const billOf = (vendor: Vendor, receipts: readonly Json[], fields: Partial<BilledUse> = {}): BilledUse => {
  const sum = (pick: (receipt: Json) => number | null): number =>
    receipts.reduce((total, receipt) => total + (pick(receipt) ?? 0), 0)
  return {
    vendor,
    day: today(),
    model: MODELS[vendor],
    requests: receipts.length,
    input: sum(({ usage }) => usage.input_tokens),
    cached: sum(({ usage }) => usage.cache_read_tokens),
    cacheWrite: sum(({ usage }) => usage.cache_write_tokens),
    output: sum(({ usage }) => usage.output_tokens),
    usd: sum(({ cost }) => cost.usd_micros) / 1e6,
    ...fields,
  }
}

const reconcile = (token: string, vendor: string, adminKey: string, fields: object = {}): Promise<Reply> =>
  uniroute.call('POST', '/admin/reconcile', {
    token,
    body: { provider: vendor, admin_key: adminKey, from: today(), to: today(), ...fields },
  })

describe.each(['openai', 'anthropic'] as const)('%s', (vendor) => {
  test('both sides agree where they counted the same calls, versions of a model taken together', async () => {
    const caller = await uniroute.createCaller({ keys: { [vendor]: createFakeKey(vendor) } })
    const receipts = [await spend(caller, vendor), await spend(caller, vendor, 'cached '.repeat(6000))]
    const version = vendor === 'openai' ? '-2026-08-06' : '-20260806'
    const bill = billOf(vendor, receipts, { model: MODELS[vendor] + version })
    expect(bill.cached).toBeGreaterThan(0)
    fake.bill(bill)
    const adminKey = createFakeAdminKey(vendor)
    const reply = await reconcile(caller.token, vendor, adminKey)
    expect(reply.body).toMatchObject({ provider: vendor, keys: 'own', agrees: true, time_zone: 'UTC' })
    const figures = {
      requests: vendor === 'openai' ? 2 : null,
      input_tokens: bill.input,
      cache_read_tokens: bill.cached,
      output_tokens: bill.output,
      cost_usd_micros: Math.round(bill.usd * 1e6),
    }
    expect(reply.body.rows).toMatchObject([
      { day: today(), model: MODELS[vendor], ours: { ...figures, requests: 2 }, theirs: figures },
    ])
    expect(reply.body.total).toMatchObject({ theirs: figures, difference: { input_tokens: 0, cost_usd_micros: 0 } })
    expect(
      fake.requestsOf(adminKey).every(({ method, operation }) => method === 'GET' && operation === 'billing'),
    ).toBe(true)
  })

  test('what another program used on the account is the difference', async () => {
    const caller = await uniroute.createCaller({ keys: { [vendor]: createFakeKey(vendor) } })
    const bill = billOf(vendor, [await spend(caller, vendor)])
    fake.bill(bill, { ...bill, model: 'another-model', requests: 3, input: 1000, cached: 0, output: 7, usd: 1.5 })
    const { body } = await reconcile(caller.token, vendor, createFakeAdminKey(vendor))
    expect(body).toMatchObject({
      agrees: false,
      rows: [
        {
          model: 'another-model',
          ours: { input_tokens: 0 },
          difference: { input_tokens: 1000, cost_usd_micros: 1_500_000 },
        },
        { model: MODELS[vendor], difference: { input_tokens: 0, output_tokens: 0, cost_usd_micros: 0 } },
      ],
      total: { difference: { input_tokens: 1000, output_tokens: 7, cost_usd_micros: 1_500_000 } },
    })
    expect(body.notes.join(' ')).toContain('whatever else used it')
  })

  test('all pages are read', async () => {
    const { token } = await uniroute.createUser()
    const days = Array.from({ length: 93 }, (_, i) => new Date(Date.UTC(2026, 4, 1 + i)).toISOString().slice(0, 10))
    fake.bill(...days.map((day) => billOf(vendor, [], { day, input: 10, usd: 0.01 })))
    const adminKey = createFakeAdminKey(vendor)
    const { body } = await reconcile(token, vendor, adminKey, { from: days[0], to: days.at(-1) })
    expect(body.rows.map(({ day }: Json) => day)).toEqual(days)
    expect(body.total.theirs).toMatchObject({ input_tokens: 930, cost_usd_micros: 930_000 })
    expect(fake.requestsOf(adminKey).filter(({ query }) => query.has('page')).length).toBeGreaterThanOrEqual(4)
  })

  test('an admin key that may not read usage, and one that is rejected, are told apart', async () => {
    const { token } = await uniroute.createUser()
    const scope = vendor === 'openai' ? 'api.usage.read' : 'org:admin'
    const lacking = await reconcile(token, vendor, createFakeAdminKey(vendor, 'noscope'))
    expect(lacking).toMatchObject({ status: 400, body: { code: 'admin_key_refused' } })
    expect(lacking.body.error).toContain(`lacks the scope ${scope}`)
    for (const scenario of ['invalid', 'leaky']) {
      const rejected = await reconcile(token, vendor, createFakeAdminKey(vendor, scenario))
      expect(rejected).toMatchObject({ status: 400, body: { code: 'admin_key_refused' } })
      expect(rejected.body.error).toContain('rejected this admin key')
    }
  })

  test('an ordinary key is refused with a sentence and never sent', async () => {
    const { token } = await uniroute.createUser()
    const key = createFakeKey(vendor)
    const reply = await reconcile(token, vendor, key)
    expect(reply).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    expect(reply.body.error).toContain('ordinary API key')
    expect(fake.requests).toEqual([])
  })

  test.each(['down500', 'html200', 'cutjson', 'reset'])(
    'a provider in the state %s is told of, and nothing else',
    async (scenario) => {
      const { token } = await uniroute.createUser()
      const reply = await reconcile(token, vendor, createFakeAdminKey(vendor, scenario))
      expect(reply.status).toBeGreaterThanOrEqual(502)
      expect(reply.body.code).toMatch(/^upstream_/)
    },
  )
})

test('embeddings are counted too, and keys can be picked', async () => {
  const { token } = await uniroute.createUser()
  const use = billOf('openai', [], { requests: 1, input: 5, usd: 0.5, apiKeyId: 'key_mine' })
  fake.bill(use, { ...use, model: 'text-embedding-3-small', embedding: true }, { ...use, apiKeyId: 'key_other' })
  const all = await reconcile(token, 'openai', createFakeAdminKey('openai'))
  expect(all.body.total.theirs).toMatchObject({ requests: 3, input_tokens: 15, cost_usd_micros: 1_500_000 })
  const mine = await reconcile(token, 'openai', createFakeAdminKey('openai'), { api_key_ids: ['key_mine'] })
  expect(mine.body.total.theirs).toMatchObject({ requests: 2, input_tokens: 10, cost_usd_micros: 1_000_000 })
})

test('Anthropic tells no costs by API key, so they are unknown then, not zero', async () => {
  const { token } = await uniroute.createUser()
  fake.bill(billOf('anthropic', [], { input: 5, usd: 0.5, apiKeyId: 'apikey_mine' }))
  const { body } = await reconcile(token, 'anthropic', createFakeAdminKey('anthropic'), {
    api_key_ids: ['apikey_mine'],
  })
  expect(body.total).toMatchObject({
    theirs: { input_tokens: 5, cost_usd_micros: null },
    difference: { cost_usd_micros: null },
  })
  expect(body.notes.join(' ')).toContain('costs are left out')
})

test('what the server’s key paid for is for administrators; people see their own keys’ calls', async () => {
  const [ownKey, serverKey] = [
    await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } }),
    await uniroute.createCaller(),
  ]
  const [own, served] = [await spend(ownKey, 'openai'), await spend(serverKey, 'openai')]
  expect([own.billed_to, served.billed_to]).toEqual(['user', 'server'])
  const adminKey = createFakeAdminKey('openai')
  expect(await reconcile(serverKey.token, 'openai', adminKey, { keys: 'server' })).toMatchObject({ status: 403 })
  expect(fake.requestsOf(adminKey)).toEqual([])
  const ours = async (token: string, keys: string): Promise<number> =>
    (await reconcile(token, 'openai', createFakeAdminKey('openai'), { keys })).body.total.ours.requests
  expect(await ours(ownKey.token, 'own')).toBe(1)
  expect(await ours(serverKey.token, 'own')).toBe(0)
  expect(await ours(await uniroute.login(), 'server')).toBe(1)
})

test('a wrong question gets a sentence', async () => {
  const { token } = await uniroute.createUser()
  const ask = async (fields: object, vendor = 'openai'): Promise<string> => {
    const reply = await reconcile(token, vendor, createFakeAdminKey('openai'), fields)
    expect(reply.status).toBe(400)
    return reply.body.error
  }
  expect(await ask({}, 'google')).toContain('openai, anthropic')
  expect(await ask({ from: '2026-01-31', to: '2026-01-01' })).toContain('ends before it begins')
  expect(await ask({ from: '2026-01-01', to: '2026-12-31' })).toContain('93 days')
  expect(await ask({ from: '31.1.2026' })).toContain('from')
  expect(await ask({ time_zone: 'Europe/Berlin' })).toContain('UTC')
  expect(await ask({ api_key_ids: ['a&b'] })).toContain('ids as the provider shows them')
})
