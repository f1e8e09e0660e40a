// Anthropic's error envelope. Overload is status 529 here, and only here.
import type { ErrorView, UpstreamError } from '../protocol.ts'
import { readErrorBody } from '../read.ts'

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

export function anthropicErrorObject(error: ErrorView, status: number): Record<string, unknown> {
  const type = TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
  return {
    type: 'error',
    error: { type, message: error.message, details: { code: error.code } },
    request_id: error.requestId,
  }
}

export function anthropicStatus(error: ErrorView): number {
  return error.code === 'overloaded' || error.code === 'gateway_overloaded' ? 529 : error.status
}

export function encodeAnthropicError(error: ErrorView): { status: number; body: string } {
  const status = anthropicStatus(error)
  return { status, body: JSON.stringify(anthropicErrorObject(error, status)) }
}

export function decodeAnthropicError(_status: number, body: string): UpstreamError {
  const { signals, message } = readErrorBody(body)
  return { signals, message, retryAfterMs: null }
}

/** Claude Code looks for this sentence from its first to its last character. A number that nobody gave is left out. */
export function writeAnthropicOverflow(tokens: number | null, limit: number | null): string {
  const words = 'prompt is too long'
  return tokens !== null && limit !== null && tokens > limit ? `${words}: ${tokens} tokens > ${limit} maximum` : words
}
