import pg from 'pg'
import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import {
  createPostgresDatabase,
  describePostgres,
  dropPostgresDatabase,
  POSTGRES_URL,
  silentLog,
} from '../../test/support/databases.ts'
import { startRedis } from '../../test/support/redis-server.ts'
import { describeRedis } from '../../test/support/redis.ts'
import { Secret } from '../kernel/secret.ts'
import type { Wire } from '../kernel/wire.ts'
import { openDatabase } from './database.ts'
import { createPostgresWire } from './postgres-wire.ts'
import { createRedisWire } from './redis-wire.ts'
import { openRedis } from './redis.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

/** Until it arrives: what is said before the other side listens is lost. */
async function expectHeard(from: Wire, heard: readonly string[], message: string): Promise<void> {
  await vi.waitFor(
    () => {
      if (!heard.includes(message)) from.send(message)
      expect(heard).toContain(message)
    },
    { timeout: 10_000, interval: 50 },
  )
}

describePostgres('the way through PostgreSQL', () => {
  async function openTwo() {
    const url = await createPostgresDatabase()
    cleanups.push(() => dropPostgresDatabase(url))
    const lines: string[] = []
    const log = pino({}, { write: (text) => void lines.push(text) })
    const open = async () => {
      const database = await openDatabase({ url, log: silentLog })
      const wire = createPostgresWire({ url: new Secret(url), database, log })
      cleanups.push(async () => {
        await wire.close()
        await database.close()
      })
      return wire
    }
    return { one: await open(), two: await open(), lines, name: new URL(url).pathname.slice(1) }
  }

  test('carries what one says to the other', async () => {
    const { one, two } = await openTwo()
    const heard: string[] = []
    two.hear((message) => heard.push(message))
    await expectHeard(one, heard, `it's "quoted" – and ünïcode`)
  })

  test('is there again after its connections were ended, and tells of it once', async () => {
    const { one, two, lines, name } = await openTwo()
    const heard: string[] = []
    two.hear((message) => heard.push(message))
    await expectHeard(one, heard, 'before')
    const admin = new pg.Client({ connectionString: POSTGRES_URL })
    await admin.connect()
    const ended = await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'uniroute changes'`,
      [name],
    )
    await admin.end()
    expect(ended.rowCount).toBe(2)
    await expectHeard(one, heard, 'after')
    expect(lines.filter((line) => line.includes('not heard through PostgreSQL now')).length).toBeLessThanOrEqual(2)
  })
})

describeRedis('the way through Redis', () => {
  test('carries what one says to the other', async () => {
    const server = await startRedis()
    cleanups.push(() => server.kill())
    const open = async () => {
      const redis = await openRedis({ url: new Secret(server.url), log: silentLog })
      cleanups.push(() => redis.close())
      return createRedisWire(redis)
    }
    const [one, two] = [await open(), await open()]
    const heard: string[] = []
    two.hear((message) => heard.push(message))
    await expectHeard(one, heard, 'news')
  })
})
