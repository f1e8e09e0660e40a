// The addresses under which people see what was used: their own, and everybody's for administrators.
import {
  usageAnswerSchema,
  type UsageExportQuery,
  usageExportOfAllQuerySchema,
  usageExportQuerySchema,
  usageOfAllQuerySchema,
  usageQuerySchema,
} from '../../../contract/usage.ts'
import { CONTROL_BODY_CAP, type ControlReply, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { UsageReports } from './service.ts'
import type { UsageScope } from './tally.ts'

const FILE = { 200: { description: 'The groups, day by day' } }

export function createUsageRoutes({ usage }: { usage: Pick<UsageReports, 'summarise' | 'export'> }): ControlRoute[] {
  const sendFile = (query: UsageExportQuery, scope: UsageScope): ControlReply => ({
    status: 200,
    headers: {
      'content-type': query.format === 'csv' ? 'text/csv; charset=utf-8' : 'application/json; charset=utf-8',
      'content-disposition': `attachment; filename="uniroute-usage.${query.format}"`,
    },
    stream: usage.export(query, scope),
  })
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
    defineControlRoute({
      ...shared,
      path: '/admin/usage/export',
      role: 'user',
      summary: 'The same by day as a file, complete: CSV or JSON, with the time zone in every line',
      query: usageExportQuerySchema,
      answers: FILE,
      handle: async ({ query, principal }) => sendFile(query, { userId: principal.userId }),
    }),
    defineControlRoute({
      ...shared,
      path: '/admin/usage/all/export',
      role: 'admin',
      summary: "Everybody's, by day, as a file",
      query: usageExportOfAllQuerySchema,
      answers: FILE,
      handle: async ({ query }) => sendFile(query, { everyone: true }),
    }),
  ]
}
