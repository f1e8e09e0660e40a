// Answers that come whole: small, with an image, and the vectors of a hundred texts.
import { sameBytes, type Scenario } from '../scenario.ts'
import { asJson, writeText } from './words.ts'

const CHAT_PATH = '/v1/chat/completions'
const SYSTEM = 'You answer questions about the city archive, briefly, with the year of the source.'

const CHAT_ANSWER = asJson({
  id: 'chatcmpl-BenchBenchBenchBenchBench',
  object: 'chat.completion',
  created: 1_780_000_000,
  model: 'gpt-4o-mini-2024-07-18',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: writeText(600), refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 213, completion_tokens: 148, total_tokens: 361 },
  system_fingerprint: 'fp_bench',
})

function createWhole(parts: {
  id: string
  summary: string
  connections: number
  path: string
  request: unknown
  answer: Buffer
}): Scenario {
  const { id, summary, connections, path, answer } = parts
  const requestBody = asJson(parts.request)
  return {
    id,
    summary,
    unit: 'request',
    unitsPerRequest: 1,
    connections,
    path,
    requestBody,
    provider: 'openai',
    upstreamPath: path,
    answer: { contentType: 'application/json', pieces: [answer], gapMs: 0 },
    checkRequest: sameBytes("the request's body", requestBody),
    checkAnswer: sameBytes("the answer's body", answer),
  }
}

function writeChat(question: unknown): unknown {
  const messages = [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: question },
  ]
  return { model: 'gpt-4o-mini', messages, temperature: 0.2, max_tokens: 400 }
}

/** What a request costs may grow with its body, and no faster. */
export const BODY_KILOBYTES = [1, 16, 128, 1_024] as const

export const WHOLE: readonly Scenario[] = [
  createWhole({
    id: 'json',
    summary: '1 KB chat request and answer, not streamed, 32 connections kept alive and saturated',
    connections: 32,
    path: CHAT_PATH,
    request: writeChat(writeText(760)),
    answer: CHAT_ANSWER,
  }),
  createWhole({
    id: 'json-big',
    summary: '96 KB chat request with an image in it, 1 KB answer, 16 connections saturated',
    connections: 16,
    path: CHAT_PATH,
    request: writeChat([
      { type: 'text', text: 'What does this plan show?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${'iVBORw0KGgoAAAAN'.repeat(6_100)}` } },
    ]),
    answer: CHAT_ANSWER,
  }),
  ...BODY_KILOBYTES.map((kilobytes) =>
    createWhole({
      id: `body-${kilobytes}k`,
      summary: `${kilobytes} KB chat request, 1 KB answer, 8 connections saturated`,
      connections: 8,
      path: CHAT_PATH,
      request: writeChat('x'.repeat(kilobytes * 1024 - 300)),
      answer: CHAT_ANSWER,
    }),
  ),
  createWhole({
    id: 'embeddings',
    summary: '100 texts in, 100 vectors of 256 numbers out (about 500 KB), 8 connections saturated',
    connections: 8,
    path: '/v1/embeddings',
    request: {
      model: 'text-embedding-3-small',
      dimensions: 256,
      input: Array.from({ length: 100 }, (_, i) => `${i}: ${writeText(300)}`),
    },
    answer: asJson({
      object: 'list',
      data: Array.from({ length: 100 }, (_, index) => ({
        object: 'embedding',
        index,
        embedding: Array.from({ length: 256 }, (__, i) => Math.sin(index * 256 + i) / 7),
      })),
      model: 'text-embedding-3-small',
      usage: { prompt_tokens: 9_000, total_tokens: 9_000 },
    }),
  }),
]
