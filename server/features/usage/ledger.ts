// The ledger: exactly one record for every call to a provider and one for every request, through crashes. An intent is
// with the kernel before the provider is dialled; settlements and finished requests follow within the same turn of the
// event loop; rows reach the database in batches. Invariant: the lines of a request stay in the journal until its row
// and those of its attempts are stored, in one transaction; its own line is the last of them.
import { join } from 'node:path'
import type { Prices } from '../../catalog/prices.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { keepBallast } from './ballast.ts'
import { createFold, type LedgerDatabase } from './fold.ts'
import { createJournal, type Segment } from './journal.ts'
import {
  sumAttempts,
  type AttemptIntent,
  type FinishedRequest,
  type JournalRecord,
  type RecordedAttempt,
  type ReportedRequest,
  type SettledAttempt,
} from './records.ts'
import type { ReplayReport } from './replay.ts'

/** What is still on its way to the database. */
export interface LedgerFigures {
  readonly segments: number
  readonly bytes: number
  readonly spilledSegments: number
  /** Finished requests in memory. */
  readonly waiting: number
  /** When the first of them ended, epoch ms; null: none waits. */
  readonly oldestAt: number | null
  /** Rounds in a row that failed. */
  readonly failures: number
}

export interface Ledger {
  /** Durable intent before dialling; throws GatewayError storage_full. Synchronous. */
  intend(intent: AttemptIntent): void
  /** Exactly once per intent. */
  settle(attempt: SettledAttempt): void
  /** The request's own row; also for requests that never reached a provider. */
  finish(request: ReportedRequest): void
  /** Everything finished so far is in the database; rejects with storage_unavailable where it cannot be. */
  flush(): Promise<void>
  readFigures(): LedgerFigures
  /** Takes over and folds the journals of processes that died; call once at start. */
  recover(): Promise<ReplayReport>
  close(): Promise<void>
}

interface OpenAttempt {
  readonly intent: AttemptIntent
  settled: SettledAttempt | undefined
}

interface OpenRequest {
  attempts: OpenAttempt[]
  unsettled: number
  segments: Segment[]
  isJournaled: boolean
  /** Said to be finished while an attempt was still being settled. */
  finished: ReportedRequest | undefined
}

/** Room the last segment keeps for the settlement and the row of each request under way while no other can be made. */
const RESERVE_PER_REQUEST = 2_048
const MOST_RESERVED = 512 * 1024
/** More full segments than this, held by a few long calls each, and the oldest one's lines are moved to the newest. */
const SEGMENTS_BEFORE_MOVING = 16
const REQUESTS_PER_SEGMENT = 500
const LONGEST_NAME = 512
const LONGEST_WARNINGS = 16 * 1024

export function createLedger(options: {
  database: LedgerDatabase
  dataDir: string
  clock: Clock
  log: Log
  prices?: Prices
  /** Told each request of this process that is over, as it will stand in the database. */
  onFinished?: (request: FinishedRequest, attempts: readonly RecordedAttempt[]) => void
  /** For tests: smaller segments, less memory. */
  limits?: { segmentBytes?: number; maxQueued?: number }
}): Ledger {
  const { database, clock, log, prices, limits = {} } = options
  const directory = join(options.dataDir, 'journal')
  const journal = createJournal({ directory, clock, log, ...pick(limits.segmentBytes, 'segmentBytes') })
  const fold = createFold({
    database,
    journal,
    log,
    prices,
    clock,
    ...pick(limits.maxQueued, 'maxQueued'),
    afterRound: moveOldLines,
  })
  const open = new Map<string, OpenRequest>()
  let pushPlanned: NodeJS.Immediate | undefined
  void keepBallast(directory, log)

  /** For lines that may wait for the end of this turn, so that many share one write. */
  function pushSoon(): void {
    pushPlanned ??= setImmediate(() => {
      pushPlanned = undefined
      pushOrWarn()
    })
  }

  function pushOrWarn(): boolean {
    try {
      journal.push()
      return true
    } catch (error) {
      // The lines wait in memory and go out with the next push.
      log.error({ err: error }, 'usage could not be written to the journal yet')
      return false
    }
  }

  const reserved = (): number => Math.min(MOST_RESERVED, open.size * RESERVE_PER_REQUEST)

  /**
   * `shorten`: the same without what may be longer than the room kept for it, so that it takes none of the others'
   * room.
   */
  function journalSoon(json: string, request: OpenRequest, shorten: (() => string) | null = null): void {
    try {
      request.segments.push(journal.append(json, shorten === null ? 0 : reserved()))
      pushSoon()
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      if (shorten === null) request.isJournaled = false
      else journalSoon(shorten(), request)
    }
  }

  function journalSettled(settled: SettledAttempt, request: OpenRequest): void {
    const shorten = (): string => lineOf('settled', { ...settled, rawUsage: null })
    journalSoon(lineOf('settled', settled), request, typeof settled.rawUsage === 'string' ? shorten : null)
  }

  function complete(requestId: string, request: OpenRequest, finished: ReportedRequest): void {
    open.delete(requestId)
    const attempts = request.attempts.map(({ intent, settled }) => ({ intent, settled: settled! }))
    const record = boundFinished({ ...finished, ...sumAttempts(attempts) })
    const shorten = (): string => lineOf('finished', { ...record, warnings: [] })
    journalSoon(lineOf('finished', record), request, record.warnings.length > 0 ? shorten : null)
    fold.add({ request: record, attempts, segments: request.segments, isJournaled: request.isJournaled })
    // Maps remember for long what was deleted from them (kernel/bag.ts): let it be little.
    request.attempts = []
    request.segments = []
    options.onFinished?.(record, attempts)
  }

  /** Long calls must not keep every segment written since they began. */
  function moveOldLines(): void {
    const closed = journal.closedSegments()
    if (closed.length <= SEGMENTS_BEFORE_MOVING + open.size / REQUESTS_PER_SEGMENT) return
    const oldest = closed[0]!
    for (const request of open.values()) if (request.segments.includes(oldest)) moveLines(request)
  }

  function moveLines(request: OpenRequest): void {
    if (!request.isJournaled) return
    const before = request.segments
    request.segments = []
    for (const { intent, settled } of request.attempts) {
      journalSoon(lineOf('intent', intent), request)
      if (settled !== undefined) journalSettled(settled, request)
    }
    if (request.isJournaled && pushOrWarn()) {
      for (const segment of before) journal.unpin(segment)
    } else {
      // The copies are not certain: the lines stay where they were.
      request.segments = [...before, ...request.segments]
      request.isJournaled = true
    }
  }

  return {
    intend(given) {
      const intent = boundIntent(given)
      const known = open.get(intent.requestId)
      if (known?.attempts.some((attempt) => attempt.intent.attempt === intent.attempt)) {
        throw new Error(`Attempt ${intent.attempt} of request ${intent.requestId} was recorded already.`)
      }
      const segment = journal.append(lineOf('intent', intent), reserved())
      journal.push({ undo: segment })
      const request = known ?? createOpenRequest()
      if (known === undefined) open.set(intent.requestId, request)
      request.attempts.push({ intent, settled: undefined })
      request.segments.push(segment)
      request.unsettled++
    },
    settle(attempt) {
      const request = open.get(attempt.requestId)
      const found = request?.attempts.find(({ intent }) => intent.attempt === attempt.attempt)
      if (request === undefined || found === undefined || found.settled !== undefined) {
        const what = found === undefined ? 'was never announced' : 'is settled already'
        log.error({ requestId: attempt.requestId, attempt: attempt.attempt }, `an attempt to be settled ${what}`)
        return
      }
      found.settled = attempt
      request.unsettled--
      journalSettled(attempt, request)
      if (request.unsettled === 0 && request.finished !== undefined) {
        complete(attempt.requestId, request, request.finished)
      }
    },
    finish(finished) {
      const request = open.get(finished.requestId) ?? createOpenRequest()
      if (request.unsettled > 0) request.finished = finished
      else complete(finished.requestId, request, finished)
    },
    flush: () => fold.flush(),
    readFigures() {
      const segments = journal.segments()
      return {
        segments: segments.length,
        bytes: segments.reduce((sum, { end }) => sum + end, 0),
        spilledSegments: segments.filter(({ spilled }) => spilled).length,
        ...fold.readBacklog(),
      }
    },
    recover: () => fold.addAdopted(journal.adopt()),
    async close() {
      await fold.close()
      clearImmediate(pushPlanned)
      await journal.close()
    },
  }
}

function lineOf(kind: keyof JournalRecord, value: object): string {
  return `{"${kind}":${JSON.stringify(value)}}`
}

function createOpenRequest(): OpenRequest {
  return { attempts: [], unsettled: 0, segments: [], isJournaled: true, finished: undefined }
}

/** Clients choose model names, so lines would have no bound of their own. */
function boundIntent(intent: AttemptIntent): AttemptIntent {
  if (isShort(intent.model) && isShort(intent.requestedModel)) return intent
  return { ...intent, model: shorten(intent.model), requestedModel: shorten(intent.requestedModel) }
}

function boundFinished(request: FinishedRequest): FinishedRequest {
  const { model, requestedModel, clientRequestId, warnings } = request
  const fewWarnings = warnings.length === 0 || JSON.stringify(warnings).length <= LONGEST_WARNINGS
  if (isShort(model) && isShort(requestedModel) && isShort(clientRequestId) && fewWarnings) return request
  return {
    ...request,
    model: shorten(model),
    requestedModel: shorten(requestedModel),
    clientRequestId: shorten(clientRequestId),
    warnings: fewWarnings ? warnings : [],
  }
}

function isShort(text: string | null): boolean {
  return text === null || text.length <= LONGEST_NAME
}

function shorten(text: string | null): string | null {
  return text === null ? null : text.slice(0, LONGEST_NAME)
}

function pick<Name extends string>(value: number | undefined, name: Name): { [K in Name]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { [K in Name]: number })
}
