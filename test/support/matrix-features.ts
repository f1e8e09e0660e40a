// The rows of the matrix: what is asked of every pair, and what must come of it. The fake says what it saw, so that an
// answer shows whether the question arrived whole; it refuses what its vendor would, and remembers that.
import { expect } from 'vitest'
import type { FakeProvider } from '../fake-provider/fake-provider.ts'
import type { Feature, Pair } from './matrix.ts'
import { readThrown, withHeaders, type Call, type Question, type Said } from './sdk-drivers/driver.ts'

export interface MatrixTools {
  fake(): FakeProvider
  url(): string
  /** Of a caller whose keys behave that way. */
  apiKey(scenario?: string): string
}

const CITY = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
} as const
const ANSWER = {
  type: 'object',
  properties: {
    city: { type: 'string' },
    rank: { type: 'integer' },
    tags: { type: 'array', items: { type: 'string' } },
  },
  required: ['city', 'rank', 'tags'],
  additionalProperties: false,
} as const
const TOOLS = [
  { name: 'get_weather', schema: CITY },
  { name: 'get_time', schema: CITY },
]
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const PDF = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF').toString('base64')
const THOUGHTS = 'The user wants an answer, so I give one.'

const user = (text: string) => ({ by: 'user', text }) as const
const model = (said: Said) => ({ by: 'model', said }) as const
const results = (calls: readonly Call[], texts: readonly string[]) =>
  ({ by: 'tools', results: calls.map((call, index) => ({ call, text: texts[index]! })) }) as const
const echo = (text: string) => `You said: ${text} 🙂 – ünïcödé, 漢字.`
/** How the fake repeats results: Google's come as values, and the AI SDK writes such a value of its own. */
function toolSays({ driver, upstream }: Pair, calls: readonly Call[], texts: readonly string[]): string {
  const written = driver.name === 'ai-sdk google'
  const values = texts.map((output, at) => (written ? { name: calls[at]!.name, content: output } : { output }))
  const told = written ? values.map((value) => JSON.stringify(value)).join(' ') : texts.join(' ')
  return `The tool says: ${upstream.dialect === 'gemini' ? JSON.stringify(values) : told}`
}

const OPERATIONS = {
  'openai-chat': /^chat$/,
  'openai-responses': /^responses$/,
  'anthropic-messages': /^messages$/,
  gemini: /generate$/,
}

interface Options {
  readonly stream?: boolean
  /** Usage may be missing: the answer was cut before the provider told it. */
  readonly uncounted?: boolean
}

// size: one row of the matrix after another, told in the same words; they share the two calls at the top.
export function createMatrixFeatures(tools: MatrixTools): readonly Feature[] {
  /** One call that must succeed at once: the provider got what it takes, and the headers say who served it. */
  async function ask(pair: Pair, question: Omit<Question, 'model'>, options: Options = {}): Promise<Said> {
    const { driver, upstream, relayed } = pair
    const fake = tools.fake()
    fake.forget()
    const place = { url: tools.url(), apiKey: tools.apiKey() }
    const verb = options.stream ? 'stream' : 'ask'
    const { value: said, headers } = await withHeaders(() =>
      driver[verb](place, { ...question, model: upstream.model }),
    )
    expect([...fake.violations(), ...fake.complaints()]).toEqual([])
    expect(fake.requests.map(({ operation }) => operation)).toEqual([
      expect.stringMatching(OPERATIONS[relayed ? driver.dialect : upstream.dialect]),
    ])
    expect(headers.get('x-uniroute-provider')).toBe(upstream.provider)
    expect(headers.get('x-uniroute-attempts')).toBe('1')
    expect(headers.get('x-uniroute-warnings')).toBe(
      relayed ? null : expectedWarnings(pair, question, options.stream === true),
    )
    if (options.uncounted !== true) {
      expect(said.usage.input).toBeGreaterThan(0)
      expect(said.usage.output).toBeGreaterThan(0)
    }
    if (said.pieces) expect(said.pieces.join('')).toBe(said.text)
    return said
  }

  const both = async (run: (stream: boolean) => Promise<void>): Promise<void> => {
    await run(false)
    await run(true)
  }

  async function checkCalls(pair: Pair, stream: boolean, text: string, names: readonly string[]): Promise<Said> {
    const said = await ask(pair, { turns: [user(text)], tools: TOOLS }, { stream })
    expect(said.calls.map(({ name, args }) => [name, args])).toEqual(
      names.map((name, index) => [name, { city: index === 0 ? 'Paris 🙂' : 'New Delhi' }]),
    )
    expect(said).toMatchObject({ text: '', finish: 'tool_calls' })
    // Google's own ids are optional; all others pair up calls and results.
    const ids = said.calls.map(({ id }) => id)
    expect(ids.every((id) => typeof id === 'string' && id !== '')).toBe(true)
    expect(new Set(ids).size).toBe(ids.length)
    return said
  }

  return [
    {
      name: 'text',
      async run(pair) {
        const said = await ask(pair, { turns: [user('hello')], system: 'Be kind.' })
        expect(said).toMatchObject({ text: echo('hello'), calls: [], finish: 'stop' })
        expect(tools.fake().requests[0]!.rawBody.toString()).toContain('Be kind.')
      },
    },
    {
      name: 'stream',
      async run(pair) {
        const said = await ask(pair, { turns: [user('hello, all of you')] }, { stream: true })
        expect(said).toMatchObject({ text: echo('hello, all of you'), calls: [], finish: 'stop' })
        expect(said.pieces!.length).toBeGreaterThan(2)
      },
    },
    {
      name: 'turns',
      async run(pair) {
        const first = await ask(pair, { turns: [user('one')] })
        const said = await ask(pair, { turns: [user('one'), model(first), user('two')] })
        expect(said.text).toBe(echo('two'))
        expect(tools.fake().requests[0]!.rawBody.toString()).toContain(echo('one'))
      },
    },
    {
      name: 'tools',
      run: (pair) => both(async (stream) => void (await checkCalls(pair, stream, 'call the tool', ['get_weather']))),
    },
    {
      name: 'parallel',
      run: (pair) =>
        both(async (stream) => void (await checkCalls(pair, stream, 'call both tools', ['get_weather', 'get_time']))),
    },
    {
      name: 'forced',
      run: (pair) =>
        both(async (stream) => {
          const said = await ask(pair, { turns: [user('hello')], tools: TOOLS, force: 'get_time' }, { stream })
          expect(said.calls).toMatchObject([{ name: 'get_time', args: { city: 'Paris 🙂' } }])
        }),
    },
    {
      name: 'results',
      run: (pair) =>
        both(async (stream) => {
          const asked = await checkCalls(pair, stream, 'call both tools', ['get_weather', 'get_time'])
          const turns = [user('call both tools'), model(asked), results(asked.calls, ['42', '12:30'])]
          const said = await ask(pair, { turns, tools: TOOLS }, { stream })
          expect(said).toMatchObject({ text: toolSays(pair, asked.calls, ['42', '12:30']), calls: [], finish: 'stop' })
          const more = await ask(pair, { turns: [...turns, model(said), user('thanks')], tools: TOOLS }, { stream })
          expect(more.text).toBe(echo('thanks'))
        }),
    },
    {
      name: 'image',
      run: (pair) =>
        both(async (stream) => {
          const media = { mime: 'image/png', data: PNG }
          const said = await ask(pair, { turns: [{ by: 'user', text: 'look', media }] }, { stream })
          expect(said.text).toBe(echo(`look I see image/png of ${Buffer.from(PNG, 'base64').length} bytes.`))
        }),
    },
    {
      name: 'pdf',
      async run(pair) {
        const media = { mime: 'application/pdf', data: PDF }
        const said = await ask(pair, { turns: [{ by: 'user', text: 'read', media }] })
        expect(said.text).toBe(echo(`read I see application/pdf of ${Buffer.from(PDF, 'base64').length} bytes.`))
      },
    },
    {
      name: 'schema',
      run: (pair) =>
        both(async (stream) => {
          const said = await ask(pair, { turns: [user('which city')], schema: ANSWER }, { stream })
          expect(JSON.parse(said.text)).toEqual({ city: 'Paris 🙂', rank: 7, tags: ['Paris 🙂'] })
          expect(said).toMatchObject({ calls: [], finish: 'stop' })
        }),
    },
    {
      name: 'length',
      run: (pair) =>
        both(async (stream) => {
          const text = 'a long question, '.repeat(20)
          const said = await ask(pair, { turns: [user(text)], maxTokens: 16 }, { stream })
          expect(said).toMatchObject({ text: echo(text).slice(0, 64), finish: 'length' })
        }),
    },
    {
      name: 'stop',
      run: (pair) =>
        both(async (stream) => {
          // The gateway itself stops where the provider cannot; it does not wait for the rest.
          const uncounted = stream && !pair.relayed && pair.upstream.dialect === 'openai-responses'
          const said = await ask(pair, { turns: [user('hello')], stop: ['ünïcödé'] }, { stream, uncounted })
          expect(said).toMatchObject({ text: 'You said: hello 🙂 – ', finish: 'stop' })
        }),
    },
    {
      name: 'refusal',
      skip: ({ driver, relayed }) =>
        relayed && driver.name === 'langchain' ? 'LangChain hides a refusal without a finish of its own' : undefined,
      run: (pair) =>
        both(async (stream) => {
          const said = await ask(pair, { turns: [user('something forbidden')] }, { stream })
          expect(said.finish).toBe('refusal')
        }),
    },
    {
      name: 'thoughts',
      run: (pair) =>
        both(async (stream) => {
          const said = await ask(pair, { turns: [user('hello')], think: true }, { stream })
          expect(said).toMatchObject({ text: echo('hello'), finish: 'stop' })
          expect(said.thoughts).toBe(showsThoughts(pair) ? THOUGHTS : '')
        }),
    },
    {
      name: 'replay',
      run: (pair) =>
        both(async (stream) => {
          const fake = tools.fake()
          const question = { tools: TOOLS, think: true }
          const asked = await ask(pair, { ...question, turns: [user('call both tools')] }, { stream })
          const issued = [...fake.requests[0]!.issued]
          if (pair.upstream.dialect !== 'openai-chat' && !pair.relayed) expect(issued).toHaveLength(1)
          const turns = [user('call both tools'), model(asked), results(asked.calls, ['42', '12:30'])]
          const said = await ask(pair, { ...question, turns }, { stream })
          expect(said.text).toBe(toolSays(pair, asked.calls, ['42', '12:30']))
          // What the provider sealed comes back to it as it was.
          const sent = fake.requests[0]!.rawBody.toString()
          for (const state of issued) expect(sent).toContain(state)
          expect(sent).not.toContain('urs1.')
        }),
    },
    { name: 'errors', run: (pair) => checkErrors(tools, pair) },
  ]
}

/** Thoughts are shown to who asked to see them; Chat clients have no way to ask, but are not kept from reading. */
function showsThoughts({ driver, upstream, relayed }: Pair): boolean {
  if (upstream.provider === 'compat') return false
  if (relayed && upstream.provider === 'thinker') return driver.name !== 'ai-sdk openai-chat'
  return driver.dialect !== 'openai-chat'
}

/**
 * `x-uniroute-warnings` of a translated request, as 04 has it: what the provider's dialect or server cannot be told.
 */
function expectedWarnings(
  { driver, upstream }: Pair,
  question: Omit<Question, 'model'>,
  stream: boolean,
): string | null {
  const { tools, force, schema, think, turns } = question
  const isCompatible = upstream.dialect === 'openai-chat'
  const hasPdf = turns.some((turn) => turn.by === 'user' && turn.media?.mime === 'application/pdf')
  const says = (...words: (string | false | undefined)[]): string => words.filter(Boolean).join(',')
  // The AI SDK asks Anthropic models it does not know for JSON through a forced tool, one call at a time.
  const byTool = schema !== undefined && driver.name === 'ai-sdk anthropic' && upstream.name !== 'Anthropic'
  // The AI SDK hands back no thoughts that nobody signed, and this server signs none: the turn goes on without
  // thinking. Anthropic clients get them in an envelope.
  const losesThoughts = turns.some(({ by }) => by === 'tools') && driver.name === 'ai-sdk openai'
  const dropped = says(
    stream && (tools || byTool) && driver.name === 'ai-sdk anthropic' && 'eager_input_streaming',
    // Anthropic's own SDK is asked without a title.
    hasPdf &&
      upstream.dialect === 'gemini' &&
      !['anthropic', 'ai-sdk google', 'genai'].includes(driver.name) &&
      'filename',
    byTool && (isCompatible || upstream.dialect === 'gemini') && 'parallel_tool_calls',
    think && upstream.provider === 'compat' && 'thinking',
  )
  const approx = says(
    // Servers that think of themselves refuse a forced call while they do.
    (force || byTool) && upstream.provider === 'thinker' && 'thinking',
    think && upstream.provider === 'thinker' && (losesThoughts ? 'thinking' : 'effort'),
    schema && !byTool && isCompatible && 'response_format',
  )
  return [dropped && `dropped=${dropped}`, approx && `approx=${approx}`].filter(Boolean).join(';') || null
}

let unique = 0

async function checkErrors(tools: MatrixTools, { driver, upstream }: Pair): Promise<void> {
  const isCompatible = upstream.dialect === 'openai-chat'
  const attempt = async (apiKey: string, name: string, stream = false) => {
    tools.fake().forget()
    const question = { model: name, turns: [user('hello, and a good day to all of you')] }
    return readThrown(driver[stream ? 'stream' : 'ask']({ url: tools.url(), apiKey }, question))
  }
  /** States of keys and providers hold for a model, so every cell has its own. */
  const modelFor = (scenario: string): string => {
    const name = `${upstream.model}-cell${++unique}`
    return isCompatible ? name.replace('/', `-${scenario}/`) : name
  }
  const expectThrown = async (status: number, scenario: string, apiKey: string, name = modelFor(scenario)) => {
    const thrown = await attempt(apiKey, name)
    expect([scenario, thrown.status, thrown.message]).toEqual([scenario, status, expect.any(String)])
    expect(thrown.classes).toContain(driver.errorClass(status))
    expect(thrown.message).not.toContain('CANARY')
  }

  await expectThrown(401, 'bad key', 'ur_wrong', upstream.model)
  await expectThrown(
    404,
    'unknown model',
    tools.apiKey(),
    upstream.model.replace(/[^/]*$/, (name) => `${name}-does-not-exist`),
  )
  await expectThrown(424, 'invalid', tools.apiKey('invalid'))
  await expectThrown(429, 'ratelimit30', tools.apiKey('ratelimit30'))
  await expectThrown(503, 'down500', tools.apiKey('down500'))
  if (!isCompatible) await expectThrown(403, 'no key', tools.apiKey('no key'), upstream.model)
  const broken = await attempt(tools.apiKey('error-midstream'), modelFor('error-midstream'), true)
  expect(broken.classes).toContain('Error')
}
