// OpenAI's error envelope, shared by its two dialects.
import type { ErrorView, UpstreamError } from './protocol.ts'
import { asCount, asObject, parseJson, readErrorBody } from './read.ts'

const TYPES: Readonly<Record<number, string>> = {
  402: 'insufficient_quota',
  403: 'permission_error',
  404: 'invalid_request_error',
  429: 'rate_limit_error',
}

export function openaiErrorObject(error: ErrorView): Record<string, unknown> {
  const type = TYPES[error.status] ?? (error.status >= 500 ? 'server_error' : 'invalid_request_error')
  return { message: error.message, type, param: null, code: openaiCode(error) }
}

// The words OpenAI's own clients know, where ours differ.
function openaiCode(error: ErrorView): string {
  if (error.code === 'gateway_overloaded') return 'overloaded'
  return error.code
}

export function encodeOpenaiError(error: ErrorView): { status: number; body: string } {
  return { status: error.status, body: JSON.stringify({ error: openaiErrorObject(error) }) }
}

export function decodeOpenaiError(_status: number, body: string): UpstreamError {
  const { signals, message } = readErrorBody(body)
  return { signals, message, retryAfterMs: readTryAgain(message), ...readCounts(body) }
}

/** llama.cpp counts a prompt that is too long beside its words. */
function readCounts(body: string): Pick<UpstreamError, 'overflow'> {
  const root = asObject(parseJson(body))
  const error = asObject(root?.['error']) ?? root
  const [tokens, limit] = [asCount(error?.['n_prompt_tokens']), asCount(error?.['n_ctx'])]
  return tokens === null && limit === null ? {} : { overflow: { tokens, limit } }
}

/** OpenAI's "Please try again in 1.2s", "… in 340ms", "… in 1m30s". */
export function readTryAgain(message: string): number | null {
  const match = /try again in (?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?/i.exec(message)
  if (!match || !match.slice(1).some((part) => part !== undefined)) return null
  const [hours, minutes, seconds, millis] = match.slice(1).map((part) => Number(part ?? 0))
  const total = hours! * 3_600_000 + minutes! * 60_000 + seconds! * 1000 + millis!
  return Number.isFinite(total) ? Math.ceil(total) : null
}
