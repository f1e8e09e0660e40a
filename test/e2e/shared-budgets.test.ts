// 200 calls at once spend no more than the dollar they may, whichever limit it is: at one UniRoute process on SQLite,
// and half at each of two that hold one budget together on PostgreSQL.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey, createFakePassword, randomText, rememberSecret } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { createPostgresDatabase, describePostgres, dropPostgresDatabase } from '../support/databases.ts'
import { CHAT_DIALECTS, expectError } from '../support/dialects.ts'
import { answerGreedily, GREEDY_REQUESTS } from '../support/greedy-requests.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'
import type { Reply } from '../support/uniroute-client.ts'

const SECRETS = {
  PROVIDER_KEY_ENCRYPTION_KEY: rememberSecret(`CANARY${randomText(48)}`),
  JWT_SECRET: rememberSecret(`CANARY${randomText(48)}`),
}
const MICROS = 1_000_000

describe('budgets of one process on SQLite', () => {
  holdBudgets({ processes: 1 })
})
describePostgres('budgets of two processes on one database', () => {
  holdBudgets({ processes: 2 })
})

// size: one suite for both databases.
function holdBudgets({ processes }: { processes: 1 | 2 }): void {
  let databaseUrl: string | undefined
  let fake: FakeProvider
  let servers: UniRoute[]
  beforeAll(async () => {
    if (processes > 1) databaseUrl = await createPostgresDatabase()
    fake = await startFakeProvider({
      replay: (request) => (request.key.includes('greedy') ? answerGreedily(request) : undefined),
    })
    const options = {
      fake,
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
      adminAccount: { email: 'admin@example.com', password: createFakePassword() },
      // It says as much as it may: what a call costs is what was held for it.
      serverKeys: { openai: createFakeKey('openai', 'big') },
      env: { ...SECRETS, SERVER_ALLOWANCE_USD_PER_DAY: '1' },
    }
    servers = [await startUniRoute(options)]
    if (processes > 1) servers.push(await startUniRoute(options))
  })
  afterAll(async () => {
    for (const server of servers ?? []) {
      await server.stop()
      expect(server.scanAndRemove()).toEqual([])
    }
    await fake?.close()
    if (databaseUrl) await dropPostgresDatabase(databaseUrl)
  })

  /** gpt-4o writes 2,000 tokens for $0.02: of 200 calls, 50 fit into $1 at most. */
  async function askBoth(apiKey: string): Promise<Reply[]> {
    const body = { model: 'gpt-4o', max_tokens: 2000, messages: [{ role: 'user', content: 'say much' }] }
    const ask = (at: number) =>
      servers[at % processes]!.call('POST', '/v1/chat/completions', { headers: CHAT_DIALECTS[0]!.auth(apiKey), body })
    return Promise.all(Array.from({ length: 200 }, (_, at) => ask(at)))
  }

  async function spentMicros(token: string, requests = 200): Promise<number> {
    const read = async () => (await servers[0]!.call('GET', '/admin/usage?group_by=billed_to', { token })).body.total
    // Every process writes what it knows within a second.
    await expect.poll(async () => (await read()).requests, { timeout: 10_000 }).toBe(requests)
    return (await read()).cost_usd_micros
  }

  async function expectHeld(replies: readonly Reply[], token: string, code: string): Promise<void> {
    const served = replies.filter(({ status }) => status === 200)
    expect(served.length).toBeGreaterThan(40)
    expect(served.length).toBeLessThanOrEqual(50)
    for (const refused of replies.filter(({ status }) => status !== 200)) {
      expectError('openai', refused, { status: 402, code, source: 'gateway' })
    }
    const spent = await spentMicros(token)
    console.info(
      `${processes} process(es), ${code}: ${served.length} of ${replies.length} served, ${spent} µ$ spent of ${MICROS}`,
    )
    expect(spent).toBeGreaterThan(0.8 * MICROS)
    expect(spent).toBeLessThanOrEqual(MICROS)
  }

  const patient = { timeout: 120_000 }

  test.for(GREEDY_REQUESTS)(
    'the budget of an API key, each answer as dear as it may be: $name',
    patient,
    async (one) => {
      const { path, headers, body, vendor } = one
      const caller = await servers[0]!.createCaller({ keys: { [vendor]: createFakeKey(vendor, 'greedy') } })
      const { key } = await servers[0]!.createApiKey(caller.token, { budget: { usd: 1, period: 'day' } })
      let sent = 0
      // On a slow machine two hundred at once may find the database busy: as it says, they try again.
      const ask = async (at: number, tries = 3): Promise<Reply> => {
        sent++
        const reply = await servers[at % processes]!.call('POST', path, { headers: headers(key), body })
        const isBusy = reply.status === 503 && reply.text.includes('storage_unavailable')
        return isBusy && tries > 1 ? ask(at, tries - 1) : reply
      }
      const replies = await Promise.all(Array.from({ length: 200 }, (_, at) => ask(at)))
      const refused = replies.filter(({ status }) => status !== 200)
      expect(refused.length).toBeGreaterThan(0)
      for (const { status, text } of refused) expect([status, text]).toEqual([402, expect.stringMatching(/budget/)])
      const served = replies.length - refused.length
      const spent = await spentMicros(caller.token, sent)
      console.info(
        `${processes} process(es), ${one.name}: ${served} of ${replies.length} served, ${spent} µ$ of ${MICROS}`,
      )
      expect(served).toBeGreaterThan(0)
      expect(spent).toBeGreaterThan(0)
      expect(spent).toBeLessThanOrEqual(MICROS)
    },
  )

  test('the budget of an API key', patient, async () => {
    const caller = await servers[0]!.createCaller({ keys: { openai: createFakeKey('openai', 'big') } })
    const { key } = await servers[0]!.createApiKey(caller.token, { budget: { usd: 1, period: 'day' } })
    await expectHeld(await askBoth(key), caller.token, 'budget_exceeded')
  })

  test("an owner's cap on a provider key", patient, async () => {
    const server = servers.at(-1)!
    const caller = await server.createCaller()
    const cap = { usd: 1, period: 'month' }
    await server.addProviderKey(caller.token, 'openai', createFakeKey('openai', 'big'), { cap })
    await expectHeld(await askBoth(caller.apiKey), caller.token, 'own_cap_reached')
  })

  test("the allowance on the server's keys", patient, async () => {
    const caller = await servers[0]!.createCaller()
    await expectHeld(await askBoth(caller.apiKey), caller.token, 'server_allowance_spent')
  })
}
