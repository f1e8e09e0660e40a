// Shapes of requests: those that clients mix in, media, older functions, and the peculiarities of compatible servers.
import { describe, expect, test } from 'vitest'
import type { Item } from '../canonical.ts'
import { decode, encode, POOR_PROFILE, profileWith, requestOf, type Json } from './testing.ts'

const FUNCTION: Json = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } }
const user = (content: unknown): Json => ({ role: 'user', content })
const result = (id: string, text: string, turn = 1): Item => ({
  kind: 'result',
  turn,
  callId: id,
  parts: [{ kind: 'text', text }],
  isError: false,
  style: 'json',
})
const called = (id: string, turn = 0): Item => ({
  kind: 'call',
  turn,
  id,
  name: 'f',
  argsText: '{"x":1}',
  style: 'json',
})
const IMAGE = { from: 'data', mime: 'image/png', data: 'AAAA' } as const

const said = (text: string, turn: number): Item => ({ kind: 'text', role: 'user', turn, text })

describe('case 43: mixed shapes on /v1/chat/completions', () => {
  const told = [said('q', 1), { ...called('c1'), turn: 2 }, result('c1', '42', 3)]

  test('Responses items and flat tools', () => {
    const request = decode({
      instructions: 'be kind',
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'q' }] },
        { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{"x":1}' },
        { type: 'function_call_output', call_id: 'c1', output: '42' },
      ],
      tools: [
        { type: 'function', name: 'f', parameters: { type: 'object' }, strict: false },
        { type: 'custom', name: 'patch', description: 'd' },
      ],
      tool_choice: { type: 'function', name: 'f' },
      text: { format: { type: 'json_schema', name: 'n', schema: {} }, verbosity: 'low' },
      reasoning: { effort: 'high', summary: 'auto' },
      max_output_tokens: 5,
    })
    expect(request).toMatchObject({
      instructions: [{ role: 'system', text: 'be kind' }],
      items: told,
      tools: [
        { kind: 'function', name: 'f', strict: false },
        { kind: 'freeform', name: 'patch' },
      ],
      toolChoice: { mode: 'named', name: 'f' },
      format: { kind: 'json_schema', name: 'n' },
      verbosity: 'low',
      reasoning: { effort: 'high', visible: true },
      maxOutput: 5,
      extensions: {},
    })
  })

  test('Anthropic blocks', () => {
    const request = decode({
      messages: [
        { role: 'system', content: [] },
        { role: 'user', content: [{ type: 'text', text: 'q' }] },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'f', input: { x: 1 } }] },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'c1',
              content: [{ type: 'text', text: '42' }],
              cache_control: { type: 'ephemeral' },
            },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          ],
        },
      ],
      tools: [{ name: 'f', description: 'd', input_schema: { type: 'object' } }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      stop_sequences: ['x'],
    })
    expect(request.items).toMatchObject([
      ...told.slice(0, 2),
      { ...told[2]!, cache: {} },
      { kind: 'media', role: 'user', media: 'image', source: IMAGE },
    ])
    expect(request).toMatchObject({
      tools: [{ kind: 'function', name: 'f', schema: { type: 'object' } }],
      toolChoice: { mode: 'required' },
      parallel: false,
      stop: ['x'],
    })
  })

  test('content: [] and what is no conversation at all', () => {
    expect(decode({ messages: [{ role: 'user', content: [] }, user('a')] }).items.length).toBe(1)
    for (const body of [{}, { messages: 'a' }, { messages: ['a'] }, { messages: [{ role: 'odd', content: 'a' }] }]) {
      expect(() => decode(body)).toThrow(expect.objectContaining({ name: 'CannotCross', code: 'bad_request' }))
    }
  })
})

describe('media', () => {
  const read = (part: Json): Item | undefined => decode({ messages: [user([part])] }).items[0]

  test.each<[string, Json, Json]>([
    [
      'an image',
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
      { media: 'image', source: IMAGE, detail: 'low' },
    ],
    [
      'an image by address',
      { type: 'image_url', image_url: 'https://a/b' },
      { media: 'image', source: { from: 'url', url: 'https://a/b' } },
    ],
    [
      'a PDF as image_url',
      { type: 'image_url', image_url: { url: 'data:application/pdf;base64,AA' } },
      { media: 'pdf', source: { from: 'data', mime: 'application/pdf', data: 'AA' } },
    ],
    [
      'sound',
      { type: 'input_audio', input_audio: { data: 'AA', format: 'mp3' } },
      { media: 'audio', source: { from: 'data', mime: 'audio/mpeg', data: 'AA' } },
    ],
    [
      'a file',
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA' } },
      { media: 'pdf', name: 'a.pdf' },
    ],
    [
      'a stored file',
      { type: 'file', file: { file_id: 'f1' } },
      { source: { from: 'file', fileId: 'f1', protocol: 'openai-chat' } },
    ],
    [
      'a text in percent signs',
      { type: 'file', file: { file_data: 'data:text/plain,a%20b' } },
      { media: 'file', source: { from: 'data', mime: 'text/plain', data: 'YSBi' } },
    ],
  ])('%s is read', (_name, part, expected) => {
    expect(read(part)).toMatchObject({ kind: 'media', role: 'user', ...expected })
  })

  test('a text file of another dialect is written out, a PDF named', () => {
    const file = (mime: string, media: 'file' | 'pdf'): Item => ({
      kind: 'media',
      role: 'user',
      turn: 0,
      media,
      source: { from: 'data', mime, data: 'YSBi' },
    })
    const { messages } = encode(requestOf({ items: [file('text/plain', 'file'), file('application/pdf', 'pdf')] }))
    expect(messages[0]!['content']).toEqual([
      { type: 'text', text: 'a b' },
      { type: 'file', file: { filename: 'document.pdf', file_data: 'data:application/pdf;base64,YSBi' } },
    ])
  })

  test('a part nobody knows is kept for this dialect', () => {
    const part = { type: 'odd', x: 1 }
    expect(encode(decode({ messages: [user([part])] })).messages[0]).toEqual(user([part]))
  })
})

describe('the older functions', () => {
  test('are tools, one call at a time', () => {
    const request = decode({
      messages: [
        user('q'),
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: '42' },
      ],
      functions: [{ name: 'f', parameters: { type: 'object' } }],
      function_call: { name: 'f' },
    })
    expect(request).toMatchObject({
      tools: [{ name: 'f' }],
      toolChoice: { mode: 'named', name: 'f' },
      parallel: false,
      legacyCalls: true,
    })
    const [, call, result] = request.items
    expect(call).toMatchObject({ kind: 'call', name: 'f' })
    expect(result).toMatchObject({ kind: 'result', callId: call?.kind === 'call' ? call.id : '' })
    expect(encode(request).body).toMatchObject({ tools: [FUNCTION], parallel_tool_calls: false })
  })
})

describe('peculiarities of servers', () => {
  const asking = (body: Json, dialect: Parameters<typeof profileWith>[0]): Json =>
    encode(decode({ messages: [user('a')], ...body }), { profile: profileWith(dialect) }).body

  test('the field for the most tokens, roles, usage in streams', () => {
    expect(asking({ max_tokens: 5 }, { maxTokensField: 'max_completion_tokens' })).toMatchObject({
      max_completion_tokens: 5,
    })
    expect(asking({ max_completion_tokens: 5 }, { maxTokensField: 'max_tokens' })).toMatchObject({ max_tokens: 5 })
    const { messages } = encode(decode({ messages: [{ role: 'developer', content: 'd' }, user('a')] }), {
      profile: POOR_PROFILE,
    })
    expect(messages[0]).toEqual({ role: 'system', content: 'd' })
    const stream = encode(decode({ messages: [user('a')] }), { stream: true })
    expect(stream.body).toMatchObject({ stream: true, stream_options: { include_usage: true } })
    const without = encode(decode({ messages: [user('a')] }), {
      stream: true,
      profile: profileWith({ streamUsage: false }),
    })
    expect(without.body).not.toHaveProperty('stream_options')
  })

  test.each([
    ['reasoning_effort', { reasoning_effort: 'low' }],
    ['reasoning', { reasoning: { effort: 'low' } }],
    ['thinking', { thinking: { type: 'enabled' } }],
    ['enable_thinking', { enable_thinking: true }],
  ] as const)('the wish for thoughts as %s', (reasoningIn, expected) => {
    expect(asking({ reasoning_effort: 'low' }, { reasoningIn })).toMatchObject(expected)
  })

  test.each([
    [{ reasoning: { max_tokens: 2000 } }, { budget: 2000, visible: true }],
    [{ reasoning: { enabled: false } }, { effort: 'none', visible: true }],
    [{ reasoning: { enabled: true, exclude: true } }, { adaptive: true, visible: false }],
    [{ thinking: { type: 'enabled', budget_tokens: 99 } }, { budget: 99 }],
    [{ thinking: { type: 'disabled' } }, { effort: 'none' }],
    [{ enable_thinking: true, thinking_budget: 7 }, { budget: 7 }],
    [{ reasoning_effort: 'odd' }, undefined],
  ])('%j is read', (body, wish) => {
    expect(decode({ messages: [user('a')], ...body }).reasoning).toEqual(wish)
  })

  test('a mid-thread system message becomes a reminder in user text where it is refused', () => {
    const body = { messages: [user('a'), { role: 'system', content: 's' }] }
    const { messages, losses } = encode(decode(body), { profile: profileWith({ midSystem: false }) })
    expect(messages[1]).toEqual(user('<system-reminder>\ns\n</system-reminder>'))
    expect(losses).toEqual(['approx=system'])
    expect(encode(decode(body)).messages).toEqual(body.messages)
  })

  test('a schema is told in words where JSON is all that is known', () => {
    const body = {
      response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object', title: 'T' } } },
    }
    const out = asking({ messages: [{ role: 'system', content: 's' }, user('a')], ...body }, { schema: 'jsonObject' })
    expect(out['response_format']).toEqual({ type: 'json_object' })
    expect(out['messages'][0].content).toMatch(/^s\n\n.*JSON schema:\n{"type":"object","title":"T"}$/s)
  })

  test('allowed tools are the only ones where the choice among them is not known', () => {
    const body = {
      tools: [FUNCTION, { type: 'function', function: { name: 'g' } }],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'g' } }] },
      },
    }
    expect(asking(body, {})['tool_choice']).toEqual(body.tool_choice)
    expect(asking(body, { customTools: false })).toMatchObject({
      tools: [{ function: { name: 'g' } }],
      tool_choice: 'required',
    })
  })

  test('Claude Code’s billing header stays out', () => {
    const instructions = ['x-anthropic-billing-header: cc', 'be kind'].map((text) => ({
      role: 'system' as const,
      text,
    }))
    expect(encode(requestOf({ instructions })).messages[0]).toEqual({ role: 'system', content: 'be kind' })
  })

  test('fields nobody else has come out again, and web search with its options', () => {
    const fields = {
      web_search_options: { search_context_size: 'low' },
      metadata: { a: 'b' },
      plugins: [{ id: 'x' }],
      modalities: ['text', 'audio'],
      audio: { voice: 'v', format: 'wav' },
      n: 2,
    }
    expect(asking(fields, {})).toMatchObject(fields)
    expect(decode({ messages: [user('a')], ...fields }).builtins).toMatchObject([{ kind: 'web_search' }])
  })

  test('a name on a message stays with it, and makes a system message an example', () => {
    const messages = [
      { role: 'system', content: 's' },
      { role: 'system', name: 'example_user', content: 'q' },
      { ...user('a'), name: 'ann' },
    ]
    const request = decode({ messages })
    expect(request.instructions.length).toBe(1)
    expect(encode(request).messages).toEqual(messages)
  })
})
