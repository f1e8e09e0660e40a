// Errors of the data plane leave in the caller's dialect, with the headers its SDK obeys.
import type { ServerResponse } from 'node:http'
import { toPublicId } from '../kernel/ids.ts'
import type { GatewayError } from '../kernel/errors.ts'
import { type EncodeError, sendAnswer } from '../http/answers.ts'
import type { RequestHeaders } from '../http/route.ts'
import type { Protocol, ProtocolId } from '../protocols/protocol.ts'
import { PROTOCOLS } from '../protocols/registry.ts'

/** OpenAI's SDKs ignore a delay longer than this and retry at once, so they are told not to. */
const LONGEST_OPENAI_DELAY_SECONDS = 60

/** Would a repeat be in vain, or bill twice? */
function shouldNotRetry(protocol: Protocol, error: GatewayError): boolean {
  if (
    error.code === 'provider_key_unreadable' ||
    error.code === 'timeout' ||
    error.code === 'translation_not_available' ||
    // The gateway has just repeated it itself, and no other key may serve.
    (error.code === 'upstream_error' && !error.retryable)
  ) {
    return true
  }
  return (
    protocol.id.startsWith('openai-') &&
    error.retryAfter !== undefined &&
    error.retryAfter > LONGEST_OPENAI_DELAY_SECONDS
  )
}

/** Status, headers and body of an error in a dialect. */
export function encodeDataError(
  protocol: Protocol,
  error: GatewayError,
  requestId: string,
): { status: number; headers: Record<string, string>; body: string } {
  const retryAfter = error.retryAfter === undefined ? undefined : Math.max(1, Math.ceil(error.retryAfter))
  const { status, body } = protocol.encodeError({
    code: error.code,
    status: error.status,
    origin: error.origin,
    message: error.publicMessage,
    retryAfter,
    requestId: toPublicId('req', requestId),
  })
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'x-uniroute-error-source':
      error.origin === 'upstream' || error.origin === 'credential' ? sourceOf(error) : 'gateway',
  }
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter)
  if (shouldNotRetry(protocol, error)) headers['x-should-retry'] = 'false'
  return { status, headers, body }
}

// A key that is missing is found out here; one that was rejected, by the provider.
function sourceOf(error: GatewayError): 'gateway' | 'upstream' {
  return error.code === 'no_usable_key' || error.code === 'own_cap_reached' ? 'gateway' : 'upstream'
}

export function sendDataError(
  response: ServerResponse,
  protocol: Protocol,
  error: GatewayError,
  requestId: string,
): number {
  const answer = encodeDataError(protocol, error, requestId)
  void sendAnswer(response.req, response, answer)
  return answer.status
}

const ENCODERS = new Map<Protocol, EncodeError>(
  Object.values(PROTOCOLS).map((protocol) => [
    protocol,
    (error, requestId) => encodeDataError(protocol, error, requestId),
  ]),
)

/** The same function for all addresses of one dialect; undefined outside the data plane. */
export function errorEncoderOfPath(path: string, headers: RequestHeaders): EncodeError | undefined {
  const protocol = dialectOfPath(path, headers)
  return protocol === null ? undefined : ENCODERS.get(protocol)
}

/** The dialect an address belongs to, also where no route matches; null outside the data plane. */
export function dialectOfPath(path: string, headers: RequestHeaders): Protocol | null {
  const id = dialectIdOfPath(path, headers)
  return id && PROTOCOLS[id]
}

function dialectIdOfPath(path: string, headers: RequestHeaders): ProtocolId | null {
  if (/^\/(?:anthropic\/)?v1\/(?:v1\/)?messages(?:\/|$)/.test(path) || /^\/anthropic(?:\/|$)/.test(path)) {
    return 'anthropic-messages'
  }
  if (/^\/(?:upload|ws)\//.test(path)) return 'gemini'
  if (/^\/v1(?:alpha|beta)/.test(path) || /^\/gemini(?:\/|$)/.test(path) || /:[A-Za-z]+$/.test(path)) return 'gemini'
  if (/^\/(?:openai\/)?v1\/(?:v1\/)?responses(?:\/|$)/.test(path)) return 'openai-responses'
  if (/^\/openai(?:\/|$)/.test(path)) return 'openai-chat'
  if (/^\/v1\/chat(?:\/stream)?\/?$/.test(path)) return 'uniroute-chat'
  if (!/^\/v1(?:\/|$)/.test(path)) return null
  if (headers['anthropic-version'] !== undefined) return 'anthropic-messages'
  if (headers['x-goog-api-key'] !== undefined || headers['x-goog-api-client'] !== undefined) return 'gemini'
  return 'openai-chat'
}
