// A ledger of a million requests and their calls, made inside the database.
import { sql } from 'kysely'
import type { Database } from '../../server/database/database.ts'

/** When the first of them began; one follows each nine seconds. */
export const STARTED = Date.parse('2026-01-01T00:00:00Z')
export const EVERY_MS = 9_000
const BATCH = 50_000

export interface LedgerWishes {
  /** Of six requests in ten; nobody's if not said. The ids as the database has them. */
  readonly owner?: { readonly userId: string; readonly apiKeyId: string; readonly providerKeyId: string }
  readonly started?: number
  readonly everyMs?: number
}

/**
 * Six of ten requests are one user's, who has four provider keys and seven API keys; 97 others have one and two. Some
 * things are rare: a model, an error, a fallback, a key, a payer.
 */
export async function fillLedger(database: Database, rows: number, wishes: LedgerWishes = {}): Promise<void> {
  const { owner, started = STARTED, everyMs = EVERY_MS } = wishes
  const series =
    database.kind === 'postgres'
      ? (from: number, to: number) => sql`generate_series(${sql.lit(from)}, ${sql.lit(to)}) AS series(n)`
      : (from: number, to: number) =>
          sql`(WITH RECURSIVE series(n) AS (VALUES (${sql.lit(from)}) UNION ALL SELECT n + 1 FROM series WHERE n < ${sql.lit(to)}) SELECT n FROM series)`
  const id = (prefix: string, number: ReturnType<typeof sql>, digits: number) =>
    sql`${sql.lit(prefix)} || substr(CAST(${number} + ${sql.lit(10 ** digits)} AS TEXT), 2)`
  const ownersOr = (own: string | undefined, other: ReturnType<typeof sql>) =>
    own === undefined ? other : sql`CASE WHEN n % 10 < 6 THEN ${sql.lit(own)} ELSE ${other} END`
  const userId = ownersOr(
    owner?.userId,
    id('11111111-1111-4111-8111-', sql`CASE WHEN n % 10 < 6 THEN 0 ELSE n % 97 END`, 12),
  )
  const apiKeyId = ownersOr(
    owner?.apiKeyId,
    id('01J00000000000000000', sql`CASE WHEN n % 10 < 6 THEN n % 7 ELSE 7 + 2 * (n % 97) + n % 2 END`, 6),
  )
  const providerKeyId = ownersOr(
    owner?.providerKeyId,
    id(
      '01J00000000000000000',
      sql`CASE WHEN n % 80021 = 0 THEN 99 WHEN n % 10 < 6 THEN n % 4 ELSE 4 + n % 97 % 90 END`,
      6,
    ),
  )
  const indexes = await dropIndexes(database)
  for (let from = 0; from < rows; from += BATCH) {
    const to = Math.min(rows, from + BATCH) - 1
    await sql`
      INSERT INTO requests (id, created_at, user_id, api_key_id, session_id, operation, requested_model, model, provider,
        client_dialect, upstream_dialect, status, outcome, error_code, streamed, billed_to, provider_key_id, fallback,
        warnings, attempts, input_tokens, output_tokens, cost_usd_nanos, cost_source, price_version, first_byte_ms, duration_ms)
      SELECT ${id('01J0000000000000', sql`n`, 10)}, ${sql.lit(started)} + CAST(n AS BIGINT) * ${sql.lit(everyMs)},
        ${userId}, ${apiKeyId}, NULL,
        CASE WHEN n % 11 = 0 THEN 'models' ELSE 'chat' END,
        'gpt-4o', CASE WHEN n % 99991 = 0 THEN 'o-rare' WHEN n % 3 = 0 THEN 'claude-sonnet-5' ELSE 'gpt-4o' END,
        CASE WHEN n % 49999 = 0 THEN 'google' WHEN n % 3 = 0 THEN 'anthropic' ELSE 'openai' END, 'openai-chat', 'openai-chat',
        CASE WHEN n % 33333 = 0 THEN 503 WHEN n % 20011 = 0 THEN 429 ELSE 200 END, 'done',
        CASE WHEN n % 33333 = 0 THEN 'upstream_error' WHEN n % 20011 = 0 THEN 'rate_limited' ELSE NULL END,
        ${database.kind === 'postgres' ? sql`true` : sql`1`},
        CASE WHEN n % 70001 = 0 THEN 'server' WHEN n % 49999 = 0 THEN 'team' ELSE 'user' END,
        ${providerKeyId},
        CASE WHEN n % 70001 = 0 THEN 'outage' ELSE 'none' END, '[]', 1, 1200, 300, 4500000, 'computed', '2026-11-01',
        200 + n % 1801, 500 + (CAST(n AS BIGINT) * 7919) % 29989
      FROM ${series(from, to)}`.execute(database.query)
    const last = {
      first: id('01J0000000000000', sql.lit(from) as never, 10),
      last: id('01J0000000000000', sql.lit(to) as never, 10),
    }
    await sql`
      INSERT INTO attempts (request_id, attempt, created_at, user_id, api_key_id, provider, model, dialect, provider_key_id,
        billed_to, status, outcome, input_tokens, output_tokens, cost_usd_nanos, cost_source, price_version, first_byte_ms,
        duration_ms)
      SELECT id, 1, created_at, user_id, api_key_id, provider, model, 'openai-chat', provider_key_id, billed_to, status,
        'done', input_tokens, output_tokens, cost_usd_nanos, cost_source, price_version, first_byte_ms, duration_ms
      FROM requests WHERE id >= ${last.first} AND id <= ${last.last}`.execute(database.query)
  }
  for (const index of indexes) await sql.raw(index.sql).execute(database.query)
  if (database.kind === 'postgres') await sql`ANALYZE requests, attempts`.execute(database.query)
}

/** SQLite makes an index of many rows several times as fast as it keeps one in order row by row. */
async function dropIndexes(database: Database): Promise<readonly { name: string; sql: string }[]> {
  if (database.kind === 'postgres') return []
  await sql`PRAGMA cache_size = -500000`.execute(database.query)
  const { rows } = await sql<{ name: string; sql: string }>`
    SELECT name, sql FROM sqlite_schema
    WHERE type = 'index' AND tbl_name IN ('requests', 'attempts') AND sql IS NOT NULL`.execute(database.query)
  for (const { name } of rows) await sql.raw(`DROP INDEX ${name}`).execute(database.query)
  return rows
}
