// What the ledger has for a comparison with a provider's own count: calls that the provider answered, by day and model.
import { sql } from 'kysely'
import type { Database } from '../../database/database.ts'

/** Calls that the server's key paid for, or those on one user's keys, whoever called. */
export type PaidBy = { readonly server: true } | { readonly userId: string }

export interface LedgerSum {
  readonly day: string
  readonly model: string
  readonly requests: number
  readonly inputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
  readonly outputTokens: number
  readonly costNanos: number
  readonly unknownCosts: number
}

const DAY_MS = 86_400_000

type Row = Record<string, string | number>

/** `from` and `to`: midnights of UTC, epoch milliseconds. */
export async function sumPaidCalls(
  { query }: Pick<Database, 'query'>,
  range: { provider: string; paidBy: PaidBy; from: number; to: number },
): Promise<LedgerSum[]> {
  const { provider, paidBy, from, to } = range
  const paid =
    'server' in paidBy
      ? sql`billed_to = 'server'`
      : sql`((billed_to = 'user' AND user_id = ${paidBy.userId}) OR provider_key_id IN
          (SELECT id FROM user_provider_keys WHERE user_id = ${paidBy.userId} AND provider = ${provider}))`
  const { rows } = await sql<Row>`
    SELECT day_index, model, COUNT(*) AS requests,
      COALESCE(SUM(input_tokens), 0) AS input_tokens,
      COALESCE(SUM(cache_read_tokens), 0) AS cache_read_tokens,
      COALESCE(SUM(cache_write_tokens), 0) AS cache_write_tokens,
      COALESCE(SUM(output_tokens), 0) AS output_tokens,
      COALESCE(SUM(cost_usd_nanos), 0) AS cost_usd_nanos,
      SUM(CASE WHEN cost_usd_nanos IS NULL THEN 1 ELSE 0 END) AS unknown_costs
    FROM (
      SELECT (created_at - ${sql.lit(from)}) / ${sql.lit(DAY_MS)} AS day_index, COALESCE(model, '') AS model,
        input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, cost_usd_nanos
      FROM attempts
      WHERE provider = ${provider} AND created_at >= ${from} AND created_at < ${to} AND ${paid}
        AND (status < 400 OR (status IS NULL AND input_tokens IS NOT NULL))
    ) picked
    GROUP BY day_index, model`.execute(query)
  return rows.map((row) => ({
    day: new Date(from + Number(row['day_index']) * DAY_MS).toISOString().slice(0, 10),
    model: String(row['model']),
    requests: Number(row['requests']),
    inputTokens: Number(row['input_tokens']),
    cacheReadTokens: Number(row['cache_read_tokens']),
    cacheWriteTokens: Number(row['cache_write_tokens']),
    outputTokens: Number(row['output_tokens']),
    costNanos: Number(row['cost_usd_nanos']),
    unknownCosts: Number(row['unknown_costs']),
  }))
}
