// Two UniRoute processes on one PostgreSQL database behave as one, with Redis between them and while it is away.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { describePostgres } from '../support/databases.ts'
import { CHAT_DIALECTS } from '../support/dialects.ts'
import { startInstances, type Instances } from '../support/instances.ts'
import { describeRedis } from '../support/redis.ts'
import type { RedisServer } from '../support/redis-server.ts'
import type { Reply } from '../support/uniroute-client.ts'
import type { UniRoute } from '../support/uniroute-process.ts'

const QUESTION = { model: 'gpt-4o', max_tokens: 10, messages: [{ role: 'user', content: 'say something' }] }

describePostgres('two instances', () => {
  describeRedis('with Redis', () => {
    let instances: Instances
    let servers: readonly UniRoute[]
    let redis: RedisServer

    beforeAll(async () => {
      instances = await startInstances({ count: 2, redis: true })
      servers = instances.servers
      redis = instances.redis!
      // The first learns of the second at its next look, ten seconds later at most.
      await vi.waitFor(async () => expect(await readMetric(servers[0]!, 'uniroute_instances')).toBe(2), 15_000)
      await vi.waitFor(async () => {
        for (const server of servers) expect(await readMetric(server, 'uniroute_redis_up')).toBe(1)
      }, 5_000)
    })
    afterAll(async () => {
      expect((await instances?.stop()) ?? []).toEqual([])
    })

    const readHealth = async (server: UniRoute) =>
      (await server.call('GET', '/admin/health', { token: await server.login() })).body

    async function readMetric(server: UniRoute, name: string): Promise<number> {
      const { text } = await server.call('GET', '/metrics')
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
    }

    const createCaller = () => servers[0]!.createCaller({ keys: { openai: createFakeKey('openai') } })

    async function createLimitedKey(token: string, perMinute: number): Promise<string> {
      return (await servers[0]!.createApiKey(token, { rate_limit_per_minute: perMinute })).key
    }

    const askAt = (server: UniRoute, apiKey: string): Promise<Reply> =>
      server.call('POST', '/v1/chat/completions', { headers: CHAT_DIALECTS[0]!.auth(apiKey), body: QUESTION })

    const askBoth = (apiKey: string, calls: number): Promise<Reply[]> =>
      Promise.all(Array.from({ length: calls }, (_, at) => askAt(servers[at % 2]!, apiKey)))

    const countStatuses = (replies: readonly Reply[]) => ({
      served: replies.filter(({ status }) => status === 200).length,
      refused: replies.filter(({ status }) => status === 429).length,
    })

    test('let in together what a limit allows, and say what is left of it together', async () => {
      const { token } = await createCaller()
      const apiKey = await createLimitedKey(token, 20)
      expect((await readHealth(servers[1]!)).limits).toEqual({ rates: 'redis', budgets: 'database' })
      const replies = await askBoth(apiKey, 60)
      // A bucket of 20 earns a request every three seconds; what Redis did not decide in time, each decided for itself.
      const { served, refused } = countStatuses(replies)
      expect(served).toBeGreaterThanOrEqual(20)
      expect(served - (await countLocally())).toBeLessThanOrEqual(22)
      expect(served + refused).toBe(60)
      expect(replies.filter(({ status }) => status === 200).map(left)).toContain(0)
    })

    test('forget at once what was taken back at the other: an API key, a provider key', async () => {
      const [here, there] = servers as [UniRoute, UniRoute]
      const { token, apiKey, providerKeyIds } = await createCaller()
      const revoked = await here.createApiKey(token)
      const ask = async (key: string) => (await askAt(there, key)).status
      for (const key of [apiKey, revoked.key]) expect(await ask(key)).toBe(200)
      // Sooner than what is held would be read again.
      const soon = { timeout: 3_000, interval: 20 }
      await here.call('DELETE', `/auth/api-keys/${revoked.id}`, { token })
      await expect.poll(() => ask(revoked.key), soon).toBe(401)
      expect(await ask(apiKey)).toBe(200)
      await here.call('DELETE', `/admin/provider-keys/${providerKeyIds['openai']![0]}`, { token })
      await expect.poll(() => ask(apiKey), soon).toBe(403)
      await here.addProviderKey(token, 'openai', createFakeKey('openai'))
      await expect.poll(() => ask(apiKey), soon).toBe(200)
    })

    test('keep a limit while Redis is away, each its share, without an error, and count together again afterwards', async () => {
      const { token } = await createCaller()
      const limited = await createLimitedKey(token, 20)
      const unlimited = (await servers[0]!.createApiKey(token)).key
      const before = await countLocally()
      await redis.kill()
      const { served, refused } = countStatuses(await askBoth(limited, 60))
      expect(served).toBeGreaterThanOrEqual(20)
      expect(served).toBeLessThanOrEqual(22)
      expect(served + refused).toBe(60)
      expect(countStatuses(await askBoth(unlimited, 40))).toEqual({ served: 40, refused: 0 })
      for (const server of servers) {
        expect(await readMetric(server, 'uniroute_redis_up')).toBe(0)
        expect(server.stderr()).toContain('Redis does not answer')
      }
      expect((await countLocally()) - before).toBe(60)
      await redis.start()
      await vi.waitFor(async () => {
        for (const server of servers) expect(await readMetric(server, 'uniroute_redis_up')).toBe(1)
      }, 10_000)
      const known = await countLocally()
      const again = countStatuses(await askBoth(await createLimitedKey(token, 20), 60))
      expect(again.served - ((await countLocally()) - known)).toBeLessThanOrEqual(22)
      expect(again.served).toBeGreaterThanOrEqual(20)
    })

    const countLocally = async (): Promise<number> => {
      const counts = servers.map((server) => readMetric(server, 'uniroute_rate_limits_decided_locally_total'))
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
    }

    const left = ({ headers }: Reply): number => Number(headers.get('x-ratelimit-remaining-requests'))
  })
})
