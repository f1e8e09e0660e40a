// The one thread that owns the SQLite connection. node:sqlite is synchronous and cannot be interrupted: here it may
// block without stopping the serving thread.
// Invariants: requests run in the order of arrival; a statement of a transaction runs inside one and any other outside,
// so a transaction that SQLite rolled back by itself (full disk) cannot go on statement by statement; a statement whose
// caller has stopped waiting is not begun.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import {
  CODE_BUSY,
  CODE_EXPIRED,
  isBusyCode,
  monotonicNow,
  type SqliteFailure,
  type SqliteOpening,
  type SqliteReply,
  type SqliteRequest,
  type SqliteResult,
  type SqliteWorkerData,
} from './sqlite-messages.ts'
import { openSqliteFile, sqliteCode, SqliteOpenFailure } from './sqlite-open.ts'

interface PreparedStatement {
  readonly statement: StatementSync
  readonly returnsRows: boolean
  /** Names of the result's columns that were declared BOOLEAN; SQLite itself knows only 0 and 1. */
  readonly booleans: readonly string[]
}

const MAX_STATEMENTS = 500
const CHANGES_SCHEMA = /^\s*(create|alter|drop)\b/i
const NOTHING: SqliteResult = { rows: [] }
/** After finding the lock held by another program, for how long nobody else tries: else many waiting writers would keep
 *  this thread in the busy handler, and reads would wait behind them. Shorter than the callers' pause. */
const LOCK_PAUSE_MS = 20

function createStatementCache(database: DatabaseSync) {
  const statements = new Map<string, PreparedStatement>()
  return {
    clear: () => statements.clear(),
    get(sql: string): PreparedStatement {
      const known = statements.get(sql)
      if (known) {
        statements.delete(sql)
        statements.set(sql, known)
        return known
      }
      const statement = database.prepare(sql)
      const columns = statement.columns()
      const booleans = columns.filter((column) => column.type?.toUpperCase() === 'BOOLEAN').map((column) => column.name)
      const prepared = { statement, returnsRows: columns.length > 0, booleans }
      if (statements.size >= MAX_STATEMENTS) statements.delete(statements.keys().next().value as string)
      statements.set(sql, prepared)
      return prepared
    },
  }
}

/** Whole numbers are bound as integers: node:sqlite binds every number as REAL, which changes `/` and `typeof`. */
function bindable(value: unknown): SQLInputValue {
  if (value === undefined) return null
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  return value as SQLInputValue
}

function createHandler(database: DatabaseSync): (request: SqliteRequest) => SqliteResult {
  const statements = createStatementCache(database)
  let lockedUntil = 0

  /** Runs what needs the write lock and no transaction holds it yet. */
  function takingLock<T>(work: () => T): T {
    if (monotonicNow() < lockedUntil) throw Object.assign(new Error('database is locked'), { errcode: CODE_BUSY })
    try {
      return work()
    } catch (error) {
      if (isBusyCode(sqliteCode(error))) lockedUntil = monotonicNow() + LOCK_PAUSE_MS
      throw error
    }
  }

  function run(sql: string, parameters: readonly unknown[], inTransaction: boolean): SqliteResult {
    if (database.isTransaction !== inTransaction) {
      throw new Error(
        inTransaction ? 'The transaction is over; it was rolled back.' : 'A transaction was left open by its owner.',
      )
    }
    const { statement, returnsRows, booleans } = statements.get(sql)
    const bound = parameters.map(bindable)
    if (!returnsRows) {
      const { changes, lastInsertRowid } = inTransaction
        ? statement.run(...bound)
        : takingLock(() => statement.run(...bound))
      if (CHANGES_SCHEMA.test(sql)) statements.clear()
      return { rows: [], changes, lastInsertRowid }
    }
    const rows = statement.all(...bound) as Record<string, unknown>[]
    for (const row of rows) {
      for (const name of booleans) if (row[name] !== null) row[name] = row[name] !== 0
    }
    return { rows }
  }

  function rollback(): void {
    if (database.isTransaction) database.exec('ROLLBACK')
  }

  function insertMany(batches: Extract<SqliteRequest, { kind: 'insert-many' }>['batches']): void {
    takingLock(() => database.exec('BEGIN IMMEDIATE'))
    try {
      for (const { sql, rows } of batches) {
        const { statement } = statements.get(sql)
        for (const values of JSON.parse(rows) as unknown[][]) statement.run(...values.map(bindable))
      }
      database.exec('COMMIT')
    } catch (error) {
      rollback()
      throw error
    }
  }

  return (request) => {
    switch (request.kind) {
      case 'run':
        return run(request.sql, request.parameters, request.inTransaction)
      case 'begin':
        takingLock(() => database.exec('BEGIN IMMEDIATE'))
        return NOTHING
      case 'commit':
        if (!database.isTransaction) throw new Error('The transaction is over; it was rolled back.')
        database.exec('COMMIT')
        return NOTHING
      case 'rollback':
        rollback()
        return NOTHING
      case 'insert-many':
        insertMany(request.batches)
        return NOTHING
      case 'close':
        rollback()
        database.close()
        return NOTHING
    }
  }
}

function failureOf(error: unknown): SqliteFailure {
  return { message: error instanceof Error ? error.message : String(error), code: sqliteCode(error) }
}

function answer(handle: (request: SqliteRequest) => SqliteResult, request: SqliteRequest): SqliteReply {
  const { id } = request
  if ('deadline' in request && monotonicNow() > request.deadline) {
    return { id, failure: { message: 'The caller has stopped waiting.', code: CODE_EXPIRED } }
  }
  try {
    return { id, result: handle(request) }
  } catch (error) {
    return { id, failure: failureOf(error) }
  }
}

function serve(port: NonNullable<typeof parentPort>, file: string): void {
  let database: DatabaseSync
  try {
    database = openSqliteFile(file)
  } catch (error) {
    if (!(error instanceof SqliteOpenFailure)) throw error
    port.postMessage({ opened: false, reason: error.reason, message: error.message } satisfies SqliteOpening)
    return
  }
  const handle = createHandler(database)
  port.on('message', (request: SqliteRequest) => {
    port.postMessage(answer(handle, request))
    if (request.kind === 'close') port.close()
  })
  port.postMessage({ opened: true } satisfies SqliteOpening)
}

if (parentPort) serve(parentPort, (workerData as SqliteWorkerData).file)
