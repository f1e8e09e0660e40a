// The addresses of the log of requests: people see their own, administrators everybody's.
import { z } from 'zod'
import {
  requestDetailSchema,
  requestListSchema,
  requestsOfAllQuerySchema,
  requestsQuerySchema,
} from '../../../contract/requests.ts'
import { CONTROL_BODY_CAP, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { RequestLog } from './request-log.ts'

const SHARED = { method: 'GET', credential: 'session', bodyCap: CONTROL_BODY_CAP, rateClass: 'control' } as const
const PAGE = { 200: { description: 'A page of requests, newest first', schema: requestListSchema } }

export function createRequestRoutes({ log }: { log: RequestLog }): ControlRoute[] {
  return [
    defineControlRoute({
      ...SHARED,
      path: '/admin/requests',
      role: 'user',
      summary: 'Your own requests, newest first',
      query: requestsQuerySchema,
      answers: PAGE,
      handle: async ({ query, principal }) => ({
        status: 200,
        body: await log.list(query, { userId: principal.userId }),
      }),
    }),
    defineControlRoute({
      ...SHARED,
      path: '/admin/requests/all',
      role: 'admin',
      summary: "Everybody's requests, newest first",
      query: requestsOfAllQuerySchema,
      answers: PAGE,
      handle: async ({ query }) => ({ status: 200, body: await log.list(query, { everyone: true }) }),
    }),
    defineControlRoute({
      ...SHARED,
      path: '/admin/requests/:id',
      role: 'user',
      summary:
        'One request: its receipt, what went wrong, and each call it made; one of your own, for administrators any',
      params: z.strictObject({ id: z.string().max(64) }),
      answers: { 200: { description: 'The request', schema: requestDetailSchema } },
      handle: async ({ params, principal }) => ({
        status: 200,
        body: await log.describe(
          params.id,
          principal.role === 'admin' ? { everyone: true } : { userId: principal.userId },
        ),
      }),
    }),
  ]
}
