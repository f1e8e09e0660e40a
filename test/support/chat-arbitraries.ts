// Answers and requests that Chat Completions can say, for its laws.
import fc from 'fast-check'
import type { ChatRequest, ChatResponse, Item } from '../../server/protocols/canonical.ts'
import { requestOf } from '../../server/protocols/openai-chat/testing.ts'

const CHAT = 'openai-chat'

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
export const answers = fc
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
        searches: fc.constant(null),
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

// ---- Requests ------------------------------------------------------------------------------------------------------

const cache = fc.option(fc.constantFrom({}, { ttl: '5m' }, { ttl: '1h' }), { nil: undefined })
const marked = <T extends object>(item: fc.Arbitrary<T>) =>
  fc.tuple(item, cache).map(([item, cache]) => (cache ? { ...item, cache } : item))
const instruction = marked(fc.record({ role: fc.constantFrom('system' as const, 'developer' as const), text: words }))
const tool = marked(
  fc.record(
    {
      kind: fc.constant('function' as const),
      name,
      description: words,
      schema: fc.constant({ type: 'object', properties: {} }),
      strict: fc.boolean(),
    },
    { requiredKeys: ['kind', 'name'] },
  ),
)
const ownState = state.map((signature) => ({ ...signature, provider: 'some-server', account: 'key-1', format: 'f' }))

type Turn = (turn: number, id: string) => Item[]
const said = (role: 'user' | 'system' | 'developer'): fc.Arbitrary<Turn> =>
  marked(fc.record({ text: words })).map((item) => (turn) => [{ kind: 'text', role, turn, ...item }])
const shown: fc.Arbitrary<Turn> = fc
  .record({ data: fc.base64String({ minLength: 4 }), mime: fc.constantFrom('image/png', 'application/pdf') })
  .map(({ data, mime }) => (turn) => [
    mime === 'image/png'
      ? { kind: 'media', role: 'user', turn, media: 'image', source: { from: 'data', mime, data }, detail: 'low' }
      : { kind: 'media', role: 'user', turn, media: 'pdf', source: { from: 'data', mime, data }, name: 'a.pdf' },
  ])
const acted: fc.Arbitrary<Turn> = fc
  .record({
    thought: fc.option(fc.tuple(words, fc.option(ownState)), { nil: undefined }),
    text: fc.option(words, { nil: undefined }),
    calls: fc.array(fc.record({ name, args: fc.json({ maxDepth: 1 }), answer: words, freeform: fc.boolean() }), {
      maxLength: 3,
    }),
  })
  // Thoughts alone belong to what the assistant does next.
  .filter(({ text, calls }) => text !== undefined || calls.length > 0)
  .map(({ thought, text, calls }) => (turn, id) => {
    const items: Item[] = []
    if (thought) {
      const [words, signature] = thought
      // State of this kind is written beside a text; the other kinds are the text's own.
      const own = signature && {
        ...signature,
        kind: signature.kind === 'redacted' ? ('signature' as const) : signature.kind,
      }
      items.push({ kind: 'reasoning', turn, text: words, ...(own ? { signature: own } : {}) })
    }
    if (text !== undefined) items.push({ kind: 'text', role: 'assistant', turn, text })
    const styled = calls.map((call, at) => ({
      ...call,
      id: `${id}_${at}`,
      style: call.freeform ? ('freeform' as const) : ('json' as const),
    }))
    for (const { id, name, args, style } of styled) items.push({ kind: 'call', turn, id, name, argsText: args, style })
    for (const [at, { id, answer, style }] of styled.entries()) {
      items.push({
        kind: 'result',
        turn: turn + at + 1,
        callId: id,
        parts: [{ kind: 'text', text: answer }],
        isError: false,
        style,
      })
    }
    return items
  })

const conversation = fc.array(fc.oneof(said('user'), said('system'), said('developer'), shown, acted), {
  minLength: 1,
  maxLength: 6,
})

/** Turns count messages; system texts at the very beginning are instructions and no items. */
function itemsOf(turns: readonly Turn[], from: number): Item[] {
  const items: Item[] = []
  let turn = from
  for (const [at, make] of turns.entries()) {
    const made = make(turn, `c${at}`)
    const role = made[0] && 'role' in made[0] ? made[0].role : ''
    if (items.length === 0 && (role === 'system' || role === 'developer')) continue
    items.push(...made)
    turn = (made.at(-1)?.turn ?? turn) + 1
  }
  return items
}

export const requests = fc
  .record(
    {
      instructions: fc.array(instruction, { maxLength: 3 }),
      turns: conversation,
      tools: fc.uniqueArray(tool, { selector: ({ name }) => name, minLength: 1, maxLength: 3 }),
      choice: fc.constantFrom(
        'auto' as const,
        'none' as const,
        'required' as const,
        'named' as const,
        'allowed' as const,
      ),
      parallel: fc.boolean(),
      format: fc.constantFrom(
        { kind: 'json_object' as const },
        { kind: 'json_schema' as const, name: 'n', schema: { type: 'object' }, strict: true },
      ),
      effort: fc.constantFrom('none' as const, 'low' as const, 'max' as const),
      sampling: fc.record(
        {
          temperature: fc.constant(0.5),
          topP: fc.constant(0.9),
          frequencyPenalty: fc.constant(1),
          presencePenalty: fc.constant(0.1),
          logitBias: fc.constant({ '5': 1 }),
        },
        { requiredKeys: [] },
      ),
      stop: fc.array(words, { maxLength: 4 }),
      maxOutput: fc.integer({ min: 1, max: 9000 }),
      seed: fc.nat(),
      logprobs: fc.constantFrom({}, { top: 3 }),
      userId: words,
      tier: fc.constant('flex'),
      cacheKey: words,
      verbosity: fc.constant('low' as const),
      extensions: fc.constantFrom({}, { [CHAT]: { metadata: { a: 'b' }, provider: { only: ['x'] } } }),
    },
    { requiredKeys: ['instructions', 'turns', 'sampling', 'stop', 'extensions'] },
  )
  .map(({ turns, choice, effort, format, ...rest }): ChatRequest => {
    const groups = new Set(
      rest.instructions.map(({ role }, at) => (rest.instructions[at - 1]?.role === role ? null : at)),
    )
    groups.delete(null)
    const names = rest.tools?.map(({ name }) => name) ?? []
    const items = itemsOf(turns, groups.size)
    const noTools = names.length === 0
    return requestOf({
      ...rest,
      tools: rest.tools ?? [],
      items: items.length > 0 ? items : [{ kind: 'text', role: 'user', turn: groups.size, text: 'x' }],
      ...(effort ? { reasoning: { effort } } : {}),
      ...(format ? { format } : {}),
      ...(noTools || !choice ? {} : { toolChoice: choiceOf(choice, names) }),
      ...(noTools || choice === 'none' || rest.parallel === undefined ? { parallel: undefined as never } : {}),
      origin: CHAT,
    } as Partial<ChatRequest>)
  })
  .map((request) => JSON.parse(JSON.stringify(request)) as ChatRequest)

function choiceOf(
  choice: 'auto' | 'none' | 'required' | 'named' | 'allowed',
  names: readonly string[],
): ChatRequest['toolChoice'] {
  if (choice === 'named') return { mode: 'named', name: names[0]! }
  return choice === 'allowed' ? { mode: 'allowed', names: [names[0]!], required: true } : { mode: choice }
}
