// What SQLite alone has to keep: erased bytes, private files, other programs' locks, full disks, damaged files.
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { silentLog } from '../../test/support/databases.ts'
import { systemClock } from '../kernel/clock.ts'
import { type Database, openDatabase } from './database.ts'
import { DatabaseOpenError } from './errors.ts'
import { migrate } from './migrator.ts'

let folder: string
let count = 0
const closing: { close(): unknown }[] = []

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'uniroute-sqlite-'))
})
afterEach(async () => {
  for (const open of closing.splice(0).toReversed()) await open.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function newFile(): string {
  return join(folder, `${++count}.db`)
}

async function openMigrated(file: string, statementTimeoutMs?: number): Promise<Database> {
  const migrating = await openDatabase({ file })
  await migrate(migrating, { clock: systemClock, log: silentLog })
  if (statementTimeoutMs !== undefined) await migrating.close()
  const database =
    statementTimeoutMs === undefined ? migrating : await openDatabase({ file, log: silentLog, statementTimeoutMs })
  closing.push(database)
  return database
}

/** The file as another program has it open. */
function openOutside(file: string): DatabaseSync {
  const outside = new DatabaseSync(file)
  closing.push(outside)
  return outside
}

function write(database: Database, name: string, value = 'v') {
  return database.query.insertInto('settings').values({ name, value, updated_at: 1, updated_by: null }).execute()
}

async function readNames(database: Database): Promise<string[]> {
  const rows = await database.query.selectFrom('settings').select('name').orderBy('name').execute()
  return rows.map(({ name }) => name)
}

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('this must not succeed'),
    (error: unknown) => error,
  )
}

const unavailable = { code: 'storage_unavailable', status: 503, origin: 'gateway', retryAfter: expect.any(Number) }

/** Keeps the worker busy for about a second, whatever its limit. */
const slow = sql`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000000) SELECT count(*) FROM n`

describe('settings and files', () => {
  test('every connection erases deleted bytes, syncs fully, logs ahead and checks references', async () => {
    const database = await openMigrated(newFile())
    const settings: Record<string, unknown> = {}
    for (const name of ['secure_delete', 'synchronous', 'journal_mode', 'foreign_keys']) {
      const { rows } = await sql<Record<string, unknown>>`PRAGMA ${sql.raw(name)}`.execute(database.query)
      Object.assign(settings, rows[0])
    }
    expect(settings).toEqual({ secure_delete: 1, synchronous: 2, journal_mode: 'wal', foreign_keys: 1 })
  })

  test('the files are readable by their owner alone, also those that were not', async () => {
    const file = newFile()
    writeFileSync(file, '', { mode: 0o644 })
    const database = await openMigrated(file)
    await write(database, 'a')
    for (const path of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('a folder that cannot be used is named', async () => {
    const error = await failure(openDatabase({ file: '/proc/nowhere/uniroute.db' }))
    expect(error).toMatchObject({ reason: 'unreachable', message: expect.stringContaining('/proc/nowhere') })
  })
})

describe('erasing', () => {
  const canary = 'ur1.canary-of-a-deleted-ciphertext.'.repeat(20)

  function filesHold(file: string, text: string): boolean {
    return [file, `${file}-wal`].some((path) => existsSync(path) && readFileSync(path).includes(text))
  }

  test('a deleted ciphertext is in no file after shred', async () => {
    const file = newFile()
    const database = await openMigrated(file)
    for (let index = 0; index < 20; index++) await write(database, `s${index}`, canary)
    expect(filesHold(file, 'canary')).toBe(true)
    await database.query.deleteFrom('settings').execute()
    expect(await database.shred()).toBe(true)
    expect(filesHold(file, 'canary')).toBe(false)
  })

  test('a replaced ciphertext is in no file after shred', async () => {
    const file = newFile()
    const database = await openMigrated(file)
    await write(database, 'a', canary)
    await database.shred()
    await database.query.updateTable('settings').set({ value: 'new' }).execute()
    expect(await database.shred()).toBe(true)
    expect(filesHold(file, 'canary')).toBe(false)
  })

  test('while somebody reads an older state shred says so, and later succeeds', async () => {
    const file = newFile()
    const database = await openMigrated(file)
    await write(database, 'a', canary)
    const reader = openOutside(file)
    reader.exec('BEGIN')
    reader.prepare('SELECT * FROM settings').all()
    await database.query.deleteFrom('settings').execute()
    expect(await database.shred()).toBe(false)
    reader.exec('COMMIT')
    expect(await database.shred()).toBe(true)
    expect(filesHold(file, 'canary')).toBe(false)
  })
})

describe('another program holds the lock', () => {
  test('writes fail within their limit, reads go on, and afterwards all is well', async () => {
    const file = newFile()
    const database = await openMigrated(file, 1_000)
    await write(database, 'before')
    const outside = openOutside(file)
    outside.exec('BEGIN EXCLUSIVE')
    const writes = [
      write(database, 'single'),
      database.transaction((tx) => tx.deleteFrom('settings').execute()),
      database.insertMany([{ table: 'settings', rows: [{ name: 'batch', value: 'v', updated_at: 1 }] }]),
    ].map(failure)
    expect(await readNames(database)).toEqual(['before'])
    for (const error of await Promise.all(writes)) expect(error).toMatchObject(unavailable)
    outside.exec('COMMIT')
    await write(database, 'after')
    expect(await readNames(database)).toEqual(expect.arrayContaining(['after', 'before']))
  })

  test('a write waits for a lock that is given back in time', async () => {
    const file = newFile()
    const database = await openMigrated(file)
    const outside = openOutside(file)
    outside.exec('BEGIN EXCLUSIVE')
    const writing = [write(database, 'single'), database.transaction((tx) => tx.deleteFrom('users').execute())]
    expect(await readNames(database)).toEqual([])
    outside.exec('COMMIT')
    await Promise.all(writing)
    expect(await readNames(database)).toEqual(['single'])
  })
})

describe('another program has the file for itself', () => {
  test('opening is refused in a clear sentence, to be tried again later', async () => {
    const file = newFile()
    const outside = openOutside(file)
    outside.exec('PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE theirs (x); BEGIN EXCLUSIVE')
    const error = await failure(openDatabase({ file }))
    expect(error).toMatchObject({ reason: 'locked', exitCode: 75, message: expect.stringContaining(file) })
  })
})

describe('two processes', () => {
  test('transactions that read before they write all succeed', async () => {
    const file = newFile()
    const databases = [await openMigrated(file), await openMigrated(file)]
    const works = databases.flatMap((database, which) =>
      Array.from({ length: 20 }, (_, index) =>
        database.transaction(async (tx) => {
          await tx.selectFrom('settings').selectAll().execute()
          const row = { name: `${which}-${index}`, value: 'v', updated_at: 1, updated_by: null }
          await tx.insertInto('settings').values(row).execute()
        }),
      ),
    )
    await Promise.all(works)
    expect(await readNames(databases[0]!)).toHaveLength(40)
  })
})

describe('a slow statement', () => {
  test('its caller stops waiting, and what waited behind it in vain is not carried out', async () => {
    const database = await openMigrated(newFile(), 100)
    const errors = await Promise.all([failure(slow.execute(database.query)), failure(write(database, 'in vain'))])
    for (const error of errors) expect(error).toMatchObject(unavailable)
    await eventually(() => writeOnce(database, 'later'))
    expect(await eventually(() => readNames(database))).toEqual(['later'])
  })

  test('in a transaction it undoes the transaction and lets the next one in', async () => {
    const database = await openMigrated(newFile(), 100)
    const failed = database.transaction(async (tx) => {
      await tx.insertInto('settings').values({ name: 'undone', value: 'v', updated_at: 1, updated_by: null }).execute()
      await slow.execute(tx)
    })
    expect(await failure(failed)).toMatchObject(unavailable)
    await eventually(() => database.transaction((tx) => tx.selectFrom('users').selectAll().execute()))
    expect(await eventually(() => readNames(database))).toEqual([])
  })

  test('a transaction that nobody ends does not hold others longer than their limit', async () => {
    const database = await openMigrated(newFile(), 100)
    const held = Promise.withResolvers<void>()
    const holding = database.transaction(() => held.promise)
    for (const attempt of [readNames(database), database.transaction(async () => {})]) {
      expect(await failure(attempt)).toMatchObject(unavailable)
    }
    held.resolve()
    await holding
    await eventually(() => writeOnce(database, 'after'))
    expect(await eventually(() => readNames(database))).toEqual(['after'])
  })

  test('callers that give up at every moment of a transaction leave none open behind them', async () => {
    const file = newFile()
    await openMigrated(file)
    for (const limitMs of [1, 2, 3, 5]) {
      const database = await openDatabase({ file, statementTimeoutMs: limitMs })
      closing.push(database)
      for (let round = 0; round < 40; round++) {
        const works = Array.from({ length: 3 }, () => [
          database.transaction((tx) => tx.deleteFrom('users').execute()),
          readNames(database),
        ])
        for (const result of await Promise.allSettled(works.flat())) {
          if (result.status === 'rejected') expect(result.reason).toMatchObject(unavailable)
        }
      }
    }
  })

  /** May be repeated: an attempt whose caller gave up may have been carried out. */
  function writeOnce(database: Database, name: string): Promise<void> {
    return database.insertMany([{ table: 'settings', rows: [{ name, value: 'v', updated_at: 1 }] }])
  }

  async function eventually<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (attempt === 100) throw error
      }
    }
  }
})

describe('a full disk', () => {
  test('writes say so and are undone, reads go on, writes resume', async () => {
    const database = await openMigrated(newFile())
    await write(database, 'before')
    const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(database.query)
    await sql`PRAGMA max_page_count = ${sql.lit(rows[0]!.page_count)}`.execute(database.query)
    const large = 'x'.repeat(200_000)
    const full = { code: 'storage_full', status: 503 }
    expect(await failure(write(database, 'single', large))).toMatchObject(full)
    const failed = database.transaction(async (tx) => {
      await tx.deleteFrom('settings').execute()
      await tx.insertInto('settings').values({ name: 'big', value: large, updated_at: 1, updated_by: null }).execute()
    })
    expect(await failure(failed)).toMatchObject(full)
    expect(await readNames(database)).toEqual(['before'])
    await sql`PRAGMA max_page_count = 1000000`.execute(database.query)
    await write(database, 'single', large)
    expect(await readNames(database)).toEqual(['before', 'single'])
  })

  test('a transaction that SQLite ended by itself cannot go on statement by statement', async () => {
    const database = await openMigrated(newFile())
    const failed = database.transaction(async (tx) => {
      await sql`ROLLBACK`.execute(tx)
      await tx.insertInto('settings').values({ name: 'stray', value: 'v', updated_at: 1, updated_by: null }).execute()
    })
    expect(await failure(failed)).toMatchObject({ message: expect.stringContaining('rolled back') })
    expect(await readNames(database)).toEqual([])
  })
})

describe('a damaged file', () => {
  /** A database with rows, copied while it is open, so that its write-ahead log is not empty. */
  async function makeCopy(): Promise<string> {
    const original = newFile()
    const database = await openMigrated(original)
    for (let index = 0; index < 200; index++) await write(database, `s${index}`, 'v'.repeat(500))
    await database.shred()
    await write(database, 'in the log')
    const copy = newFile()
    for (const suffix of ['', '-wal']) copyFileSync(`${original}${suffix}`, `${copy}${suffix}`)
    return copy
  }

  const damages: Record<string, (file: string) => void> = {
    'another kind of file': (file) => writeFileSync(file, 'This is a text, and not a short one.\n'.repeat(100)),
    'a broken header': (file) => flip(file, 0, 32),
    'a broken schema page': (file) => flip(file, 100, 160),
    'a broken table page': (file) => flip(file, statSync(file).size - 10 * 4096, 64),
    'a file cut short': (file) => truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096 - 1000),
  }

  function flip(file: string, from: number, length: number): void {
    const bytes = readFileSync(file)
    for (let at = from; at < from + length; at++) bytes[at]! ^= 0xff
    writeFileSync(file, bytes)
  }

  test.each(Object.keys(damages))('%s is refused in a clear sentence, and not a byte is changed', async (kind) => {
    const file = await makeCopy()
    damages[kind]!(file)
    const before = [readFileSync(file), readFileSync(`${file}-wal`)]
    const error = await failure(openDatabase({ file }))
    expect(error).toBeInstanceOf(DatabaseOpenError)
    expect(error).toMatchObject({ reason: 'damaged', exitCode: 78 })
    expect((error as Error).message).toContain('Nothing was changed')
    expect([readFileSync(file), readFileSync(`${file}-wal`)]).toEqual(before)
  })

  test('the same copy undamaged opens, with the rows of its log', async () => {
    const database = await openMigrated(await makeCopy())
    expect(await readNames(database)).toContain('in the log')
  })
})
