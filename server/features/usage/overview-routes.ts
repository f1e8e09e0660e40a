// The address of what one sees first: one's own last days by payer, and one's last requests.
import {
  OVERVIEW_DAYS,
  OVERVIEW_REQUESTS,
  type Overview,
  overviewQuerySchema,
  overviewSchema,
} from '../../../contract/overview.ts'
import { CONTROL_BODY_CAP, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import { dateAfter, dayAt } from './days.ts'
import type { RequestLog } from './request-log.ts'
import type { UsageReports } from './service.ts'

export function createOverviewRoutes(tools: {
  usage: Pick<UsageReports, 'summarise'>
  log: RequestLog
  clock: Clock
}): ControlRoute[] {
  const { usage, log, clock } = tools
  return [
    defineControlRoute({
      method: 'GET',
      path: '/admin/overview',
      credential: 'session',
      role: 'user',
      bodyCap: CONTROL_BODY_CAP,
      rateClass: 'control',
      summary: 'Your last days by payer, and your last requests',
      query: overviewQuerySchema,
      answers: { 200: { description: 'The last fourteen days', schema: overviewSchema } },
      async handle({ query, principal }) {
        const own = { userId: principal.userId }
        const time_zone = query.time_zone ?? 'UTC'
        const to = dayAt(time_zone, clock.now())
        const from = dateAfter(to, 1 - OVERVIEW_DAYS)
        const [days, payers, { requests }] = await Promise.all([
          usage.summarise({ from, to, time_zone, group_by: 'day' }, own),
          usage.summarise({ from, to, time_zone, group_by: 'day,billed_to' }, own),
          log.list({ limit: OVERVIEW_REQUESTS }, own),
        ])
        const recent = await Promise.all(requests.map(({ id }) => log.describe(id, own)))
        const body: Overview = { time_zone, from, to, days: days.groups, payers: payers.groups, recent }
        return { status: 200, body }
      },
    }),
  ]
}
