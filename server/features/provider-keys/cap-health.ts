// What a key's owner is told once their own spending cap on it is reached: calls pass it by until the period ends.
import { endOfPeriod, type BudgetPeriod } from '../../kernel/periods.ts'
import type { ProviderKeyRecord } from './record.ts'

/** What a key paid in the running period of its cap, nano-dollars, and whether the last call had no room any more. */
export type ReadCap = (cap: {
  id: string
  usdNanos: number
  period: BudgetPeriod
}) => Promise<{ spent: number; isFull: boolean }>

/** A key that would serve but for its cap is `capped`, and says until when; a state of the provider's stands above that. */
export async function withCapHealth<Key extends ProviderKeyRecord>(
  key: Key,
  readCap: ReadCap | undefined,
  now: number,
): Promise<Key> {
  const { capUsdNanos: most, capPeriod } = key
  const works = key.isActive && (key.status === 'active' || key.status === 'untested')
  if (!readCap || !works || most === null || capPeriod === null) return key
  const period = capPeriod === 'day' || capPeriod === 'month' ? capPeriod : 'total'
  const { spent, isFull } = await readCap({ id: key.id, usdNanos: most, period })
  if (!isFull && spent < most) return key
  const end = endOfPeriod(period, now)
  const until = end === null ? 'until it is raised' : `until ${new Date(end).toISOString()}`
  const amount = `$${most / 1e9} ${period === 'total' ? 'in total' : `per ${period}`}`
  return { ...key, status: 'capped', statusReason: `your spending cap of ${amount} is reached, ${until}` }
}
