// Requests from every dialect to every other: the golden tool turn in all twelve directions, and what holds of any
// request: nothing is lost silently, and only `CannotCross` is thrown.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChatRequest, Item, ResultPart } from '../../server/protocols/canonical.ts'
import { CannotCross, createLossReport } from '../../server/protocols/codec.ts'
import { CODECS } from '../../server/protocols/codecs.ts'
import { lossOfField } from '../../server/protocols/losses.ts'
import { isNoWish } from '../../server/protocols/no-wish.ts'
import { parseJson } from '../../server/protocols/read.ts'
import { restoreTool } from '../../server/protocols/tool-names.ts'
import { anyRequest } from '../support/any-request.ts'
import {
  decodeRequest,
  type Dialect,
  encodeRequest,
  type Json,
  MODELS,
  PAIRS,
  profileFor,
} from '../support/cross-dialect.ts'
import { RUNS } from '../support/properties.ts'

const SCHEMA = { type: 'object', properties: { x: { type: 'number' } }, required: ['x'] }

const GOLDEN: Readonly<Record<Dialect, Json>> = {
  'openai-chat': {
    messages: [
      { role: 'user', content: 'q' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: '42' },
    ],
    tools: [{ type: 'function', function: { name: 'f', parameters: SCHEMA } }],
  },
  'openai-responses': {
    input: [
      { role: 'user', content: 'q' },
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{"x":1}' },
      { type: 'function_call_output', call_id: 'c1', output: '42' },
    ],
    tools: [{ type: 'function', name: 'f', parameters: SCHEMA }],
  },
  'anthropic-messages': {
    max_tokens: 1000,
    messages: [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'f', input: { x: 1 } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: '42' }] },
    ],
    tools: [{ name: 'f', input_schema: SCHEMA }],
  },
  gemini: {
    contents: [
      { role: 'user', parts: [{ text: 'q' }] },
      { role: 'model', parts: [{ functionCall: { id: 'c1', name: 'f', args: { x: 1 } } }] },
      {
        role: 'user',
        parts: [{ functionResponse: { id: 'c1', name: 'f', response: { output: '42' } } }],
      },
    ],
    tools: [{ functionDeclarations: [{ name: 'f', parametersJsonSchema: SCHEMA }] }],
  },
}

/** The call and the result as the dialect holds them, wherever they stand. */
const GOLDEN_PARTS: Readonly<Record<Dialect, (body: Json) => unknown>> = {
  'openai-chat': ({ messages }) => (messages as Json[]).slice(-2),
  'openai-responses': ({ input }) => (input as Json[]).slice(-2),
  'anthropic-messages': ({ messages }) => (messages as Json[]).slice(-2),
  gemini: ({ contents }) => (contents as Json[]).slice(-2),
}

/** What a dialect puts beside the golden turn. */
function withoutAdditions(dialect: Dialect, body: Json): unknown {
  const text = JSON.stringify(GOLDEN_PARTS[dialect](body), (key, value: unknown) =>
    key === 'thoughtSignature' || key === 'status' ? undefined : value,
  )
  return JSON.parse(text)
}

describe('the golden tool turn', () => {
  test.each(PAIRS)('%s to %s', (from, to) => {
    const losses = createLossReport()
    const { body } = encodeRequest(to, decodeRequest(from, GOLDEN[from], losses), losses)
    expect(withoutAdditions(to, body)).toEqual(GOLDEN_PARTS[to](GOLDEN[to]))
    expect(losses.losses).toEqual([])
    expect(JSON.stringify(body)).toContain('"name":"f"')
    const declared = JSON.stringify(body['tools'])
    expect(declared).toContain('"x":{"type":"number"}')
  })

  test.each(PAIRS.filter(([, to]) => to === 'gemini'))(
    'from %s to %s the first call has a stand-in where its signature is not known',
    (from, to) => {
      const { body } = encodeRequest(to, decodeRequest(from, GOLDEN[from]))
      const [call] = (body['contents'] as { parts: Json[] }[]).at(-2)!.parts
      expect(call).toMatchObject({ thoughtSignature: 'skip_thought_signature_validator' })
    },
  )
})

// ---- Any request ---------------------------------------------------------------------------------------------------

/** Marks in texts (`«7»`), in the order they stand. */
const marksIn = (text: string): string[] => text.match(/«\d+»/g) ?? []

const partText = (part: ResultPart): string => (part.kind === 'text' ? part.text : '')

interface Told {
  readonly name: string
  readonly args: unknown
}

interface Story {
  readonly texts: readonly string[]
  readonly thoughts: readonly string[]
  readonly calls: readonly (Told & { result: readonly string[]; failed: boolean })[]
}

/** What was said, called and answered, in order; `restore` tells what a call is to the client. */
function tellStory(request: ChatRequest, restore: (item: Item & { kind: 'call' }) => Told): Story {
  const texts = request.instructions.flatMap(({ text }) => marksIn(text))
  const thoughts: string[] = []
  const calls = new Map<string, Told & { result: string[]; failed: boolean }>()
  for (const item of request.items) {
    if (item.kind === 'text' || item.kind === 'refusal') texts.push(...marksIn(item.text))
    else if (item.kind === 'reasoning') thoughts.push(...marksIn(item.text))
    else if (item.kind === 'call') calls.set(item.id, { ...restore(item), result: [], failed: false })
    else if (item.kind === 'result') {
      const call = calls.get(item.callId)
      const text = item.parts.map(partText).join('')
      call?.result.push(...marksIn(text))
      if (call) call.failed = item.isError || text.startsWith('Error: ')
    }
  }
  return { texts, thoughts, calls: [...calls.values()] }
}

/** Every image sent, by the mark in its data, wherever the dialect puts it. */
const imagesIn = (body: unknown): Set<string> => new Set(JSON.stringify(body).match(/JUMyJUFC[\w+/=]+/g))

const fullName = ({ name, namespace }: { name: string; namespace?: string }): string => `${namespace ?? ''}/${name}`

/** A freeform call's text is the one field `input` where the dialect knows functions only. */
const argsOf = (call: Item & { kind: 'call' }): unknown =>
  call.style === 'freeform' ? { input: call.argsText } : readArgs(call.argsText)

const readArgs = (text: string): unknown => (text === '' ? {} : (parseJson(text) ?? { input: text }))

/** Thinking switched off is what a model without it does anyway. */
function thinkingAskedFor({ effort, budget }: NonNullable<ChatRequest['reasoning']> = {}): true | undefined {
  const off = effort === 'none' || (effort === undefined && budget === 0)
  return off || (effort === undefined && budget === undefined) ? undefined : true
}

/** Fields of a request that may be left out, and the words a report may use for each. */
const FIELDS: readonly (readonly [string, (request: ChatRequest) => unknown, RegExp])[] = [
  ['temperature', ({ sampling }) => sampling.temperature, /temperature|sampling/],
  ['topP', ({ sampling }) => sampling.topP, /top_p|sampling/],
  ['topK', ({ sampling }) => sampling.topK, /top_k|sampling/],
  ['frequencyPenalty', ({ sampling }) => sampling.frequencyPenalty, /frequency_penalty|sampling/],
  ['presencePenalty', ({ sampling }) => sampling.presencePenalty, /presence_penalty|sampling/],
  ['logitBias', ({ sampling }) => sampling.logitBias, /logit_bias/],
  ['seed', ({ seed }) => seed, /seed/],
  ['logprobs', ({ logprobs }) => logprobs, /logprobs/],
  ['verbosity', ({ verbosity }) => verbosity, /verbosity/],
  ['cacheKey', ({ cacheKey }) => cacheKey, /prompt_cache_key/],
  ['userId', ({ userId }) => userId, /user/],
  ['tier', ({ tier }) => (tier === 'auto' ? undefined : tier), /tier/],
  ['parallel', ({ parallel, tools }) => (parallel === false && tools.length > 0 ? false : undefined), /parallel/],
  ['maxOutput', ({ maxOutput }) => maxOutput, /max_tokens/],
  ['format', ({ format }) => (format?.kind === 'text' ? undefined : format?.kind), /format|schema/],
  ['effort', ({ reasoning }) => thinkingAskedFor(reasoning), /effort|thinking/],
  [
    'cache',
    (request) => JSON.stringify([request.items, request.instructions]).includes('"cache":') || undefined,
    /cache/,
  ],
  ['strict', ({ tools }) => tools.some(({ strict }) => strict === true) || undefined, /strict/],
]

function checkNothingSilent(
  before: ChatRequest,
  after: ChatRequest,
  paths: readonly string[],
  enforced: readonly string[],
): void {
  for (const [name, read, words] of FIELDS) {
    const wish = read(before)
    if (wish === undefined || read(after) !== undefined || isNoWish(lossOfField(name), wish)) continue
    expect(
      paths.some((path) => words.test(path)),
      `${name} is gone, and only ${paths.join(', ') || 'nothing'} reported`,
    ).toBe(true)
  }
  const stops = new Set([...after.stop, ...enforced])
  for (const stop of before.stop) expect([...stops], 'stop sequences').toContain(stop)
}

/** Things of the first dialect alone, put into the request where it is read. */
interface Foreign {
  readonly field: boolean
  readonly state: boolean
  readonly builtin: boolean
}

function addForeign(request: ChatRequest, from: Dialect, foreign: Foreign): ChatRequest {
  const value = { provider: 'somebody', account: 'else', model: 'm', kind: 'signature', value: 'c2ln' } as const
  const { extensions, builtins, items } = request
  return {
    ...request,
    extensions: foreign.field ? { ...extensions, [from]: { ...extensions[from], odd_field: 1 } } : extensions,
    builtins: foreign.builtin ? [...builtins, { protocol: from, kind: 'other', name: 'odd_tool', raw: {} }] : builtins,
    items: foreign.state
      ? items.map((item) => (item.kind === 'reasoning' ? { ...item, signature: value } : item))
      : items,
  }
}

/** null where the request cannot be said. */
function attempt<Result>(work: () => Result): Result | null {
  try {
    return work()
  } catch (error) {
    if (error instanceof CannotCross) return null
    throw error
  }
}

function cross(request: ChatRequest, from: Dialect, to: Dialect, which: number, foreign: Foreign): boolean {
  const asked = attempt(() => JSON.parse(JSON.stringify(encodeRequest(from, request).body)) as Json)
  const read = asked && attempt(() => decodeRequest(from, asked))
  if (!read) return false
  const before = addForeign(read, from, foreign)
  const losses = createLossReport()
  const encoded = attempt(() => encodeRequest(to, before, losses, profileFor(to, which)))
  if (!encoded) return false
  const sent = JSON.parse(JSON.stringify(encoded.body)) as Json
  const after = decodeRequest(to, sent)
  const paths = losses.losses.map(({ path }) => path)

  const told = tellStory(before, (call) => ({ name: fullName(call), args: argsOf(call) }))
  const retold = tellStory(after, (call) => {
    const known = call.namespace === undefined ? restoreTool(encoded.toolNames, call.name) : call
    return { name: fullName(known), args: argsOf(call) }
  })
  expect(retold.texts).toEqual(told.texts)
  expect(retold.calls).toEqual(told.calls)
  expect(imagesIn(sent)).toEqual(imagesIn(asked))
  if (retold.thoughts.length < told.thoughts.length) expect(paths.join()).toMatch(/reasoning_state|thoughts/)
  const declared = new Set(before.tools.map(fullName))
  const named = after.tools.map((tool) =>
    fullName(tool.namespace === undefined ? restoreTool(encoded.toolNames, tool.name) : tool),
  )
  expect(named.filter((name) => declared.has(name))).toEqual([...declared])
  if (foreign.field) expect(paths).toContain('other_fields')
  if (foreign.builtin) expect(paths).toContain('builtin_tools')
  if (foreign.state && told.thoughts.length > 0) expect(paths).toContain('reasoning_state')
  checkNothingSilent(before, after, paths, encoded.enforceStop)
  return true
}

const anyForeign = fc.record({ field: fc.boolean(), state: fc.boolean(), builtin: fc.boolean() })

describe('any request', () => {
  test.each(PAIRS)(
    '%s to %s: texts, calls, results and tools survive in order; nothing else is lost silently',
    (from, to) => {
      let crossed = 0
      fc.assert(
        fc.property(anyRequest, fc.nat({ max: MODELS[to].length - 1 }), anyForeign, (request, which, foreign) => {
          if (cross(request, from, to, which, foreign)) crossed++
        }),
        RUNS,
      )
      // Refusals are the exception.
      expect(crossed).toBeGreaterThan(RUNS.numRuns / 3)
    },
  )
})

describe("the first version's own chat", () => {
  const body = {
    messages: [
      { role: 'system', content: '«0» Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: '«1» What is it?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${btoa(encodeURI('«2»'))}` } },
        ],
      },
    ],
    max_tokens: 100,
    web_search: true,
    conversation_id: 'c-1',
  }

  test.each([
    ['openai-responses', { type: 'web_search' }],
    ['anthropic-messages', { type: expect.stringMatching(/^web_search_/), name: 'web_search' }],
    ['gemini', { googleSearch: {} }],
  ] as const)('reaches %s with its text, its image and its search, and nothing is lost', (to, search) => {
    const losses = createLossReport()
    const sent = encodeRequest(to, readOwnChat(body), losses).body
    const story = tellStory(decodeRequest(to, sent), (call) => ({ name: call.name, args: null }))
    expect(story.texts).toEqual(['«0»', '«1»'])
    expect(imagesIn(sent).size).toBe(1)
    expect(sent['tools']).toEqual([expect.objectContaining(search)])
    expect(losses.losses).toEqual([])
  })

  test('a search that the provider does not have is refused, for it is all that was asked for', () => {
    expect(() =>
      encodeRequest('openai-chat', readOwnChat(body), createLossReport(), profileFor('openai-chat', 1)),
    ).toThrow(CannotCross)
  })
})

const readOwnChat = (body: Json): ChatRequest =>
  CODECS['uniroute-chat'].decodeRequest(body, {
    model: 'asked-for',
    stream: false,
    openEnvelope: () => null,
    losses: createLossReport(),
  })
