// Runs a suite on both databases: SQLite in a temporary file, and PostgreSQL in temporary databases of the server at
// TEST_DATABASE_URL (default: postgres on 127.0.0.1). Every `open()` gives an empty, migrated database of its own;
// `open({ sameAs })` gives a second connection to one that is open, as another process would have it. What was opened in
// a test is closed after it, what was opened in beforeAll after the suite; everything temporary is removed.
// Where PostgreSQL does not answer the suite is skipped, says so by name, and fails if CI=true.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../server/database/database.ts'
import { migrate } from '../../server/database/migrator.ts'
import { systemClock } from '../../server/kernel/clock.ts'
import { createLog } from '../../server/kernel/log.ts'

export type OpenDatabase = (options?: { sameAs?: Database }) => Promise<Database>

/** Where empty databases come from: one source per kind and suite. */
interface Source {
  /** Address of an empty, migrated database that nobody else has. */
  take(): Promise<string>
  /** Nobody uses that database any more. */
  giveBack(address: string): void
  open(address: string): Promise<Database>
  remove(): Promise<void>
}

export const POSTGRES_URL = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'
/** Why PostgreSQL cannot be used here, or undefined where it can. */
export const postgresProblem = await findPostgresProblem()

export const silentLog = createLog({ level: 'silent' })

/** Declares the suite once per database, named `<name> on SQLite` and `<name> on PostgreSQL`. */
export function describeOnEachDatabase(
  name: string,
  declare: (open: OpenDatabase, kind: Database['kind']) => void,
): void {
  describe(`${name} on SQLite`, () => declare(prepareSuite(createSqliteSource()), 'sqlite'))
  describePostgres(`${name} on PostgreSQL`, () => declare(prepareSuite(createPostgresSource()), 'postgres'))
}

/** A suite that needs PostgreSQL: skipped by name where it is missing, failed where CI=true. */
export function describePostgres(name: string, declare: () => void): void {
  if (postgresProblem === undefined) return void describe(name, declare)
  if (process.env['CI'] === 'true') {
    return void test(name, () => expect.fail(`PostgreSQL is needed here: ${postgresProblem}`))
  }
  process.stderr.write(`NOT RUN: ${name}: ${postgresProblem}\n`)
  describe.skip(name, declare)
}

async function findPostgresProblem(): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: POSTGRES_URL, connectionTimeoutMillis: 5_000 })
  try {
    await client.connect()
    await client.query('SELECT 1')
    return undefined
  } catch (error) {
    return `PostgreSQL does not answer at TEST_DATABASE_URL (${error instanceof Error ? error.message : String(error)})`
  } finally {
    await client.end()
  }
}

interface Opened {
  readonly database: Database
  readonly address: string
}

function prepareSuite(source: Source): OpenDatabase {
  let inTest = false
  const ofTest: Opened[] = []
  const ofSuite: Opened[] = []

  async function closeAll(opened: Opened[]): Promise<void> {
    const closing = opened.splice(0)
    await Promise.all(closing.map(({ database }) => database.close()))
    for (const address of new Set(closing.map((one) => one.address))) source.giveBack(address)
  }

  beforeEach(() => {
    inTest = true
  })
  afterEach(async () => {
    inTest = false
    await closeAll(ofTest)
  })
  afterAll(async () => {
    await closeAll(ofSuite)
    await source.remove()
  })

  return async (options = {}) => {
    const known = [...ofTest, ...ofSuite].find(({ database }) => database === options.sameAs)
    const address = known?.address ?? (await source.take())
    const database = await source.open(address)
    const list = inTest ? ofTest : ofSuite
    list.push({ database, address })
    return database
  }
}

function createSqliteSource(): Source {
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-test-'))
  const template = join(folder, 'template.db')
  let templateReady: Promise<void> | undefined
  let count = 0

  async function makeTemplate(): Promise<void> {
    const database = await openDatabase({ file: template })
    await migrate(database, { clock: systemClock, log: silentLog })
    await database.close()
  }

  return {
    async take() {
      await (templateReady ??= makeTemplate())
      const file = join(folder, `${++count}.db`)
      copyFileSync(template, file)
      return file
    },
    giveBack(file) {
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true })
    },
    open: (file) => openDatabase({ file, log: silentLog }),
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Creates an empty PostgreSQL database and returns its address. */
export async function createPostgresDatabase(): Promise<string> {
  const name = `uniroute_test_${process.pid}_${Math.random().toString(36).slice(2, 10)}`
  await administer(`CREATE DATABASE "${name}"`)
  const url = new URL(POSTGRES_URL)
  url.pathname = `/${name}`
  return url.href
}

export async function dropPostgresDatabase(address: string): Promise<void> {
  await administer(`DROP DATABASE IF EXISTS "${new URL(address).pathname.slice(1)}" WITH (FORCE)`)
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: POSTGRES_URL })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

function createPostgresSource(): Source {
  const all: string[] = []
  const free: string[] = []
  let ours: readonly string[] = []

  return {
    async take() {
      const used = free.pop()
      if (used !== undefined) {
        await wipe(used, ours)
        return used
      }
      const address = await createPostgresDatabase()
      all.push(address)
      const database = await openDatabase({ url: address })
      await migrate(database, { clock: systemClock, log: silentLog })
      ours = await listTables(database)
      await database.close()
      return address
    },
    giveBack: (address) => void free.push(address),
    open: (address) => openDatabase({ url: address, log: silentLog }),
    async remove() {
      for (const address of all) await dropPostgresDatabase(address)
    },
  }
}

async function listTables(database: Database): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    SELECT quote_ident(tablename) AS name FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'schema_migrations'`.execute(database.query)
  return rows.map(({ name }) => name)
}

/** Empties our tables and drops those that a test made for itself. */
async function wipe(address: string, ours: readonly string[]): Promise<void> {
  const database = await openDatabase({ url: address })
  try {
    const others = (await listTables(database)).filter((table) => !ours.includes(table))
    const statements = [
      ...others.map((table) => `DROP TABLE ${table} CASCADE`),
      ...ours.map((table) => `DELETE FROM ${table}`),
    ]
    await sql.raw(statements.join(';')).execute(database.query)
  } finally {
    await database.close()
  }
}
