// Answers and requests that Gemini can say, for its laws.
import fc from 'fast-check'
import type { ChatRequest, ChatResponse, Item, Signature, Usage } from '../../server/protocols/canonical.ts'
import { requestOf } from '../../server/protocols/gemini/testing.ts'

export const words = fc.oneof(fc.string({ minLength: 1 }), fc.string({ minLength: 1, unit: 'grapheme' }))
export const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,10}$/)
export const args = fc.dictionary(name, fc.jsonValue({ maxDepth: 2 })).map((value) => JSON.stringify(value))
const base64 = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('base64'))
const data = fc.record({ from: fc.constant('data' as const), mime: fc.constant('image/png'), data: base64 })

export const state = (kind: Signature['kind']): fc.Arbitrary<Signature> =>
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
    searches: null,
  }))
const finish = fc.constantFrom(
  { unified: 'stop', raw: 'STOP' } as const,
  { unified: 'length', raw: 'MAX_TOKENS' } as const,
  { unified: 'content_filter', raw: 'SPII' } as const,
  { unified: 'refusal', raw: 'refusal' } as const,
)
export const answers = fc
  .record({ items: fc.array(anyItem, { maxLength: 6 }), usage, finish })
  .map((fields): ChatResponse => ({ id: 'r', model: 'm', created: 0, extensions: {}, ...fields }))

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
export const conversation = fc.array(round, { minLength: 1, maxLength: 3 }).map((rounds) => {
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

export const requests = fc
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
