// The control plane from socket to answer: who may, what is accepted, and that no answer repeats what was submitted.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  authenticateForTest,
  ADMIN_TOKEN,
  GOOD_KEY,
  startTestHttp,
  type TestHttp,
  USER_TOKEN,
} from '../../test/support/http-server.ts'
import { GatewayError } from '../kernel/errors.ts'
import { type ControlRoute, defineControlRoute } from './route.ts'
import { validate } from './validation.ts'

const bodySchema = z.strictObject({
  email: z.email(),
  password: z.string().min(8).max(20),
  period: z.enum(['day', 'month']).optional(),
  limits: z.record(z.string(), z.number()).optional(),
  list: z.array(z.strictObject({ usd: z.number().positive() })).optional(),
  odd: z
    .string()
    .refine(() => false, { error: (issue) => `no ${String(issue.input)} here` })
    .optional(),
})
const SHARED = {
  bodyCap: 1024,
  rateClass: 'control',
  summary: 'test',
  answers: { 200: { description: 'ok' } },
} as const
const calls: unknown[] = []

const routes: ControlRoute<any, any, any>[] = [
  defineControlRoute({
    ...SHARED,
    method: 'POST',
    path: '/own/things/:ref',
    credential: 'session',
    role: 'user',
    body: bodySchema,
    query: z.strictObject({ limit: z.coerce.number().int().max(10).optional() }),
    params: z.object({ ref: z.string().max(5) }),
    handle: async ({ principal, body, query, params, ip, secure }) => {
      calls.push({ who: principal.userId, body, query, params: { ...params }, ip, secure })
      return { status: 201, body: { done: true }, headers: { 'set-cookie': ['a=1', 'b=2'] } }
    },
  }),
  defineControlRoute({
    ...SHARED,
    method: 'DELETE',
    path: '/admin/things/:ref',
    bodyCap: 0,
    credential: 'session',
    role: 'admin',
    handle: async () => ({ status: 204 }),
  }),
  defineControlRoute({
    ...SHARED,
    method: 'POST',
    path: '/cookie',
    bodyCap: 0,
    credential: 'refresh',
    handle: async () => ({ status: 200, body: {} }),
  }),
  defineControlRoute({
    ...SHARED,
    method: 'GET',
    path: '/breaks',
    bodyCap: 0,
    credential: 'none',
    handle: async ({ query }) => {
      void query
      throw new Error('Headers.append: "Bearer sk-secret-canary" is an invalid header value')
    },
  }),
  defineControlRoute({
    ...SHARED,
    method: 'GET',
    path: '/nobody',
    bodyCap: 0,
    credential: 'none',
    handle: async ({ principal }) => ({ status: 200, body: principal }),
  }),
  defineControlRoute({
    ...SHARED,
    method: 'GET',
    path: '/slow-down',
    bodyCap: 0,
    credential: 'none',
    handle: async () => {
      throw new GatewayError('too_many_attempts', { retryAfter: 1.2 })
    },
  }),
]

let server: TestHttp
beforeAll(async () => {
  server = await startTestHttp({ routes, isTrustedProxy: (ip: string) => ip === '127.0.0.1' })
})
afterAll(async () => void (await server.http.drain(0)))

async function send(
  method: string,
  path: string,
  options: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
) {
  const headers: Record<string, string> = { ...options.headers }
  if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`
  const body =
    options.body === undefined || typeof options.body === 'string' ? options.body : JSON.stringify(options.body)
  if (body !== undefined) headers['content-type'] ??= 'application/json'
  const response = await fetch(server.url + path, { method, headers, body: (body as string | undefined) ?? null })
  const text = await response.text()
  const json = (text === '' ? undefined : JSON.parse(text)) as {
    code: string
    error: string
    details?: { path: string; message: string }[]
  }
  return { status: response.status, headers: response.headers, text, json }
}

const GOOD = { email: 'a@b.example', password: 'long enough' }

describe('a request that is right', () => {
  test('reaches the handler with validated input and the caller', async () => {
    calls.length = 0
    const answer = await send('POST', '/own/things/abc?limit=3', { token: USER_TOKEN, body: GOOD })
    expect(answer.status).toBe(201)
    expect(calls).toEqual([
      { who: 'the-user', body: GOOD, query: { limit: 3 }, params: { ref: 'abc' }, ip: '127.0.0.1', secure: false },
    ])
  })

  test('sees the client through a trusted proxy', async () => {
    calls.length = 0
    const headers = { 'x-forwarded-for': '6.6.6.6, 203.0.113.9', 'x-forwarded-proto': 'https' }
    await send('POST', '/own/things/abc', { token: USER_TOKEN, body: GOOD, headers })
    expect(calls).toMatchObject([{ ip: '203.0.113.9', secure: true }])
  })

  test('is answered uncached, with the security headers and both ids', async () => {
    const { headers } = await send('POST', '/own/things/abc', { token: USER_TOKEN, body: GOOD })
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('x-request-id')).toBe(headers.get('request-id'))
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })
})

describe('who may', () => {
  test.each([
    ['nobody', {}, 401, 'unauthenticated'],
    ['a made-up token', { authorization: 'Bearer a.b.c' }, 401, 'session_expired'],
    ['an API key', { authorization: `Bearer ${GOOD_KEY}` }, 401, 'unauthenticated'],
    ['a token in x-api-key', { 'x-api-key': USER_TOKEN }, 401, 'unauthenticated'],
    ['a token as Basic', { authorization: `Basic ${USER_TOKEN}` }, 401, 'unauthenticated'],
    ['a token without Bearer', { authorization: USER_TOKEN }, 401, 'unauthenticated'],
  ])('%s does not pass', async (_claim, headers, status, code) => {
    calls.length = 0
    const answer = await send('POST', '/own/things/abc', { body: GOOD, headers: headers as Record<string, string> })
    expect([answer.status, answer.json.code]).toEqual([status, code])
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    expect(calls).toEqual([])
  })

  test('a principal of another kind than the route asked for passes nowhere', async () => {
    const careless = await startTestHttp({
      routes,
      authenticate: async () => ({ ...(await authenticateForTest({ kind: 'api-key', key: GOOD_KEY })), role: 'admin' }),
    })
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
    const answer = await fetch(`${careless.url}/admin/things/x`, { method: 'DELETE', headers })
    await careless.http.drain(0)
    expect(answer.status).toBe(401)
  })

  test('a user is not an administrator', async () => {
    expect((await send('DELETE', '/admin/things/x', { token: USER_TOKEN })).json.code).toBe('forbidden')
    expect((await send('DELETE', '/admin/things/x', { token: ADMIN_TOKEN })).status).toBe(204)
  })

  test('the body is not looked at before the caller is known', async () => {
    expect((await send('POST', '/own/things/abc', { body: 'rubbish' })).status).toBe(401)
  })

  test('a handler of an open route that asks for a principal fails closed', async () => {
    expect((await send('GET', '/nobody')).status).toBe(500)
  })

  test.each([
    ['no Origin', {}, 200],
    ['our own', { origin: 'SELF' }, 200],
    ['our own by another loopback name', { origin: 'SELF-IP' }, 200],
    ['another site', { origin: 'https://evil.example' }, 403],
    ['another port', { origin: 'http://localhost:1' }, 403],
    ['null', { origin: 'null' }, 403],
    ['a cross-site fetch without Origin', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a same-site fetch', { 'sec-fetch-site': 'same-site' }, 403],
  ])('a cookie request from %s', async (_claim, shown, status) => {
    const headers = { ...(shown as Record<string, string>) }
    if (headers['origin'] === 'SELF') headers['origin'] = `http://localhost:${server.port}`
    if (headers['origin'] === 'SELF-IP') headers['origin'] = `http://127.0.0.1:${server.port}`
    // fetch owns these two headers, so the request goes out by hand.
    const { sendRaw } = await import('../../test/support/raw-http.ts')
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const answer = await sendRaw(
      server.port,
      `POST /cookie HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n${lines.join('')}\r\n`,
    )
    expect(answer.status).toBe(status)
  })
})

describe('what is not accepted', () => {
  const post = (body: unknown, headers: Record<string, string> = {}, path = '/own/things/abc') =>
    send('POST', path, { token: USER_TOKEN, body, headers })

  test.each([
    ['not JSON', 'sekret-canary', {}, 400, 'invalid_json'],
    ['cut JSON', '{"email":"sekret-canary', {}, 400, 'invalid_json'],
    ['another type', '{}', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    ['a form', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'unsupported_media_type'],
    ['another charset', '{}', { 'content-type': 'application/json; charset=utf-16' }, 415, 'unsupported_media_type'],
    ['too deep', '['.repeat(200), {}, 400, 'bad_request'],
    ['too large', `"${'x'.repeat(1024)}"`, {}, 413, 'payload_too_large'],
    [
      '__proto__',
      '{"email":"a@b.example","password":"long enough","__proto__":{"role":"admin"}}',
      {},
      400,
      'bad_request',
    ],
    ['an escaped __proto__', '{"\\u005f_proto__":{"role":"admin"}}', {}, 400, 'bad_request'],
    ['an array', '[]', {}, 400, 'validation_failed'],
    ['an empty body', '', {}, 400, 'validation_failed'],
  ])('%s', async (_claim, body, headers, status, code) => {
    calls.length = 0
    const answer = await post(body, headers as Record<string, string>)
    expect([answer.status, answer.json.code]).toEqual([status, code])
    expect(answer.text).not.toContain('sekret')
    expect(calls).toEqual([])
  })

  test('bytes that are no UTF-8 are not JSON', async () => {
    const response = await fetch(`${server.url}/own/things/abc`, {
      method: 'POST',
      headers: { authorization: `Bearer ${USER_TOKEN}`, 'content-type': 'application/json' },
      body: Buffer.from('{"email":"\xff"}', 'latin1'),
    })
    expect(response.status).toBe(400)
  })

  test('missing and wrong fields are named', async () => {
    const { json } = await post({ email: 'x', list: [{ usd: -1 }] })
    expect(json.code).toBe('validation_failed')
    expect(json.details).toEqual([
      { path: 'email', message: 'Invalid email address.' },
      { path: 'password', message: 'Required.' },
      { path: 'list.0.usd', message: 'Too small: expected number to be >0.' },
    ])
  })

  test('unknown fields are refused and the known ones listed', async () => {
    const { json } = await post({ ...GOOD, role: 'admin', 'sekret-canary': 1 })
    expect(json.details?.[0]?.message).toContain('Known fields: email, limits, list')
    expect(json.error).not.toContain('sekret')
  })

  test('query and path are validated too', async () => {
    expect((await post(GOOD, {}, '/own/things/abc?limit=99')).json.details?.[0]?.path).toBe('limit')
    expect((await post(GOOD, {}, '/own/things/abc?limit=1&limit=2')).json.code).toBe('validation_failed')
    expect((await post(GOOD, {}, '/own/things/abc?other=1')).json.code).toBe('validation_failed')
    expect((await post(GOOD, {}, '/own/things/toolong')).json.details?.[0]?.path).toBe('ref')
  })

  test('no validation error ever repeats a submitted value, not even by a careless schema', () => {
    const secret = fc.string({ unit: fc.constantFrom(...'0123456789QXZ'), minLength: 4, maxLength: 30 })
    const anything = fc.oneof(secret, fc.record({ usd: secret }), fc.array(secret), fc.dictionary(secret, secret))
    const input = fc.record(
      { email: anything, password: anything, period: anything, limits: anything, list: anything, odd: anything },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(input, secret, (fields, extra) => {
        const submitted = { ...fields, [extra]: extra }
        let caught: unknown
        try {
          validate(bodySchema, submitted)
        } catch (error) {
          caught = error
        }
        expect(caught).toBeInstanceOf(GatewayError)
        const { publicMessage, details } = caught as GatewayError
        const said = publicMessage + JSON.stringify(details)
        const texts: string[] = []
        JSON.stringify(submitted, (key, value: unknown) => {
          if (!(key in bodySchema.shape)) texts.push(key)
          if (typeof value === 'string') texts.push(value)
          return value
        })
        for (const text of texts.filter((one) => one.length >= 4 && one !== 'usd')) expect(said).not.toContain(text)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('what goes wrong inside', () => {
  test('is a 500 with the request id; neither answer nor log repeats the exception', async () => {
    server.logged.length = 0
    const answer = await send('GET', '/breaks?key=sk-query-canary')
    expect([answer.status, answer.json.code]).toEqual([500, 'internal_error'])
    const log = server.logged.join('')
    expect(log).toContain(answer.headers.get('x-request-id')!.slice(4))
    expect(log).toContain('control.test')
    expect(answer.text + log).not.toContain('canary')
  })

  test('a wait is said in whole seconds', async () => {
    const answer = await send('GET', '/slow-down')
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '2'])
  })
})
