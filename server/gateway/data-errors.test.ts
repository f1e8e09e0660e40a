// Errors as each dialect's clients read them: every code of the table in all four envelopes, and the headers that
// decide whether an SDK tries again.
import { describe, expect, test } from 'vitest'
import { type ErrorCode, ERRORS, GatewayError } from '../kernel/errors.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import type { ProtocolId } from '../protocols/protocol.ts'
import { dialectOfPath, encodeDataError } from './data-errors.ts'

const CODES = Object.keys(ERRORS) as ErrorCode[]
const IDS = Object.keys(PROTOCOLS) as ProtocolId[]
const ID = '01K00000000000000000000000'
const encode = (dialect: ProtocolId, error: GatewayError) => encodeDataError(PROTOCOLS[dialect], error, ID)

const OVERLOADED: readonly ErrorCode[] = ['overloaded', 'gateway_overloaded']

describe.each(CODES)('%s', (code) => {
  const { status, message } = ERRORS[code]

  test.each(['openai-chat', 'openai-responses'] as const)('%s: message, type, param, code', (dialect) => {
    const answer = encode(dialect, new GatewayError(code))
    expect(answer.status).toBe(status)
    const { error } = JSON.parse(answer.body)
    expect(error).toEqual({ message, type: expect.any(String), param: null, code: expect.any(String) })
    expect(error.code).toBe(code === 'gateway_overloaded' ? 'overloaded' : code)
    expect(error.type).toBe(openaiType(status))
  })

  test('anthropic-messages: type, message, code in details, request id', () => {
    const answer = encode('anthropic-messages', new GatewayError(code))
    expect(answer.status).toBe(OVERLOADED.includes(code) ? 529 : status)
    expect(JSON.parse(answer.body)).toEqual({
      type: 'error',
      error: { type: anthropicType(answer.status), message, details: { code } },
      request_id: `req_${ID}`,
    })
  })

  test('gemini: the status as a number, a status word of gRPC, details', () => {
    const answer = encode('gemini', new GatewayError(code, { retryAfter: 3.2 }))
    expect(answer.status).toBe(status)
    const { error } = JSON.parse(answer.body)
    expect(error).toMatchObject({ code: status, message, status: expect.stringMatching(/^[A-Z_]+$/) })
    const types = error.details.map((detail: Record<string, unknown>) => String(detail['@type']).split('.').at(-1))
    expect(types).toEqual(['ErrorInfo', ...(status === 402 ? ['QuotaFailure'] : []), 'RetryInfo'])
    expect(error.details.at(-1).retryDelay).toBe('4s')
  })
})

const openaiType = (status: number): string =>
  (({ 402: 'insufficient_quota', 403: 'permission_error', 429: 'rate_limit_error' }) as Record<number, string>)[
    status
  ] ?? (status >= 500 ? 'server_error' : 'invalid_request_error')

const anthropicType = (status: number): string =>
  (
    ({
      401: 'authentication_error',
      402: 'billing_error',
      403: 'permission_error',
      404: 'not_found_error',
      413: 'request_too_large',
      429: 'rate_limit_error',
      504: 'timeout_error',
      529: 'overloaded_error',
    }) as Record<number, string>
  )[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')

test.each([
  ['no_usable_key', 'PERMISSION_DENIED'],
  ['model_not_enabled', 'PERMISSION_DENIED'],
  ['invalid_api_key', 'UNAUTHENTICATED'],
  ['provider_quota_exhausted', 'RESOURCE_EXHAUSTED'],
  ['model_not_found', 'NOT_FOUND'],
  ['payload_too_large', 'INVALID_ARGUMENT'],
  ['provider_key_invalid', 'FAILED_PRECONDITION'],
  ['rate_limit_exceeded', 'RESOURCE_EXHAUSTED'],
  ['translation_not_available', 'UNIMPLEMENTED'],
  ['upstream_malformed', 'INTERNAL'],
  ['provider_key_unreadable', 'UNAVAILABLE'],
  ['timeout', 'UNAVAILABLE'],
  ['overloaded', 'UNAVAILABLE'],
] as const)('gemini says %s as %s', (code, word) => {
  expect(JSON.parse(encode('gemini', new GatewayError(code)).body).error.status).toBe(word)
})

describe('x-should-retry', () => {
  test.each(IDS)('%s: false where a repeat cannot help or may bill twice', (dialect) => {
    for (const code of ['provider_key_unreadable', 'timeout', 'translation_not_available'] as const) {
      expect(encode(dialect, new GatewayError(code)).headers['x-should-retry']).toBe('false')
    }
    const justRepeated = new GatewayError('upstream_error', { retryAfter: 10, retryable: false })
    expect(encode(dialect, justRepeated).headers['x-should-retry']).toBe('false')
  })

  test.each(IDS)('%s: left out where the wait is the truth', (dialect) => {
    for (const code of [
      'rate_limit_exceeded',
      'overloaded',
      'gateway_overloaded',
      'draining',
      'upstream_error',
    ] as const) {
      const { headers } = encode(dialect, new GatewayError(code, { retryAfter: 60 }))
      expect(headers).not.toHaveProperty('x-should-retry')
      expect(headers['retry-after']).toBe('60')
    }
  })

  test.each<[ProtocolId, string | undefined]>([
    ['openai-chat', 'false'],
    ['openai-responses', 'false'],
    ['anthropic-messages', undefined],
    ['gemini', undefined],
  ])('%s with a wait of over a minute: %s', (dialect, expected) => {
    const { headers } = encode(dialect, new GatewayError('rate_limit_exceeded', { retryAfter: 61 }))
    expect(headers['x-should-retry']).toBe(expected)
  })
})

test.each([
  [undefined, undefined],
  [0, '1'],
  [0.2, '1'],
  [1, '1'],
  [1.01, '2'],
  [59.5, '60'],
])('a wait of %j s is retry-after %j', (retryAfter, header) => {
  const error = new GatewayError('rate_limit_exceeded', retryAfter === undefined ? {} : { retryAfter })
  expect(encode('openai-chat', error).headers['retry-after']).toBe(header)
})

test.each([
  ['no_usable_key', 'gateway'],
  ['own_cap_reached', 'gateway'],
  ['invalid_api_key', 'gateway'],
  ['translation_not_available', 'gateway'],
  ['provider_key_unreadable', 'gateway'],
  ['provider_key_invalid', 'upstream'],
  ['provider_quota_exhausted', 'upstream'],
  ['model_not_enabled', 'upstream'],
  ['upstream_error', 'upstream'],
  ['timeout', 'upstream'],
] as const)('%s comes from the %s', (code, source) => {
  expect(encode('openai-chat', new GatewayError(code)).headers['x-uniroute-error-source']).toBe(source)
})

describe('the dialect of an address', () => {
  test.each([
    ['/v1/chat/completions', 'openai-chat'],
    ['/openai/v1/chat/completions', 'openai-chat'],
    ['/v1/embeddings', 'openai-chat'],
    ['/v1/anything', 'openai-chat'],
    ['/v1/responses', 'openai-responses'],
    ['/v1/responses/resp_1/cancel', 'openai-responses'],
    ['/v1/v1/responses', 'openai-responses'],
    ['/v1/messages', 'anthropic-messages'],
    ['/v1/v1/messages', 'anthropic-messages'],
    ['/v1/messages/batches', 'anthropic-messages'],
    ['/anthropic/v1/models', 'anthropic-messages'],
    ['/v1beta/models/x:generateContent', 'gemini'],
    ['/v1alpha/files', 'gemini'],
    ['/v1/models/x:generateContent', 'gemini'],
    ['/gemini/v1/models', 'gemini'],
  ])('%s is %s', (path, id) => {
    expect(dialectOfPath(path, {})?.id).toBe(id)
  })

  test.each(['/', '/auth/login', '/admin/users', '/v11/x', '/docs', '/v1x', '/messages'])('%s has none', (path) => {
    expect(dialectOfPath(path, {})).toBeNull()
  })

  test.each([
    [{ 'anthropic-version': '2023-06-01' }, 'anthropic-messages'],
    [{ 'x-goog-api-key': 'k' }, 'gemini'],
    [{ 'x-goog-api-client': 'c' }, 'gemini'],
  ])('/v1/models with %j', (headers, id) => {
    expect(dialectOfPath('/v1/models', headers)?.id).toBe(id)
  })
})
