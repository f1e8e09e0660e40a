// What the serving thread and the SQLite worker say to each other. Only plain data crosses.

/**
 * A moment of `process.hrtime`, which all threads share, in milliseconds; after it a statement is not begun any more.
 */
export type Deadline = number

export function monotonicNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export type SqliteWork =
  | {
      readonly kind: 'run'
      readonly sql: string
      readonly parameters: readonly unknown[]
      readonly inTransaction: boolean
      readonly deadline: Deadline
    }
  | { readonly kind: 'begin'; readonly deadline: Deadline }
  | { readonly kind: 'commit' }
  /** Never fails; does nothing where no transaction is open. */
  | { readonly kind: 'rollback' }
  | { readonly kind: 'insert-many'; readonly batches: readonly InsertBatch[]; readonly deadline: Deadline }
  | { readonly kind: 'close' }

/** `rows` is JSON text of an array of lists of values: cheaper to make and to hand over than a structured clone. */
export interface InsertBatch {
  readonly sql: string
  readonly rows: string
}

export type SqliteRequest = SqliteWork & { readonly id: number }

export interface SqliteResult {
  readonly rows: readonly unknown[]
  readonly changes?: number | bigint
  readonly lastInsertRowid?: number | bigint
}

export interface SqliteFailure {
  readonly message: string
  /** SQLite's extended result code; 0 where the error is not SQLite's, or CODE_EXPIRED. */
  readonly code: number
}

export type SqliteReply =
  { readonly id: number; readonly result: SqliteResult } | { readonly id: number; readonly failure: SqliteFailure }

/** The worker's first message: how opening the file went. */
export type SqliteOpening =
  | { readonly opened: true }
  | { readonly opened: false; readonly reason: 'damaged' | 'locked' | 'unreachable'; readonly message: string }

export interface SqliteWorkerData {
  readonly file: string
}

export const CODE_BUSY = 5
const CODE_LOCKED = 6

/** Not SQLite's: the deadline was over before the work began. */
export const CODE_EXPIRED = -1

/** Is another connection holding the lock that this one needs? */
export function isBusyCode(code: number): boolean {
  return code > 0 && ((code & 0xff) === CODE_BUSY || (code & 0xff) === CODE_LOCKED)
}
