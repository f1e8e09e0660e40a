// A file that does nothing but take up space, so that an operator whose disk is full has something to delete. It is
// made at start where there is plenty of room, never while space is short.
import { open, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../kernel/log.ts'

const BALLAST_BYTES = 8 * 1024 * 1024
const PLENTY = 16

export async function keepBallast(directory: string, log: Log): Promise<void> {
  const path = join(directory, 'ballast')
  try {
    if (await isThere(path)) return
    const { bavail, bsize } = await statfs(directory)
    if (bavail * bsize < PLENTY * BALLAST_BYTES) return
    const file = await open(path, 'wx', 0o600)
    try {
      const zeros = Buffer.alloc(1024 * 1024)
      for (let at = 0; at < BALLAST_BYTES; at += zeros.length) await file.write(zeros, 0, zeros.length, at)
    } finally {
      await file.close()
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Another process that started at the same moment made it.
    if (code === 'EEXIST') return
    await rm(path, { force: true })
    log.warn({ code, path }, 'the ballast file could not be made')
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
