// How connections live, with both clients, over real sockets: what is sent on them, when they are used again and when
// never.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  ask,
  sendParts,
  startByteProvider,
  turn,
  type ByteProvider,
  type Visit,
} from '../../test/support/byte-provider.ts'
import { createUpstream } from './create-upstream.ts'
import { Pool } from './http1/pool.ts'
import type { Upstream, UpstreamRequest } from './upstream.ts'

const OK = 'HTTP/1.1 200 OK\r\n'
const EMPTY = `${OK}Content-Length: 0\r\n\r\n`
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`

let provider: ByteProvider
let upstream: Upstream

const answerWith =
  (bytes: string) =>
  ({ socket }: Visit): void =>
    void socket.write(bytes, 'latin1')

/** Each answer names the request's path. */
const answerPath = ({ socket, request }: Visit): void => {
  const path = request.split(' ')[1]!
  socket.write(`${OK}Content-Length: ${path.length}\r\n\r\n${path}`)
}

const textOf = async (path: string): Promise<string> => {
  const { end, body } = await ask(upstream, provider.origin, { path }).over
  return `${end} ${body.toString()}`
}

beforeEach(async () => {
  provider = await startByteProvider()
  provider.answer = answerPath
})
afterEach(async () => {
  await upstream.close()
  await provider.close()
})

const REQUESTS: Record<string, Partial<UpstreamRequest>> = {
  'a body': { headers: ['content-type', 'text/plain', 'X-Key', 'sk-\xe4\t~'], body: [Buffer.from('abc')] },
  'a body of several pieces': { body: [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c')] },
  'a large body': { body: [Buffer.alloc(300_000, 'a'), Buffer.alloc(300_000, 'b')] },
  'an empty body': { body: [] },
  'no body': { body: null },
  GET: { method: 'GET', body: null, path: '/v1/models?limit=1&x=%2F\xe4' },
  DELETE: { method: 'DELETE', body: null },
  'DELETE with a body': { method: 'DELETE', body: [Buffer.from('{}')] },
  'PATCH without a body': { method: 'PATCH', body: null },
}

test.each(Object.entries(REQUESTS))('both clients write %s in the same bytes', async (_, request) => {
  provider.answer = answerWith(EMPTY)
  for (const client of ['own', 'undici'] as const) {
    upstream = createUpstream({ client })
    expect(await ask(upstream, provider.origin, request).over).toMatchObject({ end: 'end', status: 200 })
    await upstream.close()
  }
  const [own, other] = provider.visits.map((visit) => visit.request)
  expect(own).toBe(other)
  expect(own).toMatch(/\r\n\r\n/)
})

describe.each(['own', 'undici'] as const)('%s', (client) => {
  beforeEach(() => {
    upstream = createUpstream({ client })
  })

  test.each([
    ['a line break in a value', { headers: ['x', 'a\r\nb: c'] }],
    ['a line feed in a value', { headers: ['x', 'a\nb'] }],
    ['NUL in a value', { headers: ['x', 'a\0'] }],
    ['a character of more than a byte', { headers: ['x', 'ł'] }],
    ['a line break in a name', { headers: ['x\r\ny', 'a'] }],
    ['an empty name', { headers: ['', 'a'] }],
    ['a coding of the body', { headers: ['Transfer-Encoding', 'chunked'] }],
    ['a blank in the path', { path: '/a b' }],
    ['a line break in the path', { path: '/a\r\nx: y' }],
    ['a path without slash', { path: 'a' }],
  ] as const)('sends nothing where the caller gave %s', async (_, request) => {
    const { heard, over } = ask(upstream, provider.origin, request)
    expect(await over).toMatchObject({ end: 'connect', sent: false, wrong: [] })
    expect(heard.status).toBeNull()
    expect(provider.visits).toEqual([])
    expect(await textOf('/next')).toBe('end /next')
  })

  test('says that nothing was sent where nobody listens', async () => {
    const gone = await startByteProvider()
    await gone.close()
    expect(await ask(upstream, gone.origin).over).toMatchObject({ end: 'connect', sent: false, wrong: [] })
  })

  test('carries one call at a time on a connection, and uses them again', async () => {
    const many = Array.from({ length: 20 }, (_, at) => `/${at}`)
    for (let round = 0; round < 3; round++) {
      expect(await Promise.all(many.map(textOf))).toEqual(many.map((path) => `end ${path}`))
      await turn()
    }
    expect(provider.sockets.length).toBe(20)
  })

  test.each(['\r\n', 'x', EMPTY, `${OK}Content-Length: 5\r\n\r\nwrong`])(
    'never takes bytes that came while it was idle for an answer: %j',
    async (bytes) => {
      expect(await textOf('/first')).toBe('end /first')
      await turn()
      provider.sockets[0]!.write(bytes)
      await turn()
      expect(await textOf('/second')).toBe('end /second')
      // undici passes over an empty line.
      if (client === 'own' || bytes !== '\r\n') expect(provider.sockets.length).toBe(2)
    },
  )

  test('nor those that come in the very moment in which it is used again', async () => {
    expect(await textOf('/first')).toBe('end /first')
    await turn()
    provider.sockets[0]!.write(`${OK}Content-Length: 5\r\n\r\nwrong`)
    expect(await textOf('/second')).toBe('end /second')
  })

  test.each(['end', 'resetAndDestroy'] as const)(
    'asks on a new connection when the idle one is gone (%s)',
    async (how) => {
      expect(await textOf('/first')).toBe('end /first')
      await turn()
      provider.sockets[0]![how]()
      await turn()
      expect(await textOf('/second')).toBe('end /second')
      expect(provider.visits.length).toBe(2)
    },
  )

  test('never sends a request twice when its used connection breaks before the first byte', async () => {
    expect(await textOf('/first')).toBe('end /first')
    await turn()
    provider.answer = ({ socket }) => socket.destroy()
    expect(await ask(upstream, provider.origin).over).toMatchObject({ end: 'reset', sent: true, wrong: [] })
    await turn()
    expect(provider.visits.length).toBe(2)
  })

  test('an abort destroys the connection, whenever it comes, and the sink hears nothing more', async () => {
    const answer = `${CHUNKED}3\r\nabc\r\n`
    for (let at = 1; at <= answer.length; at++) {
      provider.answer = ({ socket }) => sendParts(socket, [answer.slice(0, at)])
      const { call, heard } = ask(upstream, provider.origin)
      const before = provider.visits.length
      while (provider.visits.length === before) await turn()
      await turn()
      const { size } = heard
      call.abort()
      call.abort()
      await turn(6)
      expect(provider.sockets.at(-1)!.destroyed, `after ${at} bytes`).toBe(true)
      expect(heard).toMatchObject({ end: '', size, wrong: [] })
    }
    expect(provider.sockets.length).toBe(answer.length)
  })

  test.each(['onHead', 'onData'] as const)('an abort in %s is the last that is heard', async (when) => {
    provider.answer = answerWith(`${OK}Content-Length: 3\r\n\r\nabc`)
    const { heard } = ask(upstream, provider.origin, {}, { [when]: (call: { abort(): void }) => call.abort() })
    await turn(10)
    expect(heard).toMatchObject({ status: 200, end: '', wrong: [], chunks: when === 'onHead' ? 0 : 1 })
    provider.answer = answerPath
    expect(await textOf('/next')).toBe('end /next')
  })

  test('an abort before anything is sent sends nothing', async () => {
    const { call, heard } = ask(upstream, provider.origin)
    call.abort()
    await turn(6)
    expect(provider.visits).toEqual([])
    expect(await textOf('/a')).toBe('end /a')
    await turn()
    const again = ask(upstream, provider.origin)
    again.call.abort()
    await turn(6)
    expect(provider.visits.length).toBe(1)
    expect(await textOf('/b')).toBe('end /b')
    expect([heard, again.heard]).toMatchObject([
      { end: '', wrong: [] },
      { end: '', wrong: [] },
    ])
  })

  test('an abort after the end touches nobody else', async () => {
    const first = ask(upstream, provider.origin, { path: '/first' })
    await first.over
    await turn()
    const second = ask(upstream, provider.origin, { path: '/second' }, { onHead: () => first.call.abort() })
    first.call.abort()
    first.call.pause()
    expect(await second.over).toMatchObject({ end: 'end', status: 200 })
    expect(provider.sockets.length).toBe(1)
  })

  test('while it is paused, what is sent stays with the sender', async () => {
    const size = 32 * 1024 * 1024
    let sender: Visit | undefined
    provider.answer = (visit) => {
      sender = visit
      visit.socket.write(`${OK}Content-Length: ${size}\r\n\r\n`)
      visit.socket.write(Buffer.alloc(size, 'x'))
    }
    let isFirst = true
    const { call, heard, over } = ask(
      upstream,
      provider.origin,
      {},
      {
        onData: (self) => {
          if (isFirst) self.pause()
          isFirst = false
        },
      },
    )
    while (heard.size === 0) await turn()
    await turn(200)
    expect(heard.size).toBeLessThan(1024 * 1024)
    expect(sender!.socket.writableLength).toBeGreaterThan(0)
    call.resume()
    const { end, body, wrong } = await over
    expect({ end, size: body.length, wrong }).toEqual({ end: 'end', size, wrong: [] })
    await turn()
    provider.answer = answerPath
    expect(await textOf('/next')).toBe('end /next')
  })

  test('a pause in the last bytes does not stop the next call', async () => {
    provider.answer = answerWith(`${OK}Content-Length: 3\r\n\r\nabc`)
    const first = ask(upstream, provider.origin, {}, { onData: (call) => call.pause() })
    await turn(10)
    first.call.resume()
    expect(await first.over).toMatchObject({ end: 'end' })
    await turn()
    provider.answer = answerPath
    expect(await textOf('/next')).toBe('end /next')
    provider.sockets.at(-1)!.end()
    await turn()
    expect(await textOf('/after')).toBe('end /after')
  })

  test('an answer before the end of the request is heard, and its connection not used again', async () => {
    const early = await startByteProvider()
    const body = [Buffer.alloc(64 * 1024 * 1024)]
    const { over } = ask(upstream, early.origin, { body })
    while (early.sockets.length === 0) await turn()
    early.sockets[0]!.pause()
    early.sockets[0]!.write(`HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n`)
    expect(await over).toMatchObject({ end: 'end', status: 413 })
    early.sockets[0]!.resume()
    early.answer = answerWith(EMPTY)
    expect(await ask(upstream, early.origin).over).toMatchObject({ end: 'end', status: 200 })
    expect(early.sockets.length).toBe(2)
    await early.close()
  })

  test('closing ends the calls that run and the connections that rest', async () => {
    await textOf('/idle')
    await turn()
    provider.answer = ({ socket }) => sendParts(socket, [`${OK}Content-Length: 5\r\n\r\nab`])
    const running = [ask(upstream, provider.origin), ask(upstream, provider.origin)]
    while (provider.visits.length < 3) await turn()
    await turn()
    await upstream.close()
    for (const { over } of running) expect(await over).toMatchObject({ end: 'reset', sent: true, wrong: [] })
    await turn(6)
    expect(provider.sockets.every(({ destroyed }) => destroyed)).toBe(true)
  })

  test('what a listener throws costs its own call alone', async () => {
    provider.answer = answerWith(`${OK}Content-Length: 3\r\n\r\nabc`)
    const failing = ask(
      upstream,
      provider.origin,
      {},
      {
        onHead: () => {
          throw new Error('of the listener')
        },
      },
    )
    const other = ask(upstream, provider.origin)
    expect(await failing.over).toMatchObject({ end: 'reset', sent: true, wrong: [] })
    expect(await other.over).toMatchObject({ end: 'end' })
  })

  test('decodes what comes compressed, and refuses what it cannot decode', async () => {
    const whole = gzipSync(Buffer.from('plain '.repeat(1000)))
    const send = (encoding: string, bytes: Buffer): void => {
      provider.answer = ({ socket }) => {
        socket.write(`${OK}Content-Encoding: ${encoding}\r\nContent-Length: ${bytes.length}\r\n\r\n`)
        socket.write(bytes)
      }
    }
    send('gzip', whole)
    const heard = await ask(upstream, provider.origin).over
    expect(heard).toMatchObject({ end: 'end', wrong: [] })
    expect(heard.body.toString()).toBe('plain '.repeat(1000))
    send('gzip', Buffer.concat([whole.subarray(0, 20), Buffer.alloc(40, 7)]))
    expect(await ask(upstream, provider.origin).over).toMatchObject({ end: 'malformed', sent: true, wrong: [] })
    send('gzip, br', whole)
    expect(await ask(upstream, provider.origin).over).toMatchObject({ end: 'malformed', status: null, wrong: [] })
    send('gzip', whole)
    const { call, heard: aborted } = ask(upstream, provider.origin, {}, { onHead: (self) => self.abort() })
    await turn(20)
    call.abort()
    expect(aborted).toMatchObject({ end: '', chunks: 0, wrong: [] })
  })
})

describe('own', () => {
  beforeEach(() => {
    upstream = createUpstream({ client: 'own' })
  })

  test('asks once, on a new connection, when the system refuses the first byte on the old one', async () => {
    for (let round = 0; round < 20; round++) {
      expect(await textOf('/first')).toBe('end /first')
      await turn()
      const before = provider.visits.length
      // Broken in the turn of the loop in which the next call takes it, before or after it is looked at.
      const asked = textOf('/second')
      if (round % 2 === 0) provider.sockets.at(-1)!.resetAndDestroy()
      else setImmediate(() => provider.sockets.at(-1)!.resetAndDestroy())
      const answer = await asked
      await turn()
      const visits = provider.visits.length - before
      expect(answer === 'end /second' ? visits : 1).toBe(1)
      if (round % 2 === 0) expect(answer).toBe('end /second')
    }
  })

  test('does not use a connection that has been idle for longer than it may', async () => {
    const waits = async (head: string, ms: number): Promise<boolean> => {
      provider.answer = answerWith(`${OK}${head}Content-Length: 0\r\n\r\n`)
      let at = performance.now()
      const now = vi.spyOn(performance, 'now').mockImplementation(() => at)
      await ask(upstream, provider.origin).over
      await turn()
      const before = provider.sockets.length
      at += ms
      await ask(upstream, provider.origin).over
      now.mockRestore()
      return provider.sockets.length === before
    }
    expect(await waits('', 3_900)).toBe(true)
    expect(await waits('', 4_100)).toBe(false)
    expect(await waits('Keep-Alive: timeout=30\r\n', 27_900)).toBe(true)
    expect(await waits('Keep-Alive: max=5, timeout=30\r\n', 28_100)).toBe(false)
    expect(await waits('Keep-Alive: timeout=999999\r\n', 599_000)).toBe(true)
    expect(await waits('Keep-Alive: timeout=999999\r\n', 601_000)).toBe(false)
  })

  test('uses the connection that was used last', async () => {
    await Promise.all([textOf('/a'), textOf('/b'), textOf('/c')])
    await turn()
    await textOf('/d')
    const last = provider.visits.at(-1)!.connection
    await turn()
    for (let count = 0; count < 5; count++) {
      await textOf('/e')
      await turn()
    }
    expect(provider.visits.slice(-5).map(({ connection }) => connection)).toEqual(Array(5).fill(last))
  })

  test('keeps connections to 256 origins of users, the oldest go first; those of the operator are not counted', async () => {
    const retired: string[] = []
    vi.spyOn(Pool.prototype, 'retire').mockImplementation(function (this: Pool) {
      retired.push(this.host)
    })
    // The guard refuses them before anything is sent.
    const askAll = (guarded: boolean) =>
      Promise.all(Array.from({ length: 300 }, (_, at) => ask(upstream, `http://127.0.0.1:${at + 1}`, { guarded }).over))
    await askAll(false)
    expect(retired).toEqual([])
    for (const heard of await askAll(true)) expect(heard).toMatchObject({ end: 'refused-address', sent: false })
    expect(retired).toEqual(Array.from({ length: 44 }, (_, at) => `127.0.0.1:${at + 1}`))
    vi.restoreAllMocks()
  })

  test('once closed it sends nothing more', async () => {
    await upstream.close()
    expect(await ask(upstream, provider.origin).over).toMatchObject({ end: 'connect', sent: false, wrong: [] })
    expect(provider.sockets).toEqual([])
  })

  test('closing also ends the calls that have no connection yet, and those that wait to use one again', async () => {
    await textOf('/idle')
    await turn()
    const waiting = [ask(upstream, provider.origin), ask(upstream, provider.origin)]
    await upstream.close()
    for (const { over } of waiting) expect(await over).toMatchObject({ end: 'connect', sent: false, wrong: [] })
    await turn(6)
    expect(provider.visits.length).toBe(1)
  })
})

describe('own, over TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const usual = getCACertificates()
  execFileSync(
    'openssl',
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout ${key} -out ${cert}`.split(
      ' ',
    ),
    { stdio: 'ignore' },
  )
  const tls = { key: readFileSync(key), cert: readFileSync(cert) }
  let secure: ByteProvider

  beforeEach(async () => {
    setDefaultCACertificates([...usual, tls.cert.toString()])
    secure = await startByteProvider(tls)
    upstream = createUpstream({ client: 'own' })
  })
  afterEach(() => secure.close())
  afterAll(() => {
    setDefaultCACertificates(usual)
    rmSync(folder, { recursive: true })
  })

  test('carries calls, one after the other on one connection', async () => {
    secure.answer = answerPath
    for (const path of ['/a', '/b', '/c']) {
      const heard = await ask(upstream, secure.origin, { path, body: [Buffer.alloc(200_000, 'x')] }).over
      expect(heard).toMatchObject({ end: 'end', status: 200, wrong: [] })
      expect(heard.body.toString()).toBe(path)
      await turn()
    }
    expect(secure.sockets.length).toBe(1)
  })

  test('reads large answers whole, paused again and again', async () => {
    const size = 8 * 1024 * 1024
    const sent = Buffer.from(Array.from({ length: 1024 }, (_, at) => at % 251))
    secure.answer = ({ socket }) => {
      socket.write(`${OK}Content-Length: ${size}\r\n\r\n`)
      for (let at = 0; at < size; at += sent.length) socket.write(sent)
    }
    const { over } = ask(
      upstream,
      secure.origin,
      {},
      {
        onData: (call, { chunks }) => {
          if (chunks % 10 !== 0) return
          call.pause()
          setImmediate(() => call.resume())
        },
      },
    )
    const { end, body, wrong } = await over
    expect({ end, size: body.length, wrong }).toEqual({ end: 'end', size, wrong: [] })
    for (let at = 0; at < size; at += sent.length)
      expect(body.compare(sent, 0, sent.length, at, at + sent.length)).toBe(0)
  })

  test('a broken connection is a failure; an abort destroys it; the next call is served', async () => {
    secure.answer = async ({ socket }) => {
      await sendParts(socket, [`${OK}Content-Length: 5\r\n\r\nab`])
      socket.destroy()
    }
    expect(await ask(upstream, secure.origin).over).toMatchObject({ end: 'reset', sent: true, wrong: [] })
    secure.answer = answerWith(CHUNKED)
    const { heard } = ask(upstream, secure.origin, {}, { onHead: (call) => call.abort() })
    while (heard.status === null) await turn()
    await turn(6)
    expect(secure.sockets.at(-1)!.destroyed).toBe(true)
    secure.answer = answerPath
    expect(await ask(upstream, secure.origin).over).toMatchObject({ end: 'end', wrong: [] })
  })

  test('a certificate nobody vouches for: nothing is sent', async () => {
    setDefaultCACertificates(usual)
    expect(await ask(upstream, secure.origin).over).toMatchObject({ end: 'connect', sent: false, wrong: [] })
    expect(secure.visits).toEqual([])
  })
})
