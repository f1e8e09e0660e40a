// The addresses of leases: one's provider keys shared with a team, and what others share with one.
import { messageAnswerSchema } from '../../../contract/accounts.ts'
import {
  createLeaseBodySchema,
  leaseImpactSchema,
  leaseListSchema,
  leaseParamsSchema,
  leaseSchema,
  leaseUsageSchema,
  updateLeaseBodySchema,
} from '../../../contract/teams.ts'
import { CONTROL_BODY_CAP, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { parsePublicId } from '../../kernel/ids.ts'
import type { Leases } from './leases.ts'
import { actorOf } from './routes.ts'

const SIGNED_IN = { credential: 'session', role: 'user', bodyCap: CONTROL_BODY_CAP, rateClass: 'control' } as const
const NO_SUCH_LEASE = { description: 'There is no such lease' }

// size: one entry per address, each as short as it can be.
export function createLeaseRoutes(leases: Leases): ControlRoute[] {
  return [
    defineControlRoute({
      ...SIGNED_IN,
      method: 'GET',
      path: '/admin/leases',
      summary: 'What you share of your keys, and what others share with you',
      answers: { 200: { description: 'Your leases', schema: leaseListSchema } },
      async handle({ principal }) {
        return { status: 200, body: await leases.list(principal.userId) }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'POST',
      path: '/admin/leases',
      summary: 'Share a provider key with a team or one of its members; they can use it, and never see it',
      body: createLeaseBodySchema,
      answers: { 201: { description: 'Shared', schema: leaseSchema }, 409: { description: 'Shared already' } },
      async handle(request) {
        return { status: 201, body: await leases.create(actorOf(request), request.body) }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'PATCH',
      path: '/admin/leases/:id',
      summary: 'Change the terms of a lease of your key',
      params: leaseParamsSchema,
      body: updateLeaseBodySchema,
      answers: {
        200: { description: 'Changed', schema: leaseSchema },
        404: NO_SUCH_LEASE,
        409: { description: 'Changed meanwhile' },
      },
      async handle(request) {
        return { status: 200, body: await leases.update(actorOf(request), idOf(request.params), request.body) }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'DELETE',
      path: '/admin/leases/:id',
      summary: 'Stop sharing a key; it acts on the next request',
      params: leaseParamsSchema,
      answers: { 200: { description: 'Ended', schema: messageAnswerSchema }, 404: NO_SUCH_LEASE },
      async handle(request) {
        await leases.end(actorOf(request), idOf(request.params))
        return { status: 200, body: { message: 'The key is no longer shared with them.' } }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'GET',
      path: '/admin/leases/:id/impact',
      summary: 'What the end of a lease would change for those who used it in the last seven days',
      params: leaseParamsSchema,
      answers: { 200: { description: 'What they would use instead', schema: leaseImpactSchema }, 404: NO_SUCH_LEASE },
      async handle({ principal, params }) {
        return { status: 200, body: await leases.previewImpact(principal.userId, idOf(params)) }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'GET',
      path: '/admin/leases/:id/usage',
      summary: 'Who used a shared key, and what it cost',
      params: leaseParamsSchema,
      answers: { 200: { description: 'By borrower', schema: leaseUsageSchema }, 404: NO_SUCH_LEASE },
      async handle({ principal, params }) {
        return { status: 200, body: await leases.readUsage(principal.userId, idOf(params)) }
      },
    }),
  ]
}

function idOf({ id }: { id: string }): string {
  const found = parsePublicId('lease', id)
  if (found === undefined) throw new GatewayError('not_found', { message: 'There is no such lease.' })
  return found
}
