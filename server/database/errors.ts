// What can go wrong with a database, said the same way for both kinds.
// Invariant: no value of a row is in any of these errors: PostgreSQL's `detail` and `where`, which quote rows, are left
// behind when a driver's error is turned into one of ours.
import { GatewayError } from '../kernel/errors.ts'
import { StartRefused } from '../kernel/start-refused.ts'

/** A statement the database refused: a constraint, wrong SQL, a value of the wrong type. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  /** SQLite's extended result code, or PostgreSQL's SQLSTATE. */
  readonly code: number | string
  /** The constraint's name, where the database tells (PostgreSQL). */
  readonly constraint: string | undefined

  constructor(message: string, code: number | string, constraint?: string) {
    super(message)
    this.code = code
    this.constraint = constraint
  }
}

export type DatabaseRefusal = 'damaged' | 'locked' | 'unreachable'

/** EX_TEMPFAIL of sysexits: starting again later may help, so a supervisor should. */
const EXIT_TRY_LATER = 75

/** The database cannot be opened. The message says what is wrong and what to do; nothing was changed. */
export class DatabaseOpenError extends StartRefused {
  readonly reason: DatabaseRefusal

  constructor(reason: DatabaseRefusal, message: string) {
    if (reason === 'damaged') super(message)
    else super(message, EXIT_TRY_LATER)
    this.reason = reason
  }
}

// SQLite: UNIQUE, PRIMARY KEY, ROWID; FOREIGN KEY. PostgreSQL: unique_violation; foreign_key_violation.
const UNIQUE_CODES: ReadonlySet<number | string> = new Set<number | string>([2067, 1555, 2579, '23505'])
const FOREIGN_KEY_CODES: ReadonlySet<number | string> = new Set<number | string>([787, '23503'])

/** Does a row with that key exist already? */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof StorageError && UNIQUE_CODES.has(error.code)
}

/** Does the row refer to one that does not exist, or do others still refer to it? */
export function isForeignKeyViolation(error: unknown): boolean {
  return error instanceof StorageError && FOREIGN_KEY_CODES.has(error.code)
}

const RETRY_AFTER_SECONDS = 2

/** 503: the database did not answer in time, is locked, full or gone. */
export function storageUnavailable(message: string, cause?: unknown): GatewayError {
  return new GatewayError('storage_unavailable', { message, retryAfter: RETRY_AFTER_SECONDS, cause })
}

export function storageFull(cause: unknown): GatewayError {
  return new GatewayError('storage_full', {
    message: 'The database has no disk space left, so nothing was saved. Free some space, then try again.',
    retryAfter: RETRY_AFTER_SECONDS,
    cause,
  })
}

/** PostgreSQL cannot hold U+0000 in text; refused on both databases, so that one program behaves in one way. */
export function refuseUnstorable(values: readonly unknown[]): void {
  for (const value of values) {
    if (typeof value === 'string' && value.includes('\0')) {
      throw new GatewayError('bad_request', { message: 'Text must not contain the character U+0000. Remove it.' })
    }
  }
}
