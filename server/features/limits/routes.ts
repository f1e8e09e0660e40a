// The address under which people see what the server's keys may still pay for them today.
import { allowanceSchema, type Allowance } from '../../../contract/limits.ts'
import { CONTROL_BODY_CAP, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import { endOfPeriod } from '../../kernel/periods.ts'
import type { Budgets } from './budgets.ts'

export function createLimitRoutes(tools: {
  budgets: Pick<Budgets, 'read'>
  /** What the server's keys may cost one user in a day; null = unlimited. */
  allowanceUsdNanosPerDay: number | null
  clock: Clock
}): ControlRoute[] {
  const { budgets, allowanceUsdNanosPerDay: most, clock } = tools
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
        if (most === null) return { status: 200, body: { allowance: null } satisfies Allowance }
        const { spent, reserved } = await budgets.read({ kind: 'allowance', id: principal.userId, period: 'day' })
        const body: Allowance = {
          allowance: {
            usd: most / 1e9,
            period: 'day',
            spent_usd_micros: Math.round(spent / 1000),
            left_usd_micros: Math.max(0, Math.floor((most - spent - reserved) / 1000)),
            resets_at: new Date(endOfPeriod('day', clock.now())!).toISOString(),
          },
        }
        return { status: 200, body }
      },
    }),
  ]
}
