// The laws of protocols/ for Responses, over generated answers, streams and requests.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commonProofs, expectOneOpen, holds, proveLaws, provenBy, type LawSubject } from '../../../test/support/laws.ts'
import { RUNS } from '../../../test/support/properties.ts'
import {
  decode,
  encode,
  PROVIDER,
  readStream,
  readWire,
  responseEncoding,
  sealMarked,
  writeStream,
  type WireEvent,
} from '../../../test/support/responses-codec.ts'
import { ANSWER_ID, answers, calls, requests, summaries, texts } from '../../../test/support/responses-arbitraries.ts'
import type { ChatRequest, ChatResponse, Item, StreamEvent, Usage } from '../canonical.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import { openaiResponsesCodec as codec } from './codec.ts'

/** Seals nothing, so that state can be compared; reasoning items get ids of ours on the way. */
const openly = responseEncoding({ sealEnvelope: ({ value }) => value })

const subject: LawSubject = {
  id: 'openai-responses',
  codec,
  answers,
  decoding: () => PROVIDER,
  encoding: () => openly,
  checkWire: (stream) => expectProperStream(readWire(stream)),
}
const common = commonProofs(subject)

function withoutIds(response: ChatResponse): ChatResponse {
  const items = response.items.map((item) =>
    item.signature ? { ...item, signature: { ...item.signature, id: 'any' } } : item,
  )
  return { ...response, items }
}

/** The same stream with its texts cut elsewhere. */
function* cut(events: Iterable<StreamEvent>, size: number): Generator<StreamEvent> {
  for (const event of events) {
    if (event.type !== 'part-delta' || !('text' in event.delta)) yield event
    else {
      const { kind, text: whole } = event.delta
      for (let at = 0; at < whole.length; at += size) {
        yield { ...event, delta: { kind, text: whole.slice(at, at + size) } }
      }
    }
  }
}

/** Every event has its type and a rising number; one id; every item is announced once and done before the next one. */
function expectProperStream(wire: readonly WireEvent[]): void {
  expect(wire.map((event) => event['sequence_number'])).toEqual(wire.map((_, index) => index))
  expect(wire.slice(0, 2).map(({ type }) => type)).toEqual(['response.created', 'response.in_progress'])
  expect(new Set(wire.flatMap((event) => event['response']?.id ?? []))).toEqual(new Set([ANSWER_ID]))
  const of = (type: string): WireEvent[] => wire.filter((event) => event['type'] === `response.output_item.${type}`)
  const output = wire.at(-1)!['response'].output as WireEvent[]
  expect(of('added').map((event) => event['output_index'])).toEqual(output.map((_, index) => index))
  expect(of('done').map(({ item }) => item)).toEqual(output)
  expect(of('added').map(({ item }) => item.type)).toEqual(output.map(({ type }) => type))
  const indexes = wire.flatMap(({ output_index: index }) => (index === undefined ? [] : [index as number]))
  expect(indexes).toEqual(indexes.toSorted((left, right) => left - right))
}

function writeStreamOfItems(response: ChatResponse): WireEvent[] {
  return writeStream(cut(eventsOf(response), 3), openly)
}

/** The events of the items in another order, each item's own kept. */
function mix(wire: readonly WireEvent[], choices: fc.Stream<number>): WireEvent[] {
  const queues = new Map<number, WireEvent[]>()
  const outside = wire.filter((event) => event['output_index'] === undefined)
  for (const event of wire) {
    const index = event['output_index'] as number | undefined
    if (index !== undefined) queues.set(index, [...(queues.get(index) ?? []), event])
  }
  const mixed: WireEvent[] = []
  const left = [...queues.values()]
  for (const choice of choices) {
    if (left.length === 0) break
    const at = choice % left.length
    mixed.push(left[at]!.shift()!)
    if (left[at]!.length === 0) left.splice(at, 1)
  }
  return [...outside.slice(0, 2), ...mixed, ...outside.slice(2)]
}

const mixed = fc.tuple(answers, fc.infiniteStream(fc.nat(3)))

/** Items whose events come mixed are told one after another, nothing of them lost. */
function expectSerialised([response, choices]: [ChatResponse, fc.Stream<number>]): void {
  const wire = writeStreamOfItems(response)
  const events = readStream(mix(wire, choices))
  expectOneOpen(events)
  const sortedItems = (read: ChatResponse): string[] => read.items.map((item) => JSON.stringify(item)).sort()
  expect(sortedItems(collectEvents(events))).toEqual(sortedItems(collectEvents(readStream(wire))))
}

const sized = fc.tuple(answers, fc.integer({ min: 1, max: 30 }))

function expectCollected([response, size]: [ChatResponse, number]): void {
  const whole = codec.encodeResponse(response, openly)
  const wire = writeStream(cut(eventsOf(response), size), openly)
  expect(collectEvents(readStream(wire))).toEqual(codec.decodeResponse(whole, PROVIDER))
  expect(wire.at(-1)!['response']).toEqual(whole)
}

function expectSameAnswer(response: ChatResponse): void {
  const read = codec.decodeResponse(codec.encodeResponse(response, openly), PROVIDER)
  expect(withoutIds(read)).toEqual(withoutIds(response))
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

function expectSameRequest(asked: ChatRequest): void {
  const { body, losses } = encode(asked)
  expect(losses).toEqual([])
  expect(plain(decode(body))).toEqual(plain(asked))
}

proveLaws('openai-responses', {
  ...common,
  1: { ...common[1], 'items whose events come mixed are told one after another': holds(mixed, expectSerialised) },
  2: { ...common[2], 'however its texts are cut': holds(sized, expectCollected) },
  3: {
    'an answer is read as it was written': holds(answers, expectSameAnswer),
    'a request is read as it was written': holds(requests, expectSameRequest),
  },
  5: {
    ...provenBy('test/conformance/every-field.test.ts', "describe.each(PAIRS)('from %s to %s'"),
    ...provenBy('test/property/cross-dialect.test.ts', 'nothing else is lost silently'),
    ...provenBy('test/property/cross-answers.test.ts', '%s to %s: what an answer says is told, or said to be lost'),
  },
})

describe('beside the laws', () => {
  test('state of other dialects comes back to the call, text or thoughts it hangs on', () => {
    const sealed = fc
      .constantFrom('signature', 'redacted', 'thought')
      .map((kind) => ({ provider: 'p', account: 'a', model: 'm', kind, value: 'v' }))
    fc.assert(
      fc.property(
        fc.oneof(
          calls,
          texts.map((item) => ({ ...item, citations: undefined })),
          summaries,
        ),
        sealed,
        (item, signature) => {
          // Only Google hangs state on calls and texts; and only Anthropic's may come without a text.
          const kind =
            item.kind === 'reasoning' ? (signature.kind === 'redacted' ? 'signature' : signature.kind) : 'thought'
          const bare = { ...item, summary: undefined }
          const state = { ...signature, kind }
          const said = { ...bare, signature: state } as Item
          const response: ChatResponse = {
            id: '',
            model: '',
            created: 0,
            items: [said],
            finish: { unified: 'stop', raw: '' },
            usage: NO_USAGE,
            extensions: {},
          }
          const { output } = codec.encodeResponse(response, responseEncoding({ sealEnvelope: sealMarked }))
          const read = decode({ input: [{ role: 'user', content: 'Hi' }, ...(output as unknown[])] })
          expect(plain(read.items.slice(1))).toEqual(plain([{ ...said, turn: 1 }]))
        },
      ),
      RUNS,
    )
  })
})

const NO_USAGE: Usage = {
  input: null,
  cacheRead: null,
  cacheWrite: null,
  cacheWrite1h: null,
  output: null,
  reasoning: null,
  searches: null,
}
