// Errors that providers send with status 200: a body that holds an error and nothing of an answer. The SDKs would hand
// it out as a success.
import type { UpstreamError } from './protocol.ts'
import { asObject, asText } from './read.ts'

/** Of each dialect's answers, chats and vectors and counts, one at least stands in every answer. */
const ANSWER_KEYS = [
  'choices',
  'output',
  'content',
  'candidates',
  'promptFeedback',
  'data',
  'embedding',
  'embeddings',
  'input_tokens',
  'totalTokens',
]

/** Top-level keys by which the two are told apart. */
export const ERROR_ANSWER_KEYS: readonly string[] = ['error', 'object', ...ANSWER_KEYS]

/** `read` gives the value of a top-level key of `ERROR_ANSWER_KEYS`. */
export function isErrorAnswer(read: (key: string) => unknown): boolean {
  const error = read('error')
  if (asObject(error) === null && !asText(error)) return false
  // A response that failed is an answer of its dialect, and says so itself.
  if (read('object') === 'response') return false
  return ANSWER_KEYS.every((key) => {
    const value = read(key)
    return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
  })
}

/** The error with the HTTP status that its body names, if it names one. */
export function withNamedStatus(error: UpstreamError, body: Readonly<Record<string, unknown>>): UpstreamError {
  const inner = asObject(body['error']) ?? body
  const status = [inner['code'], inner['status_code'], inner['status']].map(Number).find(isErrorStatus)
  return status === undefined ? error : { ...error, status }
}

function isErrorStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 400 && status <= 599
}
