// Requests of this dialect, both ways: the golden tool turn and regressions seen elsewhere.
import { describe, expect, test } from 'vitest'
import type { Item } from '../canonical.ts'
import { CannotCross, createLossReport } from '../codec.ts'
import { decode, encode, lossNames, POOR_PROFILE, profileWith, requestOf, sealEnvelope, type Json } from './testing.ts'

const FUNCTION: Json = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } }
const user = (content: unknown): Json => ({ role: 'user', content })
const call = (id: string, name = 'f', args = '{"x":1}'): Json => ({
  id,
  type: 'function',
  function: { name, arguments: args },
})
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

const GOLDEN = {
  messages: [
    { role: 'assistant', content: null, tool_calls: [call('c1')] },
    { role: 'tool', tool_call_id: 'c1', content: '42' },
  ],
}

const said = (text: string, turn: number): Item => ({ kind: 'text', role: 'user', turn, text })

describe('the golden tool turn', () => {
  test('decodes to a call and its result', () => {
    expect(decode(GOLDEN).items).toEqual([called('c1'), result('c1', '42')])
  })

  test('encodes as it is written', () => {
    expect(encode(requestOf({ items: [called('c1'), result('c1', '42')] })).messages).toEqual(GOLDEN.messages)
  })
})

describe('regressions', () => {
  test('case 10: an assistant’s empty text beside calls is no text', () => {
    const request = decode({ messages: [{ role: 'assistant', content: '', tool_calls: [call('c1')] }] })
    expect(request.items.map(({ kind }) => kind)).toEqual(['call'])
    expect(encode(request).messages[0]).toMatchObject({ content: null })
  })

  test('case 11: cache_control on system, text and tool arrives upstream', () => {
    const cache_control = { type: 'ephemeral', ttl: '1h' }
    const body = {
      messages: [
        { role: 'system', content: [{ type: 'text', text: 's', cache_control }] },
        { ...user('u'), cache_control },
      ],
      tools: [{ ...FUNCTION, cache_control }],
    }
    const { body: out } = encode(decode(body))
    expect(out['messages']).toEqual([
      { role: 'system', content: [{ type: 'text', text: 's', cache_control }] },
      { role: 'user', content: [{ type: 'text', text: 'u', cache_control }] },
    ])
    expect(out['tools']).toEqual([{ ...FUNCTION, cache_control }])
  })

  test('case 12: cache_control on a tool message is one on the result, not inside it', () => {
    for (const message of [
      { content: '42', cache_control: { type: 'ephemeral' } },
      { content: [{ type: 'text', text: '42', cache_control: { type: 'ephemeral' } }] },
    ]) {
      const { items } = decode({ messages: [GOLDEN.messages[0]!, { role: 'tool', tool_call_id: 'c1', ...message }] })
      expect(items[1]).toEqual({ ...result('c1', '42'), cache: {} })
    }
  })

  test('OpenAI’s own breakpoints: read, and written where cache_control is not known', () => {
    const mark = { mode: 'explicit', ttl: '12h' }
    const { items } = decode({ messages: [user([{ type: 'text', text: 'a', prompt_cache_breakpoint: mark }])] })
    expect(items[0]).toMatchObject({ cache: { ttl: '12h' } })
    const profile = profileWith({ cacheControl: false }, { cacheBreakpoints: true })
    const { messages, losses } = encode(requestOf({ items: [{ ...items[0]!, cache: { ttl: '1h' } }] }), { profile })
    expect(messages[0]!['content'][0]).toMatchObject({ prompt_cache_breakpoint: mark })
    expect(losses).toEqual(['approx=cache_ttl'])
  })

  test('case 15: thoughts of another dialect never become text', () => {
    const items: Item[] = [
      { kind: 'reasoning', turn: 0, text: 'hm' },
      { kind: 'text', role: 'assistant', turn: 0, text: 'said' },
    ]
    expect(encode(requestOf({ items }), { profile: POOR_PROFILE }).messages).toEqual([
      { role: 'assistant', content: 'said' },
    ])
  })

  test('case 16: state in both slots is opened, and hangs where it hung', () => {
    const signature = { provider: 'google', account: 'k', model: 'm', kind: 'thought', value: 'V' } as const
    const sealed = sealEnvelope(signature)
    const { items } = decode({
      messages: [
        {
          role: 'assistant',
          content: 'said',
          reasoning_content: 'one\n\ntwo',
          reasoning_details: [
            { type: 'reasoning.encrypted', data: sealed, length: 3, index: 0 },
            { type: 'reasoning.encrypted', data: sealed, length: 3, index: 1 },
          ],
          extra_content: { google: { thought_signature: sealed } },
          tool_calls: [{ ...call('c1'), extra_content: { google: { thought_signature: sealed } } }],
        },
      ],
    })
    expect(items).toMatchObject([
      { kind: 'reasoning', text: 'one', signature },
      { kind: 'reasoning', text: 'two', signature },
      { kind: 'text', text: 'said', signature },
      { kind: 'call', signature },
    ])
  })

  test('an envelope that does not open is dropped and said so; the call stays', () => {
    const losses = createLossReport()
    const { items } = decode(
      {
        messages: [
          {
            role: 'assistant',
            tool_calls: [{ ...call('c1'), extra_content: { google: { thought_signature: 'urs1.x' } } }],
          },
        ],
      },
      losses,
    )
    expect(items).toEqual([called('c1')])
    expect(lossNames(losses)).toEqual(['dropped=reasoning_state'])
  })

  test('case 18: a server that wants thoughts back gets them, in the field it reads', () => {
    const items: Item[] = [{ kind: 'reasoning', turn: 0, text: 'hm' }, called('c1'), result('c1', '42')]
    const written = (reasoningOut: 'reasoning_content' | 'reasoning' | 'think_tags' | 'thinking_parts'): Json =>
      encode(requestOf({ items }), { profile: profileWith({ reasoningOut }) }).messages[0]!
    expect(written('reasoning_content')).toMatchObject({ reasoning_content: 'hm', content: null })
    expect(written('reasoning')).toMatchObject({ reasoning: 'hm' })
    expect(written('think_tags')).toMatchObject({ content: '<think>\nhm\n</think>\n\n' })
    expect(written('thinking_parts')).toMatchObject({ content: [{ type: 'thinking', thinking: [{ text: 'hm' }] }] })
  })

  test('case 28: an image in a result follows in a user message, or stands in it where the server takes it there', () => {
    const shown: Item = {
      ...(result('c1', 'see') as Extract<Item, { kind: 'result' }>),
      parts: [
        { kind: 'text', text: 'see' },
        { kind: 'media', media: 'image', source: IMAGE },
      ],
    }
    const part = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }
    const items = [called('c1'), called('c2'), shown, result('c2', 'b')]
    const { messages } = encode(requestOf({ items }), { profile: profileWith({ imageInTool: false }) })
    expect(messages.map(({ role }) => role)).toEqual(['assistant', 'tool', 'tool', 'user'])
    expect(messages[1]!['content']).toMatchObject([{ text: 'see' }, { text: '[image 1: see the next message]' }])
    expect(messages[3]).toEqual({ role: 'user', content: [part] })
    expect(encode(requestOf({ items })).messages[1]!['content']).toEqual([{ type: 'text', text: 'see' }, part])
  })

  test('case 29: results in another order stay with their calls; a missing one is an error', () => {
    const items = [
      called('c1'),
      called('c2', 1),
      called('c3', 2),
      said('meanwhile', 3),
      result('c3', 'c', 4),
      result('c1', 'a', 5),
    ]
    const { messages, losses } = encode(requestOf({ items }))
    expect(messages.map(({ role, tool_call_id }) => tool_call_id ?? role)).toEqual([
      'assistant',
      'c3',
      'c1',
      'c2',
      'user',
    ])
    expect(messages[0]!['tool_calls'].length).toBe(3)
    expect(messages[3]!['content']).toBe('Error: no result was given for this call')
    expect(losses).toEqual(['approx=tool_result'])
  })

  test('a failed result says so in its text', () => {
    const failed: Item = { ...(result('c1', 'no such file') as Extract<Item, { kind: 'result' }>), isError: true }
    expect(encode(requestOf({ items: [called('c1'), failed] })).messages[1]).toMatchObject({
      content: 'Error: no such file',
    })
  })

  test('case 31: a freeform tool is a function where custom tools are not known, and back', () => {
    const tools = [
      { kind: 'freeform' as const, name: 'patch', description: 'd', grammar: { definition: 'g: x', syntax: 'lark' } },
    ]
    const items: Item[] = [{ kind: 'call', turn: 0, id: 'c', name: 'patch', argsText: 'raw "text"', style: 'freeform' }]
    const plain = encode(requestOf({ tools, items }), { profile: POOR_PROFILE })
    expect(plain.messages[0]!['tool_calls'][0]).toMatchObject({
      function: { name: 'patch', arguments: '{"input":"raw \\"text\\""}' },
    })
    expect((plain.body['tools'] as Json[])[0]!['function'].description).toContain('g: x')
    expect(plain.toolNames.get('patch')).toMatchObject({ style: 'freeform' })
    const rich = encode(requestOf({ tools, items }))
    expect(rich.messages[0]!['tool_calls'][0]).toEqual({
      id: 'c',
      type: 'custom',
      custom: { name: 'patch', input: 'raw "text"' },
    })
    expect(rich.body['tools']).toEqual([
      {
        type: 'custom',
        custom: {
          name: 'patch',
          description: 'd',
          format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'g: x' } },
        },
      },
    ])
  })

  test('case 32: a tool of a namespace is flattened', () => {
    const tools = [{ kind: 'function' as const, name: 'read', namespace: 'files' }]
    const { body, toolNames } = encode(
      requestOf({ tools, toolChoice: { mode: 'named', name: 'read', namespace: 'files' } }),
    )
    expect(body).toMatchObject({
      tools: [{ function: { name: 'files__read' } }],
      tool_choice: { function: { name: 'files__read' } },
    })
    expect(toolNames.get('files__read')).toMatchObject({ name: 'read', namespace: 'files' })
  })

  test('case 38: none with parallel off, and parallel off alone, are valid bodies', () => {
    const none = encode(
      decode({ messages: [user('a')], tools: [FUNCTION], tool_choice: 'none', parallel_tool_calls: false }),
    )
    expect(none.body).toMatchObject({ tool_choice: 'none' })
    expect(none.body).not.toHaveProperty('parallel_tool_calls')
    const alone = encode(decode({ messages: [user('a')], parallel_tool_calls: false }))
    expect(alone.body).not.toHaveProperty('parallel_tool_calls')
    expect([...none.losses, ...alone.losses]).toEqual([])
  })

  test('case 38: where a tool cannot be forced beside thinking, thinking is off', () => {
    const profile = profileWith({ forcedToolChoice: false, reasoningIn: 'thinking' })
    const { body, losses } = encode(
      decode({ messages: [user('a')], tools: [FUNCTION], tool_choice: 'required', reasoning_effort: 'high' }),
      { profile },
    )
    expect(body).toMatchObject({ tool_choice: 'required', thinking: { type: 'disabled' } })
    expect(losses).toEqual(['approx=thinking'])
  })

  test('case 40: ids of nine letters stay, others become nine, the same on both sides', () => {
    const profile = profileWith({ idRule: 'alnum9' })
    const items = [called('abcDEF123'), called('toolu_01X'), result('toolu_01X', 'b'), result('abcDEF123', 'a')]
    const { messages } = encode(requestOf({ items }), { profile })
    const ids = messages[0]!['tool_calls'].map(({ id }: Json) => id)
    expect(ids[0]).toBe('abcDEF123')
    expect(ids[1]).toMatch(/^[a-zA-Z0-9]{9}$/)
    expect(messages.slice(1).map(({ tool_call_id }) => tool_call_id)).toEqual([ids[1], ids[0]])
  })

  test('case 45: a foreign built-in beside a function is dropped, alone or forced it is refused', () => {
    const builtins = [{ protocol: 'anthropic-messages', kind: 'other' as const, name: 'bash', raw: {} }]
    const tools = [{ kind: 'function' as const, name: 'f' }]
    expect(encode(requestOf({ builtins, tools })).losses).toEqual(['dropped=builtin_tools'])
    expect(() => encode(requestOf({ builtins }))).toThrow(CannotCross)
    expect(() => encode(requestOf({ builtins, tools, toolChoice: { mode: 'named', name: 'bash' } }))).toThrow(
      CannotCross,
    )
  })
})
