// Every row of the table of what Node accepts and we refuse, over real sockets, and the pure function under random
// input.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSocket, readAnswer, sendRaw } from '../../test/support/raw-http.ts'
import { startTestHttp, type TestHttp } from '../../test/support/http-server.ts'
import type { DataRoute } from './route.ts'
import { checkRequestHead } from './strictness.ts'

const seen: { path: string; params: Record<string, string> }[] = []

function dataRoute(method: DataRoute['method'], path: string, verb?: string): DataRoute {
  return {
    plane: 'data',
    method,
    path,
    ...(verb === undefined ? {} : { verb }),
    credential: 'api-key',
    bodyCap: 1024 * 1024,
    rateClass: 'data',
    summary: 'test',
    handle: (request, response, match) => {
      seen.push({ path: match.path, params: { ...match.params } })
      request.resume().on('end', () => response.end('served'))
    },
  }
}

let server: TestHttp
beforeAll(async () => {
  server = await startTestHttp({
    routes: [
      dataRoute('POST', '/v1/chat/completions'),
      dataRoute('POST', '/v1/responses'),
      dataRoute('GET', '/v1/models'),
      dataRoute('GET', '/v1/models/*model'),
      dataRoute('POST', '/v1beta/models/*model', 'generateContent'),
      {
        plane: 'control',
        method: 'GET',
        path: '/admin/provider-keys/:ref',
        credential: 'none',
        bodyCap: 0,
        rateClass: 'open',
        summary: 'test',
        answers: { 200: { description: 'ok' } },
        handle: async ({ params }) => ({ status: 200, body: params }),
      },
    ],
    limits: { connectionsPerAddress: 1000 },
  })
})
afterAll(async () => void (await server.http.drain(0)))

const get = (target: string, ...lines: string[]): string =>
  `GET ${target} HTTP/1.1\r\n${['Host: a.example', ...lines].join('\r\n')}\r\n\r\n`

const REFUSED: [claim: string, bytes: string, status: number][] = [
  ['two Authorization headers', get('/v1/models', 'Authorization: Bearer a', 'authorization: Bearer b'), 400],
  ['two x-api-key headers', get('/v1/models', 'X-Api-Key: a', 'x-api-key: b'), 400],
  ['two x-goog-api-key headers', get('/v1/models', 'x-goog-api-key: a', 'x-goog-api-key: a'), 400],
  ['two Cookie headers', get('/v1/models', 'Cookie: a=1', 'Cookie: a=2'), 400],
  ['two key parameters', get('/v1/models?key=a&k%65y=b'), 400],
  ['two Host headers', get('/v1/models', 'Host: b.example'), 400],
  ['two equal Host headers', get('/v1/models', 'Host: a.example'), 400],
  ['an ungrammatical Host', 'GET /v1/models HTTP/1.1\r\nHost: x/v1?\r\n\r\n', 400],
  ['a Host with user info', 'GET /v1/models HTTP/1.1\r\nHost: me@a.example\r\n\r\n', 400],
  ['an empty Host', 'GET /v1/models HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['no Host', 'GET /v1/models HTTP/1.1\r\n\r\n', 400],
  ['no Host in HTTP/1.0', 'GET /v1/models HTTP/1.0\r\n\r\n', 400],
  ['no version and no Host', 'GET /v1/models\r\n\r\n', 400],
  ['an absolute target', get('http://a.example/v1/models'), 400],
  ['an asterisk for GET', get('*'), 400],
  ['a doubled slash', get('//v1/models'), 400],
  ['a doubled slash inside', get('/v1//models'), 400],
  ['a dot segment', get('/v1/./models'), 400],
  ['two dots', get('/v1/chat/../models'), 400],
  ['two dots at the end', get('/v1/models/..'), 400],
  ['encoded dot segments', get('/v1/chat/%2e%2E/models'), 400],
  ['an encoded dot beside a plain one', get('/v1/chat/.%2e/models'), 400],
  ['encoded dots in a model id', get('/v1/models/a%2f..%2fb'), 400],
  ['an encoded slash in a fixed path', get('/v1%2Fmodels'), 400],
  ['an encoded dot in a fixed path', get('/v1/mod%2Eels'), 400],
  ['an encoded slash in a one-segment id', get('/admin/provider-keys/a%2Fb'), 400],
  ['an encoded backslash in a model id', get('/v1/models/a%5Cb'), 400],
  ['an encoded NUL', get('/v1/models/a%00b'), 400],
  ['an encoded line break in an id', get('/v1/models/a%0D%0Ab'), 400],
  ['broken percent encoding', get('/v1/models/a%2'), 400],
  ['percent encoding that is not UTF-8', get('/v1/models/%ff'), 400],
  ['a backslash', get('/v1\\models'), 400],
  ['a fragment', get('/v1/models#x'), 400],
  ['bytes above 0x7f in the target', get('/v1/models/\xe9'), 400],
  ['bytes above 0x7f in Authorization', get('/v1/models', 'Authorization: Bearer ur_\xe9'), 400],
  ['bytes above 0x7f in x-api-key', get('/v1/models', 'x-api-key: ur_\x80'), 400],
  ['bytes above 0x7f in x-goog-api-key', get('/v1/models', 'x-goog-api-key: ur_\xff'), 400],
  ['bytes above 0x7f in ?key=', get('/v1/models?key=ur_%C3%A9'), 400],
  ['a URL above 8 KB', get(`/v1/models?a=${'x'.repeat(8192)}`), 414],
  ['more than 100 header fields', get('/v1/models', ...Array.from({ length: 100 }, (_, n) => `x-${n}: 1`)), 431],
  ['more than 16 KB of headers', get('/v1/models', `x-long: ${'x'.repeat(17_000)}`), 431],
  ['CONNECT', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n', 405],
]

describe('a refused head closes the connection and reaches no handler', () => {
  test.each(REFUSED)('%s', async (_claim, bytes, status) => {
    seen.length = 0
    // A second request in the same packet must not be read as one.
    const answer = await sendRaw(server.port, bytes + get('/v1/models'))
    expect(answer.status).toBe(status)
    expect(answer.closed).toBe(true)
    expect(answer.headers['connection']).toBe('close')
    expect(answer.text.match(/^HTTP\/1\.1 \d/gm)).toHaveLength(1)
    const body = JSON.parse(answer.body) as { error: string; code: string }
    expect(body.error.length).toBeGreaterThan(10)
    expect(answer.headers['x-request-id']).toMatch(/^req_[0-9A-Z]{26}$/)
    expect(seen).toEqual([])
  })
})

const post = (lines: string[], body: string): string =>
  `POST /v1/chat/completions HTTP/1.1\r\nHost: a.example\r\n${lines.join('\r\n')}\r\n\r\n${body}`
const SMUGGLED = get('/v1/models/smuggled')

const SMUGGLING: [claim: string, bytes: string][] = [
  ['length and chunked', post(['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`)],
  ['chunked and length', post(['Transfer-Encoding: chunked', 'Content-Length: 4'], `0\r\n\r\n${SMUGGLED}`)],
  ['two lengths', post(['Content-Length: 0', `Content-Length: ${SMUGGLED.length}`], SMUGGLED)],
  ['two equal lengths', post(['Content-Length: 0', 'Content-Length: 0'], SMUGGLED)],
  ['a list of lengths', post(['Content-Length: 0, 0'], SMUGGLED)],
  ['a signed length', post(['Content-Length: +0'], SMUGGLED)],
  ['an odd transfer coding', post(['Transfer-Encoding: xchunked'], `0\r\n\r\n${SMUGGLED}`)],
  ['chunked twice', post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`)],
  ['chunked, then identity', post(['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${SMUGGLED}`)],
  ['a space before the colon', post(['Transfer-Encoding : chunked'], `0\r\n\r\n${SMUGGLED}`)],
  ['a bare line feed', `GET /v1/models HTTP/1.1\nHost: a.example\n\n${SMUGGLED}`],
  ['a folded header', post(['x-a: 1\r\n Transfer-Encoding: chunked', 'Content-Length: 0'], SMUGGLED)],
  ['a NUL in a header', post(['x-a: 1\0', 'Content-Length: 0'], SMUGGLED)],
  ['a chunk size beyond any integer', post(['Transfer-Encoding: chunked'], `ffffffffffffffffff\r\n${SMUGGLED}`)],
  ['a chunk size that is no number', post(['Transfer-Encoding: chunked'], `0x0\r\n\r\n${SMUGGLED}`)],
  [
    'chunked in HTTP/1.0',
    `POST /v1/chat/completions HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
]

describe('ambiguous framing is answered 400 and nothing behind it is served', () => {
  test.each(SMUGGLING)('%s', async (_claim, bytes) => {
    seen.length = 0
    const answer = await sendRaw(server.port, bytes)
    expect(answer.status).toBe(400)
    expect(answer.closed).toBe(true)
    expect(seen.filter(({ params }) => params['model'] === 'smuggled')).toEqual([])
  })
})

describe('what well-behaved clients send is served', () => {
  test.each([
    ['/v1/models/openai/gpt-x', 'openai/gpt-x'],
    ['/v1/models/openai%2Fgpt-x', 'openai/gpt-x'],
    ['/v1/models/openai%2fgpt-x/', 'openai/gpt-x'],
    ['/v1/models/gemini-2%2E5', 'gemini-2.5'],
    ['/v1/models/ollama/llama3:8b', 'ollama/llama3:8b'],
    ['/v1/models/a%252Fb', 'a%2Fb'],
    ['/v1/models/mod%C3%A8le', 'modèle'],
    ['/v1/models/constructor', 'constructor'],
    ['/v1/models/__proto__', '__proto__'],
  ])('GET %s is the model %s', async (target, model) => {
    seen.length = 0
    const answer = await sendRaw(server.port, get(target, 'Authorization: Bearer rubbish', 'x-api-key: ur_x'))
    expect(answer.status).toBe(200)
    expect(seen).toEqual([{ path: expect.any(String), params: { model } }])
  })

  test('header names of the object prototype are names like any other', async () => {
    const answer = await sendRaw(
      server.port,
      get('/v1/models', '__proto__: x', 'constructor: y', '__proto__: z', 'toString: w'),
    )
    expect(answer.status).toBe(200)
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })

  test('exactly 100 header fields pass', async () => {
    const more = Array.from({ length: 99 }, (_, n) => `x-${n}: 1`)
    expect((await sendRaw(server.port, get('/v1/models', ...more))).status).toBe(200)
  })

  test('a WebSocket on /v1/responses is answered 426, under each of its addresses', async () => {
    for (const target of ['/v1/responses', '/openai/v1/responses', '/v1/v1/responses/']) {
      const answer = await sendRaw(
        server.port,
        get(target, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'),
      )
      expect(answer.status).toBe(426)
      expect(answer.headers['upgrade']).toBe('HTTP/1.1')
      expect(answer.closed).toBe(true)
    }
  })

  test('an offer of h2c is ignored and the request is served', async () => {
    const answer = await sendRaw(
      server.port,
      get(
        '/v1/models',
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
      ),
    )
    expect(answer.status).toBe(200)
  })

  test('TRACE and unknown methods get 405 with what is allowed', async () => {
    for (const method of ['TRACE', 'PROPFIND', 'DELETE']) {
      const answer = await sendRaw(server.port, `${method} /v1/models HTTP/1.1\r\nHost: a.example\r\n\r\n`)
      expect(answer.status).toBe(405)
      expect(answer.headers['allow']).toBe('GET, OPTIONS')
    }
  })

  test('a request sent in single bytes is the same request', async () => {
    const socket = await openSocket(server.port)
    socket.setNoDelay(true)
    for (const byte of get('/v1/models')) {
      socket.write(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await readAnswer(socket)).status).toBe(200)
  })
})

describe('the pure function', () => {
  const base = { method: 'GET', url: '/v1/models', httpVersion: '1.1', rawHeaders: ['host', 'a'] }

  test('accepts or refuses anything, and never throws', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    fc.assert(
      fc.property(text, text, text, fc.array(text, { maxLength: 20 }), (method, url, httpVersion, rawHeaders) => {
        const verdict = checkRequestHead({ method, url, httpVersion, rawHeaders })
        expect('accepted' in verdict !== 'refused' in verdict).toBe(true)
      }),
    )
  })

  test('an accepted path never holds a dot segment, an empty segment or an unprintable byte', () => {
    const piece = fc.constantFrom('/', '.', '..', '%2e', '%2F', '%', 'a', '\\', '#', '?', '\x80', '//', '%00')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const verdict = checkRequestHead({ ...base, url: `/${pieces.join('')}` })
        if (!('accepted' in verdict)) return
        const { path } = verdict.accepted
        const segments = path.slice(1).replace(/\/$/, '').split('/')
        for (const segment of segments) {
          const decoded = segment.replaceAll(/%2e/gi, '.')
          expect(decoded === '.' || decoded === '..' || (segment === '' && segments.length > 1)).toBe(false)
        }
        expect(path).toMatch(/^[\x21-\x7e]+$/)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['//upload/v1beta/files?upload_id=1', '/upload/v1beta/files'],
    ['/gemini//upload/v1/files', '/gemini/upload/v1/files'],
  ])('Google’s SDK doubles a slash before an upload: %s is %s', (url, path) => {
    expect(checkRequestHead({ ...base, url })).toMatchObject({ accepted: { path } })
  })

  test.each(['//upload/v1beta/models', '///upload/v1beta/files', '/openai//upload/v1beta/files', '//upload//v1/files'])(
    'and no other address: %s',
    (url) => {
      expect('refused' in checkRequestHead({ ...base, url })).toBe(true)
    },
  )

  test('any doubled credential header is refused, in any case and any place', () => {
    const name = fc
      .constantFrom('authorization', 'x-api-key', 'x-goog-api-key', 'cookie', 'host', 'content-length')
      .chain((text) => fc.mixedCase(fc.constant(text)))
    fc.assert(
      fc.property(name, fc.array(fc.string({ minLength: 1, maxLength: 5 }), { maxLength: 5 }), (doubled, others) => {
        const rawHeaders = [
          'host',
          'a',
          doubled,
          'x',
          ...others.flatMap((other) => [`x-${other}`, '']),
          doubled.toUpperCase(),
          'x',
        ]
        expect('refused' in checkRequestHead({ ...base, rawHeaders })).toBe(true)
      }),
    )
  })
})
