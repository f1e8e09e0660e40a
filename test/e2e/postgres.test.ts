// The same program on PostgreSQL: a request on one's own key, its receipt, a restart, and kill -9 without a lost
// record.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import { createFakeKey, createFakePassword, randomText, rememberSecret } from '../fake-provider/fake-keys.ts'
import { startFakeProvider } from '../fake-provider/fake-provider.ts'
import { scanForSecrets } from '../support/canary-scan.ts'
import { describePostgres, POSTGRES_URL } from '../support/databases.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import { startUniRoute } from '../support/uniroute-process.ts'

const SECRETS = {
  PROVIDER_KEY_ENCRYPTION_KEY: rememberSecret(`CANARY${randomText(48)}`),
  JWT_SECRET: rememberSecret(`CANARY${randomText(48)}`),
}

describePostgres('UniRoute on PostgreSQL', () => {
  test(
    'serves, keeps its records through restart and kill -9, and stores no secret',
    { timeout: 300_000 },
    async () => {
      const name = `uniroute_e2e_${randomUUID().replaceAll('-', '')}`
      const server = new pg.Client({ connectionString: POSTGRES_URL })
      await server.connect()
      await server.query(`CREATE DATABASE ${name}`)
      const databaseUrl = Object.assign(new URL(POSTGRES_URL), { pathname: `/${name}` }).href
      const dataDir = mkdtempSync(join(tmpdir(), 'uniroute-pg-'))
      const adminAccount = { email: 'admin@example.com', password: createFakePassword() }
      const fake = await startFakeProvider()
      const start = () => startUniRoute({ fake, dataDir, databaseUrl, adminAccount, env: SECRETS })
      const key = createFakeKey('openai')
      let sent = 0
      try {
        const first = await start()
        const caller = await first.createCaller({ keys: { openai: key } })
        const reply = await ask(first, CHAT_DIALECTS[0]!, caller.apiKey)
        expect(reply.headers.get('x-uniroute-billed-to')).toBe('user')
        const receipt = await first.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
        expect(receipt).toMatchObject({
          streamed: false,
          billed_to: 'user',
          usage: { input_tokens: expect.any(Number) },
        })
        expect(await first.stop()).toBe(0)

        for (let cycle = 0; cycle < 4; cycle++) {
          const uniroute = await start()
          const load = { running: true }
          const lane = async (): Promise<void> => {
            while (load.running) {
              await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey, { model: `gpt-kill-${sent++}` }).catch(
                (error: unknown) => {
                  if (!uniroute.child.killed) throw error
                },
              )
            }
          }
          const reached = sent + 50
          const lanes = Array.from({ length: 16 }, lane)
          await expect.poll(() => sent, { timeout: 60_000 }).toBeGreaterThan(reached)
          await setTimeout(Math.random() * 300)
          await uniroute.kill9()
          load.running = false
          await Promise.all(lanes)
        }
        const last = await start()
        await setTimeout(1500)
        expect(await last.stop()).toBe(0)

        const database = new pg.Client({ connectionString: databaseUrl })
        await database.connect()
        const { rows } = await database.query(
          "SELECT model, count(*)::int AS count FROM attempts WHERE model LIKE 'gpt-kill-%' GROUP BY model",
        )
        const counts = new Map<string, number>(rows.map((row) => [row.model, row.count]))
        const calls = fake.requestsOf(key).filter((call) => call.model.startsWith('gpt-kill-'))
        expect(calls.length).toBeGreaterThan(100)
        expect(calls.filter((call) => counts.get(call.model) !== 1).map((call) => call.model)).toEqual([])
        const tables = await database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        const dump: string[] = []
        for (const { tablename } of tables.rows) {
          dump.push(JSON.stringify((await database.query(`SELECT * FROM "${tablename}"`)).rows))
        }
        await database.end()
        const secrets = [key, adminAccount.password, ...Object.values(SECRETS)]
        expect(dump.join('').length).toBeGreaterThan(10_000)
        expect(scanForSecrets({ texts: [{ name: 'every table', text: dump.join('\n') }], secrets })).toEqual([])
        expect(last.scanAndRemove()).toEqual([])
      } finally {
        await fake.close()
        await server.query(`DROP DATABASE ${name} WITH (FORCE)`)
        await server.end()
        rmSync(dataDir, { recursive: true, force: true })
      }
    },
  )
})
