// Which headers of a provider's answer go on to the client, as they are or in the words of its dialect, and which are
// the gateway's own: a row for each pair, through the whole gateway.
import { describe, expect, test } from 'vitest'
import { question, useHeaderGateway, type Client } from '../support/header-gateway.ts'
import type { UpstreamAnswer } from '../support/recording-upstream.ts'
import type { Reply } from '../support/uniroute-client.ts'

const gateway = useHeaderGateway()

const DATE = 'Sun, 22 Nov 2026 18:00:00 GMT'
/** What a provider and the networks before it say. */
const SAID = {
  date: DATE,
  'x-request-id': 'upstream-1',
  'retry-after': '7',
  'retry-after-ms': '7000',
  'x-should-retry': 'true',
  'openai-processing-ms': '321',
  'openai-organization': 'org-1',
  'openai-version': '2020-10-01',
  'set-cookie': '__cf_bm=1',
  server: 'cloudflare',
  'cf-ray': '1',
  'cf-cache-status': 'DYNAMIC',
  'alt-svc': 'h3=":443"',
  via: '1.1 somebody',
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': '9999',
  'x-ratelimit-reset-requests': '6m0s',
  'x-ratelimit-limit-tokens': '2000000',
  'x-ratelimit-remaining-tokens': '1999984',
  'x-ratelimit-reset-tokens': '20ms',
  'x-ratelimit-limit-images': '3',
  'anthropic-ratelimit-requests-limit': '50',
  'anthropic-ratelimit-requests-remaining': '49',
  'anthropic-ratelimit-requests-reset': '2026-11-22T18:00:01Z',
  'anthropic-ratelimit-tokens-limit': '40000',
  'anthropic-ratelimit-tokens-remaining': '39000',
  'anthropic-ratelimit-tokens-reset': '2026-11-22T18:01:05Z',
  'anthropic-ratelimit-input-tokens-limit': '30000',
} as const

const pick = (...patterns: RegExp[]): Record<string, string> =>
  Object.fromEntries(Object.entries(SAID).filter(([name]) => patterns.some((pattern) => pattern.test(name))))
const RELAYED = pick(/ratelimit-/, /^(?:retry-after|retry-after-ms|x-should-retry|openai-processing-ms)$/)
const AS_OPENAI = {
  'x-ratelimit-limit-requests': '50',
  'x-ratelimit-remaining-requests': '49',
  'x-ratelimit-reset-requests': '1s',
  'x-ratelimit-limit-tokens': '40000',
  'x-ratelimit-remaining-tokens': '39000',
  'x-ratelimit-reset-tokens': '1m5s',
}
const AS_ANTHROPIC = {
  'anthropic-ratelimit-requests-limit': '10000',
  'anthropic-ratelimit-requests-remaining': '9999',
  'anthropic-ratelimit-requests-reset': '2026-11-22T18:06:00Z',
  'anthropic-ratelimit-tokens-limit': '2000000',
  'anthropic-ratelimit-tokens-remaining': '1999984',
  'anthropic-ratelimit-tokens-reset': '2026-11-22T18:00:01Z',
}
const OURS_OF_OPENAI = pick(/^x-ratelimit-(?:limit|remaining|reset)-(?:requests|tokens)$/)

const OUT: readonly (readonly [string, Client, string, Readonly<Record<string, string>>])[] = [
  ['OpenAI to a Chat client', 'chat', 'gpt-5', RELAYED],
  ['OpenAI to a Responses client', 'responses', 'gpt-5', RELAYED],
  ['Anthropic to its own client', 'messages', 'claude-sonnet-5', RELAYED],
  ['Google to its own client', 'gemini', 'gemini-3.5-flash', RELAYED],
  ['a compatible server to a Chat client', 'chat', 'compat/llama', RELAYED],
  ['Anthropic to a Chat client', 'chat', 'claude-sonnet-5', AS_OPENAI],
  ['Anthropic to a Responses client', 'responses', 'claude-sonnet-5', AS_OPENAI],
  ['OpenAI to an Anthropic client', 'messages', 'gpt-5', AS_ANTHROPIC],
  ['a compatible server to an Anthropic client', 'messages', 'compat/llama', AS_ANTHROPIC],
  ['a compatible server to a Responses client', 'responses', 'compat/llama', OURS_OF_OPENAI],
  ['Google to an Anthropic client', 'messages', 'gemini-3.5-flash', {}],
  ['OpenAI to a Gemini client', 'gemini', 'gpt-5', {}],
  ['Anthropic to a Gemini client', 'gemini', 'claude-sonnet-5', {}],
  ['OpenAI to /v1/chat', 'own', 'gpt-5', {}],
]

/** The headers of an answer that every one has, whoever served. */
const OF_EVERY_ANSWER =
  /^(?:x-request-id|request-id|x-uniroute-(?:provider|model|billed-to|key|fallback|attempts|upstream-request-id)|content-type|content-length|date|connection|keep-alive|transfer-encoding|x-content-type-options|referrer-policy|strict-transport-security)$/

function otherHeaders(reply: Reply): Record<string, string> {
  return Object.fromEntries([...reply.headers].filter(([name]) => !OF_EVERY_ANSWER.test(name)))
}

describe('going out', () => {
  test.each(OUT)('%s', async (_name, client, model, expected) => {
    const reply = await gateway.ask(client, model, { answers: [{ headers: SAID }] })
    expect([reply.status, reply.text.slice(0, 200)]).toEqual([200, expect.any(String)])
    expect(otherHeaders(reply)).toEqual(expected)
    expect(reply.headers.get('x-request-id')).toMatch(/^req_/)
    expect(reply.headers.get('request-id')).toBe(reply.headers.get('x-request-id'))
    expect(reply.headers.get('x-uniroute-upstream-request-id')).toBe('upstream-1')
    expect(reply.headers.get('x-uniroute-attempts')).toBe('1')
    const own = /^(?:gpt|claude|gemini)/.test(model)
    expect(reply.headers.get('x-uniroute-billed-to')).toBe(own ? 'user' : 'server')
    expect(reply.headers.get('x-uniroute-fallback')).toBe(own ? 'none' : 'no_key')
    if (own) expect(reply.headers.get('x-uniroute-key')).toMatch(/^pk_/)
    else expect(reply.headers.has('x-uniroute-key')).toBe(false)
  })

  test.each([
    ['relayed', 'chat', 'gpt-5'],
    ['translated', 'chat', 'claude-sonnet-5'],
    ['relayed', 'messages', 'claude-sonnet-5'],
  ] as const)('a %s stream to %s of %s is neither cached nor buffered nor compressed', async (_how, client, model) => {
    const reply = await gateway.ask(client, model, {
      more: { stream: true },
      headers: { 'accept-encoding': 'gzip, br' },
      answers: [{ headers: SAID }],
    })
    expect(reply.text).toContain('hi')
    expect(reply.headers.get('content-type')).toMatch(/^text\/event-stream/)
    expect(reply.headers.get('cache-control')).toBe('no-cache, no-transform')
    expect(reply.headers.get('x-accel-buffering')).toBe('no')
    expect(reply.headers.get('content-encoding')).toBeNull()
    expect(reply.headers.get('set-cookie')).toBeNull()
    expect(reply.headers.get('x-ratelimit-limit-requests')).toBe(
      client === 'messages' ? '10000' : model === 'gpt-5' ? '10000' : '50',
    )
  })

  test('an estimate is marked as one, and has asked nobody', async () => {
    const reply = await gateway.app.call('POST', '/v1/messages/count_tokens', {
      headers: { authorization: `Bearer ${gateway.caller.apiKey}` },
      body: question('compat/llama'),
    })
    expect([reply.status, reply.headers.get('x-uniroute-estimate')]).toEqual([200, 'true'])
    expect(reply.body.input_tokens).toBeGreaterThan(0)
    expect(gateway.upstream.arrived).toEqual([])
  })
})

describe('a page in the place of data', () => {
  const page = { error: { message: '<script>fetch("/auth/refresh", {method: "POST"})</script>', code: 'odd' } }

  // A form of another site can ask, with `?key=`, and its browser shows what comes back under our address.
  test.each([
    ['an error to chat', 'chat', 'gpt-5', 400, 'text/html'],
    ['an error to messages', 'messages', 'claude-sonnet-5', 400, 'image/svg+xml'],
    ['an answer to chat', 'chat', 'gpt-5', 200, 'text/html; as=json'],
  ] as const)('%s (%s of %s, %i %s) never runs as one of ours', async (_what, client, model, status, type) => {
    const body = status === 400 ? page : { said: page, choices: [] }
    const reply = await gateway.ask(client, model, { answers: [{ status, headers: { 'content-type': type }, body }] })
    expect([reply.status, reply.text]).toEqual([status, JSON.stringify(body)])
    expect(reply.headers.get('content-security-policy')).toContain('sandbox')
    expect(reply.headers.get('x-content-type-options')).toBe('nosniff')
  })
})

describe('errors', () => {
  const limited = (seconds: string): UpstreamAnswer => ({
    status: 429,
    headers: { 'retry-after': seconds, 'x-request-id': 'upstream-2' },
    body: { error: { message: 'Slow down.', type: 'rate_limit_error', code: 'rate_limit_exceeded' } },
  })
  let unique = 0

  test.each([
    ['chat', 'gpt-5', '120', 'false'],
    ['responses', 'gpt-5', '120', 'false'],
    ['chat', 'claude-sonnet-5', '61', 'false'],
    ['chat', 'gpt-5', '30', null],
    ['messages', 'claude-sonnet-5', '120', null],
    ['messages', 'gpt-5', '120', null],
    ['gemini', 'gpt-5', '120', null],
  ] as const)(
    'a %s client of %s that must wait %s s is told not to retry at once only where its SDK would (%s)',
    async (client, model, seconds, told) => {
      const reply = await gateway.ask(client, `${model}-wait${unique++}`, { answers: [limited(seconds)] })
      expect([reply.status, reply.headers.get('retry-after')]).toEqual([429, seconds])
      expect(reply.headers.get('x-should-retry')).toBe(told)
      expect(reply.headers.get('x-uniroute-error-source')).toBe('upstream')
      expect(reply.headers.get('x-uniroute-upstream-request-id')).toBe('upstream-2')
    },
  )

  test('of the request itself come as they are, with the provider’s own headers', async () => {
    const refusal = { error: { message: 'No such thing.', type: 'invalid_request_error', param: null, code: 'odd' } }
    const reply = await gateway.ask('chat', 'gpt-5', { answers: [{ status: 400, headers: SAID, body: refusal }] })
    expect([reply.status, reply.body]).toEqual([400, refusal])
    expect(otherHeaders(reply)).toEqual({ ...RELAYED, 'x-uniroute-error-source': 'upstream' })
  })
})
