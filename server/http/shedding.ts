// Refuses what there is no room for: traffic, well-formed. What manages the server and what is malformed goes its way. As
// cheap as can be, since half of what is asked may have to be refused; the log is told once for all of them. Each is
// answered at once: gathered and answered together at the end of a turn they live longer, and what they gain by that is
// lost to the collector (a tenth fewer requests were served beside them).
import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../kernel/errors.ts'
import { type EncodeEarlyError, encodeEarly, sendAnswerAtOnce } from './answers.ts'
import type { Overload } from './overload.ts'
import type { Router } from './router.ts'
import { checkRequestHead } from './strictness.ts'

export interface Arrival {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly requestId: string
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
  readonly encodeEarlyError?: EncodeEarlyError | undefined
}

/** The same for all of them: there is no time to say more. */
const NO_ROOM = new GatewayError('gateway_overloaded', { retryAfter: 1 })

export function createShedding({ router, overload, encodeEarlyError }: SheddingOptions): Shedding {
  return {
    shed({ request, response, requestId, metAt }) {
      if (metAt <= overload.asksAfter) return false
      const { method, url, httpVersion, rawHeaders } = request
      const head = checkRequestHead({ method, url, httpVersion, rawHeaders })
      if ('refused' in head) return false
      const { path, headers } = head.accepted
      const verdict = router.match(head.accepted.method, path)
      if (!('found' in verdict) || verdict.found.route.plane !== 'data') return false
      if (!overload.refuseOne(metAt)) return false
      const answer = encodeEarly(encodeEarlyError, path, headers, NO_ROOM, requestId)
      sendAnswerAtOnce(request, response, answer, requestId)
      return true
    },
  }
}
