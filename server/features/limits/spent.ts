// What the ledger says was spent under a limit since its period began.
import type { Database } from '../../database/database.ts'
import type { SpendingLimit } from './budgets.ts'

const COLUMNS = {
  'api-key': 'api_key_id',
  user: 'user_id',
  team: 'team_id',
  'provider-key': 'provider_key_id',
  lease: 'lease_id',
  allowance: 'user_id',
} as const

/** Nano-dollars; calls of unknown cost count nothing. */
export async function readSpent(
  database: Pick<Database, 'query'>,
  { kind, id }: Pick<SpendingLimit, 'kind' | 'id'>,
  since: number,
): Promise<number> {
  const row = await database.query
    .selectFrom('attempts')
    .select(({ fn }) => fn.sum<number | null>('cost_usd_nanos').as('spent'))
    .where('created_at', '>=', since)
    .where(COLUMNS[kind], '=', id)
    .$if(kind === 'allowance', (select) => select.where('billed_to', '=', 'server'))
    .executeTakeFirst()
  return Number(row?.spent ?? 0)
}
