// What relaying may change in a request: the model's name and the wish for usage, each a range of bytes. Everything
// else arrives as it was sent, odd numbers, odd spaces and unknown fields included.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { relayPieces } from '../../test/support/relaying.ts'
import { scanJsonObject } from '../kernel/json-scan.ts'
import type { ProtocolId } from '../protocols/protocol.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import { openai } from '../providers/openai.ts'
import type { Exchange, Target } from './exchange.ts'
import { buildRelayedRequest } from './relay.ts'

interface Sent {
  readonly text: string
  readonly protocol?: ProtocolId
  readonly operation?: string
  readonly streamed?: boolean
  readonly requestedModel?: string
  readonly model?: string
  /** Does the provider understand `include_usage`? */
  readonly streamUsage?: boolean
  readonly cuts?: readonly number[]
}

function relay(sent: Sent): { text: string; usageInjected: boolean } {
  const { protocol: id = 'openai-chat', operation = 'chat', streamed = true, streamUsage = true } = sent
  const protocol = PROTOCOLS[id]
  const bytes = Buffer.from(sent.text)
  const cuts = [0, ...(sent.cuts ?? []), bytes.length].sort((a, b) => a - b)
  const body = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end))
  const requestedModel = sent.requestedModel ?? 'gpt-4o'
  const exchange = {
    protocol,
    operation: protocol.operations[operation]!,
    body,
    scan: scanJsonObject(body, protocol.peekKeys),
    streamed,
    requestedModel,
  }
  const target = { provider: { ...openai, origin: '', basePath: '', streamUsage }, model: sent.model ?? requestedModel }
  const relayed = buildRelayedRequest(exchange as unknown as Exchange, target as unknown as Target)
  return { text: Buffer.concat(relayed.body).toString(), usageInjected: relayed.usageInjected }
}

describe('the model’s name where it stands in the path', () => {
  const embed = (text: string, operation = 'batch-embed') =>
    relay({ text, protocol: 'gemini', operation, streamed: false, requestedModel: 'fast', model: 'gemini-embedding-2' })
  test.each([
    [
      '{"requests":[{"model" : "models/fast","n":1e400},{"content":{"model":"fast"},"model":"fast"},7,{"model":5}]}',
      '{"requests":[{"model" : "models/gemini-embedding-2","n":1e400},{"content":{"model":"fast"},"model":"models/gemini-embedding-2"},7,{"model":5}]}',
    ],
    ['{"model":"models\\/fast","x":1}', '{"model":"models/gemini-embedding-2","x":1}'],
    [
      '{"generateContentRequest":{"model":"models/fast","contents":[{"text":"fast"}]}}',
      '{"generateContentRequest":{"model":"models/gemini-embedding-2","contents":[{"text":"fast"}]}}',
    ],
    [
      '{"requests":[{"model":"models/another"}], "fast":"fast"}',
      '{"requests":[{"model":"models/another"}], "fast":"fast"}',
    ],
    ['{"requests":[{"model":"fast"', '{"requests":[{"model":"fast"'],
  ])('%s becomes %s', (sent, relayed) => {
    expect(embed(sent).text).toBe(relayed)
  })

  test('is left alone where the client wrote the provider’s own', () => {
    const text = '{"requests":[{"model":"models/gemini-embedding-2"}]}'
    const names = { requestedModel: 'gemini-embedding-2', model: 'gemini-embedding-2' }
    expect(relay({ text, protocol: 'gemini', operation: 'batch-embed', streamed: false, ...names }).text).toBe(text)
  })
})

describe('usage in streams', () => {
  test.each([
    [
      'says nothing of options',
      '{"model":"gpt-4o","stream":true}',
      '{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true}}',
    ],
    [
      'says nothing of options and streams first',
      '{ "stream" : true , "model":"gpt-4o"}',
      '{ "stream" : true,"stream_options":{"include_usage":true} , "model":"gpt-4o"}',
    ],
    [
      'has null for options',
      '{"stream":true,"stream_options":null}',
      '{"stream":true,"stream_options":{"include_usage":true}}',
    ],
    [
      'has empty options',
      '{"stream":true,"stream_options": { } }',
      '{"stream":true,"stream_options": {"include_usage":true } }',
    ],
    [
      'has other options',
      '{"stream":true,"stream_options":{"x":9007199254740993,"y":1.0}}',
      '{"stream":true,"stream_options":{"include_usage":true,"x":9007199254740993,"y":1.0}}',
    ],
    [
      'wants none',
      '{"stream":true,"stream_options":{"a":1, "include_usage" : false ,"__proto__":2}}',
      '{"stream":true,"stream_options":{"a":1, "include_usage" : true ,"__proto__":2}}',
    ],
  ])('a client who %s gets it asked for', (_which, text, expected) => {
    expect(relay({ text })).toEqual({ text: expected, usageInjected: true })
    expect(JSON.parse(expected).stream_options.include_usage).toBe(true)
  })

  test.each([
    ['asks already', '{"stream":true,"stream_options":{"include_usage":true}}'],
    ['sends what only the provider may judge', '{"stream":true,"stream_options":{"include_usage":"yes"}}'],
    ['sends a list', '{"stream":true,"stream_options":[]}'],
    ['sends text', '{"stream":true,"stream_options":"all"}'],
    ['says both', '{"stream":true,"stream_options":{"include_usage":false,"include_usage":true}}'],
    ['sends nonsense', '{"stream":true,"stream_options":{nonsense}}'],
    ['sends half of it', '{"stream":true,"stream_options":{"include_usage":}}'],
  ])('a body whose client %s stays as it is', (_which, text) => {
    expect(relay({ text })).toEqual({ text, usageInjected: false })
  })

  test.each<[string, Partial<Sent>]>([
    ['a whole answer', { streamed: false }],
    ['a provider that may not know it', { streamUsage: false }],
    ['embeddings', { operation: 'embeddings' }],
    ['another dialect', { protocol: 'openai-responses', operation: 'responses' }],
  ])('%s is left alone', (_which, sent) => {
    const text = '{"model":"gpt-4o","stream":true}'
    expect(relay({ text, ...sent })).toEqual({ text, usageInjected: false })
  })
})

describe('the model’s name', () => {
  test('is replaced where the provider knows another', () => {
    const text = '{"messages":[{"model":"compat/x"}], "model" : "compat/x" ,"n":1e2}'
    expect(relay({ text, requestedModel: 'compat/x', model: 'x', streamed: false }).text).toBe(
      '{"messages":[{"model":"compat/x"}], "model" : "x" ,"n":1e2}',
    )
  })

  test('keeps an escaped spelling where nothing needs to change', () => {
    const text = '{"model":"gpt\\u002d4o"}'
    expect(relay({ text, streamed: false }).text).toBe(text)
  })

  test('is written so that it stays one JSON text', () => {
    const text = '{"model":"a/b"}'
    const model = 'b"\\\u0007é🙂'
    expect(JSON.parse(relay({ text, requestedModel: 'a/b', model, streamed: false }).text)).toEqual({ model })
  })
})

describe('every body', () => {
  const key = fc.string({ maxLength: 12 }).filter((name) => !PROTOCOLS['openai-chat'].peekKeys.has(name))
  const filler = fc.array(fc.tuple(key, fc.json()), { maxLength: 4 })
  /** What is sent, and what must arrive. */
  const options = fc.constantFrom(
    [undefined, undefined],
    ['null', '{"include_usage":true}'],
    ['{}', '{"include_usage":true}'],
    ['{"include_usage":false}', '{"include_usage":true}'],
    ['{ "a" : [1] }', '{"include_usage":true, "a" : [1] }'],
    ['{"b":{"include_usage":false}}', '{"include_usage":true,"b":{"include_usage":false}}'],
  )
  const space = fc.constantFrom('', ' ', '\n\t')

  test('keeps every byte but the two ranges, wherever reads were cut', () => {
    fc.assert(
      fc.property(
        filler,
        filler,
        options,
        space,
        fc.array(fc.nat(200)),
        (before, after, [given, wanted], gap, cuts) => {
          const member = ([name, json]: [string, string]): string => `${JSON.stringify(name)}${gap}:${gap}${json}`
          const write = (model: string, stream: string, value: string | undefined): string => {
            const known = [
              `"model":${gap}"${model}"`,
              stream,
              ...(value === undefined ? [] : [`"stream_options":${value}`]),
            ]
            return `{${gap}${[...before.map(member), ...known, ...after.map(member)].join(`${gap},`)}${gap}}`
          }
          const injected = given === undefined ? ',"stream_options":{"include_usage":true}' : ''
          const text = write('compat/x', '"stream":true', given)
          const length = Buffer.byteLength(text)
          const sent = { text, requestedModel: 'compat/x', model: 'MARK', cuts: cuts.filter((cut) => cut < length) }
          expect(relay(sent)).toEqual({
            text: write('MARK', `"stream":true${injected}`, wanted),
            usageInjected: true,
          })
        },
      ),
    )
  })
})

test.each([40, 15_000, 40_000])(
  'a whole answer of %d bytes and more arrives as it was sent, whatever its bytes',
  (length) => {
    const odd = Buffer.from([0x00, 0x7f, 0x80, 0xc3, 0xa9, 0xff, 0xf0, 0x9f, 0x98, 0x80])
    const bytes = Buffer.concat([
      Buffer.from('{"id":"é€😀","pad":"'),
      odd,
      Buffer.alloc(length, 'x'),
      Buffer.from('"}'),
    ])
    const relaying = { protocol: PROTOCOLS['openai-chat'], shape: 'whole' } as const
    expect(relayPieces(relaying, [bytes]).bytes.equals(bytes)).toBe(true)
    expect(relayPieces(relaying, [bytes.subarray(0, 9), bytes.subarray(9)]).bytes.equals(bytes)).toBe(true)
  },
)
