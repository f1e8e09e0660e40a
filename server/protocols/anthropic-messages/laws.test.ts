// The laws of the codec as properties: streams and whole answers agree, what was said comes back, one part is open at a
// time, and no input makes it throw anything but a refusal.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answers, requests, thought, word } from '../../../test/support/anthropic-arbitraries.ts'
import { commonProofs, expectOneOpen, holds, proveLaws, provenBy, type LawSubject } from '../../../test/support/laws.ts'
import { RUNS } from '../../../test/support/properties.ts'
import type { ChatRequest, ChatResponse, Item, Signature, StreamEvent } from '../canonical.ts'
import { CannotCross, createLossReport } from '../codec.ts'
import { collectEvents } from '../collect.ts'
import {
  closing,
  codec,
  decode,
  decodeStream,
  decodingOf,
  delta,
  encodeStream,
  encodingOf,
  ending,
  lossNames,
  opening,
  requestOf,
  responseEncodingOf,
  START,
  wireEvents,
} from './testing.ts'

const PROTOCOL = 'anthropic-messages'

/** Seals nothing: state of this dialect's own goes in and out as it is. */
const nativeEncoding = () => ({ ...responseEncodingOf(), sealEnvelope: ({ value }: Signature) => value })

const subject: LawSubject = {
  id: PROTOCOL,
  codec,
  answers,
  decoding: () => decodingOf(),
  encoding: nativeEncoding,
  checkWire: expectProperStream,
}
const common = commonProofs(subject)

function expectProperStream(stream: string): void {
  const wire = wireEvents(stream)
  expect(wire[0]!['type']).toBe('message_start')
  expect(wire.slice(-2).map(({ type }) => type)).toEqual(['message_delta', 'message_stop'])
  let open: unknown = null
  let next = 0
  for (const { type, index } of wire.slice(1, -2)) {
    if (type === 'content_block_start') {
      expect([open, index]).toEqual([null, next])
      open = next++
    } else {
      expect(index).toBe(open)
      if (type === 'content_block_stop') open = null
    }
  }
  expect(open).toBe(null)
}

const index = fc.nat({ max: 2 })
const oddBlock = fc.constantFrom(
  { type: 'text', text: '' },
  { type: 'thinking', thinking: '', signature: '' },
  { type: 'tool_use', id: 't', name: 'f', input: {} },
  { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
  { type: 'never_heard_of' },
)
const oddDelta = fc.constantFrom(
  { type: 'text_delta', text: 'a' },
  { type: 'thinking_delta', thinking: 'b' },
  { type: 'signature_delta', signature: 's' },
  { type: 'input_json_delta', partial_json: '{}' },
  { type: 'citations_delta', citation: null },
)
const oddEvent = fc.oneof(
  fc.record({ type: fc.constant('content_block_start'), index, content_block: oddBlock }),
  fc.record({ type: fc.constant('content_block_delta'), index, delta: oddDelta }),
  fc.record({ type: fc.constant('content_block_stop'), index }),
  fc.record({ type: fc.constantFrom('message_start', 'message_delta', 'message_stop', 'ping', 'error', 'odd') }),
  fc.dictionary(fc.constantFrom('type', 'index', 'delta', 'message', 'usage'), fc.jsonValue({ maxDepth: 1 })),
)

function expectSerialised(sent: readonly unknown[]): void {
  const decoder = codec.streamDecoder(decodingOf())
  const pushed = sent.flatMap((data) => decoder.push({ event: null, data: JSON.stringify(data) }))
  expectOneOpen([...pushed, ...decoder.end()])
  expect(decoder.end()).toEqual([])
}

/** Arguments that come in pieces are the text that was sent, to the letter. */
function expectArgsKept(pieces: readonly string[]): void {
  const events: StreamEvent[] = [
    { type: 'response-start', id: 'x', model: 'm', created: 0 },
    { type: 'part-start', index: 0, part: { kind: 'call', id: 'c1', name: 'f', style: 'json' } },
    ...pieces.map((text): StreamEvent => ({ type: 'part-delta', index: 0, delta: { kind: 'args', text } })),
    { type: 'part-end', index: 0 },
    { type: 'finish', finish: { unified: 'tool_calls', raw: '' } },
  ]
  const [call] = collectEvents(decodeStream(encodeStream(events))).items
  expect(call).toMatchObject({ argsText: pieces.join('') === '' ? '{}' : pieces.join('') })
}

function expectSameAnswer(answer: ChatResponse): void {
  const encoding = nativeEncoding()
  expect(codec.decodeResponse(codec.encodeResponse(answer, encoding), decodingOf())).toEqual(answer)
  expect(lossNames(encoding.losses)).toEqual([])
}

function expectSameRequest(asked: ChatRequest): void {
  const losses = createLossReport()
  const { body } = codec.encodeRequest(asked, encodingOf({ losses, stream: asked.stream }))
  const back = decode(JSON.parse(JSON.stringify(body)))
  const plain = ({ items, tools, ...rest }: ChatRequest) => ({
    ...rest,
    items: items.map((item) => ({ ...item, turn: 0 })),
    tools: tools.map(({ strict, ...fields }) => ({ ...fields, ...(strict ? { strict } : {}) })),
  })
  expect(plain(back)).toEqual(plain(asked))
  expect(lossNames(losses)).toEqual([])
}

proveLaws('anthropic-messages', {
  ...common,
  1: {
    ...common[1],
    'whatever a server sends, one part is open at a time and the end is one': holds(
      fc.array(oddEvent),
      expectSerialised,
    ),
  },
  2: {
    ...common[2],
    'arguments in pieces are the text that was sent': holds(
      fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }),
      expectArgsKept,
    ),
  },
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
  test('an answer that is no answer is malformed, not an exception', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (body) => {
        expect(codec.decodeResponse(body, decodingOf()).finish.unified).toBe(
          Array.isArray(body['content']) ? 'stop' : 'malformed',
        )
      }),
      RUNS,
    )
  })

  test('whatever the conversation, roles alternate, results come first and no block is empty', () => {
    const loose = fc.array(
      fc.oneof(
        ...(['user', 'assistant', 'system', 'developer'] as const).map((role) =>
          fc.oneof(word, fc.constant('')).map((text): Item => ({ kind: 'text', role, turn: 0, text })),
        ),
        fc
          .nat({ max: 3 })
          .map((at): Item => ({ kind: 'call', turn: 0, id: `c${at}`, name: 'f', argsText: '{', style: 'json' })),
        fc
          .nat({ max: 3 })
          .map((at): Item => ({ kind: 'result', turn: 0, callId: `c${at}`, parts: [], isError: false, style: 'json' })),
        thought,
      ),
    )
    fc.assert(
      fc.property(loose, (items) => {
        const { body } = codec.encodeRequest(requestOf({ items }), encodingOf())
        const messages = body['messages'] as { role: string; content: unknown }[]
        const spoken = messages.filter(({ role }) => role !== 'system')
        for (const [index, { role, content }] of spoken.entries()) {
          if (index > 0) expect(role).not.toBe(spoken[index - 1]!.role)
          const blocks = (typeof content === 'string' ? [{ type: 'text', text: content }] : content) as Record<
            string,
            unknown
          >[]
          expect(blocks.length).toBeGreaterThan(0)
          expect(blocks.filter(({ type, text }) => type === 'text' && String(text).trim() === '')).toEqual([])
          const next = spoken[index + 1]?.content
          const calls = blocks.filter(({ type }) => type === 'tool_use').map(({ id }) => id)
          if (next === undefined || calls.length === 0) continue
          const first = (next as Record<string, unknown>[]).slice(0, calls.length)
          expect(first.map(({ tool_use_id }) => tool_use_id)).toEqual(calls)
        }
        for (const [index, { role }] of messages.entries()) {
          if (role === 'system')
            expect([messages[index - 1]?.role, messages[index + 1]?.role ?? 'assistant']).toEqual(['user', 'assistant'])
        }
      }),
      RUNS,
    )
  })

  test('odd requests are read or refused, never an exception', () => {
    const field = fc.constantFrom(
      'messages',
      'system',
      'tools',
      'tool_choice',
      'thinking',
      'output_config',
      'metadata',
      'max_tokens',
      'stop_sequences',
      'role',
      'content',
      'type',
      'text',
      'source',
      'input',
      'cache_control',
      'effort',
      'format',
      'citations',
      'x',
    )
    const odd = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        fc.constantFrom(null, 0, '', 'text', 'user', 'document', 'tool_result', 'content', 'json_schema', true),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(field, tie('value'), { maxKeys: 4 }),
      ),
    })).value
    const body = fc.dictionary(field, odd, { maxKeys: 8 }).chain((fields) =>
      fc
        .array(fc.record({ role: fc.constantFrom('user', 'assistant', 'system'), content: fc.array(odd) }), {
          maxLength: 3,
        })
        .map((messages) => ({ messages, ...fields })),
    )
    fc.assert(
      fc.property(body, (asked) => {
        try {
          codec.encodeRequest(decode(asked), encodingOf())
        } catch (error) {
          if (!(error instanceof CannotCross)) throw error
        }
      }),
      RUNS,
    )
  })
})

describe('pieces of text', () => {
  const anyText = fc.string({ unit: fc.constantFrom('a', ' ', '"', '\\', '\n', '\u0001', 'é', '😀', '}', '{') })
  const block = (index: unknown, pieces: readonly string[]): object[] => [
    opening(index as number, { type: 'text', text: '' }),
    ...pieces.map((text) => delta(index as number, { type: 'text_delta', text })),
    closing(index as number),
  ]
  const write = (events: readonly object[], indent: number | undefined): string =>
    events
      .map((event) => JSON.stringify(event, null, indent).replaceAll('\n', '\ndata: '))
      .map((data) => `data: ${data}\n\n`)
      .join('')

  test('read as they stand and parsed are the same, in blocks that are open, closed or none', () => {
    const index = fc.constantFrom(0, 1, 12, -1, 1.5, '0', null)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(index, fc.array(anyText)), { maxLength: 4 }),
        index,
        anyText,
        (blocks, stray, text) => {
          const events = [
            START,
            ...blocks.flatMap(([at, pieces]) => block(at, pieces)),
            delta(stray as number, { type: 'text_delta', text }),
            ...ending('end_turn'),
          ]
          expect(decodeStream(write(events, undefined))).toEqual(decodeStream(write(events, 1)))
        },
      ),
      RUNS,
    )
  })
})
