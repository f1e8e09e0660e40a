// New segment files: all their bytes written as zeros and synced, so that a full disk shows now and not in the middle
// of a line. A file that could not be completed is removed.
import {
  close,
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsync,
  fsyncSync,
  open,
  openSync,
  rmSync,
  write,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const openFile = promisify(open)
const writeFile = promisify(write)
const syncData = promisify(fdatasync)
const syncFile = promisify(fsync)
const closeFile = promisify(close)

/** Windows cannot sync a directory, and need not. */
const CAN_SYNC_DIRECTORIES = process.platform !== 'win32'

/** Resolves to the descriptor. */
export async function createSegmentFile(path: string, zeros: Buffer): Promise<number> {
  const fd = await openFile(path, 'wx', 0o600)
  try {
    for (let at = 0; at < zeros.length;) {
      at += (await writeFile(fd, zeros, at, zeros.length - at, at)).bytesWritten
    }
    await syncData(fd)
    if (CAN_SYNC_DIRECTORIES) {
      const directory = await openFile(dirname(path), 'r')
      await syncFile(directory).finally(() => closeFile(directory))
    }
    return fd
  } catch (error) {
    await closeFile(fd)
    rmSync(path, { force: true })
    throw error
  }
}

/** The same on the calling thread, for when the next segment is needed at once. */
export function createSegmentFileNow(path: string, zeros: Buffer): number {
  const fd = openSync(path, 'wx', 0o600)
  try {
    for (let at = 0; at < zeros.length;) at += writeSync(fd, zeros, at, zeros.length - at, at)
    fdatasyncSync(fd)
    if (CAN_SYNC_DIRECTORIES) {
      const directory = openSync(dirname(path), 'r')
      try {
        fsyncSync(directory)
      } finally {
        closeSync(directory)
      }
    }
    return fd
  } catch (error) {
    closeSync(fd)
    rmSync(path, { force: true })
    throw error
  }
}
