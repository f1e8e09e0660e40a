// How much of their own spending cap on a key its owner has used, and that calls pass it by until the period ends once
// the cap is reached.
import { endOfPeriod, type BudgetPeriod } from '../../kernel/periods.ts'
import type { ProviderKeyRecord } from './record.ts'

/** What a key paid in the running period of its cap, nano-dollars, and whether the last call had no room any more. */
export type ReadCap = (cap: {
  id: string
  usdNanos: number
  period: BudgetPeriod
}) => Promise<{ spent: number; isFull: boolean }>

export interface CapUse {
  readonly spentUsdNanos: number
  /** When it begins anew, epoch ms; null = never. */
  readonly resetsAt: number | null
}

/**
 * A key that would serve but for its cap is `capped`, and says until when; a state of the provider's stands above that.
 */
export async function withCapHealth<Key extends ProviderKeyRecord>(
  key: Key,
  readCap: ReadCap | undefined,
  now: number,
): Promise<Key & { readonly capUse?: CapUse }> {
  const { capUsdNanos: most, capPeriod } = key
  if (!readCap || most === null || capPeriod === null) return key
  const period = capPeriod === 'day' || capPeriod === 'month' ? capPeriod : 'total'
  const { spent, isFull } = await readCap({ id: key.id, usdNanos: most, period })
  const end = endOfPeriod(period, now)
  const used = { ...key, capUse: { spentUsdNanos: spent, resetsAt: end } }
  const works = key.isActive && (key.status === 'active' || key.status === 'untested')
  if (!works || (!isFull && spent < most)) return used
  const until = end === null ? 'until it is raised' : `until ${new Date(end).toISOString()}`
  const amount = `$${most / 1e9} ${period === 'total' ? 'in total' : `per ${period}`}`
  return { ...used, status: 'capped', statusReason: `your spending cap of ${amount} is reached, ${until}` }
}
