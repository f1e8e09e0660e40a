// What a body may make a provider do at most, in every dialect.
import { describe, expect, test } from 'vitest'
import { readDemand, type Demand } from './demand.ts'
import type { ProtocolId } from './protocol.ts'
import type { JsonObject } from './read.ts'

const read = (dialect: ProtocolId, body: JsonObject): Demand =>
  readDemand(dialect, body, Buffer.byteLength(JSON.stringify(body)))
const shown = (part: unknown): JsonObject => ({ messages: [{ role: 'user', content: [part] }] })
const DATA = 'A'.repeat(10_000)

describe('bounds of the answer', () => {
  test.each<[ProtocolId, JsonObject, Partial<Demand>]>([
    ['openai-chat', { max_tokens: 5, max_completion_tokens: 9 }, { maxOutput: 9, answers: 1 }],
    ['openai-chat', { n: 20 }, { maxOutput: null, answers: 20 }],
    ['openai-chat', { n: '20', max_tokens: '7' }, { maxOutput: 7, answers: 20 }],
    ['openai-chat', { prediction: { type: 'content', content: 'abc' } }, { besideOutput: 34 }],
    ['openai-responses', { max_output_tokens: 3, max_tokens: 1 }, { maxOutput: 3 }],
    ['anthropic-messages', { max_tokens: 4, n: 3 }, { maxOutput: 4 }],
    [
      'gemini',
      { max_tokens: 1, generationConfig: { maxOutputTokens: 2, candidateCount: 8 } },
      { maxOutput: 2, answers: 8 },
    ],
    ['gemini', { generation_config: { max_output_tokens: 2, candidate_count: '8' } }, { maxOutput: 2, answers: 8 }],
  ])('%s %j', (dialect, body, expected) => {
    expect(read(dialect, body)).toMatchObject(expected)
  })
})

describe('what there is to read', () => {
  test.each<[string, JsonObject, { pictures: number; isUnsized: boolean }]>([
    ['text', shown({ type: 'text', text: 'hi' }), { pictures: 0, isUnsized: false }],
    [
      'a picture by address',
      shown({ type: 'image_url', image_url: { url: 'https://a/b' } }),
      { pictures: 1, isUnsized: false },
    ],
    [
      'a picture of Responses',
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'https://a/b' }] }] },
      { pictures: 1, isUnsized: false },
    ],
    [
      'a document by address',
      shown({ type: 'document', source: { type: 'url', url: 'https://a/b' } }),
      { pictures: 0, isUnsized: true },
    ],
    [
      'a document of text',
      shown({ type: 'document', source: { type: 'text', data: 'hi' } }),
      { pictures: 0, isUnsized: false },
    ],
    [
      'a PDF in the body',
      shown({ type: 'file', file: { file_data: `data:application/pdf;base64,${DATA}` } }),
      { pictures: 0, isUnsized: true },
    ],
    ['a stored thread', { previous_response_id: 'resp_1' }, { pictures: 0, isUnsized: true }],
    [
      'a film',
      { contents: [{ parts: [{ fileData: { fileUri: 'https://a/b', mimeType: 'video/mp4' } }] }] },
      { pictures: 0, isUnsized: true },
    ],
    [
      'arguments that look like a picture',
      shown({ type: 'tool_use', input: { type: 'image_url', image_url: { url: DATA } } }),
      { pictures: 0, isUnsized: false },
    ],
  ])('%s', (_name, body, expected) => {
    expect(read('openai-chat', body)).toMatchObject(expected)
  })

  test('the bytes of pictures are left out, those of sound and of what only looks like a picture are not', () => {
    const bytes = (part: unknown): number => read('openai-chat', shown(part)).textBytes
    expect(bytes({ type: 'image_url', image_url: { url: `data:image/png;base64,${DATA}` } })).toBeLessThan(200)
    expect(bytes({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: DATA } })).toBeLessThan(200)
    expect(bytes({ type: 'input_audio', input_audio: { data: DATA, format: 'mp3' } })).toBeGreaterThan(10_000)
    expect(bytes({ type: 'tool_use', input: { type: 'image_url', image_url: { url: DATA } } })).toBeGreaterThan(10_000)
    const gemini = { contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data: DATA } }] }] }
    expect(read('gemini', gemini)).toMatchObject({ pictures: 1, textBytes: expect.closeTo(75, -2) })
  })
})

describe('what is kept in a cache', () => {
  test.each<[Demand['cacheWrites'], unknown]>([
    ['unasked', shown({ type: 'text', text: 'cache_control' })],
    ['short', shown({ type: 'text', text: 'hi', cache_control: { type: 'ephemeral' } })],
    ['short', { tools: [{ name: 'a', cache_control: { type: 'ephemeral', ttl: '5m' } }] }],
    [
      'hour',
      {
        system: [
          { text: 'a', cache_control: { ttl: '1h' } },
          { text: 'b', cache_control: { ttl: '5m' } },
        ],
      },
    ],
    ['hour', { cache_control: { type: 'ephemeral', ttl: '1h' } }],
  ])('%s: %j', (cacheWrites, body) => {
    expect(read('anthropic-messages', body as JsonObject)).toMatchObject({ cacheWrites })
  })
})

describe('tools that the provider runs', () => {
  test.each<[ProtocolId, JsonObject, Partial<Demand>]>([
    [
      'openai-chat',
      { tools: [{ type: 'function', function: { name: 'f' } }] },
      { toolUses: 0, searches: 0, toolWords: 1_000 },
    ],
    ['openai-chat', { web_search_options: {} }, { toolUses: 1, searches: 1 }],
    ['openai-responses', { tools: [{ type: 'web_search' }] }, { toolUses: 10, searches: 10 }],
    ['openai-responses', { tools: [{ type: 'web_search' }], max_tool_calls: 2 }, { toolUses: 2, searches: 2 }],
    ['openai-responses', { tools: [{ type: 'image_generation' }] }, { uncounted: 'image_generation' }],
    ['anthropic-messages', { tools: [{ type: 'web_search_20250305', max_uses: 3 }] }, { toolUses: 3, searches: 3 }],
    ['anthropic-messages', { tools: [{ type: 'web_fetch_20250910', max_uses: 3 }] }, { toolUses: 3, searches: 0 }],
    ['anthropic-messages', { tools: [{ type: 'bash_20250124' }, { name: 'mine' }] }, { toolUses: 0, toolWords: 3_000 }],
    ['gemini', { tools: [{ functionDeclarations: [{ name: 'f' }] }] }, { toolUses: 0, searches: 0 }],
    ['gemini', { tools: [{ googleSearch: {} }] }, { toolUses: 1, searches: 10 }],
  ])('%s %j', (dialect, body, expected) => {
    expect(read(dialect, body)).toMatchObject(expected)
  })
})

test.each<[JsonObject, string[]]>([
  [{ service_tier: 'auto', inference_geo: 'global' }, []],
  [{ service_tier: 'priority' }, ['priority']],
  [{ serviceTier: 'FLEX' }, ['flex']],
  [{ speed: 'fast', inference_geo: 'us' }, ['fast', 'geo-us']],
])('%j asks for the tiers %j', (body, tiers) => {
  expect(read('anthropic-messages', body).tiers).toEqual(tiers)
})
