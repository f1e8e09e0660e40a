// The laws of the wire dialects, for this one: generated answers and requests through the codec and back.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Item, StreamEvent } from '../canonical.ts'
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
  RUNS,
  slotOf,
  sse,
  wireChunks,
  args,
  conversation,
  name,
  request,
  response,
  state,
  words,
} from './testing.ts'

/** Law 1: one part at a time, numbered from 0, each ended; one finish, last. */
function expectOneAtATime(events: readonly StreamEvent[]): void {
  let open = false
  let index = 0
  for (const event of events) {
    if (event.type === 'part-start') {
      expect([open, event.index]).toEqual([false, index])
      open = true
    } else if (event.type === 'part-delta') expect([open, event.index]).toEqual([true, index])
    else if (event.type === 'part-end') {
      expect([open, event.index]).toEqual([true, index])
      open = false
      index++
    }
  }
  expect(open).toBe(false)
  expect(events.filter(({ type }) => type === 'finish' || type === 'error')).toHaveLength(1)
  expect(events.at(-1)?.type).toBe('finish')
}

// ---- Answers -------------------------------------------------------------------------------------------------------

describe('answers', () => {
  test('law 1: one part is open at a time', () => {
    fc.assert(
      fc.property(response, (answer) => {
        expectOneAtATime(decodeStream(encodeStream(eventsOf(answer))))
      }),
      RUNS,
    )
  })

  test('law 2: a collected stream is the whole answer', () => {
    fc.assert(
      fc.property(response, fc.boolean(), (answer, visible) => {
        const encoding = responseEncodingOf({ request: requestOf({ reasoning: { visible } }) })
        const whole = codec.decodeResponse(codec.encodeResponse(answer, encoding), decodingOf())
        const stream = encodeStream(eventsOf(answer), encoding)
        expect(collectEvents(decodeStream(stream))).toEqual(whole)
      }),
      RUNS,
    )
  })

  test('law 2 for chunks cut anywhere: text in pieces is the text', () => {
    const chunk = fc.record({ text: fc.string(), thought: fc.boolean(), signed: fc.boolean() })
    fc.assert(
      fc.property(fc.array(chunk, { minLength: 1, maxLength: 8 }), (pieces) => {
        const parts = pieces.map(({ text, thought, signed: isSigned }) => ({
          text,
          ...(thought ? { thought } : {}),
          ...(isSigned ? { thoughtSignature: 'c2ln' } : {}),
        }))
        const end = { candidates: [{ content: { parts: [] }, finishReason: 'STOP' }] }
        const stream = sse(...parts.map((part) => ({ candidates: [{ content: { parts: [part] } }] })), end)
        const whole = { candidates: [{ content: { parts }, finishReason: 'STOP' }] }
        expect(collectEvents(decodeStream(stream))).toEqual(codec.decodeResponse(whole, decodingOf()))
      }),
      RUNS,
    )
  })

  test('law 3: what this dialect can say comes back as it was', () => {
    const sayable = response.map((answer) => ({
      ...answer,
      id: 'req_01J',
      model: 'asked-for',
      items: keepSayable(answer.items),
    }))
    fc.assert(
      fc.property(sayable, (answer) => {
        const back = codec.decodeResponse(codec.encodeResponse(answer, responseEncodingOf()), decodingOf())
        expect(back.items).toEqual(answer.items.map(asRead))
        expect(back.usage).toEqual(answer.usage)
        const hasCalls = answer.items.some(({ kind }) => kind === 'call')
        const { unified } = answer.finish
        const expected =
          unified === 'stop' && hasCalls ? 'tool_calls' : unified === 'refusal' ? 'content_filter' : unified
        expect(back.finish.unified).toBe(expected)
      }),
      RUNS,
    )
  })

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

// ---- Requests ------------------------------------------------------------------------------------------------------

describe('requests', () => {
  test('law 3: what this dialect can say comes back as it was', () => {
    fc.assert(
      fc.property(request, (asked) => {
        const losses = createLossReport()
        const { body } = codec.encodeRequest(asked, encodingOf({ losses }))
        expect(lossNames(losses)).toEqual([])
        expect(decode(JSON.parse(JSON.stringify(body)) as Record<string, unknown>)).toEqual(asked)
      }),
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
