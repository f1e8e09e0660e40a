// What PostgreSQL alone has to keep: limits on slow statements, lost connections, a clear word where it is missing.
import { createServer } from 'node:net'
import { sql } from 'kysely'
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
