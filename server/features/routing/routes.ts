// Routing over HTTP: one's own settings, and the administrators' default.
import { errorSchema } from '../../../contract/common.ts'
import {
  routingAnswerSchema,
  routingBodySchema,
  routingDefaultAnswerSchema,
  routingDefaultBodySchema,
  routingDefaultSchema,
  routingSchema,
} from '../../../contract/routing.ts'
import { CONTROL_BODY_CAP, type ControlRequest, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { RoutingActor, RoutingService } from './service.ts'

const SHARED = { credential: 'session', bodyCap: CONTROL_BODY_CAP, rateClass: 'control' } as const
const OWN = '/admin/routing'
const DEFAULT = '/admin/routing/default'

const invalid = { description: 'A field is missing or wrong', schema: errorSchema }
const locked = { description: 'An administrator has locked the default', schema: errorSchema }

const actorOf = ({ principal, ip }: ControlRequest): RoutingActor => ({ userId: principal.userId, ip })

export function createRoutingRoutes(routing: RoutingService): ControlRoute[] {
  return [
    defineControlRoute({
      ...SHARED,
      role: 'user',
      method: 'GET',
      path: OWN,
      summary: 'How your requests choose among several models',
      answers: { 200: { description: 'In force, your own, and what there is', schema: routingSchema } },
      async handle({ principal }) {
        return { status: 200, body: await routing.readRouting(principal.userId) }
      },
    }),
    defineControlRoute({
      ...SHARED,
      role: 'user',
      method: 'PUT',
      path: OWN,
      summary: 'Set your own strategy and rules',
      body: routingBodySchema,
      answers: { 200: { description: 'In force', schema: routingAnswerSchema }, 400: invalid, 403: locked },
      async handle(request) {
        const saved = await routing.putRouting(actorOf(request), request.body)
        return { status: 200, body: { message: 'In force from your next request on.', routing: saved } }
      },
    }),
    defineControlRoute({
      ...SHARED,
      role: 'user',
      method: 'DELETE',
      path: OWN,
      summary: 'Go back to the default of this server',
      answers: { 200: { description: 'The default holds', schema: routingAnswerSchema } },
      async handle(request) {
        const left = await routing.removeRouting(actorOf(request))
        return { status: 200, body: { message: 'The default of this server holds for you.', routing: left } }
      },
    }),
    defineControlRoute({
      ...SHARED,
      role: 'admin',
      method: 'GET',
      path: DEFAULT,
      summary: 'How everybody’s requests choose among several models, unless they say otherwise',
      answers: { 200: { description: 'The default', schema: routingDefaultSchema } },
      async handle() {
        return { status: 200, body: await routing.readDefault() }
      },
    }),
    defineControlRoute({
      ...SHARED,
      role: 'admin',
      method: 'PUT',
      path: DEFAULT,
      summary: 'Set the default strategy and rules, and whether users may set their own',
      body: routingDefaultBodySchema,
      answers: { 200: { description: 'In force', schema: routingDefaultAnswerSchema }, 400: invalid },
      async handle(request) {
        const saved = await routing.putDefault(actorOf(request), request.body)
        const whom = saved.locked ? 'everybody' : 'everybody without settings of their own'
        return { status: 200, body: { message: `In force for ${whom} from the next request on.`, routing: saved } }
      },
    }),
  ]
}
