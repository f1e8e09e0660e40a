// What people and programs may ask the ledger: sums over a range in their time zone, and the receipt of one request.
// Everybody sees their own; only the administrators' route asks for everyone's.
import {
  USAGE_RANGE_DAYS,
  type Receipt,
  type UsageAnswer,
  type UsageGroup,
  type UsageQuery,
  type UsageRow,
  type UsageTotal,
} from '../../../contract/usage.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { parsePublicId, toPublicId } from '../../kernel/ids.ts'
import { dateAfter, type Day, dayAt, listDays, startOfDay } from './days.ts'
import type { Ledger } from './ledger.ts'
import { toMicros, toReceipt } from './receipt.ts'
import type { GroupKey, GroupSums, UsageScope, UsageStore, UsageSums } from './store.ts'

export interface UsageReports {
  summarise(query: UsageQuery, scope: UsageScope): Promise<UsageAnswer>
  /** The receipt of the user's own request, `req_…` or bare; waits up to a second for its row, then 404. */
  getReceipt(requestId: string, userId: string): Promise<Receipt>
}

const MOST_GROUPS = 10_000
const DEFAULT_DAYS = 30
const DAY_MS = 86_400_000
const RECEIPT_WAIT_MS = 1_000
const RECEIPT_RETRY_MS = 100

const GROUP_KEYS: Readonly<Record<UsageGroup, GroupKey>> = {
  day: 'day',
  provider: 'provider',
  model: 'model',
  provider_key: 'provider_key_id',
  api_key: 'api_key_id',
  billed_to: 'billed_to',
  fallback: 'fallback',
  user: 'user_id',
}

export function createUsage(options: { store: UsageStore; ledger: Pick<Ledger, 'flush'>; clock: Clock }): UsageReports {
  const { store, ledger, clock } = options

  return {
    async summarise(query, scope) {
      const timeZone = query.time_zone ?? 'UTC'
      const { from, to } = readRange(query, timeZone, clock.now())
      const groups = (query.group_by ?? 'day').split(',') as UsageGroup[]
      const days = groups.includes('day') ? listDays(timeZone, from, to) : []
      const selection = { scope, from, to }
      const keys = groups.map((group) => GROUP_KEYS[group])
      const [sums, percentiles] = await Promise.all([
        store.sumByGroup(selection, keys, days, MOST_GROUPS + 1),
        store.findPercentiles(selection),
      ])
      if (sums.length > MOST_GROUPS) {
        throw refuse(
          'group_by',
          `This gives more than ${MOST_GROUPS} groups. Ask for a shorter range, or group by less.`,
        )
      }
      return {
        from: new Date(from).toISOString(),
        to: new Date(to).toISOString(),
        time_zone: timeZone,
        groups: sums.map((sum) => toRow(sum, groups, days)).sort((a, b) => compareRows(a, b, groups)),
        // Added up from the groups, not asked for again: rows that arrive meanwhile cannot make the two differ.
        total: toFigures({ ...addSums(sums), ...percentiles }),
      }
    },
    async getReceipt(requestId, userId) {
      const id = parsePublicId('req', requestId) ?? requestId
      const deadline = clock.monotonic() + RECEIPT_WAIT_MS
      let found = await store.findRequest(id, userId)
      if (found === undefined) await within(ledger.flush(), RECEIPT_WAIT_MS)
      // Another instance may hold it: its rows come by themselves.
      while ((found ??= await store.findRequest(id, userId)) === undefined && clock.monotonic() < deadline) {
        await wait(RECEIPT_RETRY_MS)
      }
      if (found === undefined) throw new GatewayError('not_found', { message: 'None of your requests has this id.' })
      return toReceipt(found.request, found.attempts)
    },
  }
}

function readRange(query: UsageQuery, timeZone: string, now: number): { from: number; to: number } {
  const to = query.to === undefined ? now : readMoment(isDay(query.to) ? dateAfter(query.to) : query.to, timeZone)
  const from =
    query.from === undefined
      ? startOfDay(timeZone, dateAfter(dayAt(timeZone, to - 1), 1 - DEFAULT_DAYS))
      : readMoment(query.from, timeZone)
  if (from >= to) throw refuse('from', 'The range ends before it begins. Give a `from` before `to`.')
  if (to - from > (USAGE_RANGE_DAYS + 1) * DAY_MS) {
    throw refuse('from', `The range is longer than ${USAGE_RANGE_DAYS} days. Ask for less at a time.`)
  }
  return { from, to }
}

function isDay(text: string): boolean {
  return text.length === 10
}

function readMoment(text: string, timeZone: string): number {
  return isDay(text) ? startOfDay(timeZone, text) : Date.parse(text)
}

function refuse(path: string, message: string): GatewayError {
  return new GatewayError('validation_failed', { message: `${path}: ${message}`, details: [{ path, message }] })
}

function toRow(sum: GroupSums, groups: readonly UsageGroup[], days: readonly Day[]): UsageRow {
  const row: Record<string, unknown> = {}
  groups.forEach((group, i) => {
    row[group] = toGroupValue(group, sum.keys[i] ?? null, days)
  })
  return { ...row, ...toFigures(sum) }
}

function toGroupValue(group: UsageGroup, value: string | number | null, days: readonly Day[]): string | null {
  if (value === null) return null
  if (group === 'day') return days[Number(value)]!.day
  if (group === 'provider_key') return toPublicId('pk', String(value))
  if (group === 'api_key') return toPublicId('ak', String(value))
  return String(value)
}

/** By code unit, null last: databases sort text each in their own way. */
function compareRows(a: UsageRow, b: UsageRow, groups: readonly UsageGroup[]): number {
  for (const group of groups) {
    const [left, right] = [a[group] ?? null, b[group] ?? null]
    if (left === right) continue
    if (left === null) return 1
    if (right === null) return -1
    return left < right ? -1 : 1
  }
  return 0
}

function addSums(sums: readonly UsageSums[]): Omit<UsageSums, 'p50Ms' | 'p95Ms'> {
  const add = (pick: (sum: UsageSums) => number): number => sums.reduce((total, sum) => total + pick(sum), 0)
  return {
    requests: add((sum) => sum.requests),
    errors: add((sum) => sum.errors),
    inputTokens: add((sum) => sum.inputTokens),
    outputTokens: add((sum) => sum.outputTokens),
    cacheReadTokens: add((sum) => sum.cacheReadTokens),
    cacheWriteTokens: add((sum) => sum.cacheWriteTokens),
    reasoningTokens: add((sum) => sum.reasoningTokens),
    costNanos: add((sum) => sum.costNanos),
    unknownCostRequests: add((sum) => sum.unknownCostRequests),
  }
}

function toFigures(sums: UsageSums): UsageTotal {
  return {
    requests: sums.requests,
    errors: sums.errors,
    input_tokens: sums.inputTokens,
    output_tokens: sums.outputTokens,
    cache_read_tokens: sums.cacheReadTokens,
    cache_write_tokens: sums.cacheWriteTokens,
    reasoning_tokens: sums.reasoningTokens,
    cost_usd_micros: toMicros(sums.costNanos),
    unknown_cost_requests: sums.unknownCostRequests,
    p50_ms: sums.p50Ms,
    p95_ms: sums.p95Ms,
  }
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Waits for the work, but no longer; a failure is the caller's to meet when it reads. */
async function within(work: Promise<void>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  try {
    await Promise.race([work.catch(() => undefined), limit])
  } finally {
    clearTimeout(timer)
  }
}
