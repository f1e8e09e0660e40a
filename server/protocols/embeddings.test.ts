// Embeddings between OpenAI and Gemini: both forms of vectors, sizes, and what cannot cross.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RUNS } from '../../test/support/properties.ts'
import { CannotCross, createLossReport } from './codec.ts'
import {
  base64OfFloats,
  decodeGeminiEmbedding as readGemini,
  decodeGeminiVectors,
  decodeOpenaiEmbedding as readOpenai,
  decodeOpenaiVectors,
  encodeGeminiEmbedding,
  encodeGeminiVectors,
  encodeOpenaiEmbedding,
  encodeOpenaiVectors,
  floatsOfBase64,
} from './embeddings.ts'
import type { JsonObject } from './read.ts'

const decodeOpenaiEmbedding = (body: JsonObject, losses = createLossReport()) => readOpenai(body, losses)
const decodeGeminiEmbedding = (body: JsonObject, single: boolean, losses = createLossReport()) =>
  readGemini(body, single, losses)

const options = { model: 'gemini-embedding-001', losses: createLossReport() }

test('an OpenAI request becomes batchEmbedContents, dimensions its outputDimensionality', () => {
  const request = decodeOpenaiEmbedding({ input: ['a', 'b'], dimensions: 256, encoding_format: 'base64', user: 'u' })
  const losses = createLossReport()
  expect(encodeGeminiEmbedding(request, { ...options, losses })).toEqual({
    requests: ['a', 'b'].map((text) => ({
      model: 'models/gemini-embedding-001',
      content: { parts: [{ text }] },
      outputDimensionality: 256,
    })),
  })
  expect(losses.losses.map(({ path }) => path)).toEqual(['user'])
})

test('one text is one request', () => {
  expect(encodeGeminiEmbedding(decodeOpenaiEmbedding({ input: 'a' }), options)).toMatchObject({ requests: [{}] })
})

test.each([[[1, 2]], [[[1, 2], [3]]]])('token numbers cannot cross: %j', (input) => {
  expect(() => decodeOpenaiEmbedding({ input })).toThrow(CannotCross)
  expect(() => decodeOpenaiEmbedding({ input })).toThrow(/Send the texts/)
})

test('no input is a bad request', () => {
  expect(() => decodeOpenaiEmbedding({})).toThrow(expect.objectContaining({ code: 'bad_request' }))
})

test.each<[string, Record<string, unknown>]>([
  ['an empty list', { input: [] }],
  ['an empty text', { input: '' }],
  ['an empty text among others', { input: ['a', ''] }],
  ['nothing', { input: null }],
  ['an object', { input: { text: 'a' } }],
  ['a truth', { input: true }],
  ['a null among texts', { input: ['a', null] }],
  ['a size of nothing', { input: 'a', dimensions: 0 }],
  ['a size in words', { input: 'a', dimensions: 'many' }],
  ['a format nobody knows', { input: 'a', encoding_format: 'hex' }],
])('%s is a bad request of OpenAI', (_what, body) => {
  expect(() => decodeOpenaiEmbedding(body)).toThrow(expect.objectContaining({ code: 'bad_request' }))
})

test.each<[string, Record<string, unknown>]>([
  ['an empty text', { requests: [{ content: { parts: [{ text: '' }] } }] }],
  ['no text', { requests: [{ content: { parts: [] } }] }],
  ['no content', { requests: [{}] }],
  ['something else', { requests: [{ content: { parts: [{ text: 'a' }] } }, 'a'] }],
  ['a size in words', { requests: [{ content: { parts: [{ text: 'a' }] }, outputDimensionality: 'many' }] }],
])('%s is a bad request of Gemini', (_what, body) => {
  expect(() => decodeGeminiEmbedding(body, false)).toThrow(expect.objectContaining({ code: 'bad_request' }))
})

test('a Gemini request becomes an OpenAI one; the task is left out and said so', () => {
  const losses = createLossReport()
  const body = {
    content: { parts: [{ text: 'a' }, { text: 'b' }] },
    task_type: 'RETRIEVAL_QUERY',
    output_dimensionality: 8,
    auto_truncate: true,
  }
  const request = decodeGeminiEmbedding(body, true, losses)
  expect(encodeOpenaiEmbedding(request, { model: 'm', losses })).toEqual({
    model: 'm',
    input: 'ab',
    encoding_format: 'float',
    dimensions: 8,
  })
  expect(losses.losses).toMatchObject([
    { path: 'other_fields', action: 'dropped', why: expect.stringContaining('`auto_truncate`') },
    { path: 'task_type', action: 'dropped' },
  ])
})

const spoken = { content: { parts: [{ text: 'a' }] } }
test.each<JsonObject>([
  { input: 'a', oddly: 1 },
  { ...spoken, oddly: 1 },
  { oddly: 1, requests: [spoken] },
  { requests: [spoken, { ...spoken, oddly: 1 }] },
  { requests: [{ content: { ...spoken.content, oddly: 1 } }] },
  { requests: [{ content: { parts: { text: 'a', oddly: { mimeType: 'image/png', data: 'AAAA' } } } }] },
])('a member that nobody reads is told: %j', (body) => {
  const losses = createLossReport()
  if ('input' in body) decodeOpenaiEmbedding(body, losses)
  else decodeGeminiEmbedding(body, 'content' in body, losses)
  expect(losses.losses).toMatchObject([{ action: 'dropped', why: expect.stringContaining('`oddly`') }])
})

test('pictures and vectors of several sizes cannot cross', () => {
  const picture = { content: { parts: [{ inlineData: { mimeType: 'image/png', data: '' } }] } }
  expect(() => decodeGeminiEmbedding({ requests: [picture] }, false)).toThrow(/text only/)
  const sizes = [8, 16].map((outputDimensionality) => ({ content: { parts: [{ text: 'a' }] }, outputDimensionality }))
  expect(() => decodeGeminiEmbedding({ requests: sizes }, false)).toThrow(/one size/)
  expect(() => decodeGeminiEmbedding({}, false)).toThrow(CannotCross)
})

test('a client that asks for base64 gets base64, others numbers; the order is the index', () => {
  const answer = decodeOpenaiVectors({
    data: [
      { index: 1, embedding: [0.5] },
      { index: 0, embedding: base64OfFloats([0.25]) },
    ],
    usage: { prompt_tokens: 3, total_tokens: 3 },
  })!
  expect(answer).toMatchObject({ vectors: [[0.25], [0.5]], usage: { input: 3, output: 0 } })
  expect(encodeOpenaiVectors(answer, { model: 'm', format: 'base64' })).toMatchObject({
    object: 'list',
    model: 'm',
    data: [
      { index: 0, embedding: 'AACAPg==' },
      { index: 1, embedding: 'AAAAPw==' },
    ],
    usage: { prompt_tokens: 3, total_tokens: 3 },
  })
  expect(encodeGeminiVectors(answer, false)).toEqual({
    embeddings: [{ values: [0.25] }, { values: [0.5] }],
    usageMetadata: { promptTokenCount: 3 },
  })
  expect(encodeGeminiVectors(answer, true)).toMatchObject({ embedding: { values: [0.25] } })
})

test.each([{}, { data: [] }, { data: [{ embedding: 'x' }] }, { data: [{ embedding: ['x'] }] }])(
  'no vectors: %j',
  (body) => {
    expect(decodeOpenaiVectors(body)).toBeNull()
  },
)

test('base64 and numbers say the same', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ noNaN: true }), { minLength: 1 }), (vector) => {
      expect(floatsOfBase64(base64OfFloats(vector))).toEqual(vector)
    }),
    RUNS,
  )
})

test('requests cross and come back', () => {
  const input = fc.record({ text: fc.string({ minLength: 1 }) })
  const request = fc.record(
    {
      inputs: fc.array(input, { minLength: 1 }),
      dimensions: fc.integer({ min: 1 }),
      format: fc.constant('float' as const),
      single: fc.constant(false),
    },
    { requiredKeys: ['inputs', 'format', 'single'] },
  )
  fc.assert(
    fc.property(request, (request) => {
      expect(decodeGeminiEmbedding(encodeGeminiEmbedding(request, options), false)).toEqual(request)
      expect(decodeOpenaiEmbedding(encodeOpenaiEmbedding(request, options))).toEqual(request)
    }),
    RUNS,
  )
})

const folder = process.env['UNIROUTE_RECORDINGS']
if (folder === undefined)
  process.stdout.write('Embeddings on recordings are skipped: UNIROUTE_RECORDINGS is not set.\n')

describe.skipIf(folder === undefined)('recorded embeddings', () => {
  const read = (name: string): any[] => {
    const path = join(folder!, `${name}.ndjson`)
    return existsSync(path)
      ? readFileSync(path, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      : []
  }

  test('OpenAI’s answers cross to Gemini and back with the same vectors', () => {
    // Perplexity answers in 8-bit integers, which are no floats.
    const answers = read('openai-embeddings').filter(
      ({ status, provider }) => status < 400 && provider !== 'perplexity',
    )
    expect(answers.length).toBeGreaterThan(15)
    for (const { response_body: body } of answers) {
      const answer = decodeOpenaiVectors(body)!
      expect(answer.vectors.length).toBe(body.data.length)
      expect(answer.usage.input).toBe(body.usage.prompt_tokens)
      expect(decodeGeminiVectors(encodeGeminiVectors(answer, false))).toEqual(answer)
      const first = body.data[0].embedding
      const format = typeof first === 'string' ? 'base64' : 'float'
      expect((encodeOpenaiVectors(answer, { model: 'm', format }) as any).data[0].embedding).toEqual(first)
    }
  })

  test('Gemini’s requests and answers cross', () => {
    const exchanges = read('gemini-embed').filter(({ status }) => status < 400)
    expect(exchanges.length).toBeGreaterThan(5)
    for (const { request_body: sent, response_body: body, path } of exchanges) {
      const answer = decodeGeminiVectors(body)!
      const vectors = body.embedding ? [body.embedding.values] : body.embeddings.map(({ values }: any) => values)
      expect(answer.vectors).toEqual(vectors)
      expect(decodeOpenaiVectors(encodeOpenaiVectors(answer, { model: 'm', format: 'float' }))!.vectors).toEqual(
        vectors,
      )
      const pictures = JSON.stringify(sent).includes('inline_data')
      if (!sent || pictures) continue
      const request = decodeGeminiEmbedding(sent, path.endsWith(':embedContent'))
      const texts = (sent.requests ?? [sent]).map(({ content }: any) => content.parts[0].text)
      expect(request.inputs.map(({ text }) => text)).toEqual(texts)
    }
  })
})

test('a known field of a wrong type is a bad request that names it', () => {
  const content = { parts: [{ text: 'a' }] }
  const refused = (path: string) => expect.objectContaining({ code: 'bad_request', path })
  for (const [body, path] of [
    [{ input: 'a', dimensions: '8' }, 'dimensions'],
    [{ input: 'a', dimensions: 0 }, 'dimensions'],
    [{ input: 'a', encoding_format: 'odd' }, 'encoding_format'],
    [{ input: 'a', user: 5 }, 'user'],
  ] as const) {
    expect(() => decodeOpenaiEmbedding(body)).toThrow(refused(path))
  }
  expect(() => decodeGeminiEmbedding({ content, outputDimensionality: 'many' }, true)).toThrow(
    refused('outputDimensionality'),
  )
  expect(() => decodeGeminiEmbedding({ content: 5 }, true)).toThrow(refused('content'))
  expect(() => decodeGeminiEmbedding({ requests: [{ content, task_type: 5 }] }, false)).toThrow(
    refused('requests[0].task_type'),
  )
  expect(decodeGeminiEmbedding({ content, outputDimensionality: '8' }, true).dimensions).toBe(8)
})
