// The laws of the wire dialects, for this one: generated answers and requests through the codec and back.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answers, args, conversation, name, requests, state, words } from '../../../test/support/gemini-arbitraries.ts'
import { commonProofs, holds, proveLaws, provenBy, type LawSubject } from '../../../test/support/laws.ts'
import { RUNS } from '../../../test/support/properties.ts'
import type { ChatRequest, ChatResponse, Item } from '../canonical.ts'
import { createLossReport } from '../codec.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import {
  answerOf,
  BUDGET_PROFILE,
  codec,
  decode,
  decodeStream,
  decodingOf,
  encodeStream,
  encodingOf,
  lossNames,
  PROFILE,
  requestOf,
  responseEncodingOf,
  slotOf,
  sse,
  wireChunks,
} from './testing.ts'

const subject: LawSubject = {
  id: 'gemini',
  codec,
  answers,
  decoding: () => decodingOf(),
  encoding: () => responseEncodingOf(),
  checkWire: expectProperStream,
}
const common = commonProofs(subject)

/** Whole parts in every chunk; the end and the usage in the last one alone. */
function expectProperStream(stream: string): void {
  const chunks = wireChunks(stream)
  const ends = chunks.map((chunk) => (chunk['candidates'] as { finishReason?: string }[])[0]!.finishReason)
  expect(ends.map((end) => end !== undefined)).toEqual(chunks.map((_, at) => at === chunks.length - 1))
  expect(chunks.at(-1)).toHaveProperty('usageMetadata')
}

const visibly = fc.tuple(answers, fc.boolean())

function expectCollected([answer, visible]: [ChatResponse, boolean]): void {
  const encoding = responseEncodingOf({ request: requestOf({ reasoning: { visible } }) })
  const whole = codec.decodeResponse(codec.encodeResponse(answer, encoding), decodingOf())
  const stream = encodeStream(eventsOf(answer), encoding)
  expect(collectEvents(decodeStream(stream))).toEqual(whole)
}

const pieces = fc.array(fc.record({ text: fc.string(), thought: fc.boolean(), signed: fc.boolean() }), {
  minLength: 1,
  maxLength: 8,
})

function expectJoined(said: readonly { text: string; thought: boolean; signed: boolean }[]): void {
  const parts = said.map(({ text, thought, signed }) => ({
    text,
    ...(thought ? { thought } : {}),
    ...(signed ? { thoughtSignature: 'c2ln' } : {}),
  }))
  const end = { candidates: [{ content: { parts: [] }, finishReason: 'STOP' }] }
  const stream = sse(...parts.map((part) => ({ candidates: [{ content: { parts: [part] } }] })), end)
  const whole = { candidates: [{ content: { parts }, finishReason: 'STOP' }] }
  expect(collectEvents(decodeStream(stream))).toEqual(codec.decodeResponse(whole, decodingOf()))
}

function expectSameAnswer(said: ChatResponse): void {
  const answer = { ...said, id: 'req_01J', model: 'asked-for', items: keepSayable(said.items) }
  const back = codec.decodeResponse(codec.encodeResponse(answer, responseEncodingOf()), decodingOf())
  expect(back.items).toEqual(answer.items.map(asRead))
  expect(back.usage).toEqual(answer.usage)
  const hasCalls = answer.items.some(({ kind }) => kind === 'call')
  const { unified } = answer.finish
  const expected = unified === 'stop' && hasCalls ? 'tool_calls' : unified === 'refusal' ? 'content_filter' : unified
  expect(back.finish.unified).toBe(expected)
}

function expectSameRequest(asked: ChatRequest): void {
  const losses = createLossReport()
  const { body } = codec.encodeRequest(asked, encodingOf({ losses }))
  expect(lossNames(losses)).toEqual([])
  expect(decode(JSON.parse(JSON.stringify(body)) as Record<string, unknown>)).toEqual(asked)
}

/** State on reasoning moves to a call, and neighbours of one kind are one: not for this law. */
function keepSayable(items: readonly Item[]): Item[] {
  const kept: Item[] = []
  for (const item of items) {
    if (item.kind === 'reasoning' && (item.signature || item.text === '')) continue
    const merges = item.kind === 'text' || item.kind === 'reasoning'
    if (!merges || item.kind !== kept.at(-1)?.kind) kept.push(item)
  }
  return kept
}

/** Sealed state comes back as the value of the slot it stood in. */
function asRead(item: Item): Item {
  if (!item.signature) return item
  const { provider, account, model } = decodingOf()
  return { ...item, signature: { provider, account, model, kind: 'thought', value: slotOf(item.signature) } }
}

proveLaws('gemini', {
  ...common,
  2: {
    ...common[2],
    'whether thoughts are shown or not': holds(visibly, expectCollected),
    'text that comes in pieces is the text': holds(pieces, expectJoined),
  },
  3: {
    'an answer is read as it was written, as far as this dialect can say it': holds(answers, expectSameAnswer),
    'a request is read as it was written': holds(requests, expectSameRequest),
  },
  5: {
    ...provenBy('test/conformance/every-field.test.ts', "describe.each(PAIRS)('from %s to %s'"),
    ...provenBy('test/property/cross-dialect.test.ts', 'nothing else is lost silently'),
    ...provenBy('test/property/cross-answers.test.ts', '%s to %s: what an answer says is told, or said to be lost'),
  },
})

describe('beside the laws', () => {
  test('a client of this dialect hands back another dialect’s reasoning state where it stood', () => {
    const foreign = fc
      .tuple(words, state('signature'))
      .map(([text, signature]): Item => ({ kind: 'reasoning', turn: 0, text, signature }))
    const plain = fc.oneof(
      words.map((text): Item => ({ kind: 'text', role: 'assistant', turn: 0, text })),
      fc.tuple(fc.uuid(), name, args).map(([id, called, argsText]): Item => {
        return { kind: 'call', turn: 0, id, name: called, argsText, style: 'json' }
      }),
    )
    fc.assert(
      fc.property(
        fc.array(fc.oneof(foreign, plain), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        (items, visible) => {
          const encoding = responseEncodingOf({ request: requestOf({ reasoning: { visible } }) })
          const answer = answerOf(mergeTexts(items))
          const stream = wireChunks(encodeStream(eventsOf(answer), encoding))
          const wholes = [codec.encodeResponse(answer, encoding), ...(visible ? [] : [{ candidates: joined(stream) }])]
          for (const whole of wholes) {
            const [candidate] = whole['candidates'] as { content: unknown }[]
            const request = decode({ contents: [candidate!.content] })
            const expected = visible
              ? answer.items
              : answer.items.map((item) => (item.kind === 'reasoning' ? { ...item, text: '' } : item))
            expect(request.items).toEqual(expected)
          }
        },
      ),
      RUNS,
    )
  })

  test('as many responses as calls, in their order, directly after them', () => {
    const shuffled = conversation.chain((items) => {
      const results = items.filter(({ kind }) => kind === 'result')
      return fc.tuple(fc.constant(items), fc.shuffledSubarray(results))
    })
    fc.assert(
      fc.property(shuffled, ([items, results]) => {
        const last = Math.max(...items.map(({ turn }) => turn))
        const order: Item[] = [
          ...items.filter(({ kind }) => kind !== 'result'),
          ...results.map((item) => ({ ...item, turn: last + 1 })),
          { kind: 'text', role: 'user', turn: last + 1, text: 'go on' },
        ]
        for (const profile of [PROFILE, BUDGET_PROFILE]) {
          const { body } = codec.encodeRequest(requestOf({ items: order }), encodingOf({ profile }))
          const contents = body['contents'] as { role: string; parts: Record<string, { id: string; name: string }>[] }[]
          for (const [index, { role, parts }] of contents.entries()) {
            if (index > 0) expect(role).not.toBe(contents[index - 1]!.role)
            const calls = parts.filter((part) => part['functionCall']).map((part) => part['functionCall']!)
            if (role !== 'model' || calls.length === 0) continue
            const after = contents[index + 1]!.parts.slice(0, calls.length).map((part) => part['functionResponse']!)
            expect(after.map(({ id, name: tool }) => ({ id, name: tool }))).toEqual(
              calls.map(({ id, name: tool }) => ({ id, name: tool })),
            )
          }
        }
      }),
      RUNS,
    )
  })
})

function joined(chunks: readonly Record<string, unknown>[]): unknown[] {
  const parts = chunks.flatMap(
    (chunk) => (chunk['candidates'] as { content: { parts: unknown[] } }[])[0]!.content.parts,
  )
  return [{ content: { role: 'model', parts } }]
}

/** Texts that follow each other are one on the wire. */
function mergeTexts(items: readonly Item[]): Item[] {
  return items.filter((item, index) => item.kind !== 'text' || items[index - 1]?.kind !== 'text')
}
