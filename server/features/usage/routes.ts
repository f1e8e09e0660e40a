// The addresses under which people see what was used: their own, and everybody's for administrators.
import { usageAnswerSchema, usageOfAllQuerySchema, usageQuerySchema } from '../../../contract/usage.ts'
import { CONTROL_BODY_CAP, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { UsageReports } from './service.ts'

export function createUsageRoutes({ usage }: { usage: Pick<UsageReports, 'summarise'> }): ControlRoute[] {
  const shared = {
    method: 'GET',
    credential: 'session',
    bodyCap: CONTROL_BODY_CAP,
    rateClass: 'control',
    answers: { 200: { description: 'Sums per group and their total.', schema: usageAnswerSchema } },
  } as const
  return [
    defineControlRoute({
      ...shared,
      path: '/admin/usage',
      role: 'user',
      summary: 'What your own requests used and cost',
      query: usageQuerySchema,
      handle: async ({ query, principal }) => ({
        status: 200,
        body: await usage.summarise(query, { userId: principal.userId }),
      }),
    }),
    defineControlRoute({
      ...shared,
      path: '/admin/usage/all',
      role: 'admin',
      summary: "What everybody's requests used and cost",
      query: usageOfAllQuerySchema,
      handle: async ({ query }) => ({ status: 200, body: await usage.summarise(query, { everyone: true }) }),
    }),
  ]
}
