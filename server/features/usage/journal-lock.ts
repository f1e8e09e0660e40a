// Whether the process that wrote a journal still lives: it holds a write transaction on a SQLite file, which the kernel
// ends with the process. Nothing else may open the lock file: closing any other descriptor of it would drop the lock.
import { closeSync, existsSync, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createUlid } from '../../kernel/ids.ts'

export interface JournalLock {
  /** Ends the lock; with `remove` the file goes first, while nobody else can hold it. */
  release(options: { remove: boolean }): void
}

/** Takes the lock, or returns undefined when another process lives that holds it. */
export function takeJournalLock(path: string): JournalLock | undefined {
  createPrivately(path)
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (isBusy(error)) return undefined
    throw error
  }
  return {
    release({ remove }) {
      if (remove) rmSync(path, { force: true })
      database.close()
    },
  }
}

/**
 * A new journal's name and its lock. Another process that starts now may see the file before it is locked, take it for
 * a dead one's and remove it; then a new name is tried.
 */
export function lockNewJournal(directory: string, now: number): { bootId: string; lock: JournalLock } {
  for (let attempt = 0; attempt < 20; attempt++) {
    const bootId = createUlid(now)
    const path = join(directory, `journal-${bootId}.lock`)
    createPrivately(path)
    const created = findInode(path)
    const lock = takeJournalLock(path)
    if (lock === undefined) continue
    if (created !== undefined && findInode(path) === created) return { bootId, lock }
    lock.release({ remove: true })
  }
  throw new Error('The usage journal could not be locked: other processes keep taking its lock file.')
}

function findInode(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino
}

function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

const SQLITE_BUSY = 5

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY
}

/** Does a living process hold one of the journals of this folder? Then a server uses the data folder. */
export function isJournalHeld(directory: string): boolean {
  if (!existsSync(directory)) return false
  return readdirSync(directory)
    .filter((name) => name.endsWith('.lock'))
    .some((name) => {
      const lock = takeJournalLock(join(directory, name))
      lock?.release({ remove: false })
      return lock === undefined
    })
}
