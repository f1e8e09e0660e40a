// The address under which people see what the server's keys may still pay for them today.
import { allowanceSchema, type Allowance } from '../../../contract/limits.ts'
import { CONTROL_BODY_CAP, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import { endOfPeriod } from '../../kernel/periods.ts'
import type { Budgets } from './budgets.ts'

export interface AllowanceTools {
  readonly budgets: Pick<Budgets, 'read'>
  /** What the server's keys may cost one user in a day; null = unlimited. */
  readonly allowanceUsdNanosPerDay: number | null
  readonly clock: Clock
}

/** What the server's keys may still pay for somebody today; null = no bound. */
export async function readAllowance(tools: AllowanceTools, userId: string): Promise<Allowance['allowance']> {
  const { budgets, allowanceUsdNanosPerDay: most, clock } = tools
  if (most === null) return null
  const { spent, reserved } = await budgets.read({ kind: 'allowance', id: userId, period: 'day' })
  return {
    usd: most / 1e9,
    period: 'day',
    spent_usd_micros: Math.round(spent / 1000),
    left_usd_micros: Math.max(0, Math.floor((most - spent - reserved) / 1000)),
    resets_at: new Date(endOfPeriod('day', clock.now())!).toISOString(),
  }
}

export function createLimitRoutes(tools: AllowanceTools): ControlRoute[] {
  return [
    defineControlRoute({
      credential: 'session',
      role: 'user',
      bodyCap: CONTROL_BODY_CAP,
      rateClass: 'control',
      method: 'GET',
      path: '/admin/allowance',
      summary: "What the server's keys may still pay for you today",
      answers: { 200: { description: 'Your allowance', schema: allowanceSchema } },
      async handle({ principal }) {
        return { status: 200, body: { allowance: await readAllowance(tools, principal.userId) } }
      },
    }),
  ]
}
