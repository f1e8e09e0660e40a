// The journal: what must survive `kill -9` between dialling a provider and the row in the database. One set of files a
// process, `journal-<boot>.<n>`, each written full of zeros ahead so that its space is certain before a call is made.
// Invariants: `append` then `push` returns only when the line is with the kernel; a segment is deleted only when
// nothing in it is needed any more (no pins, not marked for reading again); one fdatasync at most every 50 ms serves
// all lines.
import { closeSync, fdatasync, fdatasyncSync, mkdirSync, renameSync, rmSync, unlink, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { adoptDeadJournals } from './journal-adoption.ts'
import { decodeLines, type DecodedLines, encodeLine, LONGEST_LINE } from './journal-lines.ts'
import { lockNewJournal } from './journal-lock.ts'
import { createSegmentFile, createSegmentFileNow } from './segment-files.ts'

const SEGMENT_BYTES = 1024 * 1024
const SYNC_INTERVAL_MS = 50
/** How long a full disk is left alone before the next try. */
const RETRY_PREPARE_MS = 250

export interface Segment {
  readonly path: string
  readonly number: number
  /** Lines in it that are still needed. */
  pins: number
  /** Holds finished requests that live nowhere else: to be read again before it may go. */
  spilled: boolean
  /** Bytes of it that hold lines. */
  end: number
}

export interface Journal {
  readonly bootId: string
  /**
   * Adds a line and pins its segment. On disk only after `push`. Throws storage_full; `reserve` bytes stay free for
   * others.
   */
  append(json: string, reserve?: number): Segment
  /** Hands every appended line to the kernel. Throws storage_full, and forgets the last line then if `undo` says so. */
  push(options?: { undo: Segment }): void
  /** One line less that is needed there. */
  unpin(segment: Segment): void
  /** Deletes the segment if nothing needs it. */
  discardIfUnused(segment: Segment): void
  /** Full segments, oldest first. */
  closedSegments(): readonly Segment[]
  segments(): readonly Segment[]
  read(segment: Segment): Promise<DecodedLines>
  /** Takes over what dead processes left; their files become segments of this journal, older ones first. */
  adopt(): Segment[]
  /** Deletes an adopted segment. */
  removeAdopted(segment: Segment): void
  /** Syncs, ends the lock; what is still needed stays for the next process. */
  close(): Promise<void>
}

interface OpenSegment extends Segment {
  /** -1 once closed. */
  fd: number
  dirty: boolean
  syncing: boolean
  closed: boolean
}

export function createJournal(options: { directory: string; clock: Clock; log: Log; segmentBytes?: number }): Journal {
  const { directory, clock, log, segmentBytes = SEGMENT_BYTES } = options
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { bootId, lock } = lockNewJournal(directory, clock.now())
  const zeros = Buffer.alloc(segmentBytes)
  // Lines not yet with the kernel; they belong at the end of the current segment.
  const pending = Buffer.allocUnsafe(Math.max(2 * LONGEST_LINE, 256 * 1024))
  let pendingBytes = 0
  let lastLineBytes = 0

  const closedList: OpenSegment[] = []
  const adopted = new Set<Segment>()
  let nextNumber = 1
  let spare: OpenSegment | undefined
  let preparing: Promise<void> | undefined
  let prepareFailedAt = -Infinity
  let diskIsFull = false
  let syncTimer: NodeJS.Timeout | undefined
  let isClosed = false
  let current = prepareNow()
  prepareAhead()

  function newSegment(fd: number, path: string, number: number): OpenSegment {
    return { fd, path, number, pins: 0, spilled: false, end: 0, dirty: false, syncing: false, closed: false }
  }

  function prepareNow(): OpenSegment {
    const number = nextNumber++
    const path = join(directory, `journal-${bootId}.${number}`)
    let fd: number
    try {
      fd = createSegmentFileNow(path, zeros)
    } catch (error) {
      throw notePrepareFailure(error)
    }
    notePrepared()
    return newSegment(fd, path, number)
  }

  function prepareAhead(): void {
    if (spare !== undefined || preparing !== undefined || isClosed) return
    if (clock.monotonic() - prepareFailedAt < RETRY_PREPARE_MS) return
    const number = nextNumber++
    const path = join(directory, `journal-${bootId}.${number}`)
    preparing = addSpare(path, number).finally(() => {
      preparing = undefined
    })
  }

  async function addSpare(path: string, number: number): Promise<void> {
    try {
      const segment = newSegment(await createSegmentFile(path, zeros), path, number)
      notePrepared()
      if (spare === undefined && !isClosed) spare = inOrder(segment)
      else removeUnused(segment)
    } catch (error) {
      notePrepareFailure(error)
    }
  }

  /** Numbers say in which order lines were written: one that was overtaken while it was made gets a new number. */
  function inOrder(segment: OpenSegment): OpenSegment {
    if (segment.number > current.number) return segment
    const number = nextNumber++
    const path = join(directory, `journal-${bootId}.${number}`)
    renameSync(segment.path, path)
    return newSegment(segment.fd, path, number)
  }

  function notePrepareFailure(cause: unknown): GatewayError {
    prepareFailedAt = clock.monotonic()
    if (!diskIsFull) {
      log.error(
        { code: (cause as NodeJS.ErrnoException).code, directory },
        'no space for the usage journal: calls are refused until there is; deleting the file `ballast` there makes room',
      )
    }
    diskIsFull = true
    return new GatewayError('storage_full', { cause, retryAfter: 5 })
  }

  function notePrepared(): void {
    if (diskIsFull) log.warn({ directory }, 'the usage journal has space again')
    diskIsFull = false
    prepareFailedAt = -Infinity
  }

  /**
   * Throws storage_full unless `bytes` fit, now or in the next segment; the last segment keeps `reserve` for others.
   */
  function ensureRoom(bytes: number, reserve: number): void {
    const remaining = segmentBytes - current.end - pendingBytes
    const fits = bytes <= remaining
    if (spare === undefined) prepareAhead()
    if (fits && (spare !== undefined || !diskIsFull || bytes + reserve <= remaining)) return
    if (spare === undefined) {
      if (clock.monotonic() - prepareFailedAt < RETRY_PREPARE_MS)
        throw new GatewayError('storage_full', { retryAfter: 5 })
      spare = prepareNow()
    }
    if (!fits) rollOver()
  }

  function rollOver(): void {
    push()
    const full = current
    current = spare!
    spare = undefined
    full.closed = true
    closedList.push(full)
    prepareAhead()
    discardIfUnused(full)
  }

  function append(json: string, reserve = 0): Segment {
    if (isClosed) throw new Error('The usage journal is closed.')
    if (pendingBytes > pending.length - LONGEST_LINE) push()
    const bytes = encodeLine(json, pending, pendingBytes)
    if (bytes === 0 || bytes > LONGEST_LINE || bytes > segmentBytes) throw new Error('A journal line is too long.')
    const before = pendingBytes
    ensureRoom(bytes, reserve)
    // Rolling over pushed what was pending, so the line moves to the front.
    if (pendingBytes !== before) {
      pending.copyWithin(pendingBytes, before, before + bytes)
    }
    pendingBytes += bytes
    lastLineBytes = bytes
    current.pins++
    return current
  }

  function push(undo?: { undo: Segment }): void {
    if (pendingBytes === 0) return
    try {
      for (let at = 0; at < pendingBytes;) {
        at += writeSync(current.fd, pending, at, pendingBytes - at, current.end + at)
      }
    } catch (cause) {
      if (undo !== undefined) {
        pendingBytes -= lastLineBytes
        undo.undo.pins--
      }
      throw new GatewayError('storage_full', { cause, retryAfter: 5 })
    }
    current.end += pendingBytes
    pendingBytes = 0
    current.dirty = true
    syncTimer ??= setTimeout(syncDirty, SYNC_INTERVAL_MS).unref()
  }

  function syncDirty(): void {
    syncTimer = undefined
    for (const segment of [...closedList, current]) {
      if (!segment.dirty || segment.syncing) continue
      segment.dirty = false
      segment.syncing = true
      fdatasync(segment.fd, (error) => {
        segment.syncing = false
        if (error) log.error({ code: error.code, path: segment.path }, 'the usage journal could not be synced to disk')
        if (segment.dirty) syncTimer ??= setTimeout(syncDirty, SYNC_INTERVAL_MS).unref()
        else if (segment.closed) closeSegmentFile(segment)
        discardIfUnused(segment)
      })
    }
  }

  function discardIfUnused(segment: Segment): void {
    const found = segment as OpenSegment
    if (!found.closed || found.pins > 0 || found.spilled || found.syncing) return
    const index = closedList.indexOf(found)
    if (index < 0) return
    closedList.splice(index, 1)
    removeUnused(found)
  }

  function removeUnused(segment: OpenSegment): void {
    closeSegmentFile(segment)
    if (isClosed) return rmSync(segment.path, { force: true })
    // Freeing a file takes about a millisecond: not on the serving thread.
    unlink(segment.path, (error) => {
      if (error) log.warn({ code: error.code, path: segment.path }, 'a finished usage segment could not be deleted')
    })
  }

  function closeSegmentFile(segment: OpenSegment): void {
    if (segment.fd >= 0) closeSync(segment.fd)
    segment.fd = -1
    segment.dirty = false
  }

  return {
    bootId,
    append,
    push,
    unpin(segment) {
      segment.pins--
      discardIfUnused(segment)
    },
    discardIfUnused,
    closedSegments: () => closedList,
    segments: () => [...closedList, current],
    async read(segment) {
      const bytes = await readFile(segment.path)
      return decodeLines(adopted.has(segment) ? bytes : bytes.subarray(0, segment.end))
    },
    adopt() {
      const found = adoptDeadJournals({ directory, bootId, firstNumber: nextNumber, log })
      nextNumber = found.nextNumber
      const segments = found.files.map((file): Segment => ({ ...file, pins: 0, spilled: false, end: 0 }))
      for (const segment of segments) adopted.add(segment)
      return segments
    },
    removeAdopted(segment) {
      if (adopted.delete(segment)) rmSync(segment.path, { force: true })
    },
    async close() {
      if (isClosed) return
      try {
        push()
      } catch (error) {
        log.error({ err: error }, 'the last lines of the usage journal could not be written')
      }
      isClosed = true
      await preparing
      clearTimeout(syncTimer)
      if (spare) removeUnused(spare)
      current.closed = true
      closedList.push(current)
      for (const segment of closedList) {
        const isNeeded = segment.pins > 0 || segment.spilled
        if (isNeeded && segment.dirty) {
          fdatasyncSync(segment.fd)
          segment.dirty = false
        }
        // A sync under way closes the file when it ends.
        if (segment.syncing) continue
        if (isNeeded) closeSegmentFile(segment)
        else removeUnused(segment)
      }
      const isEmpty = adopted.size === 0 && closedList.every((segment) => segment.pins === 0 && !segment.spilled)
      lock.release({ remove: isEmpty })
    },
  }
}
