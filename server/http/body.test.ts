// Bodies are bounded on the wire and after decompression, over real sockets.
import { randomBytes } from 'node:crypto'
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestHttp, type TestHttp } from '../../test/support/http-server.ts'
import { openSocket, readAnswer, sendRaw, type RawAnswer } from '../../test/support/raw-http.ts'
import { GatewayError } from '../kernel/errors.ts'
import { createByteBudget, readBody } from './body.ts'
import type { DataRoute } from './route.ts'

const CAP = 4 * 1024 * 1024
const budget = createByteBudget(64 * 1024 * 1024)
const outcomes: { code: string; heldMost: number }[] = []
let server: TestHttp

function bodyRoute(path: string, options: { idleMs?: number; budgetBytes?: number } = {}): DataRoute {
  const own = options.budgetBytes === undefined ? budget : createByteBudget(options.budgetBytes)
  return {
    plane: 'data',
    method: 'POST',
    path,
    credential: 'api-key',
    // The reader's own cap is under test, so the early look at the announced length is out of the way.
    bodyCap: path === '/early' ? CAP : 1024 * 1024 * 1024,
    rateClass: 'data',
    summary: 'test',
    handle: async (request, response) => {
      try {
        const body = await readBody(request, {
          cap: CAP,
          budget: own,
          checkDepth: true,
          idleMs: options.idleMs ?? 60_000,
        })
        response.end(
          JSON.stringify({
            length: body.length,
            pieces: body.chunks.length,
            text: Buffer.concat(body.chunks).toString('base64').slice(0, 64),
          }),
        )
        body.release()
        body.release()
      } catch (error) {
        if (error instanceof GatewayError) outcomes.push({ code: error.code, heldMost: own.used })
        throw error
      }
    },
  }
}

beforeAll(async () => {
  server = await startTestHttp({
    routes: [
      bodyRoute('/body'),
      bodyRoute('/early'),
      bodyRoute('/slow', { idleMs: 50 }),
      bodyRoute('/tight', { budgetBytes: 1000 }),
    ],
  })
})
afterAll(async () => void (await server.http.drain(0)))

function post(path: string, body: Buffer, ...lines: string[]): Buffer {
  const head = [`POST ${path} HTTP/1.1`, 'Host: a', `Content-Length: ${body.length}`, ...lines]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
}

const code = (answer: RawAnswer): string => (JSON.parse(answer.body) as { code: string }).code

const COMPRESSORS = {
  gzip: (bytes: Buffer) => gzipSync(bytes),
  br: (bytes: Buffer) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  zstd: (bytes: Buffer) => zstdCompressSync(bytes),
}

describe('reading', () => {
  test.each(Object.entries(COMPRESSORS))('%s is decoded to the very bytes', async (encoding, compress) => {
    const plain = Buffer.from(JSON.stringify({ text: randomBytes(200_000).toString('hex') }))
    const answer = await sendRaw(server.port, post('/body', compress(plain), `Content-Encoding: ${encoding}`))
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body)).toMatchObject({ length: plain.length, text: plain.toString('base64').slice(0, 64) })
  })

  // Frames as a stream writes them, which do not know their length: they name the window they may need.
  const frame = (windowLog: number): Buffer =>
    Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (windowLog - 10) << 3]),
      // One last block of two bytes as they are.
      Buffer.from([0x11, 0x00, 0x00, 0x7b, 0x7d]),
    ])

  test('zstd may need a window of 8 MiB, and says so where it wants a larger one', async () => {
    expect((await sendRaw(server.port, post('/body', frame(23), 'Content-Encoding: zstd'))).status).toBe(200)
    for (const windowLog of [24, 27, 31]) {
      const answer = await sendRaw(server.port, post('/body', frame(windowLog), 'Content-Encoding: zstd'))
      expect([answer.status, code(answer)]).toEqual([400, 'bad_request'])
      expect(answer.body).toContain('zstd window of more than 8 MiB')
    }
  })

  test('an empty body is an empty list', async () => {
    const answer = await sendRaw(server.port, post('/body', Buffer.alloc(0)))
    expect(JSON.parse(answer.body)).toMatchObject({ length: 0, pieces: 0 })
  })

  test('a body exactly at the cap passes, one byte more does not', async () => {
    expect((await sendRaw(server.port, post('/body', Buffer.alloc(CAP, 'a')))).status).toBe(200)
    const answer = await sendRaw(server.port, post('/body', Buffer.alloc(CAP + 1, 'a')))
    expect([answer.status, code(answer)]).toEqual([413, 'payload_too_large'])
  })

  test('any bytes in any chunks arrive as they were', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 10 }), async (parts) => {
        const chunked = parts.map((part) =>
          Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]),
        )
        // Text so that the depth scan has nothing to say about brackets.
        const safe = chunked.every((part) => !part.includes('[') && !part.includes('{'))
        fc.pre(safe)
        const head = Buffer.from('POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
        const answer = await sendRaw(server.port, Buffer.concat([head, ...chunked, Buffer.from('0\r\n\r\n')]))
        const plain = Buffer.concat(parts)
        expect(JSON.parse(answer.body)).toMatchObject({
          length: plain.length,
          text: plain.toString('base64').slice(0, 64),
        })
      }),
      { numRuns: 50 },
    )
  })
})

describe('refusing', () => {
  test.each(Object.entries(COMPRESSORS))(
    'a %s bomb of 200 MB costs no more than the cap',
    async (encoding, compress) => {
      const bomb = compress(Buffer.alloc(200 * 1024 * 1024))
      expect(bomb.length).toBeLessThan(256 * 1024)
      outcomes.length = 0
      const answer = await sendRaw(server.port, post('/body', bomb, `Content-Encoding: ${encoding}`))
      expect([answer.status, code(answer)]).toEqual([413, 'payload_too_large'])
      expect(outcomes[0]?.heldMost).toBe(0)
      expect(budget.used).toBe(0)
    },
  )

  test('a body that grows a hundredfold is refused before it reaches the cap', async () => {
    const answer = await sendRaw(
      server.port,
      post('/body', gzipSync(Buffer.alloc(2 * 1024 * 1024)), 'Content-Encoding: gzip'),
    )
    expect(answer.status).toBe(413)
    expect(answer.body).toContain('100 times')
  })

  test('an announced length above the cap is refused before the body comes', async () => {
    const socket = await openSocket(server.port)
    socket.write(`POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: ${CAP + 1}\r\n\r\n`)
    socket.end()
    const answer = await readAnswer(socket)
    expect([answer.status, answer.headers['connection']]).toEqual([413, 'close'])
  })

  test('who asks before sending is told 413 instead of continue, or continue', async () => {
    const ask = (length: number): string =>
      `POST /early HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
    const refused = await openSocket(server.port)
    refused.end(ask(CAP + 1))
    expect((await readAnswer(refused)).status).toBe(413)
    const welcome = await openSocket(server.port)
    welcome.write(ask(2))
    const first = await new Promise<string>((resolve) => welcome.once('data', (bytes) => resolve(bytes.toString())))
    expect(first).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    welcome.write('{}')
    expect((await readAnswer(welcome)).status).toBe(200)
  })

  test('a client that is still sending far too much can read the 413', async () => {
    const answer = await sendRaw(server.port, post('/body', Buffer.alloc(30 * 1024 * 1024, 'a')))
    expect(answer.status).toBe(413)
  })

  test.each(['gzip, br', 'deflate', 'compress', 'gzip,gzip'])('Content-Encoding %s is 415', async (encoding) => {
    const answer = await sendRaw(server.port, post('/body', Buffer.from('x'), `Content-Encoding: ${encoding}`))
    expect([answer.status, code(answer)]).toEqual([415, 'unsupported_media_type'])
  })

  test.each(Object.keys(COMPRESSORS))('bytes that are not %s are 400', async (encoding) => {
    const answer = await sendRaw(server.port, post('/body', Buffer.from('{"a":1}'), `Content-Encoding: ${encoding}`))
    expect([answer.status, code(answer)]).toEqual([400, 'bad_request'])
  })

  test('a cut gzip stream is 400', async () => {
    const whole = gzipSync(randomBytes(5000))
    const answer = await sendRaw(server.port, post('/body', whole.subarray(0, 3000), 'Content-Encoding: gzip'))
    expect(answer.status).toBe(400)
  })

  test('deep nesting is refused while it arrives, compressed too', async () => {
    const deep = Buffer.from('['.repeat(200))
    expect((await sendRaw(server.port, post('/body', deep))).status).toBe(400)
    expect((await sendRaw(server.port, post('/body', gzipSync(deep), 'Content-Encoding: gzip'))).status).toBe(400)
  })

  test('a body that stops arriving is 408 and the end of its connection', async () => {
    const socket = await openSocket(server.port)
    socket.write('POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345')
    const answer = await readAnswer(socket)
    expect([answer.status, code(answer)]).toEqual([408, 'request_timeout'])
    expect([answer.headers['connection'], answer.closed]).toEqual(['close', true])
  })

  test('more bytes in flight than the budget is 503 with Retry-After, and gives them back', async () => {
    const answer = await sendRaw(server.port, post('/tight', Buffer.alloc(1001)))
    expect([answer.status, code(answer), answer.headers['retry-after']]).toEqual([503, 'gateway_overloaded', '1'])
    expect((await sendRaw(server.port, post('/tight', Buffer.alloc(1000)))).status).toBe(200)
  })

  test('a client that goes away ends the reading', async () => {
    outcomes.length = 0
    const socket = await openSocket(server.port)
    socket.write('POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345', () => socket.destroy())
    await expect.poll(() => outcomes.map((outcome) => outcome.code)).toEqual(['client_closed'])
    await expect.poll(() => server.http.inFlight).toBe(0)
    expect(budget.used).toBe(0)
  })
})
