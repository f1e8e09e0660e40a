// Answers and requests that the Responses dialect can say, for its laws.
import fc from 'fast-check'
import type {
  ChatRequest,
  ChatResponse,
  Citation,
  Finish,
  Item,
  ResultPart,
  Tool,
  Usage,
} from '../../server/protocols/canonical.ts'

const OWN = 'openai-responses'
export const ANSWER_ID = 'resp_01J0000000000000000000000A'

const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const someText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
const name = fc.stringMatching(/^[a-z_]{1,12}$/)
const count = fc.nat(1_000_000)
const maybe = <T>(key: string, values: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.option(values).map((value) => (value === null ? {} : { [key]: value }))
const merged = (...parts: fc.Arbitrary<object>[]): fc.Arbitrary<any> =>
  fc.tuple(...parts).map((values) => Object.assign({}, ...values) as object)

const citation: fc.Arbitrary<Citation> = fc.record({ url: fc.webUrl(), title: text, start: count, end: count })
const phase = maybe(
  'extra',
  fc.constantFrom('commentary', 'final_answer').map((said) => ({ [OWN]: { phase: said } })),
)
const native = someText.map((value) => ({ provider: '', account: '', model: '', kind: 'encrypted', value }))
const ours = someText.map((value) => ({ ...PROVIDER_STATE, value }))
const PROVIDER_STATE = { provider: 'openai', account: 'account-1', model: 'gpt-5.6', kind: 'encrypted' } as const

export const texts = merged(
  fc.constant({ turn: 0, kind: 'text', role: 'assistant' }),
  someText.map((said) => ({ text: said })),
  maybe('citations', fc.array(citation, { minLength: 1, maxLength: 3 })),
  phase,
)
const refusal = merged(
  fc.constant({ turn: 0, kind: 'refusal' }),
  someText.map((said) => ({ text: said })),
)
export const calls = merged(
  fc.constant({ turn: 0, kind: 'call', style: 'json' }),
  fc.record({ id: someText, name, argsText: someText }),
  maybe('namespace', name),
)
const freeformCall = fc.tuple(calls, text).map(([item, argsText]) => ({ ...item, argsText, style: 'freeform' }))
const opaque = fc
  .record({ type: fc.constantFrom('web_search_call', 'code_interpreter_call'), id: someText })
  .map((raw) => ({ turn: 0, kind: 'opaque', protocol: OWN, role: 'assistant', raw }))
export const summaries = someText.map((said) => ({ turn: 0, kind: 'reasoning', text: said, summary: true }))
const thoughts = fc.oneof(
  summaries,
  fc.tuple(summaries, ours).map(([item, signature]) => ({ ...item, signature })),
  ours.map((signature) => ({ turn: 0, kind: 'reasoning', text: '', signature })),
)
const answerItems = fc.array(fc.oneof(texts, texts, refusal, calls, freeformCall, opaque, thoughts), { maxLength: 6 })

const usage: fc.Arbitrary<Usage> = fc.record({
  input: count,
  cacheRead: count,
  cacheWrite: fc.option(count),
  cacheWrite1h: fc.constant(null),
  output: count,
  reasoning: count,
  searches: fc.option(count),
})

function finishFor(items: readonly Item[], incomplete: string | null): Finish {
  if (incomplete !== null) return { unified: incomplete === 'content_filter' ? incomplete : 'length', raw: incomplete }
  const has = (kind: string): boolean => items.some((item) => item.kind === kind)
  return { unified: has('call') ? 'tool_calls' : has('refusal') ? 'refusal' : 'stop', raw: 'completed' }
}

export const answers: fc.Arbitrary<ChatResponse> = fc
  .tuple(answerItems, usage, fc.option(fc.constantFrom('max_output_tokens', 'content_filter')))
  .map(([items, tokens, incomplete]) => ({
    id: ANSWER_ID,
    model: 'my-model',
    created: 1_700_000_000,
    items: items as Item[],
    finish: finishFor(items as Item[], incomplete),
    usage: tokens,
    extensions: {},
  }))

// Requests: what the dialect can say, in the order its reader gives.
const cache = maybe('cache', fc.constantFrom({}, { ttl: '30m' }, { ttl: '12h' }))
const bytes = fc.base64String({ minLength: 4, maxLength: 12 })
const source = fc.oneof(
  bytes.map((data) => ({ from: 'data', mime: 'image/png', data })),
  fc.webUrl().map((url) => ({ from: 'url', url })),
  name.map((fileId) => ({ from: 'file', fileId, protocol: OWN })),
)
const image = source.map((from) => ({ kind: 'media', media: 'image', source: from, detail: 'auto' }))
const pdf = bytes.map((data) => ({
  kind: 'media',
  media: 'pdf',
  name: 'a.pdf',
  source: { from: 'data', mime: 'application/pdf', data },
}))
const userPart = merged(
  fc.oneof(
    someText.map((said) => ({ kind: 'text', text: said })),
    image,
    pdf,
  ),
  fc.constant({ role: 'user' }),
  cache,
)
const userTurn = fc.array(userPart, { minLength: 1, maxLength: 3 })
const middleSystem = fc.array(
  merged(
    fc.constant({ kind: 'text', role: 'developer' }),
    someText.map((said) => ({ text: said })),
    cache,
  ),
  {
    minLength: 1,
    maxLength: 1,
  },
)
const storedThoughts = fc.oneof(
  fc.tuple(summaries, native).map(([item, signature]) => ({ ...item, signature: { ...signature, id: 'rs_1' } })),
  native.map((signature) => ({ turn: 0, kind: 'reasoning', text: '', signature })),
)
const assistantTurn = fc
  .tuple(
    fc.option(storedThoughts),
    fc.array(fc.oneof(texts, refusal), { maxLength: 2 }),
    fc.array(fc.oneof(calls, freeformCall), { maxLength: 2 }),
  )
  .map(([thought, said, calls]) => {
    // Another phase would be another message, so another turn.
    const same = said.map((item) => ({
      ...item,
      ...(said[0]?.extra ? { extra: said[0].extra } : { extra: undefined }),
    }))
    return [...(thought ? [thought] : []), ...same, ...calls.map((one) => ({ ...one, id: one.id.slice(0, 20) }))]
  })
const resultPart: fc.Arbitrary<ResultPart> = fc.oneof(
  someText.map((said) => ({ kind: 'text', text: said }) as const),
  image as fc.Arbitrary<ResultPart>,
)
const resultTurn = fc.array(
  fc.record({
    kind: fc.constant('result'),
    callId: name,
    parts: fc.array(resultPart, { minLength: 1, maxLength: 2 }),
    isError: fc.constant(false),
    style: fc.constantFrom('json', 'freeform'),
  }),
  { minLength: 1, maxLength: 2 },
)
// Turns of the same side that follow each other would be one, so someone always speaks between.
const items = fc
  .array(fc.tuple(fc.oneof(userTurn, middleSystem), assistantTurn, fc.option(resultTurn)), { maxLength: 3 })
  .map((rounds) => {
    const turns: any[][] = [[{ kind: 'text', role: 'user', text: 'Hi' }]]
    for (const [before, said, results] of rounds) turns.push(before, said, ...(results ? [results] : []))
    return turns
      .filter((turn) => turn.length > 0)
      .flatMap((turn, index) => turn.map((item) => ({ ...item, turn: index })))
  })

const schema = fc.constant({ type: 'object', properties: { x: { type: 'number' } } })
const aTool: fc.Arbitrary<Tool> = fc.oneof(
  merged(
    fc.constant({ kind: 'function' }),
    name.map((said) => ({ name: said })),
    maybe('description', text),
    maybe('schema', schema),
    maybe('strict', fc.boolean()),
  ),
  merged(
    fc.constant({ kind: 'freeform' }),
    name.map((said) => ({ name: said })),
    maybe('grammar', fc.constant({ type: 'grammar', syntax: 'lark', definition: 'start: "a"' })),
  ),
)
const tools = fc.uniqueArray(aTool, { selector: (tool) => tool.name, maxLength: 3 }).chain((plain) =>
  fc.uniqueArray(aTool, { selector: (tool) => tool.name, maxLength: 2 }).map((members) => [
    ...plain,
    ...members.map((tool, index) => ({
      ...tool,
      namespace: 'space',
      ...(index === 0 ? { extra: { [OWN]: { namespace_description: 'All of it' } } } : {}),
    })),
  ]),
)
const toolChoice = fc.oneof(
  fc.constantFrom('auto', 'none', 'required').map((mode) => ({ mode })),
  name.map((chosen) => ({ mode: 'named', name: chosen })),
  fc.record({ mode: fc.constant('allowed'), names: fc.array(name, { maxLength: 2 }), required: fc.boolean() }),
)
const format = fc.oneof(
  fc.constantFrom({ kind: 'text' }, { kind: 'json_object' }),
  merged(
    fc.constant({ kind: 'json_schema', name: 'answer' }),
    schema.map((said) => ({ schema: said })),
    maybe('strict', fc.boolean()),
  ),
)
const reasoning = merged(
  maybe('effort', fc.constantFrom('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')),
  maybe('visible', fc.constant(true)),
  maybe('include', fc.constant(true)),
).filter((wish) => Object.keys(wish).length > 0)
const instruction = merged(
  fc.constant({ role: 'developer' }),
  someText.map((said) => ({ text: said })),
  cache,
)

export const requests: fc.Arbitrary<ChatRequest> = merged(
  fc.constant({ model: 'gpt-5.6', stream: false, streamUsage: true, builtins: [], stop: [] }),
  fc.tuple(maybe('top', someText), fc.array(instruction, { maxLength: 2 })).map(([top, others]) => ({
    instructions: [...(top['top'] ? [{ role: 'system', text: top['top'], forThisCall: true }] : []), ...others],
  })),
  items.map((all) => ({ items: all })),
  tools.map((all) => ({ tools: all })),
  maybe('toolChoice', toolChoice),
  maybe('parallel', fc.boolean()),
  maybe('format', format),
  maybe('reasoning', reasoning),
  merged(
    maybe('temperature', fc.double({ min: 0, max: 2, noNaN: true })),
    maybe('topP', fc.double({ min: 0, max: 1, noNaN: true })),
  ).map((sampling) => ({ sampling })),
  maybe('maxOutput', fc.integer({ min: 16, max: 100_000 })),
  maybe(
    'logprobs',
    fc.integer({ min: 1, max: 20 }).map((top) => ({ top })),
  ),
  maybe('verbosity', fc.constantFrom('low', 'medium', 'high')),
  maybe('cacheKey', someText),
  maybe('tier', fc.constantFrom('flex', 'priority', 'fast')),
  maybe('userId', someText),
  merged(
    maybe('store', fc.boolean()),
    maybe('max_tool_calls', count),
    maybe('reasoning_context', fc.constant('all_turns')),
  ).map((own) => ({
    extensions: { [OWN]: own },
  })),
)
