// The seven laws of protocols/, and what every dialect proves of each. Laws that need nothing but a dialect's codec and
// its answers are proven here for all; the others every dialect proves itself. A law without a proof does not compile.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSseSplitter } from '../../server/kernel/sse-splitter.ts'
import type { ChatResponse, StreamEvent } from '../../server/protocols/canonical.ts'
import type { Codec, ResponseDecoding, ResponseEncoding } from '../../server/protocols/codec.ts'
import { collectEvents, eventsOf } from '../../server/protocols/collect.ts'
import type { ProtocolId } from '../../server/protocols/protocol.ts'
import { PROTOCOLS } from '../../server/protocols/registry.ts'
import { RUNS } from './properties.ts'
import { cutBytes, relayPieces } from './relaying.ts'

const LAWS = {
  1: 'one part is open at a time; a decoder serialises what comes mixed',
  2: 'a collected stream is the whole answer',
  3: 'what is written and read again is the same',
  4: 'any byte split gives the same events',
  5: 'whatever is dropped is reported',
  6: 'relay passes bytes as they are',
  7: 'relay and translation report the same usage',
} as const
type Law = keyof typeof LAWS

/** Tests by their names. */
export type Proofs = Readonly<Record<string, () => void>>

/** Why there is nothing to prove. */
export interface NoProof {
  readonly none: string
}

/** A dialect as the laws see it. */
export interface LawSubject {
  readonly id: ProtocolId
  readonly codec: Codec
  /** Answers that the dialect can say. */
  readonly answers: fc.Arbitrary<ChatResponse>
  readonly decoding: () => ResponseDecoding
  readonly encoding: () => ResponseEncoding
  /** Fails where a stream as written has two parts open at once, or lacks its proper beginning or end. */
  readonly checkWire: (stream: string) => void
}

/** Makes one test of every proof. */
export function proveLaws(id: ProtocolId, laws: Readonly<Record<Law, Proofs | NoProof>>): void {
  describe(`the laws, for ${id}`, () => {
    for (const law of Object.keys(LAWS) as unknown as Law[]) {
      const proofs = laws[law]
      if (isNone(proofs)) continue
      const named = Object.entries(proofs)
      if (named.length === 0) throw new Error(`law ${law} has no proof: ${LAWS[law]}`)
      for (const [name, proof] of named) test(`law ${law}: ${name}`, proof)
    }
  })
}

const isNone = (proofs: Proofs | NoProof): proofs is NoProof => typeof proofs['none'] === 'string'

/** A proof that stands in a file of its own: the test there, which must exist. */
export function provenBy(file: string, name: string): Proofs {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
  return { [`${name} (${file})`]: () => expect(text).toContain(name) }
}

export function holds<Value>(values: fc.Arbitrary<Value>, claim: (value: Value) => void): () => void {
  return () => fc.assert(fc.property(values, claim), RUNS)
}

/** Parts open one at a time, numbered from 0; at the end one finish, with nothing open, or one error. */
export function expectOneOpen(events: readonly StreamEvent[]): void {
  let open: number | null = null
  let next = 0
  for (const event of events) {
    if (event.type === 'part-start') {
      expect([open, event.index]).toEqual([null, next])
      open = next++
    } else if (event.type === 'part-delta') expect(event.index).toBe(open)
    else if (event.type === 'part-end') {
      expect(event.index).toBe(open)
      open = null
    }
  }
  const ends = events.filter(({ type }) => type === 'finish' || type === 'error')
  expect(ends).toEqual([events.at(-1)])
  if (ends[0]?.type === 'finish') expect(open).toBeNull()
}

export function writeStream({ codec, encoding }: LawSubject, answer: ChatResponse): string {
  const encoder = codec.streamEncoder(encoding())
  return [...eventsOf(answer)].map((event) => encoder.push(event)).join('')
}

/** Bytes in the pieces in which they come, as events of the middle model. */
export function readPieces({ codec, decoding }: LawSubject, pieces: readonly Buffer[]): StreamEvent[] {
  const splitter = createSseSplitter()
  const decoder = codec.streamDecoder(decoding())
  const pushed = pieces.flatMap((piece) => splitter.push(piece)).flatMap((event) => decoder.push(event))
  return [...pushed, ...splitter.end().flatMap((event) => decoder.push(event)), ...decoder.end()]
}

const readStream = (subject: LawSubject, stream: string): StreamEvent[] => readPieces(subject, [Buffer.from(stream)])

// A whole answer as it goes over the wire, and read.
const writeWhole = ({ codec, encoding }: LawSubject, answer: ChatResponse): string =>
  JSON.stringify(codec.encodeResponse(answer, encoding()))
const readWhole = ({ codec, decoding }: LawSubject, text: string): ChatResponse =>
  codec.decodeResponse(JSON.parse(text) as Record<string, unknown>, decoding())

/** The proofs that are the same for every dialect that providers speak. */
export function commonProofs(subject: LawSubject): Readonly<Record<1 | 2 | 4 | 6 | 7, Record<string, () => void>>> {
  const { answers, checkWire } = subject
  const protocol = PROTOCOLS[subject.id]
  const cuts = fc.array(fc.nat({ max: 100_000 }), { maxLength: 12 })
  const lineEnd = fc.constantFrom('\n', '\r\n', '\r')
  return {
    1: {
      'an answer is written, and read, part by part': holds(answers, (answer) => {
        const stream = writeStream(subject, answer)
        checkWire(stream)
        expectOneOpen(readStream(subject, stream))
      }),
    },
    2: {
      'an answer in a stream, collected, is the whole one': holds(answers, (answer) => {
        const events = readStream(subject, writeStream(subject, answer))
        expect(collectEvents(events)).toEqual(readWhole(subject, writeWhole(subject, answer)))
      }),
    },
    4: {
      'an answer cut anywhere, with any line ends, is read alike': holds(
        fc.tuple(answers, cuts, lineEnd, fc.boolean()),
        ([answer, places, ending, mark]) => {
          const stream = writeStream(subject, answer)
          const bytes = Buffer.from((mark ? '\uFEFF' : '') + stream.replaceAll('\n', ending))
          expect(readPieces(subject, cutBytes(bytes, places))).toEqual(readStream(subject, stream))
        },
      ),
    },
    6: {
      'an answer cut anywhere arrives byte for byte': holds(fc.tuple(answers, cuts), ([answer, places]) => {
        const stream = Buffer.from(writeStream(subject, answer))
        const streamed = relayPieces({ protocol, shape: 'events' }, cutBytes(stream, places))
        expect(streamed).toMatchObject({ complete: true, failed: false })
        expect(streamed.bytes.equals(stream)).toBe(true)
        const body = Buffer.from(writeWhole(subject, answer))
        const whole = relayPieces({ protocol, shape: 'whole' }, cutBytes(body, places))
        expect(whole).toMatchObject({ complete: true, failed: false })
        expect(whole.bytes.equals(body)).toBe(true)
      }),
    },
    7: {
      'the meter reads in passing what the codec reads': holds(fc.tuple(answers, cuts), ([answer, places]) => {
        const stream = writeStream(subject, answer)
        const streamed = relayPieces({ protocol, shape: 'events' }, cutBytes(Buffer.from(stream), places))
        expect(streamed.usage).toEqual(collectEvents(readStream(subject, stream)).usage)
        const body = writeWhole(subject, answer)
        const whole = relayPieces({ protocol, shape: 'whole' }, cutBytes(Buffer.from(body), places))
        expect(whole.usage).toEqual(readWhole(subject, body).usage)
      }),
    },
  }
}
