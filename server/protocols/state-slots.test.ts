// Reasoning state is taken out of a body as byte ranges: what a user or model said stays as it was written, to the
// byte.
import { describe, expect, test } from 'vitest'
import { parseJsonTree } from '../kernel/json-tree.ts'
import type { StateSlots } from './protocol.ts'
import { PROTOCOLS } from './registry.ts'

const isForeign = (value: string): boolean => value.startsWith('foreign') || value.startsWith('urs1.')

function slotsOf(id: keyof typeof PROTOCOLS): StateSlots {
  const { stateSlots } = PROTOCOLS[id]
  if (!stateSlots) throw new Error(`${id} has no slots`)
  return stateSlots
}

function remove(
  id: keyof typeof PROTOCOLS,
  text: string,
  needsStandIn = false,
): { text: string; thinkingOff: boolean; listed: string[] } {
  const body = Buffer.from(text)
  const root = parseJsonTree(body)!
  const slots = slotsOf(id)
  const { edits, thinkingOff } = slots.remove(body, root, { isForeign, needsStandIn })
  let out: Buffer = body
  for (const edit of [...edits].sort((a, b) => b.start - a.start)) {
    out = Buffer.concat([out.subarray(0, edit.start), Buffer.from(edit.text), out.subarray(edit.end)])
  }
  JSON.parse(out.toString('utf8'))
  return { text: out.toString('utf8'), thinkingOff, listed: slots.list(body, root) }
}

describe('Anthropic', () => {
  const thinking = (signature: string): string =>
    `{"type": "thinking", "thinking":"ü\\u00fc", "signature":"${signature}"}`

  test('blocks of another account go; everything else keeps its bytes', () => {
    const text = `{"model":"m", "seed":12345678901234567890,"messages":[
      {"role":"user","content":"hi"},
      {"role":"assistant","content":[ ${thinking('foreign1')}, ${thinking('own')},{"type":"text","text":"a"} , {"type":"redacted_thinking","data":"foreign2"}]},
      {"content":"x","role":"user"} ] }`
    const removed = remove('anthropic-messages', text)
    expect(removed.listed).toEqual(['foreign1', 'own', 'foreign2'])
    expect(removed.text).toBe(`{"model":"m", "seed":12345678901234567890,"messages":[
      {"role":"user","content":"hi"},
      {"role":"assistant","content":[ ${thinking('own')},{"type":"text","text":"a"}]},
      {"content":"x","role":"user"} ] }`)
  })

  test('a message that said nothing else goes with them; a tool’s own field of that name stays', () => {
    const call = '{"type":"tool_use","id":"t","name":"f","input":{"signature":"foreign","data":"foreign"}}'
    const text = `{"messages":[{"role":"assistant","content":[${thinking('foreign')}]},{"role":"assistant","content":[${call}]}]}`
    expect(remove('anthropic-messages', text).text).toBe(`{"messages":[{"role":"assistant","content":[${call}]}]}`)
  })

  describe('manual thinking', () => {
    const call = '{"type":"tool_use","id":"t","name":"f","input":{}}'
    const result = '{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"42"}]}'
    const turn = (signature: string): string => `{"role":"assistant","content":[${thinking(signature)},${call}]}`
    const body = (mode: string, ...messages: string[]): string =>
      `{"thinking":${mode},"messages":[${messages.join(',')}]}`
    const manual = '{"type":"enabled","budget_tokens":2048}'

    test('is switched off where the last tool turn lost its thinking', () => {
      const removed = remove('anthropic-messages', body(manual, turn('foreign'), result))
      expect(removed.thinkingOff).toBe(true)
      expect(removed.text).toBe(body('{"type":"disabled"}', `{"role":"assistant","content":[${call}]}`, result))
      const withRule = body(manual, turn('foreign'), result, '{"role":"system","content":"rule"}')
      expect(remove('anthropic-messages', withRule).thinkingOff).toBe(true)
    })

    test.each([
      ['the turn kept its own', body(manual, turn('own'), result)],
      ['an earlier turn lost its thinking', body(manual, turn('foreign'), result, turn('own'), result)],
      ['the user goes on', body(manual, turn('foreign'), result, '{"role":"user","content":"go"}')],
      ['the model decides', body('{"type":"adaptive"}', turn('foreign'), result)],
    ])('stays on where %s', (_case, text) => {
      expect(remove('anthropic-messages', text).thinkingOff).toBe(false)
    })
  })
})

describe('Responses', () => {
  test('reasoning of another account goes as a whole item; calls, texts and compacted conversations stay', () => {
    const call = '{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}'
    const compaction = '{"type":"compaction","encrypted_content":"foreign"}'
    const own = '{"type":"reasoning","summary":[],"encrypted_content":"own"}'
    const text = `{"input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"foreign"},${call},${own},${compaction}],"store":false}`
    const removed = remove('openai-responses', text)
    expect(removed.text).toBe(`{"input":[${call},${own},${compaction}],"store":false}`)
    expect(removed.listed).toEqual(['foreign', 'own'])
    expect(remove('openai-responses', '{"input":"foreign"}').text).toBe('{"input":"foreign"}')
  })

  test('an envelope in the place of a compacted conversation is none', () => {
    const sealed = '{"type":"compaction","encrypted_content":"urs1.sealed"}'
    expect(remove('openai-responses', `{"input":[${sealed},{"role":"user","content":"a"}]}`).text).toBe(
      '{"input":[{"role":"user","content":"a"}]}',
    )
  })
})

describe('Gemini', () => {
  const call = (slot: string): string => `{"functionCall":{"name":"f","args":{"thoughtSignature":"foreign"}}${slot}}`
  const body = (...parts: string[]): string => `{"contents":[{"role":"model","parts":[${parts.join(', ')}]}]}`

  test('the signature goes, its call or text stays, in both spellings', () => {
    const text = body(
      call(',"thoughtSignature":"foreign"'),
      '{"thought_signature":"foreign","text":"a"}',
      '{"text":"b","thoughtSignature":"own"}',
    )
    expect(remove('gemini', text).text).toBe(body(call(''), '{"text":"a"}', '{"text":"b","thoughtSignature":"own"}'))
  })

  test('a call of a model that wants one gets the stand-in', () => {
    const text = body(call(',"thoughtSignature":"foreign"'), call(''))
    expect(remove('gemini', text, true).text).toBe(
      body(call(',"thoughtSignature":"skip_thought_signature_validator"'), call('')),
    )
  })

  test('a part, and a turn, that held nothing else goes', () => {
    const bare = '{"text":"","thoughtSignature":"foreign"}'
    expect(remove('gemini', body('{"text":"a"}', bare)).text).toBe(body('{"text":"a"}'))
    const text = `{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[${bare}]}]}`
    expect(remove('gemini', text).text).toBe('{"contents":[{"role":"user","parts":[{"text":"q"}]}]}')
    expect(remove('gemini', '{"contents":{"parts":{"text":"a","thoughtSignature":"foreign"}}}').text).toBe(
      '{"contents":{"parts":{"text":"a"}}}',
    )
  })
})

describe('Chat', () => {
  const slot = '"extra_content":{"google":{"thought_signature":"foreign"}}'

  test('entries of ours go with their list, native ones stay', () => {
    const native = '{"type":"reasoning.encrypted","data":"native"}'
    const ours = '{"type":"reasoning.encrypted","data":"foreign","length":3,"index":0}'
    const message = (list: string): string => `{"messages":[{"role":"assistant","content":"a"${list}}]}`
    expect(remove('openai-chat', message(`,"reasoning_details":[${ours}]`)).text).toBe(message(''))
    expect(remove('openai-chat', message(`,"reasoning_details":[${native},${ours}]`)).text).toBe(
      message(`,"reasoning_details":[${native}]`),
    )
  })

  test('Google’s slot goes from calls and messages, with what stands around it for its sake', () => {
    const call = (extra: string): string =>
      `{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}${extra}}`
    const ours = '{"type":"reasoning.encrypted","data":"foreign","length":3}'
    const text = `{"messages":[{"role":"assistant","reasoning_details":[${ours}],${slot},"tool_calls":[${call(`,${slot}`)}]}]}`
    expect(remove('openai-chat', text).text).toBe(`{"messages":[{"role":"assistant","tool_calls":[${call('')}]}]}`)
    const both = `{"messages":[{"role":"assistant","content":"a","reasoning_details":[${ours}],${slot}}]}`
    expect(remove('openai-chat', both).text).toBe('{"messages":[{"role":"assistant","content":"a"}]}')
    const more = call(',"extra_content":{"google":{"thought_signature":"foreign","x":1}}')
    expect(remove('openai-chat', `{"messages":[{"role":"assistant","tool_calls":[${more}]}]}`).text).toBe(
      `{"messages":[{"role":"assistant","tool_calls":[${call(',"extra_content":{"google":{"x":1}}')}]}]}`,
    )
  })

  const said = '"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]'
  test.each<[string, string, string]>([
    [
      'a signature of a detail',
      '"content":"a","reasoning_details":[{"type":"reasoning.text","text":"t","signature":"foreign"},{"type":"reasoning.summary","summary":"s"}]',
      '"content":"a","reasoning_details":[{"type":"reasoning.summary","summary":"s"}]',
    ],
    [
      'the only one',
      '"reasoning_details":[{"type":"reasoning.text","text":"t","signature":"foreign"}],"content":"a"',
      '"content":"a"',
    ],
    [
      'thinking blocks',
      `"content":null,"thinking_blocks":[{"type":"thinking","thinking":"t","signature":"foreign"},{"type":"redacted_thinking","data":"foreign"}],${said}`,
      `"content":null,${said}`,
    ],
    [
      'thinking parts',
      '"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}],"signature":"foreign"}, {"type":"text","text":"foreign"}]',
      '"content":[{"type":"text","text":"foreign"}]',
    ],
    [
      'thinking parts alone, beside calls',
      `"content":[{"type":"thinking","thinking":"t","signature":"foreign"}],${said}`,
      said,
    ],
    [
      'slots that libraries have',
      `"content":"foreign","provider_specific_fields":{"thought_signatures":["foreign"],"x":1},"reasoning_signature":"foreign"`,
      `"content":"foreign","provider_specific_fields":{"x":1}`,
    ],
  ])('%s go; what was said stays', (_what, before, after) => {
    const body = (fields: string): string =>
      `{"model":"m","messages":[{"role":"user","content":"foreign"},{"role":"assistant",${fields}}],"stream":false}`
    expect(remove('openai-chat', body(before)).text).toBe(body(after))
  })

  test('a message that held nothing else goes', () => {
    const alone = '{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"foreign"}]}'
    expect(remove('openai-chat', `{"messages":[{"role":"user","content":"a"},${alone}]}`).text).toBe(
      '{"messages":[{"role":"user","content":"a"}]}',
    )
  })
})
