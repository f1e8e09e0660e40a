// The laws of the codec as properties: streams and whole answers agree, what was said comes back, one part is open at a
// time, and no input makes it throw anything but a refusal.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChatRequest, ChatResponse, Item, ReasoningWish, Signature, StreamEvent, Tool } from '../canonical.ts'
import { CannotCross, createLossReport } from '../codec.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import {
  codec,
  decode,
  decodeStream,
  decodingOf,
  encodeStream,
  encodingOf,
  lossNames,
  requestOf,
  responseEncodingOf,
  RUNS,
  wireEvents,
} from './testing.ts'

const PROTOCOL = 'anthropic-messages'

// ---- Answers -------------------------------------------------------------------------------------------------------

const text = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/)
const args = fc.dictionary(id, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }).map((value) => JSON.stringify(value))
const native = { provider: 'anthropic', account: 'key-1', model: 'claude-opus-5' }
const signatureOf = (kind: Signature['kind']) => text.map((value): Signature => ({ ...native, kind, value }))
const citation = fc.record({ url: text, title: text, quote: text }).map((one) => ({
  ...one,
  raw: {
    type: 'web_search_result_location',
    url: one.url,
    title: one.title,
    cited_text: one.quote,
    encrypted_index: 'e',
  },
}))
const opaque = fc.oneof(
  fc
    .record({ id, input: args })
    .map(({ id, input }) => ({ type: 'server_tool_use', id, name: 'web_search', input: JSON.parse(input) })),
  id.map((tool_use_id) => ({ type: 'web_search_tool_result', tool_use_id, content: [] })),
  text.map((content) => ({ type: 'compaction', content })),
)
const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ text, citations: fc.array(citation, { maxLength: 2 }) }).map(({ text, citations }): Item => ({
    kind: 'text',
    role: 'assistant',
    turn: 0,
    text,
    ...(citations.length > 0 ? { citations } : {}),
  })),
  fc
    .record({ text: fc.oneof(fc.constant(''), text), signature: signatureOf('signature') })
    .map((fields): Item => ({ kind: 'reasoning', turn: 0, ...fields })),
  signatureOf('redacted').map((signature): Item => ({
    kind: 'reasoning',
    turn: 0,
    text: '',
    redacted: true,
    signature,
  })),
  fc.record({ id, name: id, argsText: args }).map((call): Item => ({ kind: 'call', turn: 0, style: 'json', ...call })),
  opaque.map((raw): Item => ({ kind: 'opaque', turn: 0, protocol: PROTOCOL, role: 'assistant', raw })),
)
const count = fc.nat({ max: 1_000_000 })
const usage = fc
  .record({ fresh: count, cacheRead: count, cacheWrite: count, output: count, reasoning: count })
  .map(({ fresh, ...rest }) => ({
    ...rest,
    input: fresh + rest.cacheRead + rest.cacheWrite,
    cacheWrite1h: rest.cacheWrite >> 1,
  }))
const ENDS = [
  { unified: 'length', raw: 'max_tokens' },
  { unified: 'context_window', raw: 'model_context_window_exceeded' },
  { unified: 'stop_sequence', raw: 'stop_sequence', sequence: 'END' },
  { unified: 'refusal', raw: 'refusal', details: { category: 'cyber' } },
  { unified: 'pause', raw: 'pause_turn' },
  { unified: 'pause', raw: 'compaction' },
] as const
const response: fc.Arbitrary<ChatResponse> = fc
  .record({ items: fc.array(item, { maxLength: 6 }), usage, end: fc.option(fc.constantFrom(...ENDS)) })
  .map(({ items, usage, end }) => {
    const calls = items.some(({ kind }) => kind === 'call')
    const plain = calls
      ? ({ unified: 'tool_calls', raw: 'tool_use' } as const)
      : ({ unified: 'stop', raw: 'end_turn' } as const)
    const said = { id: 'msg_01J', model: 'asked-for', created: 0, extensions: {} }
    return { ...said, items, usage, finish: end ?? plain }
  })

const nativeEncoding = () => ({ ...responseEncodingOf(), sealEnvelope: ({ value }: Signature) => value })

/** Law 1: numbers rise by one from 0, and nothing is said of a part that is not open. */
function expectOneOpen(events: readonly StreamEvent[]): void {
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
    } else if (event.type === 'finish') expect(open).toBe(null)
  }
}

function expectProperStream(wire: readonly Record<string, unknown>[]): void {
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

describe('answers', () => {
  test('a stream collected is the whole answer, and both are what was said', () => {
    fc.assert(
      fc.property(response, (answer) => {
        const encoding = nativeEncoding()
        const whole = codec.decodeResponse(codec.encodeResponse(answer, encoding), decodingOf())
        const stream = encodeStream(eventsOf(answer), encoding)
        const events = decodeStream(stream)
        expectOneOpen(events)
        expectProperStream(wireEvents(stream))
        expect(collectEvents(events)).toEqual(whole)
        expect(whole).toEqual(answer)
        expect(lossNames(encoding.losses)).toEqual([])
      }),
      RUNS,
    )
  })

  test('arguments that come in pieces are the text that was sent, to the letter', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), (pieces) => {
        const events: StreamEvent[] = [
          { type: 'response-start', id: 'x', model: 'm', created: 0 },
          { type: 'part-start', index: 0, part: { kind: 'call', id: 'c1', name: 'f', style: 'json' } },
          ...pieces.map((piece): StreamEvent => ({
            type: 'part-delta',
            index: 0,
            delta: { kind: 'args', text: piece },
          })),
          { type: 'part-end', index: 0 },
          { type: 'finish', finish: { unified: 'tool_calls', raw: '' } },
        ]
        const [call] = collectEvents(decodeStream(encodeStream(events))).items
        expect(call).toMatchObject({ argsText: pieces.join('') === '' ? '{}' : pieces.join('') })
      }),
      RUNS,
    )
  })

  test('whatever a server sends, one part is open at a time and the end is one finish or one error', () => {
    const index = fc.nat({ max: 2 })
    const block = fc.constantFrom(
      { type: 'text', text: '' },
      { type: 'thinking', thinking: '', signature: '' },
      { type: 'tool_use', id: 't', name: 'f', input: {} },
      { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
      { type: 'never_heard_of' },
    )
    const delta = fc.constantFrom(
      { type: 'text_delta', text: 'a' },
      { type: 'thinking_delta', thinking: 'b' },
      { type: 'signature_delta', signature: 's' },
      { type: 'input_json_delta', partial_json: '{}' },
      { type: 'citations_delta', citation: null },
    )
    const event = fc.oneof(
      fc.record({ type: fc.constant('content_block_start'), index, content_block: block }),
      fc.record({ type: fc.constant('content_block_delta'), index, delta }),
      fc.record({ type: fc.constant('content_block_stop'), index }),
      fc.record({ type: fc.constantFrom('message_start', 'message_delta', 'message_stop', 'ping', 'error', 'odd') }),
      fc.dictionary(fc.constantFrom('type', 'index', 'delta', 'message', 'usage'), fc.jsonValue({ maxDepth: 1 })),
    )
    fc.assert(
      fc.property(fc.array(event), (sent) => {
        const decoder = codec.streamDecoder(decodingOf())
        const pushed = sent.flatMap((data) => decoder.push({ event: null, data: JSON.stringify(data) }))
        const events = [...pushed, ...decoder.end()]
        expectOneOpen(events)
        expect(events.filter(({ type }) => type === 'finish' || type === 'error')).toHaveLength(1)
        expect(decoder.end()).toEqual([])
      }),
      RUNS,
    )
  })

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
})

// ---- Requests ------------------------------------------------------------------------------------------------------

const word = fc.stringMatching(/^[a-z<>é☃]{1,12}$/)
const role = (role: 'user' | 'assistant') => word.map((text): Item => ({ kind: 'text', role, turn: 0, text }))
const userMedia: fc.Arbitrary<Item> = fc.constantFrom<Item>(
  { kind: 'media', role: 'user', turn: 0, media: 'image', source: { from: 'data', mime: 'image/png', data: 'AAAA' } },
  { kind: 'media', role: 'user', turn: 0, media: 'image', source: { from: 'url', url: 'https://example.com/a.png' } },
  {
    kind: 'media',
    role: 'user',
    turn: 0,
    media: 'pdf',
    source: { from: 'data', mime: 'application/pdf', data: 'AAAA' },
    name: 'a',
  },
  {
    kind: 'media',
    role: 'user',
    turn: 0,
    media: 'file',
    source: { from: 'data', mime: 'text/plain', data: 'aGVsbG8=' },
  },
  {
    kind: 'media',
    role: 'user',
    turn: 0,
    media: 'pdf',
    source: { from: 'file', fileId: 'file_1', protocol: PROTOCOL },
  },
)
const ownState = (kind: 'signature' | 'redacted'): Signature => ({
  provider: '',
  account: '',
  model: '',
  kind,
  value: 'v',
})
const thought: fc.Arbitrary<Item> = fc.oneof(
  fc
    .oneof(fc.constant(''), word)
    .map((text): Item => ({ kind: 'reasoning', turn: 0, text, signature: ownState('signature') })),
  fc.constant<Item>({ kind: 'reasoning', turn: 0, text: '', redacted: true, signature: ownState('redacted') }),
)
const resultPart = fc.oneof(
  word.map((text) => ({ kind: 'text' as const, text })),
  fc.constant({
    kind: 'media' as const,
    media: 'image' as const,
    source: { from: 'data' as const, mime: 'image/png', data: 'AAAA' },
  }),
)
const round = fc.record({
  user: fc.array(fc.oneof(role('user'), userMedia), { minLength: 1, maxLength: 2 }),
  thoughts: fc.array(thought, { maxLength: 1 }),
  said: fc.array(role('assistant'), { minLength: 1, maxLength: 2 }),
  calls: fc.array(
    fc.record({ name: id, argsText: args, parts: fc.array(resultPart, { maxLength: 2 }), isError: fc.boolean() }),
    { maxLength: 2 },
  ),
})
const conversation = fc.array(round, { minLength: 1, maxLength: 3 }).map((rounds) =>
  rounds.flatMap(({ user, thoughts, said, calls }, at): Item[] => {
    const named = calls.map((call, index) => ({ ...call, id: `c${at}_${index}` }))
    return [
      ...user,
      ...thoughts,
      ...said,
      ...named.map(({ id, name, argsText }): Item => ({ kind: 'call', turn: 0, id, name, argsText, style: 'json' })),
      ...named.map(({ id: callId, parts, isError }): Item => ({
        kind: 'result',
        turn: 0,
        callId,
        parts,
        isError,
        style: 'json',
      })),
    ]
  }),
)
const tool: fc.Arbitrary<Tool> = fc.record({ name: id, description: word, strict: fc.boolean() }).map((fields) => ({
  kind: 'function',
  ...fields,
  schema: { type: 'object', properties: {}, additionalProperties: false },
}))
const wish = fc.constantFrom<ReasoningWish | undefined>(
  undefined,
  { effort: 'none' },
  { adaptive: true },
  { adaptive: true, visible: true },
  { adaptive: true, visible: false, effort: 'low' },
  { adaptive: false, effort: 'xhigh' },
)
const request = fc
  .record({
    items: conversation,
    instructions: fc.array(
      word.map((text) => ({ role: 'system' as const, text })),
      { maxLength: 2 },
    ),
    tools: fc.uniqueArray(tool, { maxLength: 2, selector: ({ name }) => name }),
    choice: fc.constantFrom('auto', 'none', undefined),
    parallel: fc.boolean(),
    reasoning: wish,
    stop: fc.array(word, { maxLength: 2 }),
    maxOutput: fc.integer({ min: 1, max: 64_000 }),
    userId: fc.option(word),
    tier: fc.constantFrom('auto', 'default', undefined),
    schema: fc.boolean(),
    extensions: fc.constantFrom(
      {},
      { [PROTOCOL]: { context_management: { edits: [] }, speed: 'fast', container: 'c' } },
    ),
    stream: fc.boolean(),
  })
  .map(({ choice, parallel, reasoning, userId, tier, schema, ...fields }): ChatRequest => {
    const offers = fields.tools.length > 0
    const single = parallel && offers && choice !== 'none'
    const format = {
      kind: 'json_schema',
      schema: { type: 'object', properties: {}, additionalProperties: false },
      strict: true,
    } as const
    return requestOf({
      ...fields,
      ...(offers && (choice || single) ? { toolChoice: { mode: choice ?? 'auto' } } : {}),
      ...(single ? { parallel: false } : {}),
      ...(reasoning ? { reasoning } : {}),
      ...(userId === null ? {} : { userId }),
      ...(tier ? { tier } : {}),
      ...(schema ? { format } : {}),
      origin: PROTOCOL,
    })
  })

describe('requests', () => {
  test('what is said comes back', () => {
    fc.assert(
      fc.property(request, (asked) => {
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
