// What people and programs may ask the ledger: sums over a range in their time zone, as an answer or as a file, and the
// receipt of one request. Everybody sees their own; only the administrators' route asks for everyone's.
import {
  USAGE_RANGE_DAYS,
  type Receipt,
  type UsageAnswer,
  type UsageExportQuery,
  type UsageGroup,
  type UsageOfAllQuery,
  type UsageQuery,
} from '../../../contract/usage.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { isUlid, parsePublicId } from '../../kernel/ids.ts'
import { dateAfter, dayAt, listDays, startOfDay } from './days.ts'
import { writeUsageFile } from './export.ts'
import { addCells, countCells, toFigures, toRows } from './figures.ts'
import type { Ledger } from './ledger.ts'
import { toReceipt } from './receipt.ts'
import type { ReceiptReader, UsageStore } from './store.ts'
import type { GroupKey, UsageFilters, UsageScope } from './tally.ts'

export interface UsageReports {
  summarise(query: UsageOfAllQuery, scope: UsageScope): Promise<UsageAnswer>
  /** The same by day, as a file: every group there is, a week at a time. */
  export(query: UsageExportQuery, scope: UsageScope): (signal: AbortSignal) => AsyncIterable<string>
  /**
   * The receipt of the user's own request, `req_…` or bare; waits up to a second for its row, then 404. With a team's
   * API key, of those made with that team's keys only.
   */
  getReceipt(requestId: string, reader: ReceiptReader): Promise<Receipt>
}

const MOST_GROUPS = 10_000
const DEFAULT_DAYS = 30
const DAYS_PER_CHUNK = 7
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
      const days = listDays(timeZone, from, to)
      const selection = { scope, filters: readFilters(query), from, to }
      const keys = groups.map((group) => GROUP_KEYS[group])
      const cells = await store.collect(selection, keys, { timeZone, days }, MOST_GROUPS).catch(refuseTooMany)
      const counted = await countCells(cells)
      const subtotals: UsageAnswer['subtotals'] = {}
      for (const [i, group] of groups.entries()) {
        if (groups.length === 1) break
        const added = await addCells(counted, (cell) => [cell.keys[i]!])
        subtotals[group] = toRows(added, [group], days)
      }
      return {
        from: new Date(from).toISOString(),
        to: new Date(to).toISOString(),
        time_zone: timeZone,
        groups: toRows(counted, groups, days, query.percentiles !== 'totals'),
        ...(groups.length > 1 && { subtotals }),
        // Added up from the groups, not asked for again: rows that arrive meanwhile cannot make the two differ.
        total: toFigures((await addCells(counted, () => []))[0]),
      }
    },
    export(query, scope) {
      const timeZone = query.time_zone ?? 'UTC'
      const { from, to } = readRange(query, timeZone, clock.now())
      const others = (query.group_by ?? '')
        .split(',')
        .filter((group) => group !== '' && group !== 'day') as UsageGroup[]
      const groups: UsageGroup[] = ['day', ...others]
      const keys = groups.map((group) => GROUP_KEYS[group])
      const days = listDays(timeZone, from, to)
      const filters = readFilters(query)
      async function* readChunks() {
        for (let first = 0; first < days.length; first += DAYS_PER_CHUNK) {
          const some = days.slice(first, first + DAYS_PER_CHUNK)
          const range = { from: Math.max(from, some[0]!.start), to: Math.min(to, some.at(-1)!.end) }
          const cells = await store.collect({ scope, filters, ...range }, keys, { timeZone, days: some }, Infinity)
          yield toRows(await countCells(cells), groups, some)
        }
      }
      return () => writeUsageFile(query.format, { from, to, timeZone, groups }, readChunks())
    },
    async getReceipt(requestId, reader) {
      const id = parsePublicId('req', requestId) ?? requestId
      const deadline = clock.monotonic() + RECEIPT_WAIT_MS
      let found = await store.findRequest(id, reader)
      if (found === undefined) await within(ledger.flush(), RECEIPT_WAIT_MS)
      // Another instance may hold it: its rows come by themselves.
      while ((found ??= await store.findRequest(id, reader)) === undefined && clock.monotonic() < deadline) {
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

function readFilters({ provider, model, provider_key, api_key, billed_to, user }: UsageOfAllQuery): UsageFilters {
  return {
    ...(provider !== undefined && { provider }),
    ...(model !== undefined && { model }),
    ...(provider_key !== undefined && { provider_key_id: readId('pk', provider_key) }),
    ...(api_key !== undefined && { api_key_id: readId('ak', api_key) }),
    ...(billed_to !== undefined && { billed_to }),
    ...(user !== undefined && { user_id: user }),
  }
}

/** The bare id; what is none finds nothing, like an id of nobody's. */
function readId(prefix: 'pk' | 'ak', text: string): string | null {
  if (text === 'none') return null
  return parsePublicId(prefix, text) ?? (isUlid(text) ? text : '')
}

function refuseTooMany(error: unknown): never {
  if (!(error instanceof RangeError)) throw error
  throw refuse('group_by', `This gives more than ${MOST_GROUPS} groups. Ask for a shorter range, or group by less.`)
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
