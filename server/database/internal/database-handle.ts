// What a Database can do, whichever it is; database.ts says how to use it.
import type { Kysely, Transaction } from 'kysely'
import type { Schema } from '../schema.ts'

export interface Database {
  readonly kind: 'sqlite' | 'postgres'
  readonly query: Kysely<Schema>
  /** All or nothing. BEGIN IMMEDIATE on SQLite, read committed on PostgreSQL. `limitMs` is for the migrator. */
  transaction<T>(work: (tx: Transaction<Schema>) => Promise<T>, options?: { limitMs?: number }): Promise<T>
  /**
   * Adds rows that are not there yet, all batches in one transaction. Built for usage records: cheap on the serving
   * thread, whatever their number. Columns left out are NULL; text is made storable (U+FFFD).
   */
  insertMany<T extends keyof Schema & string>(
    batches: ReadonlyArray<{ table: T; rows: readonly object[] }>,
  ): Promise<void>
  ping(): Promise<void>
  /**
   * Erases what was deleted from the files: SQLite moves its write-ahead log into the file and empties it, false where
   * somebody still reads an older state (try again later). PostgreSQL: true, it promises no physical erasure.
   */
  shred(): Promise<boolean>
  close(): Promise<void>
}
