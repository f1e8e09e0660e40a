// Opens the SQLite file, or says why it must not be opened. Runs on the worker thread.
// Invariants: a damaged file is refused before anything is written to it or to its write-ahead log (the checks use a
// read-only connection, which cannot checkpoint either), and is never replaced. Every connection erases deleted bytes.
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isBusyCode } from './sqlite-messages.ts'

/** How long opening waits for another program's lock; afterwards the callers wait, so that reads go on. */
const OPENING_BUSY_TIMEOUT_MS = 5_000
const BUSY_TIMEOUT_MS = 10
/** Larger files get the check of their schema only: reading them whole would delay the start by seconds. */
const FULL_CHECK_MAX_BYTES = 64 * 1024 * 1024
const SQLITE_MAGIC = 'SQLite format 3\0'

type Reason = 'damaged' | 'locked' | 'unreachable'

export class SqliteOpenFailure extends Error {
  readonly reason: Reason

  constructor(reason: Reason, message: string) {
    super(message)
    this.reason = reason
  }
}

export function openSqliteFile(file: string): DatabaseSync {
  try {
    prepareFile(file)
    if (statSync(file).size > 0) checkFile(file)
    return openForWork(file)
  } catch (error) {
    throw refusalFor(file, error)
  }
}

/** The extended result code of a node:sqlite error, 0 for any other error. */
export function sqliteCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code : 0
}

function prepareFile(file: string): void {
  if (!existsSync(dirname(file))) mkdirSync(dirname(file), { mode: 0o700 })
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
  // SQLite gives -wal and -shm the mode of the file itself; those that are there already are narrowed here.
  for (const path of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(path)) chmodSync(path, 0o600)
}

function checkFile(file: string): void {
  const head = Buffer.alloc(SQLITE_MAGIC.length)
  const descriptor = openSync(file, 'r')
  try {
    readSync(descriptor, head, 0, head.length, 0)
  } finally {
    closeSync(descriptor)
  }
  if (head.toString('latin1') !== SQLITE_MAGIC) throw damaged(file, 'it does not begin like a SQLite file')
  const database = new DatabaseSync(file, { readOnly: true, timeout: OPENING_BUSY_TIMEOUT_MS })
  try {
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
    if (statSync(file).size > FULL_CHECK_MAX_BYTES) return
    const row = database.prepare('PRAGMA quick_check(1)').get()
    const found = String(row?.['quick_check'] ?? 'no answer').trim()
    if (found !== 'ok') throw damaged(file, found.replaceAll('\n', ' '))
  } finally {
    database.close()
  }
}

function openForWork(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: OPENING_BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true })
  try {
    for (const setting of ['journal_mode = WAL', 'synchronous = FULL', 'secure_delete = ON']) {
      database.exec(`PRAGMA ${setting}`)
    }
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function damaged(file: string, what: string): SqliteOpenFailure {
  return new SqliteOpenFailure(
    'damaged',
    `The database ${file} is damaged: ${what}. Nothing was changed. Restore it from a backup, or move it away to begin anew.`,
  )
}

const CODE_CORRUPT = 11
const CODE_NOT_A_DATABASE = 26

function refusalFor(file: string, error: unknown): SqliteOpenFailure {
  if (error instanceof SqliteOpenFailure) return error
  const code = sqliteCode(error)
  if ((code & 0xff) === CODE_CORRUPT || (code & 0xff) === CODE_NOT_A_DATABASE) {
    return damaged(file, (error as Error).message)
  }
  if (isBusyCode(code)) {
    return new SqliteOpenFailure(
      'locked',
      `The database ${file} is locked by another program. Nothing was changed. Stop that program, then start again.`,
    )
  }
  return new SqliteOpenFailure(
    'unreachable',
    `The database ${file} cannot be opened: ${(error as Error).message}. Check DATA_DIR and its permissions.`,
  )
}
