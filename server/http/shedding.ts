// Refuses what there is no room for: traffic, well-formed. What manages the server and what is malformed goes its way. As
// cheap as can be, since half of what is asked may have to be refused: one write on the socket, past all that Node and
// we keep about an answer under way; the log is told once for all of them. Each is answered at once: gathered and
// answered together at the end of a turn they live longer, and what they gain by that is lost to the collector (a tenth
// fewer requests were served beside them).
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError } from '../kernel/errors.ts'
import { createUlid } from '../kernel/ids.ts'
import {
  type EncodeEarlyError,
  encodeEarly,
  hasUnreadBody,
  renderRawAnswer,
  sendAnswer,
  setBaseHeaders,
} from './answers.ts'
import type { Connections } from './connections.ts'
import type { Overload } from './overload.ts'
import type { Router } from './router.ts'
import { checkRequestHead } from './strictness.ts'

export interface Arrival {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Its client holds the body back until told to go on. */
  readonly awaitsContinue: boolean
  /** By the monotonic clock, milliseconds. */
  readonly metAt: number
}

export interface Shedding {
  /** Whether it is refused, and nobody else has to answer it. */
  shed(arrival: Arrival): boolean
}

export interface SheddingOptions {
  readonly router: Router
  readonly overload: Overload
  readonly connections: Pick<Connections, 'begin'>
  readonly clock: Clock
  readonly keepAliveMs: number
  readonly encodeEarlyError?: EncodeEarlyError | undefined
}

/** The same for all of them: there is no time to say more. */
const NO_ROOM = new GatewayError('gateway_overloaded', { retryAfter: 1 })

export function createShedding(options: SheddingOptions): Shedding {
  const { router, overload, connections, clock, encodeEarlyError } = options
  const stays = { connection: 'keep-alive', 'keep-alive': `timeout=${Math.floor(options.keepAliveMs / 1000)}` }

  return {
    shed(arrival) {
      const { request, response, metAt } = arrival
      if (metAt <= overload.asksAfter) return false
      const { method, url, httpVersion, rawHeaders } = request
      const head = checkRequestHead({ method, url, httpVersion, rawHeaders })
      if ('refused' in head) return false
      const { path, headers } = head.accepted
      const verdict = router.match(head.accepted.method, path)
      if (!('found' in verdict) || verdict.found.route.plane !== 'data') return false
      if (!overload.refuseOne(metAt)) return false
      const now = clock.now()
      const requestId = createUlid(now)
      const answer = encodeEarly(encodeEarlyError, path, headers, NO_ROOM, requestId)
      if (isPlain(arrival)) {
        response.socket!.write(renderRawAnswer(answer, requestId, { ...stays, date: readDate(now) }))
        // What else Node does when an answer is over: the connection is ready for the next request.
        response.emit('finish')
      } else {
        connections.begin({ request, response })
        setBaseHeaders(response, requestId)
        void sendAnswer(request, response, answer)
      }
      return true
    },
  }
}

/**
 * Nothing that Node would have to look after: an answer before it on its way, a client that does not read, one that is
 * to hang up, a body nobody reads, an answer without its body.
 */
function isPlain({ request, response, awaitsContinue }: Arrival): boolean {
  const { socket, shouldKeepAlive } = response
  if (socket === null || socket.writableLength > 0 || !shouldKeepAlive) return false
  return !awaitsContinue && request.method !== 'HEAD' && !hasUnreadBody(request)
}

let [date, dateOfSecond] = ['', 0]

/** As in the Date header. */
function readDate(now: number): string {
  const second = Math.floor(now / 1000)
  if (second !== dateOfSecond) [date, dateOfSecond] = [new Date(now).toUTCString(), second]
  return date
}
