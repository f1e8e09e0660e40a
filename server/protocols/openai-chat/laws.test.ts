// The laws of the wire dialects, for this one: generated answers and requests through the codec and back.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChatResponse, Item, StreamEvent } from '../canonical.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import { codec, decodeStream, decodingOf, encodeStream, responseEncodingOf, RUNS } from './testing.ts'

const CHAT = 'openai-chat'

// ---- Answers -------------------------------------------------------------------------------------------------------

const words = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
const name = fc.stringMatching(/^[a-z]{1,8}$/)
const counted = fc.option(fc.nat({ max: 100_000 }))
const state = fc.record({
  provider: fc.constant('anthropic'),
  account: fc.constant('key-9'),
  model: fc.constant('m'),
  kind: fc.constantFrom('signature' as const, 'encrypted' as const, 'redacted' as const),
  value: words,
})
const reasoning = fc
  .record({ text: fc.oneof(fc.constant(''), words), signature: fc.option(state, { nil: undefined }) })
  .filter(({ text, signature }) => text !== '' || signature !== undefined)
  // A text that begins like what stands between two thoughts cannot be told from it.
  .filter(({ text }) => !text.startsWith('\n'))
  .map(({ text, signature }): Item => ({ kind: 'reasoning', turn: 0, text, ...(signature ? { signature } : {}) }))

const citation = fc.record({
  url: fc.webUrl(),
  title: fc.string(),
  start: fc.nat(9),
  end: fc.integer({ min: 10, max: 20 }),
})
const text = fc
  .record({
    text: words,
    citations: fc.array(citation, { maxLength: 2 }),
    signed: fc.option(state, { nil: undefined }),
  })
  .map(({ text, citations, signed }): Item => {
    const more = { ...(citations.length > 0 ? { citations } : {}), ...(signed ? { signature: signed } : {}) }
    return { kind: 'text', turn: 0, role: 'assistant', text, ...more }
  })
const refusal = words.map((text): Item => ({ kind: 'refusal', turn: 0, text }))
const call = fc
  .record({
    name,
    args: fc.oneof(fc.constant(''), fc.json({ maxDepth: 1 }), words),
    freeform: fc.boolean(),
    signature: fc.option(state, { nil: undefined }),
  })
  .map(({ name, args, freeform, signature }): Item => ({
    kind: 'call',
    turn: 0,
    id: '',
    name,
    argsText: args,
    style: freeform ? 'freeform' : 'json',
    ...(signature ? { signature } : {}),
  }))
const image = fc.base64String({ minLength: 4 }).map((data): Item => ({
  kind: 'media',
  turn: 0,
  role: 'assistant',
  media: 'image',
  source: { from: 'data', mime: 'image/png', data },
}))

/** Answers in the one order this dialect knows: thoughts, text, refusal, pictures, calls. */
const answer = fc
  .record({
    reasoning: fc.array(reasoning, { maxLength: 3 }),
    text: fc.array(text, { maxLength: 1 }),
    refusal: fc.array(refusal, { maxLength: 1 }),
    images: fc.array(image, { maxLength: 2 }),
    calls: fc.array(call, { maxLength: 4 }),
    finish: fc.constantFrom('stop', 'length', 'content_filter', 'refusal', 'context_window', 'pause', 'stop_sequence'),
    usage: fc
      .record({
        input: fc.nat(1000),
        output: fc.nat(1000),
        cacheRead: counted,
        cacheWrite: counted,
        cacheWrite1h: fc.constant(null),
        reasoning: counted,
      })
      .map((usage) => ({
        ...usage,
        reasoning: usage.reasoning === null ? null : Math.min(usage.reasoning, usage.output),
      })),
    fingerprint: fc.option(words, { nil: undefined }),
    logprob: fc.boolean(),
  })
  .map(({ reasoning, text, refusal, images, calls, finish, usage, fingerprint, logprob }): ChatResponse => {
    const numbered = calls.map((item, at) => (item.kind === 'call' ? { ...item, id: `call_${at}` } : item))
    const fields = {
      ...(fingerprint === undefined ? {} : { system_fingerprint: fingerprint }),
      ...(logprob ? { choice: { logprobs: { content: [{ token: 'a', logprob: -1 }], refusal: null } } } : {}),
    }
    return {
      id: 'upstream-1',
      model: 'served',
      created: 1,
      items: [...reasoning, ...text, ...refusal, ...images, ...numbered],
      finish: { unified: finish as never, raw: 'x' },
      usage,
      extensions: Object.keys(fields).length > 0 ? { [CHAT]: fields } : {},
    }
  })

/** Parts open one at a time, numbered from 0; one finish at the end. */
function checkOrder(events: readonly StreamEvent[]): void {
  let open: number | null = null
  let next = 0
  for (const event of events) {
    if (event.type === 'part-start') {
      expect(open).toBeNull()
      expect(event.index).toBe(next++)
      open = event.index
    } else if (event.type === 'part-delta') expect(event.index).toBe(open)
    else if (event.type === 'part-end') {
      expect(event.index).toBe(open)
      open = null
    }
  }
  expect(open).toBeNull()
  expect(events.filter(({ type }) => type === 'finish').length).toBe(1)
  expect(events.at(-1)?.type).toBe('finish')
}

describe('answers', () => {
  test('law 2: a collected stream is the whole answer', () => {
    fc.assert(
      fc.property(answer, (answer) => {
        const stream = decodeStream(encodeStream(eventsOf(answer)))
        checkOrder(stream)
        const whole = codec.decodeResponse(codec.encodeResponse(answer, responseEncodingOf()), decodingOf())
        expect(collectEvents(stream)).toEqual(whole)
      }),
      RUNS,
    )
  })

  test('law 3: what an answer says comes back', () => {
    fc.assert(
      fc.property(answer, (answer) => {
        const back = codec.decodeResponse(codec.encodeResponse(answer, responseEncodingOf()), decodingOf())
        // State comes back sealed, and an empty argument text of a function as an empty object.
        const plain = (items: readonly Item[]) =>
          items.map(({ signature, ...item }) => ({
            ...item,
            signed: signature !== undefined,
            ...(item.kind === 'call' && item.style === 'json' && item.argsText.trim() === '' ? { argsText: '{}' } : {}),
          }))
        expect(plain(back.items)).toEqual(plain(answer.items))
        expect(back.usage).toEqual(answer.usage)
        expect(back.extensions).toEqual(answer.extensions)
      }),
      RUNS,
    )
  })

  test('law 1: however deltas of calls alternate, parts open one at a time and arguments stay apart', () => {
    const schedule = fc.array(fc.nat({ max: 3 }), { minLength: 4, maxLength: 40 })
    fc.assert(
      fc.property(schedule, fc.boolean(), fc.boolean(), (schedule, indexed, late) => {
        const seen = new Map<number, string>()
        const chunks = schedule.map((number, at) => {
          const first = !seen.has(number)
          const piece = `${number}.${at} `
          seen.set(number, (seen.get(number) ?? '') + piece)
          const named = late ? schedule.indexOf(number, schedule.indexOf(number) + 1) === at : first
          const call = {
            ...(indexed ? { index: number } : {}),
            ...(first || !indexed ? { id: `c${number}` } : {}),
            function: { ...(named || first === !late ? { name: `f${number}` } : {}), arguments: piece },
          }
          return { id: 'a', choices: [{ index: 0, delta: { tool_calls: [call] } }] }
        })
        const end = { choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] }
        const wire = [...chunks, end].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')
        const events = decodeStream(wire)
        checkOrder(events)
        const calls = collectEvents(events).items.filter((item) => item.kind === 'call')
        expect(Object.fromEntries(calls.map(({ id, argsText }) => [id, argsText]))).toEqual(
          Object.fromEntries([...seen].map(([number, text]) => [`c${number}`, text])),
        )
      }),
      RUNS,
    )
  })

  test('a stream cut before its end is an error and no finish', () => {
    fc.assert(
      fc.property(answer, fc.double({ min: 0, max: 0.999, noNaN: true }), (answer, share) => {
        const events = encodeStream(eventsOf(answer)).split(/(?<=\n\n)/)
        const ending = events.findIndex((event) => /"finish_reason":"/.test(event))
        const cut = decodeStream(events.slice(0, Math.floor(ending * share)).join(''))
        expect(cut.at(-1)).toMatchObject({ type: 'error', error: { status: 502 } })
        expect(cut.some(({ type }) => type === 'finish')).toBe(false)
      }),
      RUNS,
    )
  })
})
