// The serving thread's end of the SQLite worker: sends work, hands back answers, stops waiting when the limit is over.
// Invariant: where a caller stops waiting, the statement that is running runs out, and one that has not begun is not
// begun any more (its deadline goes with it). A lock held by another program is waited for on this side, by asking
// again, so that the worker stays free for reads.
import { Worker } from 'node:worker_threads'
import { GatewayError } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { entryUrl } from '../../kernel/package-root.ts'
import { DatabaseOpenError, StorageError, storageFull, storageUnavailable } from '../errors.ts'
import {
  CODE_EXPIRED,
  isBusyCode,
  monotonicNow,
  type SqliteFailure,
  type SqliteOpening,
  type SqliteReply,
  type SqliteResult,
  type SqliteWork,
  type SqliteWorkerData,
} from './sqlite-messages.ts'

export interface SqliteThread {
  /** Sends at once; rejects after the limit. */
  send(work: SqliteWork, limitMs: number): Promise<SqliteResult>
  stop(): Promise<void>
}

const RETRY_PAUSE_MS = 25
const TOO_SLOW = 'The database does not answer in time. Try again.'
const LOCKED = 'Another program holds the lock of the database. Try again.'
const GONE = 'The database is closed. Try again.'

const CODE_READ_ONLY = 8
const CODE_IO_ERROR = 10
const CODE_FULL = 13
const CODE_CANNOT_OPEN = 14

function errorOf(failure: SqliteFailure): Error {
  if (failure.code === CODE_EXPIRED) return tooSlow()
  const error = new StorageError(failure.message, failure.code)
  if (isBusyCode(failure.code)) return storageUnavailable(LOCKED, error)
  switch (failure.code & 0xff) {
    case CODE_FULL:
      return storageFull(error)
    case CODE_READ_ONLY:
    case CODE_IO_ERROR:
    case CODE_CANNOT_OPEN:
      return storageUnavailable('The database file cannot be read or written. Try again.', error)
    default:
      return error
  }
}

export function tooSlow(): Error {
  return storageUnavailable(TOO_SLOW)
}

interface Pending {
  readonly resolve: (reply: SqliteReply) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/** Starts the worker and waits until it has opened the file. */
export async function startSqliteThread(file: string, log: Log | undefined): Promise<SqliteThread> {
  const worker = new Worker(entryUrl('server/database/internal/sqlite-worker'), {
    name: 'sqlite',
    // Flags of the main program (--input-type, --watch, …) are not meant for this file.
    execArgv: [],
    // Nor is its environment: under --watch it would make the worker send messages of Node's own, and it may hold
    // secrets.
    env: {},
    workerData: { file } satisfies SqliteWorkerData,
  })
  const pending = new Map<number, Pending>()
  let nextId = 1
  let gone = false

  await opened(worker)
  worker.on('message', (reply: SqliteReply) => {
    const waiting = pending.get(reply.id)
    if (!waiting) return
    pending.delete(reply.id)
    clearTimeout(waiting.timer)
    waiting.resolve(reply)
  })
  worker.on('error', (error: Error) => log?.fatal({ error: error.message }, 'the database thread failed'))
  worker.on('exit', () => {
    gone = true
    for (const { reject, timer } of pending.values()) {
      clearTimeout(timer)
      reject(storageUnavailable(GONE))
    }
    pending.clear()
  })

  function ask(work: SqliteWork, limitMs: number): Promise<SqliteReply> {
    if (gone) return Promise.reject(storageUnavailable(GONE))
    return new Promise((resolve, reject) => {
      const id = nextId++
      const timer = setTimeout(() => {
        pending.delete(id)
        reject(tooSlow())
      }, limitMs)
      pending.set(id, { resolve, reject, timer })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage({ ...work, id })
    })
  }

  return {
    async send(work, limitMs) {
      const timed = 'deadline' in work ? { ...work, deadline: monotonicNow() + limitMs } : work
      const reply = await ask(timed, limitMs)
      if ('result' in reply) return reply.result
      throw errorOf(reply.failure)
    },
    async stop() {
      await worker.terminate()
    },
  }
}

/**
 * Tries again while another program holds the lock, until the limit is over. Between two tries others may work.
 * No try begins in the last moments, where it could outlive its caller's patience and be carried out all the same.
 */
export async function retryWhileLocked<T>(limitMs: number, attempt: (limitMs: number) => Promise<T>): Promise<T> {
  const deadline = monotonicNow() + limitMs
  for (;;) {
    try {
      return await attempt(Math.max(deadline - monotonicNow(), 0))
    } catch (error) {
      if (!isLockError(error) || monotonicNow() + 2 * RETRY_PAUSE_MS >= deadline) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS))
  }
}

function isLockError(error: unknown): boolean {
  if (!(error instanceof GatewayError) || !(error.cause instanceof StorageError)) return false
  return isBusyCode(Number(error.cause.code))
}

async function opened(worker: Worker): Promise<void> {
  const opening = await new Promise<SqliteOpening>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  worker.removeAllListeners('error')
  if (opening.opened) return
  await worker.terminate()
  throw new DatabaseOpenError(opening.reason, opening.message)
}
