// Whom the control plane lets in, what it asks before what, and how replies leave: each over a real socket.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  ADMIN_TOKEN,
  authenticateForTest,
  GOOD_KEY,
  startTestHttp,
  type TestHttp,
  USER_TOKEN,
} from '../../test/support/http-server.ts'
import { openSocket, readAnswer, sendRaw } from '../../test/support/raw-http.ts'
import { GatewayError } from '../kernel/errors.ts'
import { Secret } from '../kernel/secret.ts'
import { createByteBudget } from './body.ts'
import { type ControlReply, type ControlRoute, defineControlRoute } from './route.ts'

const COMMON = {
  bodyCap: 1024,
  rateClass: 'control',
  summary: 'test',
  answers: { 200: { description: 'ok' } },
} as const

const REPLIES: Record<string, ControlReply> = {
  json: { status: 200, body: { a: 1 } },
  typed: { status: 200, body: { a: 1 }, headers: { 'content-type': 'application/problem+json' } },
  text: { status: 200, text: 'a,b', headers: { 'content-type': 'text/csv' } },
  bytes: { status: 200, bytes: Buffer.from('raw'), headers: { 'content-type': 'image/png' } },
  stream: {
    status: 200,
    headers: { 'content-type': 'text/csv' },
    stream: async function* () {
      yield 'one'
      yield 'two'
    },
  },
  nothing: { status: 200, headers: { 'x-more': 'yes' } },
}

const open = (path: string, handle: ControlRoute['handle'], more: Partial<ControlRoute> = {}): ControlRoute =>
  defineControlRoute({
    ...COMMON,
    method: 'GET',
    path,
    credential: 'none',
    ...(more.credential === 'session' ? { role: 'user' } : {}),
    ...more,
    handle,
  })
const answerWho: ControlRoute['handle'] = async ({ principal }) => ({ status: 200, body: principal.userId })
const refuse = (code: 'forbidden' | 'conflict') => async (): Promise<never> => {
  throw new GatewayError(code)
}
const done = async (): Promise<ControlReply> => ({ status: 200, body: 'done' })

const routes: ControlRoute[] = [
  open('/mine', answerWho, { credential: 'session' }),
  open('/mine', done, { credential: 'session', method: 'POST' }),
  open('/mine-without-factor', answerWho, { credential: 'session', mayLackFactor: true }),
  open('/by-key', answerWho, { credential: 'api-key' }),
  open('/counts', done, { credential: 'metrics' }),
  open('/cookie', done, { credential: 'refresh' }),
  open('/admin', done, { credential: 'session', role: 'admin' }),
  open('/sensitive', done, { credential: 'session', recentSignIn: true }),
  open('/forbids', refuse('forbidden'), { credential: 'session' }),
  open('/conflicts', refuse('conflict'), { credential: 'session' }),
  open('/forbids-everybody', refuse('forbidden')),
  open('/listed', async ({ query }) => ({ status: 200, body: query }), {
    query: z.strictObject({ a: z.string().optional(), b: z.string().optional() }),
  }),
  open('/told', async ({ body }) => ({ status: 200, body }), {
    method: 'POST',
    body: z.looseObject({}),
  }),
  open('/facts', async ({ headers, prefix, requestId, params, query, body }) => ({
    status: 200,
    body: { sent: headers['x-sent'], prefix, requestId, params, query, body: body === undefined },
  })),
  ...Object.entries(REPLIES).map(([name, reply]) => open(`/replies/${name}`, async () => reply)),
]

let server: TestHttp
let shown: unknown[] = []
let admitted: unknown[] = []
const budget = createByteBudget(100)
beforeAll(async () => {
  server = await startTestHttp({
    routes,
    budget,
    limits: { bodyIdleMs: 1_000 },
    authenticate: (credential) => {
      shown.push(credential)
      return authenticateForTest(credential)
    },
    admit: (route, { ip, principal }) => {
      admitted.push([route.path, ip, principal?.userId ?? null])
      if (principal?.role === 'admin' && route.path === '/mine') throw new GatewayError('rate_limit_exceeded')
    },
  })
})
afterAll(async () => void (await server.http.drain(0)))
beforeEach(() => {
  shown = []
  admitted = []
  server.logged.length = 0
})

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

async function ask(path: string, headers: Record<string, string> = {}, body?: string, at = server) {
  const method = body === undefined ? 'GET' : 'POST'
  const answer = await fetch(at.url + path, { method, headers, body: body ?? null })
  const text = await answer.text()
  const isJson = answer.headers.get('content-type')?.includes('json')
  const json = isJson ? (JSON.parse(text) as { code?: string; error?: string; details?: unknown }) : null
  return { status: answer.status, text, json, headers: answer.headers }
}

describe('who is let in', () => {
  test('where an API key is asked for, a session is no answer, and it says which key is missing', async () => {
    expect((await ask('/by-key', { 'x-api-key': GOOD_KEY })).json).toBe('the-user')
    const { json } = await ask('/by-key', bearer(USER_TOKEN))
    expect(json?.code).toBe('invalid_api_key')
    expect((await ask('/mine')).json?.code).toBe('unauthenticated')
  })

  test('only some addresses are open to those who still lack a second factor', async () => {
    await ask('/mine', bearer(USER_TOKEN))
    await ask('/mine-without-factor', bearer(USER_TOKEN))
    await ask('/by-key', { 'x-api-key': GOOD_KEY })
    expect(shown).toEqual([
      { kind: 'session', token: USER_TOKEN, mayLackFactor: false },
      { kind: 'session', token: USER_TOKEN, mayLackFactor: true },
      { kind: 'api-key', key: GOOD_KEY },
    ])
  })

  test('what needs a recent sign-in wants one of the last ten minutes, before anything is read', async () => {
    let authenticatedAt: number | null = null
    const now = 2_000_000_000_000
    const server = await startTestHttp({
      routes,
      clock: { now: () => now, monotonic: () => performance.now() },
      authenticate: async (credential) => ({ ...(await authenticateForTest(credential)), authenticatedAt }),
    })
    const ages: [number | null, number][] = [
      [null, 403],
      [0, 403],
      [now - 600_000, 403],
      [now - 599_999, 200],
      [now, 200],
    ]
    for (const [at, status] of ages) {
      authenticatedAt = at
      const answer = await ask('/sensitive', bearer(USER_TOKEN), undefined, server)
      expect([at, answer.status]).toEqual([at, status])
      if (status === 403) expect(answer.json?.code).toBe('reauthentication_required')
      expect((await ask('/mine', bearer(USER_TOKEN), undefined, server)).status).toBe(200)
    }
    await server.http.drain(0)
  })

  test('nobody is let in as nobody', async () => {
    const careless = await startTestHttp({
      routes,
      authenticate: async (credential) => ({ ...(await authenticateForTest(credential)), userId: '' }),
    })
    const answer = await ask('/mine', bearer(USER_TOKEN), undefined, careless)
    await careless.http.drain(0)
    expect([answer.status, answer.json?.code]).toEqual([401, 'unauthenticated'])
  })

  test('open addresses ask nobody', async () => {
    expect((await ask('/replies/json', bearer('a.b.c'))).status).toBe(200)
    expect((await ask('/cookie', bearer('a.b.c'))).status).toBe(200)
    expect(shown).toEqual([])
  })

  test('a cookie that only reads may come from anywhere, and so may what no cookie opens', async () => {
    const from = 'Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.example\r\n'
    const answers = await Promise.all([
      sendRaw(server.port, `GET /cookie HTTP/1.1\r\nHost: a\r\n${from}\r\n`),
      sendRaw(
        server.port,
        `POST /mine HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nAuthorization: Bearer ${USER_TOKEN}\r\n${from}\r\n`,
      ),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
  })
})

describe('metrics', () => {
  test('without a token are for this machine, and say so to others', async () => {
    expect((await ask('/counts')).status).toBe(200)
    const { status, json } = await ask('/counts', { 'x-forwarded-for': '192.0.2.1' })
    expect([status, json]).toEqual([
      403,
      {
        code: 'forbidden',
        error: 'Metrics are open on this machine only. Set METRICS_TOKEN to read them from elsewhere.',
      },
    ])
  })

  test('with a token want it from everybody, this machine included', async () => {
    const guarded = await startTestHttp({ routes, metricsToken: new Secret('the-token') })
    const answers = [
      await ask('/counts', {}, undefined, guarded),
      await ask('/counts', bearer('the-toke'), undefined, guarded),
      await ask('/counts', { ...bearer('the-token'), 'x-forwarded-for': '192.0.2.1' }, undefined, guarded),
    ]
    await guarded.http.drain(0)
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 200])
    expect(answers[0]!.json).toEqual({
      code: 'unauthenticated',
      error: 'Send METRICS_TOKEN as Authorization: Bearer.',
    })
  })
})

describe('the order', () => {
  test('the pace is asked of whoever may, before anything they sent is looked at', async () => {
    await ask('/mine', bearer(USER_TOKEN))
    await ask('/replies/json')
    const slowed = await ask('/mine', bearer(ADMIN_TOKEN))
    const unread = await ask('/listed?wrong=1')
    expect([slowed.status, unread.status]).toEqual([429, 400])
    expect(admitted).toEqual([
      ['/mine', '127.0.0.1', 'the-user'],
      ['/replies/json', '127.0.0.1', null],
      ['/mine', '127.0.0.1', 'the-admin'],
      ['/listed', '127.0.0.1', null],
    ])
  })

  test('who may not is not paced, and told who may', async () => {
    expect((await ask('/mine')).status).toBe(401)
    const { status, json } = await ask('/admin', bearer(USER_TOKEN))
    expect([status, json]).toEqual([403, { code: 'forbidden', error: 'Only an administrator may do this.' }])
    expect(admitted).toEqual([])
  })

  test('what rights, input or pace refuse is noted, of people and of nobody; ordinary answers are not', async () => {
    // A fresh one: what was refused before is summed up for a minute.
    const fresh = await startTestHttp({
      routes,
      admit: (_route, { principal }) => {
        if (principal?.role === 'admin') throw new GatewayError('rate_limit_exceeded')
      },
    })
    const send = (path: string, headers: Record<string, string>, body?: string) => ask(path, headers, body, fresh)
    const noted = (): any[] =>
      fresh.logged.map((line) => JSON.parse(line)).filter(({ msg }) => String(msg).startsWith('refused'))
    expect((await send('/conflicts', bearer(USER_TOKEN))).status).toBe(409)
    expect((await send('/mine', {})).status).toBe(401)
    expect(noted()).toEqual([])
    const json = { 'content-type': 'application/json' }
    const asked: [number, string, Record<string, string>, string?][] = [
      [403, '/forbids', bearer(USER_TOKEN)],
      [403, '/forbids-everybody', {}],
      [403, '/sensitive', bearer(USER_TOKEN)],
      [400, '/listed?mine=a-thing-of-mine', {}],
      [400, '/told', json, '{"a-thing-of-mine'],
      [415, '/told', { 'content-type': 'text/plain' }, 'a-thing-of-mine'],
      [429, '/mine', bearer(ADMIN_TOKEN)],
    ]
    for (const [status, path, headers, body] of asked) expect((await send(path, headers, body)).status).toBe(status)
    const nobody = { user_id: null, ip: '127.0.0.1' }
    expect(noted()).toMatchObject([
      { user_id: 'the-user', path: '/forbids', code: 'forbidden', msg: 'refused by rights' },
      { ...nobody, path: '/forbids-everybody', code: 'forbidden', msg: 'refused by rights' },
      { user_id: 'the-user', path: '/sensitive', code: 'reauthentication_required', msg: 'refused by rights' },
      { ...nobody, path: '/listed', code: 'validation_failed', msg: 'refused input' },
      { ...nobody, path: '/told', code: 'invalid_json', msg: 'refused input' },
      { ...nobody, path: '/told', code: 'unsupported_media_type', msg: 'refused input' },
      { user_id: 'the-admin', path: '/mine', code: 'rate_limit_exceeded', msg: 'refused by pace' },
    ])
    expect(JSON.stringify(noted())).not.toContain('a-thing-of-mine')
    await fresh.http.drain(0)
  })
})

describe('what is read', () => {
  test('a parameter stands there once, even an empty one', async () => {
    expect((await ask('/listed?a=&b=2')).json).toEqual({ a: '', b: '2' })
    for (const query of ['a=1&a=1', 'a=&a=1', 'b=2&a=1&a=2', '__proto__=1&__proto__=2']) {
      expect((await ask(`/listed?${query}`)).json).toEqual({
        code: 'validation_failed',
        error: 'A query parameter stands there twice. Send each once; lists are separated by commas.',
        details: [{ path: '', message: 'A parameter stands there twice.' }],
      })
    }
  })

  test.each([
    'application/json',
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json ; charset="UTF-8" ',
  ])('a body of type %j', async (type) => {
    expect((await ask('/told', { 'content-type': type }, '{"a":1}')).json).toEqual({ a: 1 })
  })

  test.each([
    'text/json',
    'xapplication/json',
    'application/jsonx',
    'application/json charset=utf-8',
    'application/json; charset=latin1',
    'application/json; charset=utf-8; x',
    'application/json; charset=utf-8x',
  ])('no body of type %j', async (type) => {
    const { status, json } = await ask('/told', { 'content-type': type }, '{"a":1}')
    expect([status, json?.code]).toEqual([415, 'unsupported_media_type'])
  })

  test('no body without a type', async () => {
    const { status } = await sendRaw(server.port, 'POST /told HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}')
    expect(status).toBe(415)
  })

  test('an empty body is an empty object, whatever its type', async () => {
    expect((await ask('/told', { 'content-type': 'text/plain' }, '')).json).toEqual({})
  })

  test('no field is named __proto__, however deep, and the refusal says so', async () => {
    const { json } = await ask('/told', { 'content-type': 'application/json' }, '{"a":[{"__proto__":1}]}')
    expect(json).toEqual({ code: 'bad_request', error: 'A field may not be named __proto__.' })
  })

  test('bodies are counted against what the process may hold, and given back', async () => {
    const json = { 'content-type': 'application/json' }
    expect((await ask('/told', json, JSON.stringify({ a: 'x'.repeat(200) }))).status).toBe(503)
    for (let round = 0; round < 3; round++) {
      expect((await ask('/told', json, JSON.stringify({ a: 'x'.repeat(80) }))).status).toBe(200)
      expect((await ask('/told', json, `{"a":"${'x'.repeat(80)}`)).status).toBe(400)
      expect((await ask('/told', { 'content-type': 'text/plain' }, 'x'.repeat(80))).status).toBe(415)
    }
    expect(budget.used).toBe(0)
  })

  test('a body that stops arriving is not waited for', async () => {
    const socket = await openSocket(server.port)
    socket.write('POST /told HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{')
    expect((await readAnswer(socket)).status).toBe(408)
  })

  test('the handler is told the headers and the id; without schemas, the path’s parameters and nothing else', async () => {
    const { json, headers } = await ask('/facts?a=1', { 'x-sent': 'this' })
    const requestId = headers.get('x-request-id')!.slice('req_'.length)
    expect(json).toEqual({ sent: 'this', prefix: '', requestId, params: {}, body: true })
  })
})

describe('replies', () => {
  test.each([
    ['json', 'application/json; charset=utf-8', '{"a":1}'],
    ['typed', 'application/problem+json', '{"a":1}'],
    ['text', 'text/csv', 'a,b'],
    ['bytes', 'image/png', 'raw'],
    ['stream', 'text/csv', 'onetwo'],
    ['nothing', null, ''],
  ])('%s', async (name, type, text) => {
    const answer = await ask(`/replies/${name}`)
    expect([answer.status, answer.headers.get('content-type'), answer.text]).toEqual([200, type, text])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('x-more')).toBe(name === 'nothing' ? 'yes' : null)
  })
})
