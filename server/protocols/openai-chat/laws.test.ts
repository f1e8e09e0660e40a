// The laws of the wire dialects, for this one: generated answers and requests through the codec and back.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answers, requests } from '../../../test/support/chat-arbitraries.ts'
import { commonProofs, expectOneOpen, holds, proveLaws, provenBy, type LawSubject } from '../../../test/support/laws.ts'
import { RUNS } from '../../../test/support/properties.ts'
import type { ChatResponse, Item } from '../canonical.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import { createToolNames } from '../tool-names.ts'
import {
  chunksOf,
  codec,
  decode,
  decodeStream,
  decodingOf,
  encode,
  encodeStream,
  hash8,
  requestOf,
  responseEncodingOf,
} from './testing.ts'

const CHAT = 'openai-chat'

const subject: LawSubject = {
  id: CHAT,
  codec,
  answers,
  decoding: () => decodingOf(),
  encoding: () => responseEncodingOf(),
  checkWire: expectProperStream,
}
const common = commonProofs(subject)

/** A role first, then deltas whose calls rise by one, then one finish, and the end. */
function expectProperStream(stream: string): void {
  const chunks = chunksOf(stream)
  expect(chunks.at(-1)).toBe('[DONE]')
  const choices = chunks.flatMap((chunk) => (chunk === '[DONE]' ? [] : (chunk['choices'] as any[])))
  expect(choices[0].delta.role).toBe('assistant')
  expect(choices.map(({ finish_reason: reason }) => reason).filter(Boolean)).toEqual([choices.at(-1).finish_reason])
  let last = -1
  for (const { index, id } of choices.flatMap(({ delta }) => delta.tool_calls ?? [])) {
    expect(index).toBe(id === undefined ? last : last + 1)
    last = index
  }
}

/** State comes back sealed, and arguments that are blank as an empty object behind the blanks. */
function plain(items: readonly Item[]): unknown[] {
  return items.map(({ signature, ...item }) => ({
    ...item,
    signed: signature !== undefined,
    ...(item.kind === 'call' && item.style === 'json' && item.argsText.trim() === ''
      ? { argsText: `${item.argsText}{}` }
      : {}),
  }))
}

function expectSame(answer: ChatResponse): void {
  const back = codec.decodeResponse(codec.encodeResponse(answer, responseEncodingOf()), decodingOf())
  expect(plain(back.items)).toEqual(plain(answer.items))
  expect(back.usage).toEqual(answer.usage)
  expect(back.extensions).toEqual(answer.extensions)
}

/** State comes back as the server's own, of an account that the dialect does not say. */
const native = (items: readonly Item[]): Item[] =>
  items.map((item) =>
    item.signature ? { ...item, signature: { ...item.signature, provider: CHAT, account: '', model: '' } } : item,
  )

const schedules = fc.record({
  schedule: fc.array(fc.nat({ max: 3 }), { minLength: 4, maxLength: 40 }),
  indexed: fc.boolean(),
  late: fc.boolean(),
})

/** Calls whose deltas alternate, with an index or an id, named at once or later. */
function expectSerialised({ schedule, indexed, late }: { schedule: number[]; indexed: boolean; late: boolean }): void {
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
  expectOneOpen(events)
  const calls = collectEvents(events).items.filter((item) => item.kind === 'call')
  expect(Object.fromEntries(calls.map(({ id, argsText }) => [id, argsText]))).toEqual(
    Object.fromEntries([...seen].map(([number, text]) => [`c${number}`, text])),
  )
}

proveLaws('openai-chat', {
  ...common,
  1: {
    ...common[1],
    'however deltas of calls alternate, parts open one at a time and arguments stay apart': holds(
      schedules,
      expectSerialised,
    ),
  },
  3: {
    'an answer is read as it was written': holds(answers, expectSame),
    'a request is read as it was written, where the server takes everything': holds(requests, (asked) => {
      const { body, losses } = encode(asked, { account: 'key-1' })
      expect(losses).toEqual([])
      const back = decode(JSON.parse(JSON.stringify(body)))
      const items = native(asked.items)
      expect({ ...back, items: native(back.items) }).toEqual({ ...asked, items, streamUsage: false })
    }),
  },
  5: {
    ...provenBy('test/conformance/every-field.test.ts', "describe.each(PAIRS)('from %s to %s'"),
    ...provenBy('test/property/cross-dialect.test.ts', 'nothing else is lost silently'),
    ...provenBy('test/property/cross-answers.test.ts', '%s to %s: what an answer says is told, or said to be lost'),
  },
})

describe('beside the laws', () => {
  test('a stream cut before its end is an error and no finish', () => {
    fc.assert(
      fc.property(answers, fc.double({ min: 0, max: 0.999, noNaN: true }), (answer, share) => {
        const events = encodeStream(eventsOf(answer)).split(/(?<=\n\n)/)
        const ending = events.findIndex((event) => /"finish_reason":"/.test(event))
        const cut = decodeStream(events.slice(0, Math.floor(ending * share)).join(''))
        expect(cut.at(-1)).toMatchObject({ type: 'error', error: { status: 502 } })
        expect(cut.some(({ type }) => type === 'finish')).toBe(false)
      }),
      RUNS,
    )
  })

  test('tool names a server would refuse go out mapped and come back', () => {
    const named = fc.string({ minLength: 1, maxLength: 80 })
    fc.assert(
      fc.property(fc.uniqueArray(named, { minLength: 1, maxLength: 5 }), (names) => {
        const tools = names.map((name) => ({ kind: 'function' as const, name }))
        const { body, toolNames } = encode(requestOf({ tools }))
        const sent = (body['tools'] as any[]).map((tool) => tool.function.name as string)
        for (const name of sent) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
        expect(new Set(sent).size).toBe(names.length)
        expect(sent.map((name) => toolNames.get(name)?.name)).toEqual(names)
        expect(createToolNames(tools, hash8).known).toEqual(toolNames)
      }),
      RUNS,
    )
  })
})
