// A provider that is down, as two UniRoute processes with Redis between them see it: what one found out the other
// knows, they try it again together, and while Redis is away each goes by what it saw itself.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { describePostgres } from '../support/databases.ts'
import { CHAT_DIALECTS } from '../support/dialects.ts'
import { startInstances, type Instances } from '../support/instances.ts'
import { describeRedis } from '../support/redis.ts'
import type { Json, Reply } from '../support/uniroute-client.ts'
import type { UniRoute } from '../support/uniroute-process.ts'

const DIALECT = CHAT_DIALECTS[0]!
/** Clients that repeat themselves: then the gateway does not, and a request is one call. */
const ONCE = { 'x-stainless-retry-count': '1' }

describePostgres('breakers of two instances', () => {
  describeRedis('with Redis', () => {
    let instances: Instances
    let here: UniRoute
    let there: UniRoute

    beforeAll(async () => {
      const env = { OPENAI_API_KEY: createFakeKey('openai', 'server') }
      instances = await startInstances({ count: 2, redis: true, env })
      ;[here, there] = instances.servers as [UniRoute, UniRoute]
      await untilRedis(1)
    })
    afterAll(async () => {
      expect((await instances?.stop()) ?? []).toEqual([])
    })

    async function readMetric(server: UniRoute, name: string): Promise<number> {
      const { text } = await server.call('GET', '/metrics')
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
    }

    const untilRedis = (up: 0 | 1) =>
      vi.waitFor(async () => {
        for (const server of instances.servers) expect(await readMetric(server, 'uniroute_redis_up')).toBe(up)
      }, 15_000)

    const countUnanswered = async (): Promise<number> => {
      const counts = [here, there].map((server) => readMetric(server, 'uniroute_redis_failures_total'))
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
    }

    async function readBreakers(server: UniRoute, model: string): Promise<Json[]> {
      const { body } = await server.call('GET', '/admin/health', { token: await server.login() })
      return body.breakers.filter((one: Json) => one.model === model)
    }

    async function createCaller(scenario: string, accountFallback: unknown) {
      const key = createFakeKey('openai', scenario)
      const { apiKey } = await here.createCaller({ keys: { openai: key }, accountFallback })
      return { key, apiKey, calls: () => instances.fake.requestsOf(key).length }
    }

    const askAt = (server: UniRoute, apiKey: string, model: string): Promise<Reply> =>
      server.call('POST', '/v1/chat/completions', {
        headers: { ...DIALECT.auth(apiKey), ...ONCE },
        body: DIALECT.body('say something', model, false),
      })

    const billedTo = ({ headers }: Reply) => headers.get('x-uniroute-billed-to')

    test('a provider that one found down both leave alone; one probe of both finds out when it is back, for both', async () => {
      const model = 'gpt-4o'
      const [ada, bob] = [await createCaller('down503', ['outage']), await createCaller('down503', ['outage'])]
      for (let at = 0; at < 24; at++) await askAt(here, [ada, bob][at % 2]!.apiKey, model)
      const open = { provider: 'openai', model, side: 'user', one_owner: false, opens_in_ms: expect.any(Number) }
      await expect.poll(() => readBreakers(there, model)).toEqual([open])
      const carol = await createCaller('drip5', ['outage'])
      const alone = await askAt(there, carol.apiKey, model)
      expect([alone.status, billedTo(alone), carol.calls()]).toEqual([200, 'server', 0])

      // The probe tells nothing before its end, and lasts longer than all others, which the server's key serves.
      const isHalfOpen = async (server: UniRoute) => (await readBreakers(server, model))[0].opens_in_ms === 0
      for (const server of [here, there]) await expect.poll(() => isHalfOpen(server), { timeout: 15_000 }).toBe(true)
      const payers: (string | null)[] = []
      const asked = Array.from({ length: 40 }, async (_, at) => {
        payers.push(billedTo(await askAt([here, there][at % 2]!, carol.apiKey, model)))
      })
      await Promise.all(asked)
      // What Redis did not answer in time, each decided for itself.
      const probes = carol.calls()
      expect(probes).toBeGreaterThanOrEqual(1)
      expect(probes).toBeLessThanOrEqual(1 + (await countUnanswered()))
      expect(payers.filter((payer) => payer !== 'server')).toEqual(Array(probes).fill('user'))
      for (const server of [here, there]) {
        await expect.poll(() => readBreakers(server, model)).toEqual([])
        expect(billedTo(await askAt(server, carol.apiKey, model))).toBe('user')
      }
      for (const found of ['here', 'elsewhere']) {
        const name = `uniroute_breaker_openings_total\\{found="${found}"\\}`
        const counts = await Promise.all([here, there].map((server) => readMetric(server, name)))
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1)
      }
    })

    test('where nothing else is left, both together try it once a second, for the owner whose key it is', async () => {
      const model = 'gpt-4.1'
      const caller = await createCaller('down503', 'never')
      for (let at = 0; at < 22; at++) await askAt(here, caller.apiKey, model)
      await expect.poll(() => readBreakers(there, model)).toMatchObject([{ one_owner: true }])
      const other = await createCaller('ok', 'never')
      expect(billedTo(await askAt(there, other.apiKey, model))).toBe('user')
      const before = caller.calls()
      const begunAt = performance.now()
      const replies: Reply[] = []
      for (let at = 0; at < 60; at++) replies.push(await askAt([here, there][at % 2]!, caller.apiKey, model))
      const seconds = (performance.now() - begunAt) / 1000
      expect(caller.calls() - before).toBeLessThanOrEqual(Math.floor(seconds) + 1 + (await countUnanswered()))
      expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([503]))
    })

    test('while Redis is away each goes by what it saw, without an error; afterwards openings are told again', async () => {
      await instances.redis!.kill()
      await untilRedis(0)
      const model = 'gpt-4.1-mini'
      const caller = await createCaller('down503', 'never')
      for (let at = 0; at < 24; at++) expect((await askAt(here, caller.apiKey, model)).status).toBe(503)
      expect(await readBreakers(here, model)).toHaveLength(1)
      expect(await readBreakers(there, model)).toEqual([])
      const before = caller.calls()
      for (let at = 0; at < 5; at++) expect((await askAt(there, caller.apiKey, model)).status).toBe(503)
      expect(caller.calls() - before).toBe(5)

      await instances.redis!.start()
      await untilRedis(1)
      const next = 'gpt-4.1-nano'
      for (let at = 0; at < 24; at++) await askAt(there, caller.apiKey, next)
      await expect.poll(() => readBreakers(here, next), { timeout: 10_000 }).toHaveLength(1)
    })
  })
})
