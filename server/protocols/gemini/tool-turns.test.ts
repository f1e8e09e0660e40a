// Turns with calls, their results and their reasoning state, by example and by regression case.
import { describe, expect, test } from 'vitest'
import type { Item, Signature } from '../canonical.ts'
import { createLossReport } from '../codec.ts'
import {
  BUDGET_PROFILE,
  call,
  contentsOf,
  decode,
  encode,
  foreign,
  lossNames,
  partsOf,
  result,
  slotOf,
  thought,
  user,
} from './testing.ts'

type Json = Record<string, unknown>

describe('tool turns', () => {
  test('the golden tool turn', () => {
    const items = [user('go'), call('c1', { signature: thought }), result('c1', '42', { name: 'f' })]
    const body = [
      { role: 'user', parts: [{ text: 'go' }] },
      { role: 'model', parts: [{ functionCall: { id: 'c1', name: 'f', args: { x: 1 } }, thoughtSignature: 'c2ln' }] },
      { role: 'user', parts: [{ functionResponse: { id: 'c1', name: 'f', response: { output: '42' } } }] },
    ]
    expect(contentsOf(items)).toEqual(body)
    const native = { ...thought, provider: '', account: '', model: '' }
    expect(decode({ contents: body }).items).toEqual([items[0], call('c1', { signature: native }), items[2]])
  })

  test('case 17: of three parallel calls only the first carries signature or sentinel', () => {
    const calls = [call('a'), call('b'), call('c')]
    const slots = (signature?: Signature): unknown[] =>
      partsOf([user('go'), call('a', signature ? { signature } : {}), ...calls.slice(1)], 1).map(
        (part) => part['thoughtSignature'],
      )
    expect(slots()).toEqual(['skip_thought_signature_validator', undefined, undefined])
    expect(slots(thought)).toEqual(['c2ln', undefined, undefined])
    const old = partsOf([user('go'), ...calls], 1, { profile: BUDGET_PROFILE })
    expect(old.map((part) => part['thoughtSignature'])).toEqual([undefined, undefined, undefined])
  })

  test('every turn with calls has its own first call', () => {
    const items = [user('go'), call('a'), result('a', '1'), call('b', { turn: 3 }), result('b', '2', { turn: 4 })]
    const first = (turn: number): unknown => partsOf(items, turn)[0]!['thoughtSignature']
    expect([first(1), first(3)]).toEqual(['skip_thought_signature_validator', 'skip_thought_signature_validator'])
  })

  test('case 29: results reversed and one missing are put in order, named, and padded with an error', () => {
    const items = [
      user('go'),
      call('a', { name: 'first' }),
      call('b', { name: 'second' }),
      call('c', { name: 'third' }),
      result('c', '3'),
      result('a', '1'),
      user('and now?', 2),
    ]
    expect(partsOf(items, 2)).toEqual([
      { functionResponse: { id: 'a', name: 'first', response: { output: '1' } } },
      { functionResponse: { id: 'b', name: 'second', response: { error: 'No result was given for this call.' } } },
      { functionResponse: { id: 'c', name: 'third', response: { output: '3' } } },
      { text: 'and now?' },
    ])
  })

  test('results come before the text of their turn, and before a reminder that stands between', () => {
    const reminder: Item = { kind: 'text', role: 'system', turn: 2, text: 'be brief' }
    const { body, losses } = encode({ items: [user('go'), call('a'), reminder, result('a', '1')] })
    const contents = body['contents'] as { parts: Json[] }[]
    expect(contents[2]!.parts.map((part) => Object.keys(part)[0])).toEqual(['functionResponse', 'text'])
    expect(contents[2]!.parts[1]).toEqual({ text: '<system-reminder>\nbe brief\n</system-reminder>' })
    expect(losses).toEqual(['approx=system'])
  })

  test('calls without ids are matched by name and order', () => {
    const { items } = decode({
      contents: [
        { role: 'user', parts: [{ text: 'go' }] },
        {
          role: 'model',
          parts: [{ functionCall: { name: 'f' } }, { functionCall: { name: 'g' } }, { functionCall: { name: 'f' } }],
        },
        {
          parts: [
            { functionResponse: { name: 'g', response: { output: 'g1' } } },
            { functionResponse: { name: 'f', response: { output: 'f1' } } },
            { functionResponse: { name: 'f', response: { output: 'f2' } } },
          ],
        },
      ],
    })
    const ids = items.flatMap((item) => (item.kind === 'call' ? [`${item.name} ${item.id}`] : []))
    const answers = items.flatMap((item) => (item.kind === 'result' ? [`${item.name} ${item.callId}`] : []))
    expect(new Set(ids).size).toBe(3)
    expect(answers).toEqual([ids[1], ids[0], ids[2]])
  })

  test('ids that come again in later turns stay with their own results', () => {
    const items = [
      user('go'),
      call('x', { name: 'one' }),
      result('x', '1'),
      call('x', { name: 'two', turn: 3 }),
      result('x', '2', { turn: 4 }),
    ]
    expect(partsOf(items, 2)).toEqual([{ functionResponse: { id: 'x', name: 'one', response: { output: '1' } } }])
    expect(partsOf(items, 4)).toEqual([{ functionResponse: { id: 'x', name: 'two', response: { output: '2' } } }])
  })

  test('case 28: an image in a tool result reaches the model, inside it or beside it', () => {
    const image = {
      kind: 'media' as const,
      media: 'image' as const,
      source: { from: 'data' as const, mime: 'image/png', data: 'iVBO' },
    }
    const items = [user('go'), call('a'), result('a', 'see', { parts: [{ kind: 'text', text: 'see' }, image] })]
    const blob = { inlineData: { mimeType: 'image/png', data: 'iVBO' } }
    const response = { id: 'a', name: 'f', response: { output: 'see' } }
    expect(partsOf(items, 2)).toEqual([{ functionResponse: { ...response, parts: [blob] } }])
    expect(partsOf(items, 2, { profile: BUDGET_PROFILE })).toEqual([{ functionResponse: response }, blob])
  })

  test('errors and values of results go both ways', () => {
    const forms: [Json, Partial<Item & { kind: 'result' }>][] = [
      [{ output: '42' }, { parts: [{ kind: 'text', text: '42' }] }],
      [{ error: 'no such file' }, { parts: [{ kind: 'text', text: 'no such file' }], isError: true }],
      [{ error: { code: 5 } }, { parts: [{ kind: 'text', text: '{"code":5}', json: true }], isError: true }],
      [{ temperature: 21 }, { parts: [{ kind: 'text', text: '{"temperature":21}', json: true }] }],
      [{ output: [1, 2] }, { parts: [{ kind: 'text', text: '[1,2]', json: true }] }],
      [{ output: '' }, { parts: [{ kind: 'text', text: '' }] }],
    ]
    for (const [response, fields] of forms) {
      const items = [user('go'), call('a'), result('a', '', { name: 'f', ...fields })]
      expect(partsOf(items, 2)).toEqual([{ functionResponse: { id: 'a', name: 'f', response } }])
      expect(decode({ contents: contentsOf(items) }).items[2]).toEqual(items[2])
    }
  })

  test('a text that looks like JSON stays the text it was', () => {
    const items = [user('go'), call('a'), result('a', '{"error": "not really"}')]
    expect(partsOf(items, 2)).toEqual([
      { functionResponse: { id: 'a', name: 'f', response: { output: '{"error": "not really"}' } } },
    ])
  })

  test('arguments: none is {}, what is no object is kept as text and said so', () => {
    const args = (argsText: string): unknown => {
      const { body, losses } = encode({ items: [user('go'), call('a', { argsText })] })
      const parts = (body['contents'] as { parts: { functionCall: { args: unknown } }[] }[])[1]!.parts
      return [parts[0]!.functionCall.args, losses]
    }
    expect(args('')).toEqual([{}, []])
    expect(args('{"a":[1]}')).toEqual([{ a: [1] }, []])
    expect(args('{"a":')).toEqual([{ input: '{"a":' }, ['approx=tool_arguments']])
    expect(args('[1]')).toEqual([{ input: '[1]' }, ['approx=tool_arguments']])
  })

  test('case 31: a freeform tool is a function of one text, and its call is unwrapped', () => {
    const grammar = { type: 'grammar', syntax: 'lark', definition: 'start: x' }
    const { body, toolNames } = encode({
      tools: [{ kind: 'freeform', name: 'apply_patch', description: 'Patches.', grammar }],
      items: [user('go'), call('a', { name: 'apply_patch', style: 'freeform', argsText: '*** Begin' })],
    })
    const [tools] = body['tools'] as { functionDeclarations: Json[] }[]
    expect(tools!.functionDeclarations[0]).toMatchObject({
      name: 'apply_patch',
      parametersJsonSchema: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
    })
    expect(String(tools!.functionDeclarations[0]!['description'])).toContain('start: x')
    const contents = body['contents'] as { parts: Json[] }[]
    expect(contents[1]!.parts[0]!['functionCall']).toMatchObject({ args: { input: '*** Begin' } })
    expect(toolNames.get('apply_patch')).toEqual({ name: 'apply_patch', style: 'freeform' })
  })

  test('case 32: a namespace is flattened and known on the way back', () => {
    const { body, toolNames } = encode({
      tools: [{ kind: 'function', name: 'list', namespace: 'files', schema: { type: 'object' } }],
      toolChoice: { mode: 'named', name: 'list', namespace: 'files' },
    })
    expect(body['tools']).toEqual([
      { functionDeclarations: [{ name: 'files__list', parametersJsonSchema: { type: 'object' } }] },
    ])
    expect(body['toolConfig']).toEqual({
      functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['files__list'] },
    })
    expect(toolNames.get('files__list')).toEqual({ name: 'list', namespace: 'files', style: 'json' })
  })
})

describe('reasoning state', () => {
  test('state before a call is the call’s', () => {
    const before: Item = { kind: 'reasoning', turn: 1, text: '', signature: thought }
    expect(partsOf([user('go'), before, call('a')], 1)).toEqual([
      { functionCall: { id: 'a', name: 'f', args: { x: 1 } }, thoughtSignature: 'c2ln' },
    ])
  })

  test('case 46: state of another account or provider is dropped and said so, never what it hangs on', () => {
    const other = { ...thought, account: 'key-2' }
    const items: Item[] = [
      user('go'),
      { kind: 'reasoning', turn: 1, text: 'hm', signature: foreign },
      { kind: 'text', role: 'assistant', turn: 1, text: 'ok', signature: other },
      call('a', { signature: other }),
    ]
    const { body, losses } = encode({ items })
    expect((body['contents'] as Json[])[1]).toEqual({
      role: 'model',
      parts: [
        { text: 'ok' },
        {
          functionCall: { id: 'a', name: 'f', args: { x: 1 } },
          thoughtSignature: 'skip_thought_signature_validator',
        },
      ],
    })
    expect(losses).toEqual(['dropped=reasoning_state', 'dropped=thoughts'])
    expect(JSON.stringify(body)).not.toContain('urs1')
  })

  test('envelopes are opened in either alphabet; one that is not ours is dropped', () => {
    const losses = createLossReport()
    const parts = [
      { text: 'a', thoughtSignature: slotOf(thought) },
      { text: 'b', thought_signature: slotOf(thought).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '') },
      { text: 'c', thoughtSignature: Buffer.from('urs1.rubbish').toString('base64') },
      { text: 'd', thoughtSignature: 'skip_thought_signature_validator' },
      { text: 'e', thoughtSignature: 'a-_b' },
    ]
    const { items } = decode({ contents: [{ role: 'model', parts }] }, losses)
    const native = { provider: '', account: '', model: '', kind: 'thought', value: 'a+/b' }
    expect(items.map(({ signature }) => signature)).toEqual([thought, thought, undefined, undefined, native])
    expect(lossNames(losses)).toEqual(['dropped=reasoning_state'])
  })

  test('thoughts handed back in the pieces they were streamed in are one again, under their state', () => {
    const parts = [
      { text: 'The user ', thought: true },
      { text: 'wants it.', thought: true },
      { functionCall: { id: 'a', name: 'f', args: {} }, thoughtSignature: slotOf(foreign) },
    ]
    expect(decode({ contents: [{ role: 'model', parts }] }).items).toEqual([
      { kind: 'reasoning', turn: 0, text: 'The user wants it.', signature: foreign },
      call('a', { turn: 0, argsText: '{}' }),
    ])
  })

  test('another dialect’s state on a call stands before it again', () => {
    const contents = [
      { role: 'model', parts: [{ functionCall: { id: 'a', name: 'f', args: {} }, thoughtSignature: slotOf(foreign) }] },
    ]
    expect(decode({ contents }).items).toEqual([
      { kind: 'reasoning', turn: 0, text: '', signature: foreign },
      call('a', { turn: 0, argsText: '{}' }),
    ])
  })

  test('signature-only parts are kept', () => {
    const contents = [{ role: 'model', parts: [{ text: 'a' }, { text: '', thoughtSignature: 'c2ln' }] }]
    const { items } = decode({ contents })
    expect(contentsOf(items, { profile: BUDGET_PROFILE })).toEqual(contents)
  })
})
