// What was used in a range, cell by cell, and the rows behind one receipt. Days that are over and were added up before
// come from there (day-sums.ts), everything else from the ledger itself, a few days at a time: on SQLite a long
// statement would keep everybody waiting.
import { type RawBuilder, sql } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { AttemptTable, RequestTable } from '../../database/schema.ts'
import type { DayBuild, DaySums } from './day-sums.ts'
import type { Day } from './days.ts'
import {
  chooseDayTable,
  createSums,
  type GroupKey,
  isSelectedDay,
  REASON_OF,
  type SumName,
  SUMS,
  tally,
  tallyDays,
  type TallyRow,
  type UsageSelection,
} from './tally.ts'

/** The sums of one combination of keys. */
export interface Cell {
  /** Values in the order of the keys asked for; a day is an index into `days`. */
  readonly keys: readonly (string | number | null)[]
  readonly sums: Record<SumName, number>
  /** Milliseconds with commas between them. */
  readonly durations: string[]
  readonly firstBytes: string[]
}

export interface UsageStore {
  /** Rejects with RangeError where more than `limit` cells come together. */
  collect(
    selection: UsageSelection,
    keys: readonly GroupKey[],
    calendar: { readonly timeZone: string; readonly days: readonly Day[] },
    limit: number,
  ): Promise<Cell[]>
  findRequest(
    id: string,
    reader: ReceiptReader,
  ): Promise<{ request: RequestTable; attempts: AttemptTable[] } | undefined>
}

/** `teamId`: of the team whose API key asks; null for the user's own keys and sessions. */
export interface ReceiptReader {
  readonly userId: string
  readonly teamId: string | null
}

/** Below this many requests adding up anew is quicker than keeping sums. */
const WORTH_KEEPING = 2_000
const DAYS_AT_ONCE = 7
const MOST_TRIES = 3
const DAY_MS = 86_400_000

interface Range {
  readonly from: number
  readonly to: number
}

export function createUsageStore(
  database: Pick<Database, 'query' | 'kind'>,
  daySums?: DaySums,
  { worthKeeping = WORTH_KEEPING }: { worthKeeping?: number } = {},
): UsageStore {
  const { query, kind } = database

  async function collectOnce(
    selection: UsageSelection,
    keys: readonly GroupKey[],
    days: readonly Day[],
    builds: readonly DayBuild[],
    limit: number,
  ): Promise<Cell[]> {
    const cells = new Map<string, Cell>()
    const add = (rows: readonly TallyRow[], keysOf: (row: TallyRow) => Cell['keys']): void => {
      for (const row of rows) addRow(cells, keysOf(row), row)
      if (cells.size > limit) throw new RangeError('Too many groups.')
    }
    if (builds.length > 0) {
      const indexOf = new Map(
        builds.map(({ id, starts_at }) => [id, days.findIndex(({ start }) => start === starts_at)]),
      )
      const where = isSelectedDay(
        selection,
        builds.map(({ id }) => id),
      )
      const columns = keys.map((key) => sql`${sql.ref(key === 'day' ? 'build_id' : key)}`)
      const table = chooseDayTable(selection, keys)
      const { rows } = await tallyDays(kind, columns, where, table).execute(query)
      add(rows, (row) =>
        keys.map((key, i) => (key === 'day' ? indexOf.get(String(row[`key_${i}`]))! : (row[`key_${i}`] ?? null))),
      )
    }
    for (const range of listRest(selection, days, builds)) {
      const part = { ...selection, ...range }
      const columnsOf = (table: 'requests' | 'attempts') => keys.map((key) => columnOf(key, table, days))
      const { rows } = await tally(kind, columnsOf, part).execute(query)
      add(rows, (row) => keys.map((_, i) => row[`key_${i}`] ?? null))
    }
    return [...cells.values()]
  }

  return {
    async collect(selection, keys, { timeZone, days }, limit) {
      const whole = days.filter(({ start, end }) => start >= selection.from && end <= selection.to)
      for (let tries = 1; ; tries++) {
        // The last time without any, so that an answer comes even where builds go all the time.
        const useBuilds = daySums !== undefined && tries < MOST_TRIES
        const found = useBuilds ? await daySums.find(timeZone, selection.from, selection.to) : []
        const builds = found.filter((build) => whole.some(({ start, end }) => isOf(build, start, end)))
        const cells = await collectOnce(selection, keys, days, builds, limit)
        if (daySums === undefined || !(await daySums.areStillThere(builds))) {
          if (daySums !== undefined && tries < MOST_TRIES) continue
        }
        const missing = whole.filter(({ start, end }) => !builds.some((build) => isOf(build, start, end)))
        const requests = cells.reduce((sum, { sums }) => sum + sums.requests, 0)
        if (missing.length > 0 && requests > worthKeeping) daySums?.order(timeZone, missing)
        return cells
      }
    },
    async findRequest(id, { userId, teamId }) {
      const request = await query
        .selectFrom('requests')
        .selectAll()
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .$if(teamId !== null, (select) =>
          // Not by the request's own team, which a borrower's key has as well.
          select.where('api_key_id', 'in', query.selectFrom('api_keys').select('id').where('team_id', '=', teamId)),
        )
        .executeTakeFirst()
      if (request === undefined) return undefined
      const attempts = await query
        .selectFrom('attempts')
        .selectAll()
        .where('request_id', '=', id)
        .where('user_id', '=', userId)
        .orderBy('attempt')
        .execute()
      return { request, attempts }
    },
  }
}

function isOf({ starts_at, ends_at }: DayBuild, start: number, end: number): boolean {
  return starts_at === start && ends_at === end
}

/** What of the range no build covers, in pieces of a few days. */
function listRest({ from, to }: Range, days: readonly Day[], builds: readonly DayBuild[]): Range[] {
  const built = new Set(builds.map(({ starts_at }) => starts_at))
  const rest: { from: number; to: number; days: number }[] = []
  for (const { start, end } of days) {
    if (built.has(start)) continue
    const piece = { from: Math.max(from, start), to: Math.min(to, end) }
    const last = rest.at(-1)
    if (last !== undefined && last.to === piece.from && last.days < DAYS_AT_ONCE) {
      last.to = piece.to
      last.days++
    } else {
      rest.push({ ...piece, days: 1 })
    }
  }
  return rest
}

function addRow(cells: Map<string, Cell>, keys: Cell['keys'], row: TallyRow): void {
  const name = JSON.stringify(keys)
  let cell = cells.get(name)
  if (cell === undefined) {
    cell = { keys, sums: createSums(), durations: [], firstBytes: [] }
    cells.set(name, cell)
  }
  for (const sum of SUMS) cell.sums[sum] += Number(row[sum] ?? 0)
  if (typeof row['durations'] === 'string') cell.durations.push(row['durations'])
  if (typeof row['first_bytes'] === 'string') cell.firstBytes.push(row['first_bytes'])
}

function columnOf(key: GroupKey, table: 'requests' | 'attempts', days: readonly Day[]): RawBuilder<unknown> {
  if (key === 'day') return dayIndex(days)
  return key === 'fallback' ? REASON_OF[table] : sql`${sql.ref(`${table}.${key}`)}`
}

/**
 * The index of the day a request falls on: a division within runs of whole days, so one branch per change of the clock.
 */
function dayIndex(days: readonly Day[]): RawBuilder<unknown> {
  const branches: RawBuilder<unknown>[] = []
  days.forEach(({ start, end }, i) => {
    const before = days[i - 1]
    const isWhole = end - start === DAY_MS
    if (isWhole && before !== undefined && before.end - before.start === DAY_MS) return
    const since = sql`requests.created_at >= ${sql.lit(start)}`
    const index = isWhole
      ? sql`${sql.lit(i)} + (requests.created_at - ${sql.lit(start)}) / ${sql.lit(DAY_MS)}`
      : sql`${sql.lit(i)}`
    branches.unshift(sql`WHEN ${since} THEN ${index}`)
  })
  return sql`CASE ${sql.join(branches, sql` `)} END`
}
