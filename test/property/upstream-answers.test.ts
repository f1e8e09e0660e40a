// Two readers of the same answers: random ones, cut at random, come out alike from both clients; damaged ones never
// make either of them say anything out of turn, and what undici refuses, ours refuses too.
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createUpstream } from '../../server/upstream/create-upstream.ts'
import { ResponseReader } from '../../server/upstream/http1/response-reader.ts'
import type { Upstream } from '../../server/upstream/upstream.ts'
import { ask, sendParts, startByteProvider, turn, type ByteProvider, type Heard } from '../support/byte-provider.ts'
import { createMutator } from '../support/fuzz/mutator.ts'
import { RUNS } from '../support/properties.ts'
import { createRandom } from '../support/random.ts'

/** Over sockets, which take their time. */
const SOME = { numRuns: Math.ceil(RUNS.numRuns / 5) }

interface Answer {
  readonly bytes: Buffer
  readonly body: Buffer
  /** Its end is the connection's. */
  readonly endsByClosing: boolean
}

const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/).map((text) => `x${text}`)
const value = fc.stringMatching(/^([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]{0,40}[\x21-\x7e\x80-\xff])?)?$/)
const fields = fc
  .array(fc.tuple(name, fc.constantFrom(': ', ':', ':\t '), value), { maxLength: 8 })
  .map((lines) => lines.map((line) => `${line.join('')}\r\n`).join(''))
const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((given) => Buffer.from(given))
const extension = fc.constantFrom('', ';a', ';a=b', ';a="b c;d"')
const hints = fc.array(
  fields.map((lines) => `HTTP/1.1 103 Early Hints\r\n${lines}\r\n`),
  { maxLength: 2 },
)
const status = fc.constantFrom(200, 201, 299, 400, 404, 429, 500, 529)

const chunked = fc
  .tuple(fc.array(fc.tuple(bytes(60), extension), { maxLength: 6 }), fc.boolean(), fields)
  .map(([chunks, isUpper, trailers]) => {
    const parts = chunks
      .filter(([chunk]) => chunk.length > 0)
      .map(([chunk, words]) => {
        const size = chunk.length.toString(16)
        return [Buffer.from(`${isUpper ? size.toUpperCase() : size}${words}\r\n`), chunk, Buffer.from('\r\n')]
      })
    const text = Buffer.concat([...parts.flat(), Buffer.from(`0\r\n${trailers}\r\n`, 'latin1')])
    return { field: 'Transfer-Encoding: chunked\r\n', text, body: Buffer.concat(parts.map(([, chunk]) => chunk!)) }
  })
const sized = bytes(300).map((body) => ({ field: `Content-Length: ${body.length}\r\n`, text: body, body }))
const closed = bytes(300).map((body) => ({ field: '', text: body, body }))

const answer: fc.Arbitrary<Answer> = fc
  .tuple(hints, status, fields, fc.oneof(chunked, sized, closed), fc.constantFrom('', 'Connection: close\r\n'))
  .map(([before, code, lines, { field, text, body }, connection]) => {
    const head = `${before.join('')}HTTP/1.1 ${code} of chance\r\n${lines}${field}${connection}\r\n`
    return { bytes: Buffer.concat([Buffer.from(head, 'latin1'), text]), body, endsByClosing: field === '' }
  })
const cuts = fc.array(fc.nat(600), { maxLength: 6 })

function cut(given: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (given.length + 1)).toSorted((a, b) => a - b), given.length]
  return at.slice(1).map((end, index) => given.subarray(at[index], end))
}

let provider: ByteProvider
let clients: Record<'own' | 'undici', Upstream>

beforeAll(async () => {
  provider = await startByteProvider()
  clients = { own: createUpstream({ client: 'own' }), undici: createUpstream({ client: 'undici' }) }
})
afterAll(async () => {
  await Promise.all(Object.values(clients).map((client) => client.close()))
  await provider.close()
})
beforeEach(() => {
  provider.answer = () => {}
})

/** Asks through one of the clients; after the parts the connection ends. */
async function hear(client: 'own' | 'undici', parts: readonly Buffer[], endsByClosing: boolean): Promise<Heard> {
  provider.answer = async ({ socket }) => {
    await sendParts(socket, parts)
    if (endsByClosing) socket.end()
  }
  const heard = await ask(clients[client], provider.origin).over
  await turn(2 * parts.length + 2)
  return heard
}

const tell = ({ status: code, headers, body, end }: Heard): unknown => ({
  code,
  headers: Object.entries(headers),
  body: body.toString('latin1'),
  end,
})

describe('well-formed answers', () => {
  test('come out alike, and as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(answer, cuts, async (given, places) => {
        const parts = cut(given.bytes, places)
        const own = await hear('own', parts, given.endsByClosing)
        expect(own).toMatchObject({ end: 'end', wrong: [] })
        expect(own.body.equals(given.body)).toBe(true)
        expect(tell(own)).toEqual(tell(await hear('undici', parts, given.endsByClosing)))
      }),
      SOME,
    )
  })

  test('come out alike however they are cut, for the reader alone', () => {
    fc.assert(
      fc.property(answer, cuts, (given, places) => {
        const [whole, pieces] = [read([given.bytes]), read(cut(given.bytes, places))]
        expect(pieces).toEqual(whole)
        expect(whole).toMatchObject({ isMalformed: false, hasExtra: false, isDone: true })
        expect(whole.body.equals(given.body)).toBe(true)
      }),
      RUNS,
    )
  })

  test('of many calls at once are never mixed up', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(answer, cuts), { minLength: 2, maxLength: 12 }), async (given) => {
        provider.answer = async ({ socket, request }) => {
          const [one, places] = given[Number(request.split(' ')[1]!.slice(1))]!
          await sendParts(socket, cut(one.bytes, places))
          if (one.endsByClosing) socket.end()
        }
        const asked = given.map((_, at) => ask(clients.own, provider.origin, { path: `/${at}` }))
        for (const [at, { over }] of asked.entries()) {
          const heard = await over
          expect(heard).toMatchObject({ end: 'end', wrong: [] })
          expect(heard.body.equals(given[at]![0].body)).toBe(true)
        }
      }),
      { numRuns: Math.ceil(RUNS.numRuns / 20) },
    )
  })
})

interface Read {
  readonly isDone: boolean
  readonly isMalformed: boolean
  readonly hasExtra: boolean
  readonly head: ResponseReader['head']
  readonly body: Buffer
}

/** What the reader makes of the parts, and then of the end of the connection; each part overwrites the one before. */
function read(parts: readonly Buffer[]): Read {
  const reader = new ResponseReader()
  const shared = Buffer.alloc(64 * 1024, '\r\n\r\n')
  const pieces: Buffer[] = []
  for (const part of parts) {
    if (part.length === 0) continue
    if (reader.isMalformed) break
    if (reader.isDone) return { ...stateOf(reader), hasExtra: true, body: Buffer.concat(pieces) }
    part.copy(shared)
    const piece = reader.read(shared, part.length)
    if (piece) pieces.push(piece)
  }
  if (!reader.isMalformed) reader.finish()
  return { ...stateOf(reader), body: Buffer.concat(pieces) }
}

const stateOf = ({ isDone, isMalformed, hasExtra, head }: ResponseReader): Omit<Read, 'body'> => ({
  isDone,
  isMalformed,
  hasExtra,
  head,
})

const WORDS = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  '\0',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.0 ',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  ' ',
  ':',
  ';',
  '0\r\n\r\n',
  'ffffffffffffffff',
]

/** Where ours takes what undici does not, by the standard (docs/decisions/2026-11-23-own-upstream-client.md). */
function isTakenOnPurpose(given: string): boolean {
  return (
    /HTTP\/1\.1 100/.test(given) ||
    /content-length:[^\r]*[\t ]\r/i.test(given) ||
    /^[0-9a-f]+;[^\r]*[^!#$%&'*+\-.^_`|~0-9A-Za-z;="]/im.test(given) ||
    /^[0-9a-f]+;/im.test(given)
  )
}

describe('damaged answers', () => {
  const random = createRandom()
  const samples = fc.sample(answer, { numRuns: 60, seed: random.seed }).map((one) => one.bytes)
  const mutator = createMutator(random, WORDS, samples)
  const damaged = (): Buffer => {
    let given = samples[random.below(samples.length)]!
    for (let times = 1 + random.below(3); times > 0; times--) given = mutator.mutate(given, 'bytes')
    return given.subarray(0, 4096)
  }

  test('never make a client speak out of turn, and ours refuses what undici refuses', async () => {
    for (let count = 0; count < SOME.numRuns * 3; count++) {
      const given = damaged()
      const parts = cut(given, [random.below(4096), random.below(4096)])
      const label = `seed ${random.seed}, ${JSON.stringify(given.toString('latin1'))}`
      const [own, other] = [await hear('own', parts, true), await hear('undici', parts, true)]
      expect([own.wrong, other.wrong], label).toEqual([[], []])
      if (other.end !== 'end' && own.end === 'end') expect(isTakenOnPurpose(given.toString('latin1')), label).toBe(true)
      if (other.end === 'end' && own.end === 'end') {
        expect([own.status, own.body.toString('latin1')], label).toEqual([other.status, other.body.toString('latin1')])
      }
    }
  })

  test('mean the same to the reader however they are cut', () => {
    for (let count = 0; count < RUNS.numRuns * 10; count++) {
      const given = damaged()
      const places = Array.from({ length: random.below(5) }, () => random.below(4096))
      const label = `seed ${random.seed}, ${JSON.stringify(given.toString('latin1'))} at ${places.join()}`
      const [whole, pieces] = [read([given]), read(cut(given, places))]
      expect([pieces.isDone, pieces.isMalformed, pieces.hasExtra], label).toEqual([
        whole.isDone,
        whole.isMalformed,
        whole.hasExtra,
      ])
      expect(pieces.body.equals(whole.body), label).toBe(true)
      expect(pieces.head, label).toEqual(whole.head)
    }
  })
})
