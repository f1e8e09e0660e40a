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
  type ChooseErrorEncoder,
  type EncodeError,
  encodeEarly,
  encodeEarlyControlError,
  hasUnreadBody,
  sendAnswer,
  setBaseHeaders,
} from './answers.ts'
import type { Connections } from './connections.ts'
import type { Overload } from './overload.ts'
import { type PreparedAnswer, prepareAnswer } from './prepared-answer.ts'
import type { RequestHeaders } from './route.ts'
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
  readonly chooseErrorEncoder?: ChooseErrorEncoder | undefined
}

/** The same for all of them: there is no time to say more. */
const NO_ROOM = new GatewayError('gateway_overloaded', { retryAfter: 1 })

export function createShedding(options: SheddingOptions): Shedding {
  const { router, overload, connections, clock, chooseErrorEncoder } = options
  const stays = { connection: 'keep-alive', 'keep-alive': `timeout=${Math.floor(options.keepAliveMs / 1000)}` }

  /** By the dialect's encoder. */
  const answers = new Map<EncodeError, PreparedAnswer>()

  function prepared(path: string, headers: RequestHeaders): PreparedAnswer {
    const encode = chooseErrorEncoder?.(path, headers) ?? encodeEarlyControlError
    let answer = answers.get(encode)
    if (answer === undefined) {
      answer = prepareAnswer((requestId) => encode(NO_ROOM, requestId), stays)
      answers.set(encode, answer)
    }
    return answer
  }

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
      if (isPlain(arrival)) {
        response.socket!.write(prepared(path, headers).render(requestId, now))
        // What else Node does when an answer is over: the connection is ready for the next request.
        response.emit('finish')
      } else {
        connections.begin({ request, response })
        setBaseHeaders(response, requestId)
        void sendAnswer(request, response, encodeEarly(chooseErrorEncoder, path, headers, NO_ROOM, requestId))
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
