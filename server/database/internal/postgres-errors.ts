// PostgreSQL's and its driver's errors as ours. Only message, SQLSTATE and constraint are taken over: `detail` and
// `where` quote rows.
import pg from 'pg'
import { GatewayError } from '../../kernel/errors.ts'
import { StorageError, storageFull, storageUnavailable } from '../errors.ts'

const DISK_FULL = '53100'
// Query cancelled by the time limit, lock not available, deadlock, serialisation failure: the same may work later.
const TRY_AGAIN: ReadonlySet<string> = new Set(['57014', '55P03', '40P01', '40001'])
// Connection exceptions, insufficient resources, operator intervention (shutdown, starting up), system errors.
const UNAVAILABLE_CLASSES: ReadonlySet<string> = new Set(['08', '53', '57', '58'])
/** What a server says that was the first one and now follows another. */
const READ_ONLY = '25006'
const CANNOT_STORE: ReadonlySet<string> = new Set(['22021', '22P05'])

export function fromPostgresError(error: unknown): unknown {
  if (error instanceof GatewayError || error instanceof StorageError || error instanceof RangeError) return error
  if (error instanceof pg.DatabaseError) return fromServerError(error)
  if (!isConnectionError(error)) return error
  return storageUnavailable('The database cannot be reached. Try again.', new Error(messageOf(error)))
}

/** Does this connection lead to a server that takes no writes? A new one may lead to one that does. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === READ_ONLY
}

/**
 * No connection was had, whatever the reason: a password that was changed, a role that may not sign in any more, too many
 * connections, no such database. UniRoute opened the database before, so it is away, and may come back.
 */
export function fromConnectError(error: unknown): unknown {
  const ours = fromPostgresError(error)
  if (ours instanceof GatewayError) return ours
  return storageUnavailable('The database lets nobody in. Try again.', new Error(messageOf(ours)))
}

function fromServerError(error: pg.DatabaseError): Error {
  const code = error.code ?? ''
  const storageError = new StorageError(error.message, code, error.constraint)
  if (code === DISK_FULL) return storageFull(storageError)
  if (CANNOT_STORE.has(code)) return new GatewayError('bad_request', { message: 'The text cannot be stored.' })
  if (code === READ_ONLY) return storageUnavailable('The database takes no changes now. Try again.', storageError)
  if (TRY_AGAIN.has(code)) return storageUnavailable('The database is busy. Try again.', storageError)
  if (UNAVAILABLE_CLASSES.has(code.slice(0, 2))) {
    return storageUnavailable('The database cannot be reached. Try again.', storageError)
  }
  return storageError
}

/** Errors of the socket have a system call; those that pg itself makes for lost connections have only a message. */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('syscall' in error || error instanceof AggregateError) return true
  return /connection|timeout|not queryable/i.test(error.message)
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
