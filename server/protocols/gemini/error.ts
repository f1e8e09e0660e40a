// Google's error envelope: `code` is the HTTP status as a number, details carry reasons and delays.
import type { ErrorView, UpstreamError } from '../protocol.ts'
import { asObject, asText, readErrorBody } from '../read.ts'

const STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'RESOURCE_EXHAUSTED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'INVALID_ARGUMENT',
  409: 'ABORTED',
  413: 'INVALID_ARGUMENT',
  424: 'FAILED_PRECONDITION',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  502: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'UNAVAILABLE',
}

export function geminiErrorObject(error: ErrorView): Record<string, unknown> {
  const details: unknown[] = [
    {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason: error.code.toUpperCase(),
      domain: 'uniroute',
      metadata: { request_id: error.requestId },
    },
  ]
  if (error.status === 402) {
    const violation = { subject: error.code, description: error.message }
    details.push({ '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [violation] })
  }
  if (error.retryAfter !== undefined) {
    details.push({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${error.retryAfter}s` })
  }
  const status = STATUSES[error.status] ?? (error.status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT')
  return { error: { code: error.status, message: error.message, status, details } }
}

export function encodeGeminiError(error: ErrorView): { status: number; body: string } {
  return { status: error.status, body: JSON.stringify(geminiErrorObject(error)) }
}

export function decodeGeminiError(_status: number, body: string): UpstreamError {
  const { signals, message, details } = readErrorBody(body)
  return { signals, message, retryAfterMs: readRetryDelay(details) }
}

/** `retryDelay` of a RetryInfo: "34s", "34.07s". */
function readRetryDelay(details: readonly unknown[]): number | null {
  for (const detail of details) {
    const delay = asText(asObject(detail)?.['retryDelay'])
    const seconds = delay ? /^([\d.]+)s$/.exec(delay)?.[1] : undefined
    if (seconds !== undefined && Number.isFinite(Number(seconds))) return Math.ceil(Number(seconds) * 1000)
  }
  return null
}
