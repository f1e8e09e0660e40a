// What PostgreSQL alone has to keep: limits on slow statements, lost connections, a clear word where it is missing.
import { createServer } from 'node:net'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createPostgresDatabase,
  describePostgres,
  dropPostgresDatabase,
  silentLog,
} from '../../test/support/databases.ts'
import { type Database, openDatabase } from './database.ts'
import { DatabaseOpenError } from './errors.ts'

const unavailable = { code: 'storage_unavailable', status: 503, origin: 'gateway', retryAfter: expect.any(Number) }

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('this must not succeed'),
    (error: unknown) => error,
  )
}

describePostgres('PostgreSQL', () => {
  let url: string
  let database: Database
  beforeAll(async () => {
    url = await createPostgresDatabase()
    database = await openDatabase({ url, log: silentLog, statementTimeoutMs: 1_000 })
  })
  afterAll(async () => {
    await database.close()
    await dropPostgresDatabase(url)
  })

  test('a statement over the limit is cancelled, and the next one works', async () => {
    expect(await failure(sql`SELECT pg_sleep(60)`.execute(database.query))).toMatchObject(unavailable)
    await database.ping()
  })

  test('a transaction may have a longer limit of its own, which ends with it', async () => {
    await database.transaction((tx) => sql`SELECT pg_sleep(1.2)`.execute(tx), { limitMs: 30_000 })
    expect(await failure(sql`SELECT pg_sleep(60)`.execute(database.query))).toMatchObject(unavailable)
  })

  test('connections that the server ended are replaced, in use and idle ones', async () => {
    const other = await openDatabase({ url, log: silentLog })
    const lost = database.transaction(async (tx) => {
      const { rows } = await sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(tx)
      await sql`SELECT pg_terminate_backend(${rows[0]!.pid}::int)`.execute(other.query)
      await sql`SELECT 1`.execute(tx)
    })
    expect(await failure(lost)).toMatchObject(unavailable)
    await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`.execute(
      other.query,
    )
    await other.close()
    // An idle connection may be handed out before its end is noticed; the one after it is new.
    await database.ping().catch((error: unknown) => expect(error).toMatchObject(unavailable))
    await database.ping()
  })

  test('a connection to a server that takes no writes any more is given up, and the next one writes', async () => {
    await sql`SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY`.execute(database.query)
    const write = () => database.transaction((tx) => sql`CREATE TABLE written_after_all (x INTEGER)`.execute(tx))
    expect(await failure(write())).toMatchObject(unavailable)
    await write()
  })

  test('a server that lets this role in no more is one that is away, and says why in the log once', async () => {
    const role = `uniroute_role_${process.pid}_${Math.random().toString(36).slice(2, 8)}`
    const name = new URL(url).pathname.slice(1)
    const administer = (statement: string) => sql.raw(statement).execute(database.query)
    await administer(`CREATE ROLE ${role} LOGIN`)
    try {
      const address = new URL(url)
      address.username = role
      const lines: string[] = []
      const log = pino({}, { write: (line: string) => void lines.push(line) })
      const theirs = await openDatabase({ url: address.href, log })
      const ways: [string, string][] = [
        [`ALTER ROLE ${role} NOLOGIN`, `ALTER ROLE ${role} LOGIN`],
        [`ALTER ROLE ${role} CONNECTION LIMIT 0`, `ALTER ROLE ${role} CONNECTION LIMIT -1`],
        [`REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`, `GRANT CONNECT ON DATABASE ${name} TO PUBLIC`],
      ]
      for (const [close, open] of ways) {
        await administer(close)
        await administer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`)
        // An idle connection may be handed out before its end is noticed.
        await theirs.ping().catch(() => undefined)
        expect(await failure(theirs.ping()), close).toMatchObject(unavailable)
        expect(await failure(theirs.ping()), close).toMatchObject(unavailable)
        expect(await failure(openDatabase({ url: address.href })), close).toBeInstanceOf(DatabaseOpenError)
        // The operator reads why, once however often it is tried.
        expect(
          lines.filter((line) => line.includes('lets UniRoute in no more')),
          close,
        ).toHaveLength(1)
        lines.length = 0
        await administer(open)
        await theirs.ping()
      }
      await theirs.close()
    } finally {
      await administer(`DROP ROLE ${role}`)
    }
  })

  test('numbers beyond 2^53 are an error, never a rounded sum', async () => {
    expect(await failure(sql`SELECT 9007199254740993::bigint AS x`.execute(database.query))).toBeInstanceOf(RangeError)
    const { rows } = await sql`SELECT 9007199254740991::bigint AS x, 1.5::numeric AS y`.execute(database.query)
    expect(rows).toEqual([{ x: Number.MAX_SAFE_INTEGER, y: 1.5 }])
  })

  test('a database that does not exist is named, the password is not', async () => {
    const address = new URL(url)
    address.pathname = '/uniroute_no_such_database'
    address.password = 'canary-password'
    const error = await failure(openDatabase({ url: address.href }))
    expect(error).toBeInstanceOf(DatabaseOpenError)
    expect((error as Error).message).toContain('uniroute_no_such_database')
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('canary-password')
  })
})

describe('no PostgreSQL there', () => {
  test('nothing listening is said, and that DATABASE_URL is meant', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    await new Promise((resolve) => server.close(resolve))
    const error = await failure(openDatabase({ url: `postgres://me:canary-password@127.0.0.1:${port}/x` }))
    expect(error).toMatchObject({ reason: 'unreachable', message: expect.stringContaining('DATABASE_URL') })
    expect((error as Error).message).toContain('ECONNREFUSED')
    expect((error as Error).message).not.toContain('canary-password')
  })

  test('a server that accepts and never answers is given up after the limit', async () => {
    const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const url = `postgres://me@127.0.0.1:${port}/x`
    expect(await failure(openDatabase({ url, statementTimeoutMs: 200 }))).toMatchObject({ reason: 'unreachable' })
    server.close()
  })

  test('an address that is none is refused without repeating it', async () => {
    const error = await failure(openDatabase({ url: 'postgres://me:canary-password@host:notaport/x' }))
    expect(error).toBeInstanceOf(DatabaseOpenError)
    expect((error as Error).message).not.toContain('canary-password')
  })
})
