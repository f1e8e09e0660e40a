// How answers are read, by both clients, over real sockets: what is taken, what is refused, and whether the connection
// is used again. Where ours is stricter or, by the standard, takes what undici does not, the row says so.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ask, sendParts, startByteProvider, turn, type ByteProvider } from '../../test/support/byte-provider.ts'
import { createUpstream } from './create-upstream.ts'
import type { Upstream } from './upstream.ts'

const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`
const EMPTY = `${OK}Content-Length: 0\r\n\r\n`
const withField = (line: string): string => `${OK}${line}\r\nContent-Length: 2\r\n\r\nok`
const CLIENTS = ['own', 'undici'] as const
type Client = (typeof CLIENTS)[number]

let provider: ByteProvider
let upstream: Upstream

beforeAll(async () => {
  provider = await startByteProvider()
})
afterAll(() => provider.close())

interface Taken {
  readonly bytes: string
  readonly status?: number
  readonly body?: string
  readonly headers?: Record<string, unknown>
  /** May the connection carry the next request? */
  readonly reused?: boolean
  /** undici refuses it. */
  readonly ownOnly?: true
}

const TAKEN: Record<string, Taken> = {
  'a length': { bytes: `${OK}Content-Length: 2\r\n\r\nok`, body: 'ok', headers: { 'content-length': '2' } },
  'a length of nothing': { bytes: EMPTY },
  'no reason phrase': { bytes: 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok', body: 'ok' },
  'an empty reason phrase': { bytes: 'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok', body: 'ok' },
  'a status nobody knows': { bytes: 'HTTP/1.1 799 x\r\nContent-Length: 2\r\n\r\nok', status: 799, body: 'ok' },
  'HTTP/1.0': { bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', body: 'ok', reused: false },
  'no space behind a colon': { bytes: withField('X:a'), body: 'ok', headers: { x: 'a' } },
  'blanks before a value': { bytes: withField('X: \t a'), body: 'ok', headers: { x: 'a' } },
  'an empty value': { bytes: withField('X:'), body: 'ok', headers: { x: '' } },
  'bytes beyond ASCII in a value': { bytes: withField('X: \xe4\xff'), body: 'ok', headers: { x: '\xe4\xff' } },
  'a field that comes twice': { bytes: withField('A: 1\r\na: 2'), body: 'ok', headers: { a: ['1', '2'] } },
  'names that every object has': {
    bytes: withField('__proto__: a\r\nconstructor: b\r\ntoString: c'),
    body: 'ok',
    headers: Object.fromEntries([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['tostring', 'c'],
    ]),
  },
  chunks: { bytes: `${CHUNKED}2\r\nab\r\n1\r\nc\r\nA\r\n0123456789\r\n0\r\n\r\n`, body: 'abc0123456789' },
  'no chunk at all': { bytes: `${CHUNKED}0\r\n\r\n` },
  'sizes with zeros before them': { bytes: `${CHUNKED}0002\r\nab\r\n000\r\n\r\n`, body: 'ab' },
  'the coding in capitals': { bytes: `${OK}Transfer-Encoding: CHUNKED\r\n\r\n2\r\nab\r\n0\r\n\r\n`, body: 'ab' },
  'chunk extensions': { bytes: `${CHUNKED}2;a=b;c="d;e"\r\nab\r\n0;z\r\n\r\n`, body: 'ab' },
  // RFC 9112 §7.1.1: blanks there must be taken.
  'blanks in a chunk extension': { bytes: `${CHUNKED}2; a=b\r\nab\r\n0\r\n\r\n`, body: 'ab', ownOnly: true },
  trailers: { bytes: `${CHUNKED}2\r\nab\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n`, body: 'ab' },
  '204': { bytes: 'HTTP/1.1 204 No Content\r\n\r\n', status: 204 },
  '204 that speaks of a body': {
    bytes: 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n',
    status: 204,
    reused: false,
  },
  '304 with the length of what it does not send': {
    bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
    status: 304,
    reused: false,
  },
  'hints before the answer': {
    bytes: `${'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(3)}${OK}Content-Length: 2\r\n\r\nok`,
    body: 'ok',
  },
  // RFC 9110 §15.2: a client takes it although it did not ask for it.
  '100 before the answer': {
    bytes: `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
    body: 'ok',
    ownOnly: true,
  },
  'blanks behind a length': { bytes: `${OK}Content-Length: 2 \t\r\n\r\nok`, body: 'ok', ownOnly: true },
  'an end of the connection': {
    bytes: `${OK}Connection: close\r\nContent-Length: 2\r\n\r\nok`,
    body: 'ok',
    reused: false,
  },
  'an end of the connection among other words': {
    bytes: `${OK}Connection: x, Close\r\nContent-Length: 2\r\n\r\nok`,
    body: 'ok',
    reused: false,
  },
  'no time to keep the connection': {
    bytes: `${OK}Keep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok`,
    body: 'ok',
    reused: false,
  },
  'another answer behind it': { bytes: `${OK}Content-Length: 2\r\n\r\nok${EMPTY}`, body: 'ok', reused: false },
  'bytes behind the last chunk': { bytes: `${CHUNKED}2\r\nab\r\n0\r\n\r\nHTTP`, body: 'ab', reused: false },
  'bytes behind an answer without a body': {
    bytes: `HTTP/1.1 204 No Content\r\n\r\n${EMPTY}`,
    status: 204,
    reused: false,
  },
}

interface Refused {
  readonly bytes: string
  /** What had come before it showed. */
  readonly body?: string
  /** undici takes it. */
  readonly ownOnly?: true
}

const LONG = 'x'.repeat(66_000)
const REFUSED: Record<string, Refused> = {
  'another protocol': { bytes: 'SSH-2.0-OpenSSH\r\n' },
  'nothing like a status': { bytes: 'HTTP/1.1 2x0 OK\r\n\r\n' },
  'a status of two digits': { bytes: 'HTTP/1.1 20 OK\r\n\r\n' },
  'a status of four digits': { bytes: 'HTTP/1.1 2000 OK\r\n\r\n' },
  'a status below 100': { bytes: 'HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok' },
  'small letters in the version': { bytes: 'http/1.1 200 OK\r\n\r\n' },
  'HTTP/1.2': { bytes: 'HTTP/1.2 200 OK\r\n\r\n' },
  'HTTP/2.0 in the words of HTTP/1.1': { bytes: 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n', ownOnly: true },
  'a blank line before it': { bytes: `\r\n${EMPTY}`, ownOnly: true },
  'a control character in the reason': { bytes: 'HTTP/1.1 200 a\x01\r\nContent-Length: 0\r\n\r\n', ownOnly: true },
  'a change of protocol': { bytes: 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n' },
  'line feeds alone': { bytes: 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok' },
  'a line feed alone behind a field': { bytes: `${OK}X: a\nContent-Length: 0\r\n\r\n` },
  'a carriage return in a value': { bytes: withField('X: a\rb') },
  'NUL in a value': { bytes: withField('X: a\0b') },
  'a control character in a value': { bytes: withField('X: a\x01b') },
  'DEL in a value': { bytes: withField('X: a\x7fb') },
  'a folded field': { bytes: withField('X: a\r\n b') },
  'a blank in a name': { bytes: withField('X y: a') },
  'a blank before the colon': { bytes: withField('X : a') },
  'a name beyond ASCII': { bytes: withField('X\xe4: a') },
  'a line without a colon': { bytes: withField('Xyz') },
  'a field without a name': { bytes: withField(': a') },
  'a head without end': { bytes: `${OK}X: ${LONG}` },
  'a head of more than 64 KB': { bytes: `${OK}X: ${LONG}\r\n\r\n` },
  'hints without end': {
    bytes: `HTTP/1.1 103 Early Hints\r\nLink: ${'x'.repeat(1000)}\r\n\r\n`.repeat(70),
    ownOnly: true,
  },
  'two lengths that differ': { bytes: `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk` },
  'one length twice': { bytes: `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok` },
  'a list of lengths': { bytes: `${OK}Content-Length: 2, 2\r\n\r\nok` },
  'a length with plus': { bytes: `${OK}Content-Length: +2\r\n\r\nok` },
  'a length with minus': { bytes: `${OK}Content-Length: -2\r\n\r\nok` },
  'a hexadecimal length': { bytes: `${OK}Content-Length: 0x2\r\n\r\nok` },
  'a broken length': { bytes: `${OK}Content-Length: 2.0\r\n\r\nok` },
  'an empty length': { bytes: `${OK}Content-Length:\r\n\r\n` },
  'a length beyond all numbers': { bytes: `${OK}Content-Length: 99999999999999999999\r\n\r\nok` },
  'a length of many zeros': { bytes: `${OK}Content-Length: 0000000000000002\r\n\r\nok`, ownOnly: true },
  'a coding and a length': {
    bytes: `${OK}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  },
  'a length and a coding': {
    bytes: `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  },
  // These leave it to chance who decodes what, and undici passes the bytes on undecoded.
  'another coding before chunked': { bytes: `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, ownOnly: true },
  'chunked twice': {
    bytes: `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ownOnly: true,
  },
  'a coding nobody knows': { bytes: `${OK}Transfer-Encoding: xchunked\r\n\r\nok`, ownOnly: true },
  'chunks in HTTP/1.0': { bytes: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', ownOnly: true },
  'a size that is no number': { bytes: `${CHUNKED}z\r\n` },
  'an empty size': { bytes: `${CHUNKED}\r\nab\r\n0\r\n\r\n` },
  'a size with 0x': { bytes: `${CHUNKED}0x2\r\nab\r\n0\r\n\r\n` },
  'a size below nothing': { bytes: `${CHUNKED}-2\r\nab\r\n0\r\n\r\n` },
  'a blank behind a size': { bytes: `${CHUNKED}2 \r\nab\r\n0\r\n\r\n` },
  'a size beyond all numbers': { bytes: `${CHUNKED}fffffffffffffffff\r\nab` },
  'a size of many zeros': { bytes: `${CHUNKED}00000000000002\r\nab\r\n0\r\n\r\n`, ownOnly: true },
  'a line feed alone behind a size': { bytes: `${CHUNKED}2\nab\r\n0\r\n\r\n` },
  'a control character in an extension': { bytes: `${CHUNKED}2;a\x01\r\nab\r\n0\r\n\r\n` },
  'an extension without end': { bytes: `${CHUNKED}2;${'x'.repeat(5000)}\r\nab\r\n0\r\n\r\n`, ownOnly: true },
  'a chunk longer than its size': { bytes: `${CHUNKED}2\r\nabc\r\n0\r\n\r\n`, body: 'ab' },
  'a chunk that ends in a line feed alone': { bytes: `${CHUNKED}2\r\nab\n0\r\n\r\n`, body: 'ab' },
  'a trailer that is no field': { bytes: `${CHUNKED}2\r\nab\r\n0\r\nX y: 1\r\n\r\n`, body: 'ab' },
  'a length among the trailers': { bytes: `${CHUNKED}2\r\nab\r\n0\r\nContent-Length: 9\r\n\r\n`, body: 'ab' },
  'trailers without end': { bytes: `${CHUNKED}2\r\nab\r\n0\r\nX: ${'x'.repeat(17_000)}`, body: 'ab', ownOnly: true },
}

/** Of these undici says only that the connection broke. */
const CALLED_RESET = new Set(['a status below 100', 'a change of protocol'])

/** What the other side cuts off. */
const CUT: Record<string, { bytes: string; body?: string }> = {
  'nothing at all': { bytes: '' },
  'half a head': { bytes: `${OK}Content-Le` },
  'half a body': { bytes: `${OK}Content-Length: 4\r\n\r\nok`, body: 'ok' },
  'half a size': { bytes: `${CHUNKED}1` },
  'half a chunk': { bytes: `${CHUNKED}4\r\nok`, body: 'ok' },
  'no last chunk': { bytes: `${CHUNKED}2\r\nok\r\n`, body: 'ok' },
  'half of the last chunk': { bytes: `${CHUNKED}2\r\nok\r\n0\r\n`, body: 'ok' },
  'half of the trailers': { bytes: `${CHUNKED}2\r\nok\r\n0\r\nX: 1\r\n`, body: 'ok' },
  'hints alone': { bytes: 'HTTP/1.1 103 Early Hints\r\n\r\n' },
}

const rowsFor = <Row extends { ownOnly?: true }>(client: Client, table: Record<string, Row>): [string, Row][] =>
  Object.entries(table).filter(([, row]) => client === 'own' || !row.ownOnly)

/** Is the next request carried by the same connection? */
async function isReused(): Promise<boolean> {
  const before = provider.sockets.length
  await turn()
  provider.answer = ({ socket }) => socket.write(EMPTY)
  expect(await ask(upstream, provider.origin).over).toMatchObject({ end: 'end', status: 200, wrong: [] })
  return provider.sockets.length === before
}

const withoutTrailingBlanks = (headers: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value.trimEnd() : value]),
  )

describe.each(CLIENTS)('%s', (client) => {
  beforeEach(() => {
    upstream = createUpstream({ client })
  })
  afterEach(() => upstream.close())

  describe.each(rowsFor(client, TAKEN))('takes %s', (_, { bytes, status = 200, body = '', headers, reused = true }) => {
    test('in one read', async () => {
      provider.answer = ({ socket }) => socket.write(bytes, 'latin1')
      const heard = await ask(upstream, provider.origin).over
      expect(heard).toMatchObject({ end: 'end', status, wrong: [] })
      expect(heard.body.toString('latin1')).toBe(body)
      expect(heard.chunks).toBe(body === '' ? 0 : 1)
      if (headers) expect(Object.entries(heard.headers)).toEqual(expect.arrayContaining(Object.entries(headers)))
      expect(await isReused()).toBe(reused)
    })

    test('in two reads, cut anywhere', async () => {
      // What comes behind the end of an answer may come when nobody listens any more.
      for (let at = 1; at < bytes.length; at++) {
        provider.answer = ({ socket }) => sendParts(socket, [bytes.slice(0, at), bytes.slice(at)])
        const heard = await ask(upstream, provider.origin).over
        await turn()
        expect(heard, `cut at ${at}`).toMatchObject({ end: 'end', status, wrong: [] })
        expect(heard.body.toString('latin1')).toBe(body)
      }
    })

    test('byte by byte', async () => {
      provider.answer = ({ socket }) => sendParts(socket, [...bytes])
      const { over } = ask(upstream, provider.origin)
      const heard = await over
      expect(heard).toMatchObject({ end: 'end', status, wrong: [] })
      expect(heard.body.toString('latin1')).toBe(body)
      expect(withoutTrailingBlanks(heard.headers)).toMatchObject(headers ?? {})
    })
  })

  describe.each(rowsFor(client, REFUSED))('refuses %s', (name, { bytes, body = '' }) => {
    const kind = client === 'undici' && CALLED_RESET.has(name) ? 'reset' : 'malformed'

    test('in one read, and its connection is closed', async () => {
      provider.answer = ({ socket }) => socket.write(bytes, 'latin1')
      const heard = await ask(upstream, provider.origin).over
      expect(heard).toMatchObject({ end: kind, sent: true, wrong: [] })
      expect(heard.body.toString('latin1')).toBe(body)
      expect(await isReused()).toBe(false)
    })

    test('in two reads, cut anywhere', async () => {
      const step = Math.max(1, Math.floor(bytes.length / 200))
      for (let at = 1; at < bytes.length; at += step) {
        provider.answer = ({ socket }) => sendParts(socket, [bytes.slice(0, at), bytes.slice(at)])
        const heard = await ask(upstream, provider.origin).over
        expect(heard, `cut at ${at}`).toMatchObject({ end: kind, sent: true, wrong: [] })
        expect(heard.body.toString('latin1')).toBe(body)
      }
    })
  })

  describe.each(Object.entries(CUT))('of %s', (_, { bytes, body = '' }) => {
    test.each(['closed', 'reset'] as const)('makes a failure, never an end, when the connection is %s', async (how) => {
      provider.answer = async ({ socket }) => {
        await sendParts(socket, [bytes])
        if (how === 'closed') socket.end()
        else socket.resetAndDestroy()
      }
      const heard = await ask(upstream, provider.origin).over
      expect(heard).toMatchObject({ end: 'reset', sent: true, wrong: [] })
      expect(heard.body.toString('latin1')).toBe(body)
    })
  })

  test('takes a body that ends with the connection', async () => {
    provider.answer = async ({ socket }) => {
      await sendParts(socket, [`${OK}\r\nab`, 'cd'])
      socket.end()
    }
    const heard = await ask(upstream, provider.origin).over
    expect(heard).toMatchObject({ end: 'end', status: 200, wrong: [] })
    expect(heard.body.toString()).toBe('abcd')
    expect(await isReused()).toBe(false)
  })

  test('hands on all of one read in one piece, however many chunks it is of', async () => {
    provider.answer = ({ socket }) =>
      sendParts(socket, [CHUNKED, '1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n', '1\r\ng\r\n1\r\nh\r\n0\r\n\r\n'])
    const heard = await ask(upstream, provider.origin).over
    expect(heard).toMatchObject({ end: 'end', chunks: 2 })
    expect(heard.body.toString()).toBe('abcdefgh')
  })
})

// The one that undici takes for the end of the answer.
test('own: a connection that is reset is no end of a body that ends with it', async () => {
  upstream = createUpstream({ client: 'own' })
  provider.answer = async ({ socket }) => {
    await sendParts(socket, [`${OK}\r\nab`])
    socket.resetAndDestroy()
  }
  expect(await ask(upstream, provider.origin).over).toMatchObject({ end: 'reset', sent: true, wrong: [] })
  await upstream.close()
})
