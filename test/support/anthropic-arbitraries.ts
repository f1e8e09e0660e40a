// Answers and requests that Anthropic's Messages can say, for its laws.
import * as fc from 'fast-check'
import type {
  ChatRequest,
  ChatResponse,
  Item,
  ReasoningWish,
  Signature,
  Tool,
} from '../../server/protocols/canonical.ts'
import { requestOf } from '../../server/protocols/anthropic-messages/testing.ts'

const PROTOCOL = 'anthropic-messages'

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
  .record({
    fresh: count,
    cacheRead: count,
    cacheWrite: count,
    output: count,
    reasoning: count,
    searches: fc.option(count),
  })
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
export const answers: fc.Arbitrary<ChatResponse> = fc
  .record({ items: fc.array(item, { maxLength: 6 }), usage, end: fc.option(fc.constantFrom(...ENDS)) })
  .map(({ items, usage, end }) => {
    const calls = items.some(({ kind }) => kind === 'call')
    const plain = calls
      ? ({ unified: 'tool_calls', raw: 'tool_use' } as const)
      : ({ unified: 'stop', raw: 'end_turn' } as const)
    const said = { id: 'msg_01J', model: 'asked-for', created: 0, extensions: {} }
    return { ...said, items, usage, finish: end ?? plain }
  })

// ---- Requests ------------------------------------------------------------------------------------------------------

export const word = fc.stringMatching(/^[a-z<>é☃]{1,12}$/)
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
export const thought: fc.Arbitrary<Item> = fc.oneof(
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
export const requests = fc
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
