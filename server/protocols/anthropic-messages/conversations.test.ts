// Conversations: the golden tool turn, and the regression cases of the protocol design about messages, by their
// numbers.
import { describe, expect, test } from 'vitest'
import type { Item, Signature } from '../canonical.ts'
import { createLossReport } from '../codec.ts'
import { eventsOf } from '../collect.ts'
import { reportForeignFields } from '../foreign.ts'
import {
  answered,
  assistant,
  brief,
  BUDGET_PROFILE,
  call,
  codec,
  decode,
  encode,
  f,
  encodeStream,
  hash8,
  lossNames,
  PROFILE,
  responseEncodingOf,
  result,
  sealEnvelope,
  user,
  wireEvents,
} from './testing.ts'

describe('the golden tool turn', () => {
  const messages = [
    { role: 'user', content: 'go' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'f', input: { x: 1 } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: '42' }] },
  ]
  const items = [user('go'), call('c1'), result('c1', '42')]

  test('is read', () => {
    expect(decode({ messages }).items).toEqual(items)
  })

  test('is written', () => {
    expect(encode({ items }).body['messages']).toEqual(messages)
  })
})

describe('conversations', () => {
  test('case 10: an assistant turn of "" and calls has only tool_use', () => {
    const { body } = encode({ items: [user('go'), assistant(''), call('c1'), result('c1', '42')] })
    expect((body['messages'] as any[])[1].content).toEqual([{ type: 'tool_use', id: 'c1', name: 'f', input: { x: 1 } }])
  })

  test('case 11: breakpoints on system, text and tool stand in the body', () => {
    const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } }
    const { body } = encode({
      instructions: [{ role: 'system', text: 'Be brief.', cache: { ttl: '1h' } }],
      items: [{ ...user('go'), cache: { ttl: '1h' } }],
      tools: [{ ...f, cache: { ttl: '12h' } }],
    })
    expect(body).toMatchObject({
      system: [{ text: 'Be brief.', ...mark }],
      messages: [{ content: [{ text: 'go', ...mark }] }],
      tools: [{ name: 'f', ...mark }],
    })
  })

  test('case 12: a breakpoint on a result stands on it, not inside', () => {
    const { body } = encode({ items: [user('go'), call('c1'), { ...result('c1', '42'), cache: {} }] })
    expect((body['messages'] as any[])[2].content).toEqual([
      { type: 'tool_result', tool_use_id: 'c1', content: '42', cache_control: { type: 'ephemeral' } },
    ])
    const nested = [{ type: 'text', text: '42', cache_control: { type: 'ephemeral' } }]
    const content = [{ type: 'tool_result', tool_use_id: 'c1', content: nested }]
    expect(decode({ messages: [{ role: 'user', content }] }).items).toMatchObject([{ kind: 'result', cache: {} }])
  })

  test('of more than four breakpoints the first and the last three stay', () => {
    const items = ['a', 'b', 'c', 'd', 'e', 'f'].map((text): Item => ({ ...user(text), cache: {} }))
    const { body, losses } = encode({ items })
    const [message] = body['messages'] as any[]
    expect(message.content.map((block: object) => 'cache_control' in block)).toEqual([
      true,
      false,
      false,
      true,
      true,
      true,
    ])
    expect(losses).toEqual(['dropped=cache_control'])
  })

  test('case 13: empty thinking with its signature is forwarded, not stripped', () => {
    const content = [
      { type: 'thinking', thinking: '', signature: 'sig' },
      { type: 'text', text: 'hi' },
    ]
    const messages = [
      { role: 'user', content: 'go' },
      { role: 'assistant', content },
      { role: 'user', content: 'on' },
    ]
    const { body } = encode({ items: decode({ messages }).items })
    expect(body['messages']).toEqual(messages)
  })

  const own: Signature = { provider: 'anthropic', account: 'key-1', model: 'm', kind: 'signature', value: 'sig' }
  const thought: Item = { kind: 'reasoning', turn: 1, text: '', signature: own }

  test('case 14: two tool rounds are replayed with their signed thinking first', () => {
    const items = [user('go'), thought, call('a'), result('a', '1'), thought, call('b'), result('b', '2')]
    const { body } = encode({ items, reasoning: { budget: 2000 } }, { profile: BUDGET_PROFILE })
    const turns = (body['messages'] as any[]).filter(({ role }) => role === 'assistant')
    expect(turns.map(({ content }) => content.map(({ type }: any) => type))).toEqual([
      ['thinking', 'tool_use'],
      ['thinking', 'tool_use'],
    ])
    expect(body['thinking']).toMatchObject({ type: 'enabled' })
  })

  test.each([
    ['another account', { ...own, account: 'key-2' }],
    ['another provider', { ...own, provider: 'google', kind: 'thought' as const }],
    ['a native value of OpenAI', { ...own, provider: '', account: '', kind: 'encrypted' as const }],
  ])('case 46: state of %s is left out, the call stays, thinking goes off in the tool loop', (_who, signature) => {
    const items = [user('go'), { ...thought, signature }, { ...call('a'), signature }, result('a', '1')]
    const { body, losses } = encode({ items, reasoning: { budget: 2000 } }, { profile: BUDGET_PROFILE })
    expect((body['messages'] as any[])[1].content).toMatchObject([{ type: 'tool_use', id: 'a' }])
    expect(JSON.stringify(body)).not.toContain('sig')
    expect(body['thinking']).toEqual({ type: 'disabled' })
    expect(losses).toEqual(['dropped=reasoning_state', 'approx=thinking'])
  })

  test('case 46: an envelope that does not open never goes upstream', () => {
    const losses = createLossReport()
    const content = [
      { type: 'thinking', thinking: 'hm', signature: 'urs1.sealed-elsewhere' },
      { type: 'text', text: 'hi' },
    ]
    const { items } = decode({ messages: [{ role: 'assistant', content }] }, losses)
    expect(JSON.stringify(encode({ items }).body)).not.toMatch(/urs1|hm/)
    expect(lossNames(losses)).toEqual(['dropped=reasoning_state'])
  })

  test('the state of a call travels in an empty thinking block in front of it, and back onto it', () => {
    const state: Signature = { provider: 'google', account: 'k', model: 'gemini-3', kind: 'thought', value: 'T' }
    const answer = answered([{ ...call('c1'), signature: state }], 'tool_calls')
    const { content } = codec.encodeResponse(answer, responseEncodingOf()) as { content: any[] }
    expect(content.map(({ type }) => type)).toEqual(['thinking', 'tool_use'])
    expect(content[0].thinking).toBe('')
    expect(decode({ messages: [{ role: 'assistant', content }] }).items).toEqual([
      { ...call('c1'), turn: 0, signature: state },
    ])
    const wire = wireEvents(encodeStream(eventsOf(answer)))
    expect(brief(wire)).toEqual(['start 0 thinking', 'delta 0', 'stop 0', 'start 1 tool_use', 'delta 1', 'stop 1'])
  })

  test('sealed reasoning of any dialect stands in the signature', () => {
    const state: Signature = {
      provider: 'openai',
      account: 'k',
      model: 'gpt',
      kind: 'encrypted',
      value: 'E',
      id: 'rs_1',
    }
    const answer = answered([{ kind: 'reasoning', turn: 0, text: 'sum', summary: true, signature: state }])
    expect(codec.encodeResponse(answer, responseEncodingOf())['content']).toEqual([
      { type: 'thinking', thinking: 'sum', signature: sealEnvelope(state) },
    ])
  })

  test('case 28: an image in a tool_result is read as one, and written as one', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }
    const content = [{ type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'text', text: 'see' }, image] }]
    const { items } = decode({ messages: [{ role: 'user', content }] })
    const source = { from: 'data', mime: 'image/png', data: 'AAAA' }
    expect(items).toMatchObject([
      {
        parts: [
          { kind: 'text', text: 'see' },
          { kind: 'media', media: 'image', source },
        ],
      },
    ])
    expect(encode({ items }).body['messages']).toEqual([{ role: 'user', content }])
  })

  test('case 29: results in another order, one missing: as many as calls, in their order', () => {
    const items = [user('go'), call('a'), call('b'), call('c'), result('c', '3'), user('and?'), result('a', '1')]
    const { body, losses } = encode({ items })
    const [, , turn] = body['messages'] as any[]
    expect(turn.content.map(({ tool_use_id: id, is_error: failed, type }: any) => [type, id, failed])).toEqual([
      ['tool_result', 'a', undefined],
      ['tool_result', 'b', true],
      ['tool_result', 'c', undefined],
      ['text', undefined, undefined],
    ])
    expect(losses).toEqual(['approx=tool_result'])
  })

  test('case 40: ids of other dialects fit, the same for call and result', () => {
    const items = [user('go'), call('functions.f:0'), result('functions.f:0', '1')]
    const [, turn, answer] = encode({ items }).body['messages'] as any[]
    expect(turn.content[0].id).toBe(`functions_f_0_${hash8('functions.f:0')}`)
    expect(answer.content[0].tool_use_id).toBe(turn.content[0].id)
  })

  const rule = (role: 'system' | 'developer'): Item => ({ kind: 'text', role, turn: 2, text: 'Be kind.' })
  test('a rule in mid-thread stands where it may, on models that know it', () => {
    const items = [user('go'), rule('developer'), assistant('ok'), user('on')]
    const { body, losses } = encode({ items })
    expect((body['messages'] as any[])[1]).toEqual({ role: 'system', content: 'Be kind.' })
    expect(losses).toEqual([])
  })

  test.each([
    ['before a user turn', [user('go'), assistant('ok'), rule('system'), user('on')], PROFILE],
    ['on a model that knows none', [user('go'), rule('system')], BUDGET_PROFILE],
  ])('%s a rule is a reminder from the user', (_where, items, profile) => {
    const { body, losses } = encode({ items }, { profile })
    const text = JSON.stringify((body['messages'] as any[]).at(-1))
    expect(text).toContain('<system-reminder>\\nBe kind.\\n</system-reminder>')
    expect(losses).toEqual(['approx=system'])
  })

  test('rules in front are instructions', () => {
    expect(encode({ items: [rule('developer'), user('go')] }).body).toMatchObject({ system: 'Be kind.' })
  })

  test('the billing header goes to Anthropic in its place, and nowhere else, without a word', () => {
    const billing = 'x-anthropic-billing-header: cc_version=2.1.330'
    const system = [
      { type: 'text', text: billing },
      { type: 'text', text: 'You are Claude Code.' },
    ]
    const request = decode({ system, messages: [{ role: 'user', content: 'hi' }] })
    expect(request.instructions).toEqual([{ role: 'system', text: 'You are Claude Code.' }])
    expect(encode(request).body['system']).toEqual(system)
    const losses = createLossReport()
    reportForeignFields(request, 'openai-chat', losses)
    expect(lossNames(losses)).toEqual([])
  })

  test('documents of every kind come back as they were', () => {
    const content = [
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' }, title: 'A' },
      {
        type: 'document',
        source: { type: 'url', url: 'https://a/b.pdf' },
        context: 'why',
        citations: { enabled: true },
      },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Grüße' } },
      { type: 'document', source: { type: 'file', file_id: 'file_1' } },
      {
        type: 'document',
        source: {
          type: 'content',
          content: [
            { type: 'text', text: 'one' },
            { type: 'image', source: { type: 'url', url: 'https://a/c.png' } },
          ],
        },
      },
      { type: 'search_result', title: 'T', source: 'https://s', content: [{ type: 'text', text: 'found' }] },
      { type: 'container_upload', file_id: 'file_2' },
    ]
    const request = decode({ messages: [{ role: 'user', content }] })
    expect(encode(request).body['messages']).toEqual([{ role: 'user', content }])
    expect(request.items.map((item) => (item.kind === 'media' ? item.media : item.kind))).toEqual([
      'pdf',
      'pdf',
      'file',
      'pdf',
      'file',
      'image',
      'text',
      'opaque',
    ])
  })
})

test('a request that makes no sense is a bad request, and says what to do', () => {
  for (const [body, path] of [
    [{}, 'messages'],
    [{ messages: 'hi' }, 'messages'],
    [{ messages: [{ role: 'tool', content: '' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content'],
  ] as const) {
    expect(() => decode(body)).toThrow(expect.objectContaining({ path, code: 'bad_request' }))
  }
})
