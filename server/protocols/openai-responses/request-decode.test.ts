// What a client's request becomes, what of it cannot leave the dialect, and counting instead of answering.
import { describe, expect, test } from 'vitest'
import {
  answerOf,
  call,
  decode,
  encode,
  PLAIN_REQUEST,
  requestDecoding,
  requestEncoding,
  result,
  writeStreamOf,
  type WireEvent,
} from '../../../test/support/responses-codec.ts'
import { CannotCross, createLossReport } from '../codec.ts'
import { reportForeignFields } from '../foreign.ts'
import { openaiResponsesCodec as codec } from './codec.ts'
import { decodeCount, decodeCountRequest, encodeCount, encodeCountRequest } from './count-tokens.ts'

/** As the encoder of another dialect sees the request. */
function cross(body: WireEvent): string[] {
  const losses = createLossReport()
  reportForeignFields(decode(body), 'anthropic-messages', losses)
  return losses.losses.map(({ path }) => path)
}

const GOLDEN_CALL = { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{"x":1}' }
const GOLDEN_RESULT = { type: 'function_call_output', call_id: 'c1', output: '42' }

describe('the golden tool turn', () => {
  test('is read', () => {
    expect(decode({ input: [GOLDEN_CALL, GOLDEN_RESULT] }).items).toEqual([call(), result()])
  })
  test('is written', () => {
    expect(encode({ ...PLAIN_REQUEST, items: [call(), result()] }).body['input']).toEqual([GOLDEN_CALL, GOLDEN_RESULT])
  })
})

describe('reading requests', () => {
  test('parts of one turn share a number: reasoning, text and parallel calls, then their results', () => {
    const { items } = decode({
      input: [
        { role: 'user', content: 'Hi' },
        { type: 'reasoning', summary: [], encrypted_content: 'E' },
        { role: 'assistant', content: 'Well' },
        { ...GOLDEN_CALL },
        { ...GOLDEN_CALL, call_id: 'c2' },
        { ...GOLDEN_RESULT, call_id: 'c2' },
        { ...GOLDEN_RESULT },
        { role: 'assistant', content: 'One' },
        { role: 'assistant', content: 'Two' },
      ],
    })
    expect(items.map(({ turn }) => turn)).toEqual([0, 1, 1, 1, 1, 2, 2, 3, 4])
  })

  test('leading developer messages and `instructions` are instructions, later ones stay where they are', () => {
    const { instructions, items } = decode({
      instructions: 'Be brief.',
      input: [
        { role: 'developer', content: [{ type: 'input_text', text: 'A', prompt_cache_breakpoint: { ttl: '12h' } }] },
        { role: 'user', content: 'Hi' },
        { role: 'developer', content: 'B' },
      ],
    })
    expect(instructions).toEqual([
      { role: 'system', text: 'Be brief.', forThisCall: true },
      { role: 'developer', text: 'A', cache: { ttl: '12h' } },
    ])
    expect(items.at(-1)).toEqual({ turn: 1, kind: 'text', role: 'developer', text: 'B' })
  })

  test('case 32: tools declared only inside the input are tools, and stay where they were declared', () => {
    const body = {
      input: [
        {
          type: 'additional_tools',
          role: 'developer',
          tools: [
            { type: 'namespace', name: 'shell', description: 'Runs', tools: [{ type: 'function', name: 'run' }] },
            { type: 'web_search' },
          ],
        },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] },
      ],
    }
    const request = decode(body)
    expect(request.tools).toMatchObject([{ kind: 'function', name: 'run', namespace: 'shell', declaredAt: 0 }])
    expect(request.builtins).toMatchObject([{ kind: 'web_search', declaredAt: 0 }])
    const written = encode(request).body['input'][0]
    expect(written).toMatchObject({ type: 'additional_tools', role: 'developer' })
    expect(written.tools[0]).toMatchObject({ type: 'namespace', name: 'shell', tools: [{ name: 'run' }] })
  })

  test('case 32: the call of such a tool comes back with its namespace', () => {
    const wire = writeStreamOf(answerOf([call({ name: 'run', namespace: 'shell' })]))
    expect(wire.at(-1)!['response'].output[0]).toMatchObject({ name: 'run', namespace: 'shell' })
    const read = decode({ input: wire.at(-1)!['response'].output })
    expect(read.items[0]).toMatchObject({ name: 'run', namespace: 'shell' })
  })

  test('tools that a search found are callable elsewhere and not declared twice here', () => {
    const found = { type: 'function', name: 'rates', parameters: {}, defer_loading: true }
    const item = { type: 'tool_search_output', call_id: 't', execution: 'client', tools: [found] }
    const request = decode({ tools: [{ type: 'tool_search' }], input: [{ role: 'user', content: 'Hi' }, item] })
    expect(request.tools).toMatchObject([{ name: 'rates' }])
    const { body } = encode(request)
    expect(body['tools']).toEqual([{ type: 'tool_search' }])
    expect(body['input'].at(-1)).toEqual(item)
  })

  test.each([
    ['input that is a number', { input: 7 }],
    ['an item that is no object', { input: ['Hi'] }],
    ['a message of nobody', { input: [{ role: 'robot', content: 'Hi' }] }],
    ['an output without its call', { input: [{ type: 'function_call_output', output: 'x' }] }],
    ['an output that is a number', { input: [{ type: 'function_call_output', call_id: 'c', output: 1 }] }],
    ['a tool without a name', { tools: [{ type: 'function' }] }],
    ['a tool without a type', { tools: [{ name: 'f' }] }],
    ['a choice without a name', { tool_choice: { type: 'function' } }],
  ])('%s is a bad request', (_, body) => {
    expect(() => decode(body)).toThrow(expect.objectContaining({ name: 'CannotCross', code: 'bad_request' }))
  })

  test('an envelope that does not open drops the state, not the thoughts', () => {
    const decoding = requestDecoding()
    const body = {
      input: [{ type: 'reasoning', summary: [{ text: 'Hm' }], encrypted_content: 'urs1.broken' }, GOLDEN_CALL],
    }
    const { items } = codec.decodeRequest(body, decoding)
    expect(items).toMatchObject([{ kind: 'reasoning', text: 'Hm' }, { kind: 'call' }])
    expect(items[0]).not.toHaveProperty('signature')
    expect(decoding.losses.losses).toMatchObject([{ path: 'reasoning_state' }])
  })

  test('a pdf may come as an image, and a file by its URL, its id or its data', () => {
    const parts = [
      { type: 'input_image', image_url: 'data:application/pdf;base64,AAAA' },
      { type: 'input_file', file_url: 'https://x.test/a.pdf?y' },
      { type: 'input_file', file_id: 'file_1' },
      { type: 'input_file', file_data: 'AAAA', filename: 'a.PDF' },
    ]
    const { items } = decode({ input: [{ role: 'user', content: parts }] })
    expect(items.map((item) => item.kind === 'media' && [item.media, item.source.from])).toEqual([
      ['pdf', 'data'],
      ['pdf', 'url'],
      ['file', 'file'],
      ['pdf', 'data'],
    ])
  })
})

describe('leaving the dialect', () => {
  test.each([
    ['previous_response_id', { previous_response_id: 'resp_7' }, /resp_7.*store: false/],
    ['conversation', { conversation: 'conv_7' }, /conv_7/],
    ['background', { background: true }, /background/],
    ['prompt', { prompt: { id: 'pmpt_1' } }, /prompt/],
    ['tool_choice', { tool_choice: { type: 'file_search' } }, /tool_choice/],
    ['text_format', { text: { format: { type: 'grammar' } } }, /JSON by a schema/],
    ['input', { input: [{ type: 'item_reference', id: 'msg_7' }] }, /msg_7.*store: false/],
    ['input', { input: [{ id: 'msg_7' }] }, /item/],
    ['input', { input: [{ type: 'shell_call', id: 'sh_7', call_id: 'c', action: {} }] }, /sh_7/],
    ['input', { input: [{ type: 'computer_call_output', call_id: 'c', output: {} }] }, /computer_call_output/],
    ['input', { input: [{ type: 'mcp_call', id: 'mcp_7' }] }, /mcp_7/],
    ['input', { input: [{ type: 'compaction', encrypted_content: 'E' }] }, /compaction/],
  ])('%s cannot cross: %j', (path, body, message) => {
    const crossing = (): unknown => cross({ input: 'Hi', ...body })
    expect(crossing).toThrow(CannotCross)
    expect(crossing).toThrow(expect.objectContaining({ path, code: 'unsupported_parameter' }))
    expect(crossing).toThrow(message)
  })

  test('what says the default, or that nothing shall be stored, is no loss', () => {
    const defaults = { store: false, background: false, truncation: 'disabled', metadata: {}, service_tier: 'auto' }
    expect(cross({ input: 'Hi', ...defaults, include: ['reasoning.encrypted_content'], user: null })).toEqual([])
  })

  test('law 5: every field that only this dialect has is reported elsewhere', () => {
    const fields: Record<string, unknown> = {
      store: true,
      truncation: 'auto',
      metadata: { a: 'b' },
      max_tool_calls: 3,
      context_management: [{ type: 'compaction' }],
      stream_options: { include_obfuscation: true },
      prompt_cache_retention: '24h',
      prompt_cache_options: { mode: 'explicit' },
      moderation: { model: 'm' },
      access_programs: { cyber: 'x' },
    }
    for (const [field, value] of Object.entries(fields)) expect(cross({ input: 'Hi', [field]: value })).toEqual([field])
    expect(cross({ input: 'Hi', image: { x: 1 }, never_heard_of: 1 })).toEqual(['other_fields'])
    expect(cross({ include: ['web_search_call.action.sources'] })).toEqual(['include'])
    expect(cross({ reasoning: { context: 'all_turns', summary: 'detailed' } })).toEqual(['reasoning_options'])
    expect(cross({ text: { shape: 'round' } })).toEqual(['text_options'])
    expect(cross({ tools: [{ type: 'function', name: 'f', defer_loading: true }] })).toEqual(['defer_loading'])
  })
})

describe('counting tokens', () => {
  test('the body holds what counts, and is read back', () => {
    const body = {
      model: 'gpt-5.6',
      input: 'Hi',
      instructions: 'Be brief.',
      tools: [{ type: 'function', name: 'f', parameters: {}, strict: true }],
      tool_choice: 'required',
      max_output_tokens: 5000,
      store: true,
      stream: true,
    }
    const request = decodeCountRequest(body, requestDecoding())
    const counted = encodeCountRequest(request, requestEncoding()).body
    expect(counted).toEqual({
      model: 'gpt-5.6',
      instructions: 'Be brief.',
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }],
      tools: body.tools,
      tool_choice: 'required',
    })
    expect(decodeCountRequest(counted, requestDecoding()).items).toEqual(request.items)
  })

  test('the answer is one number, both ways', () => {
    expect(decodeCount(encodeCount(47))).toBe(47)
    expect(encodeCount(47)).toEqual({ object: 'response.input_tokens', input_tokens: 47 })
    expect(decodeCount({ input_tokens: 'many' })).toBeNull()
  })
})
