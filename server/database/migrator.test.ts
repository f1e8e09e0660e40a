// The migrator on both databases, with this program's migrations and with small ones of the test's own.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressOf, describeOnEachDatabase, silentLog } from '../../test/support/databases.ts'
import { systemClock } from '../kernel/clock.ts'
import { StartRefused } from '../kernel/start-refused.ts'
import type { Database } from './database.ts'
import { checkSchema, migrate, type Migration, readMigrations, SchemaError } from './migrator.ts'

const options = { clock: { ...systemClock, now: () => 1_234 }, log: silentLog }

const small: readonly Migration[] = [
  {
    name: '001_first',
    checksum: 'one',
    statements: ['CREATE TABLE first (x BIGINT)', 'INSERT INTO first VALUES (1)', 'CREATE INDEX first_x ON first (x)'],
  },
  {
    name: '002_second',
    checksum: 'two',
    statements: ['CREATE TABLE second (x BIGINT)', 'INSERT INTO second SELECT x FROM first'],
  },
]

async function refusalOf(promise: Promise<unknown>): Promise<SchemaError> {
  const error = await promise.then(
    () => expect.fail('this must be refused'),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(SchemaError)
  return error as SchemaError
}

async function countRows(database: Database, table: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`SELECT count(*) AS count FROM ${sql.table(table)}`.execute(
    database.query,
  )
  return rows[0]!.count
}

describeOnEachDatabase('migrating', (open) => {
  test('an empty database gets every migration once, and a second run does nothing', async () => {
    const database = await open({ migrated: false })
    const names = readMigrations(database.kind).map(({ name }) => name)
    expect(names.length).toBeGreaterThanOrEqual(5)
    expect(await checkSchema(database)).toBe('empty')
    expect(await migrate(database, options)).toEqual({ applied: names })
    expect(await checkSchema(database)).toBe('current')
    expect(await migrate(database, options)).toEqual({ applied: [] })
    const rows = await database.query.selectFrom('schema_migrations').selectAll().orderBy('name').execute()
    expect(rows.map(({ name, applied_at }) => ({ name, applied_at }))).toEqual(
      names.map((name) => ({ name, applied_at: 1_234 })),
    )
  })

  test('only what is missing is applied', async () => {
    const database = await open({ migrated: false })
    await migrate(database, { ...options, migrations: small.slice(0, 1) })
    expect(await checkSchema(database, small)).toBe('behind')
    expect(await migrate(database, { ...options, migrations: small })).toEqual({ applied: ['002_second'] })
    expect(await countRows(database, 'second')).toBe(1)
  })

  test('a migration whose file was changed afterwards is refused, and nothing is applied', async () => {
    const database = await open({ migrated: false })
    await migrate(database, { ...options, migrations: small.slice(0, 1) })
    const changed = [{ ...small[0]!, checksum: 'other' }, small[1]!]
    const refusal = await refusalOf(migrate(database, { ...options, migrations: changed }))
    expect(refusal).toMatchObject({ reason: 'changed', exitCode: 78 })
    expect(refusal).toBeInstanceOf(StartRefused)
    expect(refusal.message).toContain('001_first')
    expect(await checkSchema(database, small)).toBe('behind')
  })

  test('a database that a newer program migrated is refused, and nothing is applied', async () => {
    const database = await open({ migrated: false })
    await migrate(database, { ...options, migrations: small })
    const older = small.slice(0, 1)
    for (const attempt of [migrate(database, { ...options, migrations: older }), checkSchema(database, older)]) {
      const refusal = await refusalOf(attempt)
      expect(refusal.reason).toBe('newer')
      expect(refusal.message).toContain('002_second')
    }
    expect(await checkSchema(database, small)).toBe('current')
  })

  test('a gap in what was applied is refused', async () => {
    const database = await open({ migrated: false })
    await migrate(database, { ...options, migrations: small })
    await database.query.deleteFrom('schema_migrations').where('name', '=', '001_first').execute()
    expect((await refusalOf(checkSchema(database, small))).reason).toBe('order')
  })

  test('a migration that fails leaves nothing of itself behind', async () => {
    const database = await open({ migrated: false })
    const broken = [
      small[0]!,
      { ...small[1]!, statements: [small[1]!.statements[0]!, 'INSERT INTO nowhere VALUES (1)'] },
    ]
    await expect(migrate(database, { ...options, migrations: broken })).rejects.toThrow('nowhere')
    expect(await checkSchema(database, small)).toBe('behind')
    await migrate(database, { ...options, migrations: small })
    expect(await countRows(database, 'second')).toBe(1)
  })

  test('of two migrators at once each migration is applied by one, and both end well', async () => {
    const one = await open({ migrated: false })
    const two = await open({ sameAs: one })
    const results = await Promise.all([migrate(one, options), migrate(two, options)])
    const names = readMigrations(one.kind).map(({ name }) => name)
    expect(results.flatMap(({ applied }) => applied).toSorted()).toEqual(names)
    expect(await checkSchema(two)).toBe('current')
  })

  test('killed before any statement, it leaves whole migrations, and the next run completes them', async () => {
    let killedAt = 0
    for (let wasKilled = true; wasKilled; killedAt++) {
      const database = await open({ migrated: false })
      wasKilled = await migrateInChild(database, killedAt)
      const state = await checkSchema(database, small)
      if (wasKilled) expect(['empty', 'behind']).toContain(state)
      const { applied } = await migrate(database, { ...options, migrations: small })
      expect(applied).toEqual(small.slice({ empty: 0, behind: 1, current: 2 }[state]).map(({ name }) => name))
      expect(await countRows(database, 'first')).toBe(1)
      expect(await countRows(database, 'second')).toBe(1)
      await database.close()
    }
    // Every statement of both migrations, their rows, the ledger's table and the commits were hit.
    expect(killedAt).toBeGreaterThan(10)
  }, 300_000)
})

/** Migrates in a process of its own that kills itself before its n-th statement; false where it had fewer. */
async function migrateInChild(database: Database, killBefore: number): Promise<boolean> {
  const code = `
    import { openDatabase } from ${JSON.stringify(new URL('./database.ts', import.meta.url))}
    import { migrate } from ${JSON.stringify(new URL('./migrator.ts', import.meta.url))}
    const { address, migrations, killBefore } = JSON.parse(process.env.TASK)
    const database = await openDatabase(address)
    let count = 0
    const beforeStatement = () => count++ === killBefore && process.kill(process.pid, 'SIGKILL')
    const clock = { now: () => 1, monotonic: () => 1 }
    await migrate(database, { clock, log: { info() {} }, migrations, beforeStatement })
    await database.close()`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      TASK: JSON.stringify({ address: addressOf(database), migrations: small, killBefore }),
    },
  })
  const [exitCode, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('exit', (...how) => resolve(how))
  })
  expect(signal ?? exitCode).toBe(signal === null ? 0 : 'SIGKILL')
  return signal === 'SIGKILL'
}

describe('the folder of migrations', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'uniroute-migrations-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function writeFolder(name: string, files: Record<string, string>): URL {
    const url = new URL(`${name}/`, pathToFileURL(`${folder}/`))
    mkdirSync(url)
    for (const [file, text] of Object.entries(files)) writeFileSync(new URL(file, url), text)
    return url
  }

  test('a file for one kind of database replaces the plain one there', () => {
    const url = writeFolder('override', {
      '001_a.sql': 'SELECT 1;',
      '001_a.pg.sql': 'SELECT 2;',
      '002_b.sql': 'SELECT 3;',
      '002_b.sqlite.sql': 'SELECT 4;',
    })
    expect(readMigrations('postgres', url).map(({ statements }) => statements)).toEqual([['SELECT 2'], ['SELECT 3']])
    expect(readMigrations('sqlite', url).map(({ statements }) => statements)).toEqual([['SELECT 1'], ['SELECT 4']])
  })

  test('the checksum follows the text, not the line endings', () => {
    const [unix] = readMigrations('sqlite', writeFolder('unix', { '001_a.sql': 'SELECT\n1;\n' }))
    const [windows] = readMigrations('sqlite', writeFolder('windows', { '001_a.sql': 'SELECT\r\n1;\r\n' }))
    const [other] = readMigrations('sqlite', writeFolder('other', { '001_a.sql': 'SELECT\n2;\n' }))
    expect(windows?.checksum).toBe(unix?.checksum)
    expect(other?.checksum).not.toBe(unix?.checksum)
  })

  test('a wrong name, a doubled number and a file for the other kind alone are refused by name', () => {
    const wrong = writeFolder('wrong', { '1_a.sql': '' })
    expect(() => readMigrations('sqlite', wrong)).toThrow('1_a.sql')
    const doubled = writeFolder('doubled', { '001_a.sql': '', '001_b.sql': '' })
    expect(() => readMigrations('sqlite', doubled)).toThrow('001_a and 001_b')
    const single = writeFolder('single', { '001_a.pg.sql': '' })
    expect(() => readMigrations('sqlite', single)).toThrow('001_a.sqlite.sql')
  })
})
