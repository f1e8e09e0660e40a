// The laws of the wire dialects, for this one: generated answers and requests through the codec and back.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChatRequest, ChatResponse, Item, Signature, StreamEvent, Usage } from '../canonical.ts'
import { createLossReport } from '../codec.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import { createJsonArrayFraming, createJsonArraySplitter } from './json-array.ts'
import {
  BUDGET_PROFILE,
  codec,
  decode,
  decodeStream,
  decodingOf,
  encodeStream,
  encodingOf,
  eventsOfStream,
  lossNames,
  PROFILE,
  requestOf,
  responseEncodingOf,
  RUNS,
  slotOf,
  sse,
  wireChunks,
} from './testing.ts'

// ---- What is generated ---------------------------------------------------------------------------------------------

const words = fc.oneof(fc.string({ minLength: 1 }), fc.string({ minLength: 1, unit: 'grapheme' }))
const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,10}$/)
const args = fc.dictionary(name, fc.jsonValue({ maxDepth: 2 })).map((value) => JSON.stringify(value))
const base64 = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('base64'))
const data = fc.record({ from: fc.constant('data' as const), mime: fc.constant('image/png'), data: base64 })

const state = (kind: Signature['kind']): fc.Arbitrary<Signature> =>
  fc.record({
    provider: fc.constant(kind === 'thought' ? 'google' : 'anthropic'),
    account: fc.constant('key-1'),
    model: fc.constant('m'),
    kind: fc.constant(kind),
    value: base64,
  })
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined })
const signed = <Found extends object>(
  found: Found,
  signature: Signature | undefined,
): Found & { signature?: Signature } => (signature ? { ...found, signature } : found)

const textItem = fc
  .tuple(words, maybe(state('thought')))
  .map(([text, signature]): Item => signed({ kind: 'text', role: 'assistant', turn: 0, text }, signature))
const reasoningItem = fc
  .tuple(fc.oneof(words, fc.constant('')), maybe(fc.oneof(state('thought'), state('signature'))))
  .map(([text, signature]): Item => signed({ kind: 'reasoning', turn: 0, text }, signature))
const callItem = fc
  .tuple(fc.uuid(), name, args, maybe(state('thought')))
  .map(([id, called, argsText, signature]): Item =>
    signed({ kind: 'call', turn: 0, id, name: called, argsText, style: 'json' }, signature),
  )
const mediaItem = data.map((source): Item => ({ kind: 'media', role: 'assistant', turn: 0, media: 'image', source }))
const opaqueItem = words.map((code): Item => ({
  kind: 'opaque',
  protocol: 'gemini',
  role: 'assistant',
  turn: 0,
  raw: { executableCode: { language: 'PYTHON', code } },
}))
const anyItem = fc.oneof(textItem, reasoningItem, callItem, mediaItem, opaqueItem)

const usage = fc
  .record({ input: fc.nat(9999), cacheRead: maybe(fc.nat(99)), answer: fc.nat(9999), reasoning: maybe(fc.nat(999)) })
  .map(({ input, cacheRead, answer, reasoning }): Usage => ({
    input,
    cacheRead: cacheRead ?? null,
    cacheWrite: null,
    cacheWrite1h: null,
    output: answer + (reasoning ?? 0),
    reasoning: reasoning ?? null,
  }))
const finish = fc.constantFrom(
  { unified: 'stop', raw: 'STOP' } as const,
  { unified: 'length', raw: 'MAX_TOKENS' } as const,
  { unified: 'content_filter', raw: 'SPII' } as const,
  { unified: 'refusal', raw: 'refusal' } as const,
)
const response = fc
  .record({ items: fc.array(anyItem, { maxLength: 6 }), usage, finish })
  .map((fields): ChatResponse => ({ id: 'r', model: 'm', created: 0, extensions: {}, ...fields }))

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
          const answer = { ...emptyAnswer, items: mergeTexts(items) }
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

const emptyAnswer: ChatResponse = {
  id: 'r',
  model: 'm',
  created: 0,
  items: [],
  finish: { unified: 'stop', raw: '' },
  usage: { input: 1, cacheRead: null, cacheWrite: null, cacheWrite1h: null, output: 1, reasoning: null },
  extensions: {},
}

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

const own = (signature: Signature | undefined): Signature | undefined =>
  signature && { provider: '', account: '', model: '', kind: 'thought', value: signature.value }

const userItems = fc.array(
  fc.oneof(
    words.map((text) => ({ kind: 'text' as const, role: 'user' as const, text })),
    data.map((source) => ({ kind: 'media' as const, role: 'user' as const, media: 'image' as const, source })),
  ),
  { minLength: 1, maxLength: 3 },
)
const spoken = fc
  .tuple(words, maybe(state('thought')))
  .map(([text, signature]) => signed({ kind: 'text' as const, role: 'assistant' as const, text }, own(signature)))
const thoughts = words.map((text) => ({ kind: 'reasoning' as const, text }))
const called = fc
  .record({ id: fc.uuid(), name, argsText: args, signature: maybe(state('thought')) })
  .map(({ signature, ...call }) => signed({ kind: 'call' as const, style: 'json' as const, ...call }, own(signature)))
const resultPart = fc.oneof(
  words.map((text) => ({ kind: 'text' as const, text })),
  fc
    .dictionary(fc.constantFrom('a', 'b', 'city'), fc.jsonValue({ maxDepth: 1 }), { minKeys: 1 })
    .map((value) => ({ kind: 'text' as const, text: JSON.stringify(value), json: true })),
  data.map((source) => ({ kind: 'media' as const, media: 'image' as const, source })),
)

/** A user's turn, then an answer; where it calls, each call's result in the turn after. */
const round = fc.record({
  user: userItems,
  said: fc.array(fc.oneof(spoken, thoughts), { maxLength: 2 }),
  calls: fc.array(fc.tuple(called, resultPart, fc.boolean()), { maxLength: 3 }),
})
const conversation = fc.array(round, { minLength: 1, maxLength: 3 }).map((rounds) => {
  const turns: Omit<Item, 'turn'>[][] = []
  for (const { user, said, calls } of rounds) {
    const results = calls.map(([call, part, isError]) => {
      const parts = [part]
      return {
        kind: 'result',
        callId: call.id,
        name: call.name,
        parts,
        isError: isError && part.kind === 'text',
        style: 'json',
      }
    })
    const answer = [...said, ...calls.map(([call]) => call)]
    const last = turns.at(-1)
    // Results and what the user says next are one turn.
    if (last && turns.length % 2 === 1) last.push(...user)
    else turns.push([...user])
    turns.push(answer.length > 0 ? answer : [{ kind: 'text', role: 'assistant', text: 'yes' } as Omit<Item, 'turn'>])
    if (results.length > 0) turns.push(results as Omit<Item, 'turn'>[])
  }
  return turns.flatMap((turn, index) => turn.map((item) => ({ ...item, turn: index }) as Item))
})

const request = fc
  .record({
    items: conversation,
    instructions: fc.array(
      words.map((text) => ({ role: 'system' as const, text })),
      { maxLength: 2 },
    ),
    tools: fc
      .uniqueArray(fc.record({ name, description: words }), { selector: (tool) => tool.name, maxLength: 3 })
      .map((tools) =>
        tools.map((tool) => ({ kind: 'function' as const, ...tool, schema: { type: 'object', properties: {} } })),
      ),
    temperature: maybe(fc.double({ min: 0, max: 2, noNaN: true })),
    topK: maybe(fc.nat(100)),
    stop: fc.array(words, { maxLength: 5 }),
    maxOutput: maybe(fc.integer({ min: 1, max: 9999 })),
    seed: maybe(fc.integer()),
    effort: fc.constantFrom('low', 'medium', 'high', undefined),
    visible: maybe(fc.boolean()),
    schema: fc.boolean(),
  })
  .map(({ temperature, topK, maxOutput, seed, effort, visible, schema, ...fields }): ChatRequest => {
    const sampling = { ...(temperature === undefined ? {} : { temperature }), ...(topK === undefined ? {} : { topK }) }
    const reasoning = { ...(effort ? { effort } : {}), ...(visible === undefined ? {} : { visible }) }
    return requestOf({
      ...fields,
      sampling,
      ...(maxOutput === undefined ? {} : { maxOutput }),
      ...(seed === undefined ? {} : { seed }),
      ...(Object.keys(reasoning).length > 0 ? { reasoning } : {}),
      ...(schema ? { format: { kind: 'json_schema', schema: { type: 'string' } } } : {}),
      ...(fields.tools.length > 0 ? { toolChoice: { mode: 'required' } } : {}),
      extensions: { gemini: {} },
    })
  })

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

// ---- The framing of a JSON array ------------------------------------------------------------------------------------

describe('JSON-array streams', () => {
  test('law 4: any byte split gives the same elements', () => {
    const elements = fc.array(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue(), { minKeys: 1 }), {
      maxLength: 5,
    })
    fc.assert(
      fc.property(elements, fc.array(fc.nat(400), { maxLength: 12 }), fc.boolean(), (values, cuts, pretty) => {
        const framing = createJsonArrayFraming()
        const framed = framing.open + values.map((value) => framing.wrap(sse(value))).join('') + framing.close
        expect(JSON.parse(framed)).toEqual(JSON.parse(JSON.stringify(values)))
        const bytes = Buffer.from(pretty ? JSON.stringify(values, null, 1) : framed)
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length]
        const splitter = createJsonArraySplitter()
        const texts = places.flatMap((place, index) => splitter.push(bytes.subarray(places[index - 1] ?? 0, place)))
        expect(texts.map((text) => JSON.parse(text) as unknown)).toEqual(JSON.parse(JSON.stringify(values)))
        expect([splitter.complete, splitter.pending]).toEqual([true, 0])
      }),
      RUNS,
    )
  })

  test('a stream in an array decodes as the stream does', () => {
    fc.assert(
      fc.property(response, (answer) => {
        const framing = createJsonArrayFraming()
        const pieces = [...eventsOf(answer)].reduce(
          ({ encoder, text }, event) => ({ encoder, text: text + framing.wrap(encoder.push(event)) }),
          { encoder: codec.streamEncoder(responseEncodingOf()), text: framing.open },
        )
        const elements = createJsonArraySplitter().push(Buffer.from(pieces.text + framing.close))
        const stream = encodeStream(eventsOf(answer))
        expect(elements).toEqual(eventsOfStream(stream).map(({ data: text }) => text))
      }),
      RUNS,
    )
  })

  test('a single object counts as its own element, and what is cut is not complete', () => {
    const alone = createJsonArraySplitter()
    expect(alone.push(Buffer.from('{"error":{"code":400}}'))).toEqual(['{"error":{"code":400}}'])
    expect(alone.complete).toBe(true)
    const cut = createJsonArraySplitter()
    expect(cut.push(Buffer.from('[{"a":1},{"b":'))).toEqual(['{"a":1}'])
    expect([cut.complete, cut.pending]).toEqual([false, 5])
  })
})
