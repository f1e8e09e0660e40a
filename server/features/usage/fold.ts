// Carries finished requests from memory and journal into the database, in batches off the serving path. While the
// database fails everything stays in the journal and memory holds no more than a fixed number of requests: the rest are
// "spilled", that is, read again from their segments later. Rows that are there already are left as they are, so a
// batch may be repeated at will.
import type { Prices } from '../../catalog/prices.ts'
import type { Database } from '../../database/database.ts'
import { StorageError } from '../../database/errors.ts'
import type { UsageLateTable } from '../../database/schema.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createUlid } from '../../kernel/ids.ts'
import type { Log } from '../../kernel/log.ts'
import { LATE_MS } from './day-sums.ts'
import type { Journal, Segment } from './journal.ts'
import { toAttemptRow, toRequestRow } from './records.ts'
import { type FoldableRequest, replaySegments, type ReplayReport } from './replay.ts'

export type LedgerDatabase = Pick<Database, 'insertMany'>

/** A finished request and the segments its lines are in, one entry a line. */
export interface QueuedRequest extends FoldableRequest {
  readonly segments: readonly Segment[]
  /** False where a line of it could not be written: then it lives in memory only. */
  readonly isJournaled: boolean
}

export interface Fold {
  add(request: QueuedRequest): void
  /** Folds what dead processes left; resolves once it was tried, and goes on trying. */
  addAdopted(segments: readonly Segment[]): Promise<ReplayReport>
  readBacklog(): { waiting: number; oldestAt: number | null; failures: number }
  /** Resolves when everything added before is in the database, rejects with storage_unavailable. */
  flush(): Promise<void>
  close(): Promise<void>
}

const INTERVAL_MS = 200
const SLOWEST_RETRY_MS = 5_000
const MAX_BATCH = 1_000
const MAX_QUEUED = 5_000

export function createFold(options: {
  database: LedgerDatabase
  journal: Journal
  log: Log
  prices: Prices | undefined
  clock: Pick<Clock, 'now'>
  maxQueued?: number
  /** Called after each successful round. */
  afterRound: () => void
}): Fold {
  const { database, journal, log, prices, clock, maxQueued = MAX_QUEUED, afterRound } = options
  const store = (batch: readonly FoldableRequest[]): Promise<void> => storeRequests(database, batch, log, clock)
  let queue: QueuedRequest[] = []
  let adopted: Segment[] = []
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let failures = 0
  let isClosed = false
  let lastAdoption: ReplayReport = { requests: 0, interrupted: 0, damaged: 0 }

  function schedule(delay: number): void {
    if (timer !== undefined || running !== undefined || isClosed) return
    timer = setTimeout(() => {
      timer = undefined
      // A failed round has been logged and planned again.
      runRound().catch(() => undefined)
    }, delay).unref()
  }

  /** One round at a time; joins the one under way. */
  function runRound(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    running ??= doRound()
      .then(noteSuccess, noteFailure)
      .finally(() => {
        running = undefined
        if (hasWork()) schedule(failures === 0 ? INTERVAL_MS : retryDelay())
      })
    return running
  }

  function hasWork(): boolean {
    return queue.length > 0 || adopted.length > 0 || journal.segments().some((segment) => segment.spilled)
  }

  function retryDelay(): number {
    return Math.min(SLOWEST_RETRY_MS, INTERVAL_MS * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2)
  }

  function noteSuccess(): void {
    if (failures > 0) log.info({ failures }, 'usage is written to the database again')
    failures = 0
    afterRound()
  }

  function noteFailure(cause: unknown): never {
    failures++
    if (failures === 1)
      log.error({ err: cause }, 'usage cannot be written to the database now; it stays in the journal')
    throw new GatewayError('storage_unavailable', { cause })
  }

  async function doRound(): Promise<void> {
    for (let left = queue.length; left > 0; left -= MAX_BATCH) {
      const batch = queue.slice(0, Math.min(left, MAX_BATCH))
      await store(batch)
      queue = queue.slice(batch.length)
      for (const { segments } of batch) for (const segment of segments) journal.unpin(segment)
    }
    await foldSpilled()
    if (adopted.length > 0) await foldAdopted()
  }

  function spill({ segments }: QueuedRequest): void {
    for (const segment of segments) {
      segment.spilled = true
      segment.pins--
    }
  }

  async function foldSpilled(): Promise<void> {
    const spilled = journal.segments().filter((segment) => segment.spilled)
    if (spilled.length === 0) return
    // What was spilled last may not have reached its segment yet.
    journal.push()
    for (const segment of spilled) {
      segment.spilled = false
      segment.pins++
    }
    try {
      await replaySegments({ journal, segments: spilled, store, prices, endUnfinished: false })
    } catch (error) {
      for (const segment of spilled) segment.spilled = true
      throw error
    } finally {
      for (const segment of spilled) journal.unpin(segment)
    }
  }

  async function foldAdopted(): Promise<void> {
    const segments = adopted
    lastAdoption = await replaySegments({ journal, segments, store, prices, endUnfinished: true })
    adopted = adopted.slice(segments.length)
    for (const segment of segments) journal.removeAdopted(segment)
    log.info(lastAdoption, 'folded the usage journals of processes that are gone')
  }

  return {
    add(request) {
      if (queue.length < maxQueued || !request.isJournaled) queue.push(request)
      else spill(request)
      schedule(INTERVAL_MS)
    },
    async addAdopted(segments) {
      if (segments.length === 0) return { requests: 0, interrupted: 0, damaged: 0 }
      if (running !== undefined) await running.catch(() => undefined)
      adopted = [...adopted, ...segments]
      // A failed round has been logged and is tried again; starting does not wait for it.
      await runRound().catch(() => undefined)
      return lastAdoption
    },
    readBacklog() {
      const [oldest] = queue
      const oldestAt = oldest === undefined ? null : oldest.request.createdAt + oldest.request.durationMs
      return { waiting: queue.length, oldestAt, failures }
    },
    async flush() {
      // A round under way took only what was there when it began.
      if (running !== undefined) await running
      if (hasWork()) await runRound()
    },
    async close() {
      if (running !== undefined) await running.catch(() => undefined)
      // What cannot be stored now stays in the journal; the failure has been logged.
      if (hasWork()) await runRound().catch(() => undefined)
      isClosed = true
      clearTimeout(timer)
      timer = undefined
    },
  }
}

/** One transaction for the batch; a row the database will never take is set aside alone, so that it stops no other. */
async function storeRequests(
  database: LedgerDatabase,
  batch: readonly FoldableRequest[],
  log: Log,
  clock: Pick<Clock, 'now'>,
): Promise<void> {
  try {
    await database.insertMany([
      { table: 'attempts', rows: batch.flatMap(({ attempts }) => attempts.map(toAttemptRow)) },
      { table: 'requests', rows: batch.map(({ request }) => toRequestRow(request)) },
      { table: 'usage_late', rows: markLate(batch, clock.now()) },
    ])
  } catch (error) {
    if (!isRowAtFault(error)) throw error
    if (batch.length === 1) {
      log.error(
        { err: error, record: batch[0] },
        'the database refuses this usage record for good; it stands here instead',
      )
      return
    }
    const middle = batch.length >> 1
    await storeRequests(database, batch.slice(0, middle), log, clock)
    await storeRequests(database, batch.slice(middle), log, clock)
  }
}

/** Sums of days that are over may be there already, without these: one mark per hour. */
function markLate(batch: readonly FoldableRequest[], now: number): UsageLateTable[] {
  const late = batch.filter(({ request }) => request.createdAt < now - LATE_MS)
  const hours = new Set(late.map(({ request }) => Math.floor(request.createdAt / LATE_MS) * LATE_MS))
  return [...hours].map((at) => ({ id: createUlid(now), at }))
}

const SQLITE_TOO_BIG = 18
const SQLITE_CONSTRAINT = 19
const SQLITE_MISMATCH = 20

/** Is it the data that cannot be stored, rather than the database that cannot store? */
function isRowAtFault(error: unknown): boolean {
  if (error instanceof GatewayError) return error.code === 'bad_request'
  if (!(error instanceof StorageError)) return false
  if (typeof error.code === 'number')
    return [SQLITE_TOO_BIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH].includes(error.code & 0xff)
  // PostgreSQL: class 22 is wrong data, class 23 a violated constraint.
  return /^2[23][0-9A-Z]{3}$/.test(error.code)
}
