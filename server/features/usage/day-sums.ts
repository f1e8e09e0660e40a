// Sums of days that are over, added up once per time zone in use. They repeat what the ledger says and nothing else
// reads them, so they may be thrown away at any time.
// Invariants: a build is all of a day or not there; it never changes, only goes. Requests that are stored late leave a
// mark in the same transaction (`usage_late`), and builds of that moment go before anything is read. Builders and those
// who remove builds never overlap, so no mark is taken off without its requests being counted.
import { sql, type Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { Schema, UsageDayBuildTable } from '../../database/schema.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createUlid } from '../../kernel/ids.ts'
import type { Log } from '../../kernel/log.ts'
import type { Day } from './days.ts'
import { REASON_OF, SUMS, tally, tallyDays, type UsageSelection } from './tally.ts'

const HOUR_MS = 3_600_000
/** A request stored later than this after it began leaves a mark. */
export const LATE_MS = HOUR_MS
/** A day is added up this long after its end: what is stored by then and was not late is in it. */
const SETTLED_MS = 2 * HOUR_MS
const MOST_ZONES = 24
/** Between two days, so that others get at the database. */
const PAUSE_MS = 25
/** Any constant that other users of the same PostgreSQL database are unlikely to lock. */
const ADVISORY_LOCK = 7_236_530_931

export type DayBuild = Pick<UsageDayBuildTable, 'id' | 'starts_at' | 'ends_at'>

export interface DaySums {
  /** The builds of this zone in the range, late requests taken into account. */
  find(timeZone: string, from: number, to: number): Promise<DayBuild[]>
  areStillThere(builds: readonly DayBuild[]): Promise<boolean>
  /** Adds up, one after the other and in the background, those of the days that are over. */
  order(timeZone: string, days: readonly Day[]): void
  /** Everything that was ordered is done. */
  settle(): Promise<void>
  /** Begins no further day. */
  close(): Promise<void>
}

export function createDaySums(options: {
  database: Database
  clock: Pick<Clock, 'now'>
  log: Log
  pauseMs?: number
}): DaySums {
  const { database, clock, log, pauseMs = PAUSE_MS } = options
  const { query } = database
  const ordered = new Map<string, { timeZone: string; day: Day }>()
  let running: Promise<void> | undefined
  let isClosed = false

  function alone<T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T> {
    return database.transaction(async (tx) => {
      if (database.kind === 'postgres') await sql`SELECT pg_advisory_xact_lock(${sql.lit(ADVISORY_LOCK)})`.execute(tx)
      return work(tx)
    })
  }

  async function removeOutdated(): Promise<void> {
    const mark = await query.selectFrom('usage_late').select('id').limit(1).executeTakeFirst()
    if (mark === undefined) return
    await alone(async (tx) => {
      const marks = await tx.deleteFrom('usage_late').returning('at').execute()
      for (const hour of new Set(marks.map(({ at }) => Math.floor(at / HOUR_MS) * HOUR_MS))) {
        const builds = await tx
          .selectFrom('usage_day_builds')
          .select('id')
          .where('starts_at', '<', hour + HOUR_MS)
          .where('ends_at', '>', hour)
          .execute()
        await removeBuilds(
          tx,
          builds.map(({ id }) => id),
        )
      }
    })
  }

  async function build(timeZone: string, { start, end }: Day): Promise<void> {
    const id = createUlid(clock.now())
    await alone(async (tx) => {
      await removeIncomplete(tx, timeZone, start)
      const { numInsertedOrUpdatedRows } = await tx
        .insertInto('usage_day_builds')
        .values({ id, time_zone: timeZone, starts_at: start, ends_at: end, built_at: clock.now(), has_totals: true })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow()
      if (numInsertedOrUpdatedRows === 0n) return
      await fill(tx, database.kind, id, { scope: { everyone: true }, filters: {}, from: start, to: end })
      await makeRoom(tx, timeZone)
    })
  }

  async function work(): Promise<void> {
    for (const [name, { timeZone, day }] of ordered) {
      if (isClosed) return
      ordered.delete(name)
      await build(timeZone, day)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  return {
    async find(timeZone, from, to) {
      await removeOutdated()
      return query
        .selectFrom('usage_day_builds')
        .select(['id', 'starts_at', 'ends_at'])
        .where('time_zone', '=', timeZone)
        .where('starts_at', '>=', from)
        .where('starts_at', '<', to)
        .where('has_totals', '=', true)
        .execute()
    },
    async areStillThere(builds) {
      if (builds.length === 0) return true
      const found = await query
        .selectFrom('usage_day_builds')
        .select('id')
        .where(
          'id',
          'in',
          builds.map(({ id }) => id),
        )
        .execute()
      return found.length === builds.length
    },
    order(timeZone, days) {
      if (isClosed) return
      const settled = clock.now() - SETTLED_MS
      for (const day of days) if (day.end <= settled) ordered.set(`${timeZone} ${day.start}`, { timeZone, day })
      running ??= work()
        .catch((error: unknown) => {
          ordered.clear()
          log.warn({ err: error }, 'sums of past days could not be made; usage is added up on every look')
        })
        .finally(() => (running = undefined))
    },
    async settle() {
      await running
    },
    async close() {
      isClosed = true
      await running
    },
  }
}

async function fill(
  tx: Transaction<Schema>,
  kind: Database['kind'],
  id: string,
  selection: UsageSelection,
): Promise<void> {
  const keysOf = (table: 'requests' | 'attempts') => [
    sql`requests.user_id`,
    sql`requests.api_key_id`,
    ...['provider', 'model', 'provider_key_id', 'billed_to'].map((name) => sql`${sql.ref(`${table}.${name}`)}`),
    REASON_OF[table],
  ]
  const sums = [...SUMS, 'durations, first_bytes']
  const columns = sql.raw(
    ['build_id, user_id, api_key_id, provider, model, provider_key_id, billed_to, fallback', ...sums].join(', '),
  )
  const rows = tally(kind, keysOf, selection)
  await sql`INSERT INTO usage_days (${columns}) SELECT ${sql.lit(id)}, added.* FROM (${rows}) added`.execute(tx)
  const shared = ['provider', 'model', 'billed_to', 'fallback']
  const totals = tallyDays(
    kind,
    shared.map((name) => sql.ref(name)),
    sql`build_id = ${sql.lit(id)}`,
  )
  const sharedColumns = sql.raw(['build_id', ...shared, ...sums].join(', '))
  await sql`INSERT INTO usage_day_totals (${sharedColumns})
    SELECT ${sql.lit(id)}, added.* FROM (${totals}) added`.execute(tx)
}

/** Zones that nobody looks at any more go, the longest forgotten first. */
async function makeRoom(tx: Transaction<Schema>, current: string): Promise<void> {
  const zones = await tx
    .selectFrom('usage_day_builds')
    .select((column) => ['time_zone', column.fn.max('built_at').as('used_at')])
    .groupBy('time_zone')
    .orderBy('used_at', 'desc')
    .execute()
  for (const { time_zone } of zones.slice(MOST_ZONES)) {
    if (time_zone === current) continue
    const builds = await tx.selectFrom('usage_day_builds').select('id').where('time_zone', '=', time_zone).execute()
    await removeBuilds(
      tx,
      builds.map(({ id }) => id),
    )
  }
}

/** Instances of an earlier release may run beside this one. */
async function removeIncomplete(tx: Transaction<Schema>, timeZone: string, start: number): Promise<void> {
  const found = await tx
    .selectFrom('usage_day_builds')
    .select('id')
    .where('time_zone', '=', timeZone)
    .where('starts_at', '=', start)
    .where('has_totals', '=', false)
    .execute()
  await removeBuilds(
    tx,
    found.map(({ id }) => id),
  )
}

async function removeBuilds(tx: Transaction<Schema>, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await tx.deleteFrom('usage_days').where('build_id', 'in', ids).execute()
  await tx.deleteFrom('usage_day_totals').where('build_id', 'in', ids).execute()
  await tx.deleteFrom('usage_day_builds').where('id', 'in', ids).execute()
}
