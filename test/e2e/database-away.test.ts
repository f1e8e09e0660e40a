// PostgreSQL goes away under load: who is known is served from memory for a minute, what they used stays in the
// journal, and nobody else is let in. When it is back everything is written down, once.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createFakeKey, createFakePassword, randomText, rememberSecret } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { administer, createPostgresDatabase, describePostgres, dropPostgresDatabase } from '../support/databases.ts'
import { ask, CHAT_DIALECTS, expectError } from '../support/dialects.ts'
import { startLine, type Line } from '../support/line.ts'
import type { Caller } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const [CHAT] = CHAT_DIALECTS

describePostgres('without PostgreSQL', () => {
  let databaseUrl: string
  const role = `uniroute_away_${process.pid}`
  let line: Line
  let fake: FakeProvider
  let uniroute: UniRoute

  beforeAll(async () => {
    databaseUrl = await createPostgresDatabase()
    await administer(`CREATE ROLE ${role} LOGIN`)
    await administer(`ALTER DATABASE ${new URL(databaseUrl).pathname.slice(1)} OWNER TO ${role}`)
    const url = new URL(databaseUrl)
    url.username = role
    line = await startLine(Number(url.port || 5432))
    url.port = String(line.port)
    url.hostname = '127.0.0.1'
    fake = await startFakeProvider()
    uniroute = await startUniRoute({
      fake,
      databaseUrl: url.href,
      adminAccount: { email: 'admin@example.com', password: createFakePassword() },
      env: {
        PROVIDER_KEY_ENCRYPTION_KEY: rememberSecret(`CANARY${randomText(48)}`),
        JWT_SECRET: rememberSecret(`CANARY${randomText(48)}`),
      },
    })
  })
  afterAll(async () => {
    line?.restore()
    await uniroute?.stop()
    expect(uniroute?.scanAndRemove() ?? []).toEqual([])
    line?.close()
    await fake?.close()
    if (databaseUrl) await dropPostgresDatabase(databaseUrl)
    await administer(`DROP ROLE IF EXISTS ${role}`)
  })

  async function lockOut(): Promise<void> {
    await administer(`ALTER ROLE ${role} NOLOGIN`)
    await administer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`)
  }
  async function restore(): Promise<void> {
    line.restore()
    await administer(`ALTER ROLE ${role} LOGIN`)
  }

  /** A connection that was lost the time before may be found out only now. */
  function createCaller(): Promise<Caller> {
    return vi.waitFor(() => uniroute.createCaller({ keys: { openai: createFakeKey('openai') } }), 20_000)
  }

  const ways: readonly [string, () => void | Promise<void>][] = [
    ['refuses connections', () => line.refuse()],
    ['answers nothing', () => line.swallow(true)],
    ['lets its role in no more', lockOut],
  ]
  describe.each(ways)('that %s', (_name, breakLine) => {
    let known: Caller
    let unknown: Caller
    // Whatever was seen, the next way begins with a database that answers.
    afterEach(async () => {
      await restore()
      await vi.waitFor(async () => expect((await uniroute.call('GET', '/ready')).status).toBe(200), 20_000)
    })

    test('those who are known are served on their own keys, others get 503, and no record is lost', async () => {
      known = await createCaller()
      unknown = await createCaller()
      expect((await ask(uniroute, CHAT!, known.apiKey)).status).toBe(200)
      await breakLine()
      const ids: string[] = []
      let slowest = 0
      // Longer than memory is fresh.
      for (const until = performance.now() + 12_000; performance.now() < until;) {
        const before = performance.now()
        const reply = await ask(uniroute, CHAT!, known.apiKey)
        slowest = Math.max(slowest, performance.now() - before)
        expect(reply.status).toBe(200)
        expect(reply.headers.get('x-uniroute-billed-to')).toBe('user')
        ids.push(reply.headers.get('x-request-id')!)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      const refused = await ask(uniroute, CHAT!, unknown.apiKey)
      expectError('openai', refused, { status: 503, code: 'storage_unavailable', source: 'gateway' })
      expect((await uniroute.call('GET', '/ready')).status).toBe(503)
      console.info(`${ids.length} calls without PostgreSQL, the slowest took ${slowest.toFixed(0)} ms`)
      // Nobody waits until a statement is given up, which takes six seconds.
      expect(slowest).toBeLessThan(5_000)

      await restore()
      await vi.waitFor(async () => expect((await ask(uniroute, CHAT!, unknown.apiKey)).status).toBe(200), 20_000)
      for (const id of [ids[0]!, ids.at(-1)!]) await vi.waitFor(() => uniroute.readReceipt(known.apiKey, id), 20_000)
      const read = async () => (await uniroute.call('GET', '/admin/usage', { token: known.token })).body.total.requests
      await expect.poll(read, { timeout: 20_000 }).toBe(ids.length + 1)
    })
  })
})
