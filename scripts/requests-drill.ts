// `npm run drill:requests -- [--rows 1000000] [--postgres]`: fills a log of that many requests and prints how long the
// first page of it takes under each filter, and a page deep inside. Fails where one takes longer than a second.
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { requestsOfAllQuerySchema } from '../contract/requests.ts'
import { type Database, openDatabase } from '../server/database/database.ts'
import { migrate } from '../server/database/migrator.ts'
import { createRequestLog, type LogScope } from '../server/features/usage/request-log.ts'
import { systemClock } from '../server/kernel/clock.ts'
import { createPostgresDatabase, dropPostgresDatabase, silentLog } from '../test/support/databases.ts'

const LIMIT_MS = 1_000
const REPEATS = 5
const STARTED = Date.parse('2026-01-01T00:00:00Z')
const BATCH = 50_000

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, postgres: { type: 'boolean', default: false } },
})
const rows = Number(values.rows)

/** Six of ten requests are one user's; some things are rare: a model, an error, a fallback, a key, a payer. */
async function fill(database: Database): Promise<void> {
  const series =
    database.kind === 'postgres'
      ? (from: number, to: number) => sql`generate_series(${sql.lit(from)}, ${sql.lit(to)}) AS series(n)`
      : (from: number, to: number) =>
          sql`(WITH RECURSIVE series(n) AS (VALUES (${sql.lit(from)}) UNION ALL SELECT n + 1 FROM series WHERE n < ${sql.lit(to)}) SELECT n FROM series)`
  const id = (prefix: string, number: ReturnType<typeof sql>, digits: number) =>
    sql`${sql.lit(prefix)} || substr(CAST(${number} + ${sql.lit(10 ** digits)} AS TEXT), 2)`
  for (let from = 0; from < rows; from += BATCH) {
    const to = Math.min(rows, from + BATCH) - 1
    await sql`
      INSERT INTO requests (id, created_at, user_id, api_key_id, session_id, operation, requested_model, model, provider,
        client_dialect, upstream_dialect, status, outcome, error_code, streamed, billed_to, provider_key_id, fallback,
        warnings, attempts, input_tokens, output_tokens, cost_usd_nanos, cost_source, price_version, duration_ms)
      SELECT ${id('01J0000000000000', sql`n`, 10)}, ${sql.lit(STARTED)} + CAST(n AS BIGINT) * 9000,
        ${id('11111111-1111-4111-8111-', sql`CASE WHEN n % 10 < 6 THEN 0 ELSE n % 97 END`, 12)},
        ${id('01J00000000000000000', sql`CASE WHEN n % 10 < 6 THEN n % 7 ELSE n % 500 END`, 6)}, NULL,
        CASE WHEN n % 11 = 0 THEN 'models' ELSE 'chat' END,
        'gpt-4o', CASE WHEN n % 99991 = 0 THEN 'o-rare' WHEN n % 3 = 0 THEN 'claude-sonnet-5' ELSE 'gpt-4o' END,
        CASE WHEN n % 49999 = 0 THEN 'google' WHEN n % 3 = 0 THEN 'anthropic' ELSE 'openai' END, 'openai-chat', 'openai-chat',
        CASE WHEN n % 33333 = 0 THEN 503 WHEN n % 20011 = 0 THEN 429 ELSE 200 END, 'done',
        CASE WHEN n % 33333 = 0 THEN 'upstream_error' WHEN n % 20011 = 0 THEN 'rate_limited' ELSE NULL END,
        ${database.kind === 'postgres' ? sql`true` : sql`1`},
        CASE WHEN n % 70001 = 0 THEN 'server' WHEN n % 49999 = 0 THEN 'team' ELSE 'user' END,
        ${id('01J00000000000000000', sql`CASE WHEN n % 80021 = 0 THEN 99 ELSE n % 40 END`, 6)},
        CASE WHEN n % 70001 = 0 THEN 'outage' ELSE 'none' END, '[]', 1, 1200, 300, 4500000, 'computed', '2026-11-01', 900
      FROM ${series(from, to)}`.execute(database.query)
  }
  if (database.kind === 'postgres') await sql`ANALYZE requests`.execute(database.query)
}

const OWN: LogScope = { userId: '11111111-1111-4111-8111-000000000000' }
const QUIET: LogScope = { userId: '11111111-1111-4111-8111-000000000089' }
const ALL: LogScope = { everyone: true }
const FILTERS: readonly Record<string, string>[] = [
  {},
  { status: 'ok' },
  { status: 'error' },
  { status: '4xx' },
  { status: '5xx' },
  { provider_key: 'pk_01J00000000000000000000003' },
  { provider_key: 'pk_01J00000000000000000000099' },
  { provider_key: 'pk_01J00000000000000000000098' },
  { api_key: 'ak_01J00000000000000000000003' },
  { api_key: 'ak_01J00000000000000000000999' },
  { api_key: 'none' },
  { billed_to: 'user' },
  { billed_to: 'server' },
  { provider: 'google' },
  { provider: 'nobody' },
  { model: 'gpt-4o' },
  { model: 'o-rare' },
  { model: 'no-such-model' },
  { fell_back: 'true' },
  { fell_back: 'true', model: 'gpt-4o' },
  { model: 'o-rare', status: 'error' },
  { status: 'error', billed_to: 'team' },
  { from: '2026-02-01', to: '2026-02-01' },
  { model: 'o-rare', from: '2026-02-01', to: '2026-03-01' },
  { id: 'req_01J00000000000000000012345' },
  { cursor: `${STARTED + rows * 4500}.01J00000000000000000000000` },
]

async function measure(database: Database): Promise<number> {
  const log = createRequestLog({ database, ledger: { flush: async () => undefined } })
  let worst = 0
  for (const [name, scope] of [
    ['own', OWN],
    ['own, few', QUIET],
    ['all', ALL],
  ] as const) {
    for (const filter of FILTERS) {
      const query = requestsOfAllQuerySchema.parse(filter)
      const times: number[] = []
      let found = 0
      for (let i = 0; i < REPEATS; i++) {
        const before = performance.now()
        found = (await log.list(query, scope)).requests.length
        times.push(performance.now() - before)
      }
      const first = times[0]!
      const median = times.toSorted((a, b) => a - b)[Math.floor(REPEATS / 2)]!
      worst = Math.max(worst, ...times)
      const shown =
        Object.entries(filter)
          .map(([key, value]) => `${key}=${value}`)
          .join(' ') || 'no filter'
      console.info(
        `${name.padEnd(8)} ${shown.padEnd(46)} ${String(found).padStart(3)} rows  first ${first.toFixed(1)} ms  median ${median.toFixed(1)} ms`,
      )
    }
  }
  return worst
}

const folder = mkdtempSync(join(tmpdir(), 'uniroute-drill-'))
const url = values.postgres ? await createPostgresDatabase() : undefined
const database = await openDatabase({
  ...(url === undefined ? { file: join(folder, 'drill.db') } : { url }),
  statementTimeoutMs: 600_000,
})
try {
  await migrate(database, { clock: systemClock, log: silentLog })
  const before = performance.now()
  await fill(database)
  console.info(
    `${database.kind}, ${rows} rows filled in ${((performance.now() - before) / 1000).toFixed(0)} s, ${cpus().length} cores`,
  )
  const worst = await measure(database)
  console.info(`worst: ${worst.toFixed(0)} ms (limit ${LIMIT_MS} ms)`)
  process.exitCode = worst > LIMIT_MS ? 1 : 0
} finally {
  await database.close()
  if (url !== undefined) await dropPostgresDatabase(url)
  rmSync(folder, { recursive: true, force: true })
}
