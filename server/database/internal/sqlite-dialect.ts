// Kysely's SQLite dialect with the connection on another thread. A connection object is only a pass: single statements
// go through freely, `begin` takes the one real connection for a transaction.
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { refuseUnstorable } from '../errors.ts'
import type { SqliteResult, SqliteWork } from './sqlite-messages.ts'
import { retryWhileLocked, type SqliteThread } from './sqlite-thread.ts'
import type { TransactionScopes } from './transaction-scope.ts'
import type { Turnstile } from './turnstile.ts'

export interface SqliteParts {
  readonly thread: SqliteThread
  readonly turnstile: Turnstile
  readonly scopes: TransactionScopes
  /** Longest wait for one statement outside a transaction. */
  readonly limitMs: number
}

class SqliteConnection implements DatabaseConnection {
  readonly #parts: SqliteParts
  #transactionLimitMs: number | undefined

  constructor(parts: SqliteParts) {
    this.#parts = parts
  }

  async begin(): Promise<void> {
    const limitMs = this.#parts.scopes.current()?.limitMs ?? this.#parts.limitMs
    await retryWhileLocked(limitMs, (restMs) => this.#tryBegin(restMs))
    this.#transactionLimitMs = limitMs
  }

  async #tryBegin(limitMs: number): Promise<void> {
    const { thread, turnstile } = this.#parts
    let entered = false
    try {
      await turnstile.enter(limitMs, () => {
        entered = true
        return thread.send({ kind: 'begin', deadline: 0 }, limitMs)
      })
    } catch (error) {
      if (entered) {
        // The worker may carry out the BEGIN that this caller gave up: undone before anybody else's statement.
        this.#sendRollback(limitMs)
        turnstile.leave()
      }
      throw error
    }
  }

  async commit(): Promise<void> {
    await this.#parts.thread.send({ kind: 'commit' }, this.#transactionLimitMs ?? this.#parts.limitMs)
  }

  rollback(): void {
    this.#sendRollback(this.#transactionLimitMs ?? this.#parts.limitMs)
  }

  /** Not waited for: the worker keeps the order, so it is done before anything that is sent later. */
  #sendRollback(limitMs: number): void {
    this.#parts.thread.send({ kind: 'rollback' }, limitMs).catch(() => {
      // Too slow or gone: there is nobody left to tell, the transaction's own error says it.
    })
  }

  release(): void {
    if (this.#transactionLimitMs === undefined) return
    this.#transactionLimitMs = undefined
    this.#parts.turnstile.leave()
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { thread, turnstile, scopes, limitMs } = this.#parts
    refuseUnstorable(parameters)
    const inTransaction = this.#transactionLimitMs !== undefined
    const work: SqliteWork = { kind: 'run', sql, parameters, inTransaction, deadline: 0 }
    if (this.#transactionLimitMs !== undefined) return resultOf(await thread.send(work, this.#transactionLimitMs))
    scopes.refuseInside()
    return resultOf(
      await retryWhileLocked(limitMs, (restMs) => turnstile.pass(restMs, () => thread.send(work, restMs))),
    )
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query)
  }
}

function resultOf<R>(result: SqliteResult): QueryResult<R> {
  const rows = result.rows as R[]
  if (result.changes === undefined) return { rows }
  return {
    rows,
    numAffectedRows: BigInt(result.changes),
    ...(result.lastInsertRowid === undefined ? {} : { insertId: BigInt(result.lastInsertRowid) }),
  }
}

class SqliteThreadDriver implements Driver {
  readonly #parts: SqliteParts

  constructor(parts: SqliteParts) {
    this.#parts = parts
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<SqliteConnection> {
    return new SqliteConnection(this.#parts)
  }

  async beginTransaction(connection: SqliteConnection): Promise<void> {
    await connection.begin()
  }

  async commitTransaction(connection: SqliteConnection): Promise<void> {
    await connection.commit()
  }

  async rollbackTransaction(connection: SqliteConnection): Promise<void> {
    connection.rollback()
  }

  async releaseConnection(connection: SqliteConnection): Promise<void> {
    connection.release()
  }

  async destroy(): Promise<void> {}
}

/** Kysely would let one query at a time through; the turnstile knows better who has to wait for whom. */
class SqliteThreadAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

export function createSqliteDialect(parts: SqliteParts): Dialect {
  return {
    createDriver: () => new SqliteThreadDriver(parts),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteThreadAdapter(),
    createIntrospector: (database: Kysely<any>) => new SqliteIntrospector(database),
  }
}
