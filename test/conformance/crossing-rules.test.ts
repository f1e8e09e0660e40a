// Rules of the crossing that hold for every pair of dialects: a choice among no tools is the caller's mistake, every
// call gets its result, and files of text arrive as text where there is no place for them.
import { describe, expect, test } from 'vitest'
import { CannotCross, createLossReport } from '../../server/protocols/codec.ts'
import {
  decodeRequest,
  type Dialect,
  DIALECTS,
  encodeRequest,
  type Json,
  MODELS,
  PAIRS,
  profileFor,
} from '../support/cross-dialect.ts'
import { PLAIN_REQUESTS } from '../support/request-fields.ts'

function cross(from: Dialect, to: Dialect, body: Json, which = 0): { body: string; losses: string[] } | CannotCross {
  const losses = createLossReport()
  try {
    const request = decodeRequest(from, { ...PLAIN_REQUESTS[from], ...body }, losses)
    const encoded = encodeRequest(to, request, losses, profileFor(to, which))
    return { body: JSON.stringify(encoded.body), losses: losses.losses.map(({ action, path }) => `${action} ${path}`) }
  } catch (error) {
    if (error instanceof CannotCross) return error
    throw error
  }
}

const PARAMETERS = { type: 'object', properties: {} }
const mode = (functionCallingConfig: Json): Json => ({ toolConfig: { functionCallingConfig } })
const allowed = (kind: string): Json => ({
  type: 'allowed_tools',
  mode: kind,
  tools: [{ type: 'function', name: 'g' }],
})

/** Forced without tools; allowed, and forced, among none of those there are. */
const EMPTY_CHOICES: Readonly<Record<Dialect, readonly Json[]>> = {
  'openai-chat': [
    { tool_choice: 'required' },
    { tool_choice: { type: 'function', function: { name: 'f' } } },
    ...['auto', 'required'].map((kind) => ({
      tools: [{ type: 'function', function: { name: 'f', parameters: PARAMETERS } }],
      tool_choice: allowed(kind),
    })),
  ],
  'openai-responses': [
    { tool_choice: 'required' },
    { tools: [{ type: 'function', name: 'f' }], tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [] } },
    ...['auto', 'required'].map((kind) => ({
      tools: [{ type: 'function', name: 'f', parameters: PARAMETERS }],
      tool_choice: allowed(kind),
    })),
  ],
  'anthropic-messages': [{ tool_choice: { type: 'any' } }, { tool_choice: { type: 'tool', name: 'f' } }],
  gemini: [
    mode({ mode: 'ANY' }),
    mode({ mode: 'ANY', allowedFunctionNames: ['f'] }),
    { tools: [{ functionDeclarations: [{ name: 'f' }] }], ...mode({ mode: 'ANY', allowedFunctionNames: ['g', 'h'] }) },
    { tools: [{ functionDeclarations: [{ name: 'f' }] }], ...mode({ mode: 'VALIDATED', allowedFunctionNames: ['g'] }) },
  ],
}

/** Two calls, of which one has a result, and the user goes on. */
const UNANSWERED: Readonly<Record<Dialect, Json>> = {
  'openai-chat': {
    messages: [
      { role: 'user', content: 'q' },
      {
        role: 'assistant',
        tool_calls: ['c1', 'c2'].map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
      },
      { role: 'tool', tool_call_id: 'c2', content: 'two' },
      { role: 'user', content: 'go on' },
    ],
  },
  'openai-responses': {
    input: [
      { role: 'user', content: 'q' },
      ...['c1', 'c2'].map((call_id) => ({ type: 'function_call', call_id, name: 'f', arguments: '{}' })),
      { type: 'function_call_output', call_id: 'c2', output: 'two' },
      { role: 'user', content: 'go on' },
    ],
  },
  'anthropic-messages': {
    messages: [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: ['c1', 'c2'].map((id) => ({ type: 'tool_use', id, name: 'f', input: {} })) },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c2', content: 'two' }] },
      { role: 'user', content: 'go on' },
    ],
  },
  gemini: {
    contents: [
      { role: 'user', parts: [{ text: 'q' }] },
      { role: 'model', parts: ['c1', 'c2'].map((id) => ({ functionCall: { id, name: 'f', args: {} } })) },
      { role: 'user', parts: [{ functionResponse: { id: 'c2', name: 'f', response: { output: 'two' } } }] },
      { role: 'user', parts: [{ text: 'go on' }] },
    ],
  },
}

const RESULT_OF: Readonly<Record<Dialect, RegExp>> = {
  'openai-chat': /"tool_call_id"/g,
  'openai-responses': /"function_call_output"/g,
  'anthropic-messages': /"tool_result"/g,
  gemini: /"functionResponse"/g,
}

/** A call with two results, one of them right behind the other or in a later message. */
const ANSWERED_TWICE: Readonly<Record<Dialect, Json>> = {
  'openai-chat': {
    messages: [
      { role: 'user', content: 'q' },
      {
        role: 'assistant',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'one' },
      { role: 'tool', tool_call_id: 'c1', content: 'two' },
    ],
  },
  'openai-responses': {
    input: [
      { role: 'user', content: 'q' },
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c1', output: 'one' },
      { role: 'user', content: 'go on' },
      { type: 'function_call_output', call_id: 'c1', output: 'two' },
    ],
  },
  'anthropic-messages': {
    messages: [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'f', input: {} }] },
      {
        role: 'user',
        content: ['one', 'two'].map((content) => ({ type: 'tool_result', tool_use_id: 'c1', content })),
      },
    ],
  },
  gemini: {
    contents: [
      { role: 'user', parts: [{ text: 'q' }] },
      { role: 'model', parts: [{ functionCall: { id: 'c1', name: 'f', args: {} } }] },
      {
        role: 'user',
        parts: ['one', 'two'].map((output) => ({ functionResponse: { id: 'c1', name: 'f', response: { output } } })),
      },
    ],
  },
}

const STORED = 'file_011stored'
/** Places for what an account stores that are no field of a known file. */
const STORED_PARTS: Readonly<Partial<Record<Dialect, readonly Json[]>>> = {
  'openai-chat': [
    { messages: [{ role: 'user', content: [{ type: 'image_file', image_file: { file_id: STORED } }] }] },
    { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: STORED } }] }] },
  ],
  'anthropic-messages': [
    { messages: [{ role: 'user', content: [{ type: 'container_upload', file_id: STORED }] }] },
    {
      messages: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'f', input: {} }] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'container_upload', file_id: STORED }] },
          ],
        },
      ],
    },
    { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'file', file_id: STORED } }] }] },
  ],
  gemini: [{ contents: [{ role: 'user', parts: [{ fileData: { fileUri: `files/${STORED}` } }] }] }],
}

const search = { type: 'web_search', name: 'web_search' }
const functionTool = { type: 'function', name: 'f', parameters: PARAMETERS }
/** A search of the provider's that must be called, alone and beside a function, and allowed beside one. */
const FORCED_SEARCHES: readonly (readonly [Dialect, Json])[] = [
  ['openai-responses', { tools: [search], tool_choice: { type: 'web_search' } }],
  ['openai-responses', { tools: [{ type: 'web_search' }, functionTool], tool_choice: { type: 'web_search_preview' } }],
  [
    'anthropic-messages',
    { tools: [{ ...search, type: 'web_search_20250305' }], tool_choice: { type: 'tool', name: 'web_search' } },
  ],
]

/** Values that ask for nothing: empty, off, or what happens anyway. */
const NO_WISHES: Readonly<Record<Dialect, readonly Json[]>> = {
  'openai-chat': [
    { metadata: {} },
    { user: '' },
    { safety_identifier: '' },
    { functions: [] },
    { tools: [], functions: [] },
    { service_tier: 'auto' },
    { service_tier: '' },
    { prompt_cache_key: '' },
    { verbosity: 'medium' },
    { store: false },
    { prediction: {} },
    { moderation: {} },
    { stream_options: { include_obfuscation: false } },
    { frequency_penalty: 0, presence_penalty: 0, logit_bias: {} },
    { n: 1 },
    { logprobs: false },
    { temperature: 1 },
    { temperature: 1, top_p: 1 },
    { top_k: -1 },
    { modalities: ['text'] },
    { messages: [{ role: 'user', name: '', content: 'q' }] },
    { tools: [{ type: 'function', function: { name: 'f', parameters: {}, strict: false } }] },
  ],
  'openai-responses': [
    { stream_options: { include_obfuscation: false } },
    { metadata: {} },
    { background: false },
    { include: [] },
    { conversation: '' },
    { previous_response_id: '' },
    { truncation: 'disabled' },
    { service_tier: 'auto' },
    { context_management: [] },
    { user: '' },
    { top_logprobs: 0 },
    { moderation: {} },
    { access_programs: {} },
    { prompt_cache_options: {} },
    { text: { verbosity: 'medium' } },
    { text: {} },
    { reasoning: {} },
    { tools: [{ type: 'function', name: 'f', parameters: {}, defer_loading: false }] },
  ],
  'anthropic-messages': [
    { mcp_servers: [] },
    { speed: 'standard' },
    { container: '' },
    { context_management: {} },
    { fallbacks: [] },
    { metadata: {} },
    { metadata: { user_id: '' } },
    { service_tier: 'auto' },
    { top_p: -1 },
    { top_k: -1 },
    { diagnostics: {} },
    { inference_geo: '' },
    { stop_sequences: [] },
    { output_config: {} },
    {
      tools: [
        {
          name: 'f',
          input_schema: PARAMETERS,
          input_examples: [],
          allowed_callers: ['direct'],
          eager_input_streaming: false,
        },
      ],
    },
  ],
  gemini: [
    { cachedContent: '' },
    { safetySettings: [] },
    { labels: {} },
    { serviceTier: '' },
    { store: false },
    { modelArmorConfig: {} },
    { toolConfig: {} },
    { toolConfig: { retrievalConfig: {} } },
    ...['responseMimeType', 'mediaResolution'].map((name) => ({ generationConfig: { [name]: '' } })),
    ...['maxOutputTokens', 'candidateCount', 'presencePenalty', 'frequencyPenalty'].map((name) => ({
      generationConfig: { [name]: 0 },
    })),
    { generation_config: { max_output_tokens: '0', candidate_count: 0, response_mime_type: '' } },
    {
      generationConfig: { mediaResolution: 'MEDIA_RESOLUTION_UNSPECIFIED', audioTimestamp: false, stopSequences: [''] },
    },
    { generationConfig: { speechConfig: {}, imageConfig: {}, routingConfig: {} } },
  ],
}

describe.each(PAIRS)('from %s to %s', (from, to) => {
  test.each(EMPTY_CHOICES[from].map((body) => [body]))('a choice among no tools is refused: %j', (body) => {
    expect(cross(from, to, body)).toMatchObject({ path: 'tool_choice', code: 'bad_request' })
  })

  test('a call without a result gets one, and that is told', () => {
    const crossed = cross(from, to, UNANSWERED[from])
    if (crossed instanceof CannotCross) throw crossed
    expect(crossed.losses).toEqual(['approximated tool_result'])
    expect(crossed.body.match(RESULT_OF[to])).toHaveLength(2)
  })

  test('of two results of one call the first goes on, and that is told', () => {
    const crossed = cross(from, to, ANSWERED_TWICE[from])
    if (crossed instanceof CannotCross) throw crossed
    expect(crossed.losses).toEqual(['dropped tool_result'])
    expect(crossed.body.match(RESULT_OF[to])).toHaveLength(1)
    expect([crossed.body.includes('"one"'), crossed.body.includes('"two"')]).toEqual([true, false])
  })

  test.each(NO_WISHES[from].map((body) => [body]))('what asks for nothing is neither refused nor lost: %j', (body) => {
    const crossed = MODELS[to].map((_model, which) => cross(from, to, body, which))
    expect(crossed.map((one) => (one instanceof CannotCross ? one.message : one.losses))).toEqual(crossed.map(() => []))
  })

  test.each((STORED_PARTS[from] ?? []).map((body) => [body]))(
    'what an account stores is refused by name: %j',
    (body) => {
      // Both dialects of OpenAI name files of one store.
      if (from === 'openai-chat' && to === 'openai-responses' && JSON.stringify(body).includes('"file"')) return
      expect(cross(from, to, body)).toMatchObject({
        path: 'file_id',
        code: 'unsupported_parameter',
        message: expect.stringContaining(STORED),
      })
    },
  )
})

test.each(DIALECTS.filter((to) => to !== 'anthropic-messages'))(
  'the texts and images of a document come to %s in their order, under its title once',
  (to) => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } }
    const texts = ['one', 'two', 'three'].map((text) => ({ type: 'text', text }))
    const source = { type: 'content', content: [texts[0], texts[1], image, texts[2], image] }
    const content = [{ type: 'document', source, title: 'T' }]
    const crossed = cross('anthropic-messages', to, { messages: [{ role: 'user', content }] })
    if (crossed instanceof CannotCross) throw crossed
    expect(crossed.losses).toEqual([])
    const places = ['T\\n\\none\\n\\ntwo', 'iVBORw0KGgo=', 'three', 'iVBORw0KGgo=']
    let from = 0
    for (const place of places) {
      from = crossed.body.indexOf(place, from) + 1
      expect([place, from > 0]).toEqual([place, true])
    }
    const own = cross('anthropic-messages', 'anthropic-messages', { messages: [{ role: 'user', content }] })
    expect(JSON.parse((own as { body: string }).body)).toMatchObject({ messages: [{ role: 'user', content }] })
  },
)

test.each(['openai-responses', 'gemini'] as const)('a file of text is text for %s, also inside a result', (to) => {
  const file_data = `data:text/csv;base64,${Buffer.from('a,b').toString('base64')}`
  const part = { type: 'file', file: { filename: 'a.csv', file_data } }
  const crossed = cross('openai-chat', to, { messages: [{ role: 'user', content: [part] }] })
  expect(crossed).toMatchObject({ losses: [], body: expect.stringContaining('a.csv\\n\\na,b') })
})

test.each(['openai-responses', 'anthropic-messages'] as const)(
  'what stands in the place of an address and is none is a 400 towards %s that quotes it',
  (to) => {
    for (const url of ['hello', '', 'ftp://a.test/x.png', 'https://']) {
      const content = [{ type: 'image_url', image_url: { url } }]
      const found = cross('openai-chat', to, { messages: [{ role: 'user', content }] })
      expect([url, found]).toMatchObject([url, { code: 'bad_request', message: expect.stringContaining(`"${url}"`) }])
    }
  },
)

test('instructions without a conversation are said by the user to who wants at least one turn', () => {
  const crossed = cross('openai-chat', 'anthropic-messages', { messages: [{ role: 'system', content: 'Say hello.' }] })
  expect(crossed).toMatchObject({ losses: ['approximated system'] })
  expect(JSON.parse((crossed as { body: string }).body)).toMatchObject({
    messages: [{ role: 'user', content: 'Say hello.' }],
  })
  expect((crossed as { body: string }).body).not.toContain('"system"')
})

test('Chat’s tools and its older functions exclude each other', () => {
  const body = { tools: [{ type: 'function', function: { name: 'f' } }], functions: [{ name: 'g' }] }
  expect(cross('openai-chat', 'gemini', body)).toMatchObject({ path: 'functions', code: 'bad_request' })
})

test('a text document of Anthropic’s is text for Gemini, also inside a result', () => {
  const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'its words' } }
  const crossed = cross('anthropic-messages', 'gemini', {
    messages: [
      { role: 'user', content: [{ ...document, title: 'a.txt' }] },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: [document] }] },
    ],
  })
  if (crossed instanceof CannotCross) throw crossed
  const { contents } = JSON.parse(crossed.body) as { contents: { parts: Json[] }[] }
  expect(contents[0]!.parts).toEqual([{ text: 'a.txt\n\nits words' }])
  expect(contents[2]!.parts[0]).toMatchObject({ functionResponse: { response: { output: 'its words' } } })
  expect([crossed.losses, crossed.body.includes('inlineData')]).toEqual([[], false])
})

describe('a search of the provider’s own that must be called', () => {
  const crossed = (from: Dialect, to: Dialect, body: Json): Json => {
    const found = cross(from, to, body)
    if (found instanceof CannotCross) throw found
    return JSON.parse(found.body) as Json
  }

  test.each(FORCED_SEARCHES.filter(([from]) => from === 'openai-responses'))('%s to Anthropic: %j', (from, body) => {
    const sent = crossed(from, 'anthropic-messages', body)
    expect(sent['tool_choice']).toEqual({ type: 'tool', name: 'web_search' })
    expect(sent['tools']).toContainEqual({ type: 'web_search_20250305', name: 'web_search' })
  })

  test.each(FORCED_SEARCHES.filter(([from]) => from === 'anthropic-messages'))('%s to Responses: %j', (from, body) => {
    expect(crossed(from, 'openai-responses', body)).toMatchObject({
      tool_choice: 'required',
      tools: [{ type: 'web_search' }],
    })
  })

  test.each(FORCED_SEARCHES)('%s to where none can be forced is a 400: %j', (from, body) => {
    expect(cross(from, 'gemini', body)).toMatchObject({ path: 'tool_choice', code: 'unsupported_parameter' })
    expect(cross(from, 'openai-chat', body)).toMatchObject({ code: 'unsupported_parameter' })
  })

  test('where any tool must be called and only a search is there, Gemini is not asked without the force', () => {
    const body = { tools: [search], tool_choice: 'required' }
    expect(cross('openai-responses', 'gemini', body)).toMatchObject({ path: 'tool_choice' })
  })

  test('among allowed tools it is no function', () => {
    const tools = [{ type: 'web_search' }, functionTool, { ...functionTool, name: 'g' }]
    const some = (mode: string): Json => ({
      tools,
      tool_choice: { type: 'allowed_tools', mode, tools: [{ type: 'web_search' }, { type: 'function', name: 'f' }] },
    })
    const forced = crossed('openai-responses', 'anthropic-messages', some('required'))
    expect(forced).toMatchObject({ tool_choice: { type: 'any' }, tools: [{ name: 'f' }, { name: 'web_search' }] })
    const gemini = cross('openai-responses', 'gemini', some('required'))
    expect(gemini).toMatchObject({ losses: ['approximated tool_choice'] })
    expect(JSON.parse((gemini as { body: string }).body)).toMatchObject({
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] } },
    })
    expect(crossed('openai-responses', 'openai-chat', some('auto'))['tool_choice']).toEqual({
      type: 'allowed_tools',
      allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'f' } }] },
    })
    const own = crossed('openai-responses', 'openai-responses', some('required'))
    expect(own['tool_choice']).toEqual(some('required')['tool_choice'])
  })

  test('in its own dialect the choice stays as it was', () => {
    const body = { tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }], tool_choice: { type: 'file_search' } }
    expect(crossed('openai-responses', 'openai-responses', body)).toMatchObject(body)
    const mcp = { type: 'mcp', server_label: 'a' }
    const other = { tools: [{ ...mcp, server_url: 'https://a.test' }], tool_choice: mcp }
    expect(crossed('openai-responses', 'openai-responses', other)).toMatchObject(other)
  })
})

describe('the summary of a conversation that Anthropic made short', () => {
  const content = [{ type: 'compaction', content: 'They spoke of tea.' }]
  const messages = [
    { role: 'assistant', content },
    { role: 'user', content: 'go on' },
  ]
  const others = DIALECTS.filter((to) => to !== 'anthropic-messages')

  test.each(others)('is said as text to %s, and that is told', (to) => {
    const crossed = cross('anthropic-messages', to, { messages })
    expect(crossed).toMatchObject({
      body: expect.stringContaining('They spoke of tea.'),
      losses: ['approximated compaction'],
    })
  })
})

test('Anthropic takes no stop sequence of white space alone: the gateway looks for it', () => {
  const request = decodeRequest('openai-chat', { ...PLAIN_REQUESTS['openai-chat'], stop: ['\n\n', 'END'] })
  const { body, enforceStop } = encodeRequest('anthropic-messages', request)
  expect([body['stop_sequences'], enforceStop]).toEqual([['END'], ['\n\n']])
})

test.each(['openai-chat', 'openai-responses'] as const)('a data URL of %s may name its type in capitals', (from) => {
  const url = 'data:IMAGE/PNG;base64,AAAA'
  const body =
    from === 'openai-chat'
      ? { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] }
      : { input: [{ role: 'user', content: [{ type: 'input_image', image_url: url }] }] }
  expect(cross(from, 'anthropic-messages', body)).toMatchObject({ body: expect.stringContaining('"image/png"') })
})
