// Reads journal segments back into finished requests, in bounded memory: lines are in order, a request's own row is its
// last line, so only requests under way are held. What never finished belonged to a process that died.
import type { Prices } from '../../catalog/prices.ts'
import { UNKNOWN_USAGE } from '../../protocols/canonical.ts'
import type { Journal, Segment } from './journal.ts'
import {
  type AttemptIntent,
  type Cost,
  finishAsInterrupted,
  type FinishedRequest,
  type JournalRecord,
  type RecordedAttempt,
  settleAsInterrupted,
  type SettledAttempt,
  UNKNOWN_COST,
} from './records.ts'

/** A request with all its attempts, ready for the database. */
export interface FoldableRequest {
  readonly request: FinishedRequest
  readonly attempts: readonly RecordedAttempt[]
}

export interface ReplayReport {
  requests: number
  /**
   * Those whose own line was not found. Some may be stored already, their other segments being gone: then they stay as
   * they are.
   */
  interrupted: number
  /** Stretches of the files that were no whole line. */
  damaged: number
}

interface PartialRequest {
  readonly intents: Map<number, AttemptIntent>
  readonly settled: Map<number, SettledAttempt>
}

const BATCH = 500

export async function replaySegments(options: {
  journal: Journal
  segments: readonly Segment[]
  store: (batch: FoldableRequest[]) => Promise<void>
  prices: Prices | undefined
  /** Their process is gone: what did not finish is written as interrupted. Otherwise it is left alone. */
  endUnfinished: boolean
}): Promise<ReplayReport> {
  const { journal, segments, store, prices, endUnfinished } = options
  const report: ReplayReport = { requests: 0, interrupted: 0, damaged: 0 }
  const partial = new Map<string, PartialRequest>()
  let batch: FoldableRequest[] = []

  async function add(request: FoldableRequest): Promise<void> {
    batch.push(request)
    report.requests++
    if (batch.length >= BATCH) await storeBatch()
  }

  async function storeBatch(): Promise<void> {
    const full = batch
    batch = []
    if (full.length > 0) await store(full)
  }

  for (const segment of segments) {
    const { lines, damaged } = await journal.read(segment)
    report.damaged += damaged
    for (const line of lines) {
      const finished = takeRecord(partial, JSON.parse(line) as JournalRecord, prices)
      if (finished !== undefined) await add(finished)
    }
  }
  if (endUnfinished) {
    for (const unfinished of partial.values()) {
      const attempts = pairAttempts(unfinished, prices)
      if (attempts.length === 0) continue
      report.interrupted++
      await add({ request: finishAsInterrupted(attempts), attempts })
    }
  }
  await storeBatch()
  return report
}

function takeRecord(
  partial: Map<string, PartialRequest>,
  record: JournalRecord,
  prices: Prices | undefined,
): FoldableRequest | undefined {
  const { intent, settled, finished } = record
  if (intent !== undefined) findPartial(partial, intent.requestId).intents.set(intent.attempt, intent)
  if (settled !== undefined) findPartial(partial, settled.requestId).settled.set(settled.attempt, settled)
  if (finished === undefined) return undefined
  const parts = partial.get(finished.requestId)
  partial.delete(finished.requestId)
  return { request: finished, attempts: parts === undefined ? [] : pairAttempts(parts, prices) }
}

function findPartial(partial: Map<string, PartialRequest>, requestId: string): PartialRequest {
  const known = partial.get(requestId)
  if (known !== undefined) return known
  const created: PartialRequest = { intents: new Map(), settled: new Map() }
  partial.set(requestId, created)
  return created
}

function pairAttempts({ intents, settled }: PartialRequest, prices: Prices | undefined): RecordedAttempt[] {
  return [...intents.values()]
    .sort((a, b) => a.attempt - b.attempt)
    .map((intent) => ({
      intent,
      settled: settled.get(intent.attempt) ?? settleAsInterrupted(intent, estimatePromptCost(intent, prices)),
    }))
}

/** What the prompt alone cost: the least an interrupted call can have cost. */
function estimatePromptCost(intent: AttemptIntent, prices: Prices | undefined): Cost {
  if (prices === undefined || intent.model === null || intent.promptEstimate === null) return UNKNOWN_COST
  const usage = { ...UNKNOWN_USAGE, input: intent.promptEstimate, output: 0 }
  const priced = prices.priceUsage({ provider: intent.provider, model: intent.model, usage, at: intent.at })
  return priced.usdNanos === null ? UNKNOWN_COST : { ...priced, source: 'estimated' }
}
