// The secrets that UniRoute generated for itself, as files of DATA_DIR: made whole or not at all, never over another
// one, and exchanged so that at every instant the master key that is needed lies in one of two known places.
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { Secret } from '../kernel/secret.ts'
import { StartRefused } from '../kernel/start-refused.ts'
import { errorCode } from './environment.ts'

export const MASTER_KEY_FILE = 'master.key'
export const JWT_KEY_FILE = 'jwt.key'
/** The master key before the last exchange; opens only. */
const OLD_MASTER_KEY_FILE = 'master.key.old'

/** 32 random bytes as text: what `uniroute keys generate` prints. */
export function createSecretText(): string {
  return randomBytes(32).toString('base64url')
}

/** null where there is no such file; an empty or unreadable one refuses the start. */
export function readSecretFile(dataDir: string, file: string): Secret | null {
  let text: string
  try {
    text = readFileSync(join(dataDir, file), 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw new StartRefused(`DATA_DIR/${file} cannot be read (${errorCode(error)}); nothing was changed`)
  }
  if (text === '') throw new StartRefused(`DATA_DIR/${file} is empty. Restore it from a backup; nothing was changed`)
  return new Secret(text)
}

export function readOldMasterKey(dataDir: string): Secret | null {
  return readSecretFile(dataDir, OLD_MASTER_KEY_FILE)
}

/** Complete and on disk before it has its name, and never over an existing file, which then counts. */
export function generateSecretFile(dataDir: string, file: string): Secret {
  const text = createSecretText()
  const path = join(dataDir, file)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const draft = writeDraft(path, text)
  try {
    linkSync(draft, path)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST') return readSecretFile(dataDir, file)!
    if (!LINKS_UNSUPPORTED.has(code)) throw new StartRefused(`DATA_DIR/${file} cannot be created (${code})`)
    writeDurably(path, `${text}\n`)
  } finally {
    removeIfThere(draft)
  }
  syncDirectory(dataDir)
  return new Secret(text)
}

/**
 * A new master key takes the place of the one there, which becomes `master.key.old`. Broken off at any point, the old
 * one is still in one of the two.
 */
export function exchangeMasterKey(dataDir: string): void {
  const path = join(dataDir, MASTER_KEY_FILE)
  const old = join(dataDir, OLD_MASTER_KEY_FILE)
  const draft = writeDraft(path, createSecretText())
  try {
    const copy = `${draft}.old`
    writeDurably(copy, readFileSync(path, 'utf8'))
    renameSync(copy, old)
    syncDirectory(dataDir)
    renameSync(draft, path)
    syncDirectory(dataDir)
  } finally {
    removeIfThere(draft)
  }
}

export function discardOldMasterKey(dataDir: string): void {
  removeIfThere(join(dataDir, OLD_MASTER_KEY_FILE))
  syncDirectory(dataDir)
}

const LINKS_UNSUPPORTED = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

function writeDraft(path: string, text: string): string {
  const draft = `${path}.${randomBytes(6).toString('hex')}.draft`
  try {
    writeDurably(draft, `${text}\n`)
  } catch (error) {
    throw new StartRefused(`a file cannot be written in DATA_DIR (${errorCode(error)})`)
  }
  return draft
}

function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncDirectory(path: string): void {
  // Windows opens no directories; there the file's own sync has to do.
  if (process.platform === 'win32') return
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}
