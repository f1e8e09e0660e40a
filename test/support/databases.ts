// Runs a suite on both databases: SQLite in a temporary file, and PostgreSQL in temporary databases of the server at
// TEST_DATABASE_URL (default: postgres on 127.0.0.1). Every `open()` gives an empty, migrated database of its own;
// `open({ sameAs })` gives a second connection to one that is open, as another process would have it,
// `open({ migrated: false })` one without tables. What was opened in a test is closed after it, what was opened in
// beforeAll after the suite; everything temporary is removed.
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

export type OpenDatabase = (options?: { sameAs?: Database; migrated?: boolean }) => Promise<Database>

export type DatabaseAddress = { readonly file: string } | { readonly url: string }

/** Where empty databases come from: one source per kind and suite. */
interface Source {
  /** Address of an empty, migrated database that nobody else has. */
  take(): Promise<DatabaseAddress>
  /** Address of a database without tables. */
  takeBare(): Promise<DatabaseAddress>
  /** Nobody uses that database any more. */
  giveBack(address: DatabaseAddress): void
  remove(): Promise<void>
}

export const POSTGRES_URL = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'
/** Why PostgreSQL cannot be used here, or undefined where it can. */
export const postgresProblem = await findPostgresProblem()

export const silentLog = createLog({ level: 'silent' })

const addresses = new WeakMap<Database, DatabaseAddress>()

/** Where a database that `open()` gave can be opened again, by another process too. */
export function addressOf(database: Database): DatabaseAddress {
  return addresses.get(database) ?? expect.fail('This database was not opened by the test support.')
}

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

function prepareSuite(source: Source): OpenDatabase {
  let inTest = false
  const ofTest: Database[] = []
  const ofSuite: Database[] = []

  async function closeAll(opened: Database[]): Promise<void> {
    const closing = opened.splice(0)
    await Promise.all(closing.map((database) => database.close()))
    for (const address of new Set(closing.map(addressOf))) source.giveBack(address)
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

  return async ({ sameAs, migrated = true } = {}) => {
    const address = sameAs ? addressOf(sameAs) : await (migrated ? source.take() : source.takeBare())
    const database = await openDatabase({ ...address, log: silentLog })
    addresses.set(database, address)
    const list = inTest ? ofTest : ofSuite
    list.push(database)
    return database
  }
}

function createSqliteSource(): Source {
  // Made when first needed: a suite whose tests are all left out has no end to remove it at.
  let folder: string | undefined
  let templateReady: Promise<string> | undefined
  let count = 0

  function inFolder(name: string): string {
    folder ??= mkdtempSync(join(tmpdir(), 'uniroute-test-'))
    return join(folder, name)
  }

  async function makeTemplate(): Promise<string> {
    const template = inFolder('template.db')
    const database = await openDatabase({ file: template })
    await migrate(database, { clock: systemClock, log: silentLog })
    await database.close()
    return template
  }

  return {
    async take() {
      const template = await (templateReady ??= makeTemplate())
      const file = inFolder(`${++count}.db`)
      copyFileSync(template, file)
      return { file }
    },
    takeBare: async () => ({ file: inFolder(`${++count}.db`) }),
    // The files stay until the suite is over: what is left in them may be looked at.
    giveBack() {},
    async remove() {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    },
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

/** As the owner of the test server. */
export async function administer(statement: string): Promise<void> {
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
  const migrated = new Set<DatabaseAddress>()
  const free: { readonly url: string }[] = []
  let ours: readonly string[] = []

  async function takeBare(): Promise<{ readonly url: string }> {
    const url = await createPostgresDatabase()
    all.push(url)
    return { url }
  }

  return {
    takeBare,
    async take() {
      const used = free.pop()
      if (used !== undefined) {
        await wipe(used.url, ours)
        return used
      }
      const address = await takeBare()
      const database = await openDatabase(address)
      await migrate(database, { clock: systemClock, log: silentLog })
      ours = await listTables(database)
      await database.close()
      migrated.add(address)
      return address
    },
    giveBack(address) {
      if ('url' in address && migrated.has(address)) free.push(address)
    },
    async remove() {
      for (const url of all) await dropPostgresDatabase(url)
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
