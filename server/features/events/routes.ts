// The address of the live events.
import { eventsQuerySchema } from '../../../contract/events.ts'
import { readBearer } from '../../http/credentials.ts'
import { type ControlRoute, defineControlRoute, type Principal } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'

export function createEventRoutes(events: {
  listen(listener: {
    principal: Principal
    token: string
    all: boolean
  }): (signal: AbortSignal) => AsyncIterable<string>
}): ControlRoute[] {
  return [
    defineControlRoute({
      method: 'GET',
      path: '/admin/events',
      credential: 'session',
      role: 'user',
      bodyCap: 0,
      rateClass: 'control',
      summary:
        'What happens, as it happens: server-sent events (ready, request, key, notification, end) and a heartbeat each 15 s',
      query: eventsQuerySchema,
      answers: { 200: { description: 'A stream that lasts as long as the session' } },
      async handle({ principal, query, headers }) {
        const token = readBearer(headers)
        if (token === undefined) throw new GatewayError('unauthenticated')
        return {
          status: 200,
          headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
          stream: events.listen({ principal, token, all: query.all === 'true' }),
        }
      },
    }),
  ]
}
