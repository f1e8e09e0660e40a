// Any sensible request in the middle model: rounds of a conversation in which every call is answered. Texts carry marks
// (`«7»`) that count upwards, so that what became of them can be told in any dialect.
import * as fc from 'fast-check'
import type { ChatRequest, Instruction, Item, ResultPart, Tool } from '../../server/protocols/canonical.ts'

const words = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('', 'plain', '😀 é \u2028', '"quoted\\"', '<b>&amp;</b>', 'line\nline', '{"json":1}'),
)
const toolName = fc.constantFrom('f', 'get_weather', 'a-b', 'dotted.name', 'très long', 'x'.repeat(70))
const jsonArgs = fc.constantFrom('{}', '{"x":1}', '{"a":{"b":[1,"zwei",null]}}', '{"big":12345,"s":"«»"}', '')

interface Step {
  readonly said: string
  readonly thought: string | null
  readonly answer: string | null
  readonly calls: readonly {
    tool: number
    args: string
    result: string
    isError: boolean
    image: boolean
    id: string
  }[]
  readonly afterword: string | null
  readonly note: string | null
  readonly image: boolean
  readonly cached: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  said: words,
  thought: fc.option(words, { freq: 4 }),
  answer: fc.option(words),
  calls: fc.array(
    fc.record({
      tool: fc.nat(9),
      args: jsonArgs,
      result: words,
      isError: fc.boolean(),
      image: fc.boolean(),
      id: fc.constantFrom('call', 'toolu_01', 'fc.1/ü', 'x'.repeat(70)),
    }),
    { maxLength: 3 },
  ),
  afterword: fc.option(words, { freq: 5 }),
  note: fc.option(words, { freq: 5 }),
  image: fc.boolean(),
  cached: fc.boolean(),
})

const schema = fc.constantFrom(
  { type: 'object', properties: {} },
  { type: 'object', properties: { x: { type: 'number', minimum: 1 } }, required: ['x'], additionalProperties: false },
  { $schema: 'x', type: 'object', properties: { a: { $ref: '#/$defs/A' } }, $defs: { A: { type: 'string' } } },
)

const tool: fc.Arbitrary<Tool> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('function' as const), name: toolName, schema }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('function' as const),
      name: toolName,
      schema,
      strict: fc.boolean(),
      description: words.filter((text) => text !== ''),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('freeform' as const), name: fc.constant('apply_patch') }) },
)

const number = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: max * 4 }).map((value) => value / 4)

const settings = fc.record(
  {
    parallel: fc.boolean(),
    format: fc.constantFrom<NonNullable<ChatRequest['format']>>(
      { kind: 'text' },
      { kind: 'json_object' },
      { kind: 'json_schema', name: 'r', schema: { type: 'object', properties: {}, additionalProperties: false } },
    ),
    reasoning: fc.constantFrom<NonNullable<ChatRequest['reasoning']>>(
      { effort: 'none' },
      { effort: 'low' },
      { effort: 'xhigh', visible: true },
      { budget: 2000 },
      { budget: 0 },
    ),
    maxOutput: fc.integer({ min: 16, max: 8000 }),
    seed: fc.nat(),
    logprobs: fc.record({ top: fc.integer({ min: 1, max: 5 }) }),
    verbosity: fc.constantFrom('low' as const, 'high' as const),
    cacheKey: fc.constant('key'),
    tier: fc.constantFrom('auto', 'default', 'flex', 'priority'),
    userId: fc.constant('somebody'),
    toolChoice: fc.constantFrom<NonNullable<ChatRequest['toolChoice']>>(
      { mode: 'auto' },
      { mode: 'none' },
      { mode: 'required' },
    ),
  },
  { requiredKeys: [] },
)

const sampling = fc.record(
  {
    temperature: number(2),
    topP: number(1),
    topK: fc.integer({ min: 1, max: 100 }),
    frequencyPenalty: number(2),
    presencePenalty: number(2),
    logitBias: fc.constant({ '50': 1 }),
  },
  { requiredKeys: [] },
)

export const anyRequest: fc.Arbitrary<ChatRequest> = fc
  .record({
    rules: fc.array(words, { maxLength: 2 }),
    steps: fc.array(step, { minLength: 1, maxLength: 4 }),
    tools: fc.uniqueArray(tool, { maxLength: 3, selector: ({ name }) => name }),
    stop: fc.uniqueArray(fc.constantFrom('END', '\n\n', '###'), { maxLength: 3 }),
    settings: fc.oneof({ weight: 1, arbitrary: fc.constant({}) }, { weight: 2, arbitrary: settings }),
    sampling,
  })
  .map(build)

interface Draft {
  readonly rules: readonly string[]
  readonly steps: readonly Step[]
  readonly tools: readonly Tool[]
  readonly stop: readonly string[]
  readonly settings: Partial<ChatRequest>
  readonly sampling: ChatRequest['sampling']
}

function build({ rules, steps, tools, stop, settings: wishes, sampling: wanted }: Draft): ChatRequest {
  let count = 0
  const mark = (text: string): string => `«${count++}» ${text}`
  const instructions: Instruction[] = rules.map((text) => ({ role: 'system', text: mark(text) }))
  const items: Item[] = []
  let turn = 0
  for (const each of steps) {
    turn++
    const cache = each.cached ? { cache: {} } : {}
    items.push({ kind: 'text', role: 'user', text: mark(each.said), turn, ...cache })
    if (each.image) items.push({ kind: 'media', role: 'user', media: 'image', source: imageOf(mark('')), turn })
    turn++
    const calls = tools.length === 0 ? [] : each.calls
    if (each.thought !== null) items.push({ kind: 'reasoning', text: mark(each.thought), turn })
    if (each.answer !== null || calls.length === 0) {
      items.push({ kind: 'text', role: 'assistant', text: mark(each.answer ?? ''), turn })
    }
    const made = calls.map((call, index) => ({
      ...call,
      id: `${call.id}_${turn}_${index}`,
      used: tools[call.tool % tools.length]!,
    }))
    for (const { id, args, used } of made) {
      const style = used.kind === 'freeform' ? 'freeform' : 'json'
      const space = used.namespace === undefined ? {} : { namespace: used.namespace }
      const argsText = style === 'freeform' ? mark('*** patch') : args
      items.push({ kind: 'call', id, name: used.name, ...space, argsText, style, turn })
    }
    if (each.afterword !== null) items.push({ kind: 'text', role: 'assistant', text: mark(each.afterword), turn })
    turn++
    for (const { id, result, isError, image, used } of made) {
      const parts: ResultPart[] = [{ kind: 'text', text: mark(result) }]
      if (image) parts.push({ kind: 'media', media: 'image', source: imageOf(mark('')) })
      const style = used.kind === 'freeform' ? 'freeform' : 'json'
      items.push({ kind: 'result', callId: id, name: used.name, parts, isError, style, turn })
    }
    if (each.note !== null) items.push({ kind: 'text', role: 'system', text: mark(each.note), turn: ++turn })
  }
  turn++
  items.push({ kind: 'text', role: 'user', text: mark('and now?'), turn })
  return {
    model: 'asked-for',
    stream: false,
    streamUsage: true,
    instructions,
    items,
    tools,
    builtins: [],
    ...wishes,
    sampling: wanted,
    stop,
    extensions: {},
  }
}

/** Its mark is its data. */
const imageOf = (text: string) => ({ from: 'data', mime: 'image/png', data: btoa(encodeURI(text)) }) as const
