// Requests that a provider answers as expensively as it may: every byte of text a token, every answer as long as
// allowed, whatever can be written to a cache written to it. What they cost must have been held for them beforehand.
import type { RecordedRequest, ReplayAnswer } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS } from './dialects.ts'
import type { Json } from './uniroute-client.ts'

export interface GreedyRequest {
  readonly name: string
  readonly path: string
  readonly headers: (apiKey: string) => Record<string, string>
  readonly body: Json
  /** Whose key serves it. */
  readonly vendor: 'openai' | 'anthropic' | 'google'
}

const bearer = CHAT_DIALECTS[0]!.auth
const anthropic = CHAT_DIALECTS.find(({ family }) => family === 'anthropic')!.auth
const google = CHAT_DIALECTS.find(({ family }) => family === 'gemini')!.auth
const WORDS = 'x'.repeat(2_000)
const messages = [{ role: 'user', content: WORDS }]
const chat = { path: '/v1/chat/completions', headers: bearer, vendor: 'openai' } as const
const claude = { path: '/v1/messages', headers: anthropic, vendor: 'anthropic' } as const
const gemini = { headers: google, vendor: 'google' } as const

/** A few of each fit into a dollar, and not all of 200. */
export const GREEDY_REQUESTS: readonly GreedyRequest[] = [
  { ...chat, name: 'twenty answers', body: { model: 'gpt-4o-mini', max_tokens: 2_000, n: 20, messages } },
  {
    ...gemini,
    name: 'eight candidates',
    path: '/v1beta/models/gemini-2.5-flash:generateContent',
    body: {
      contents: [{ role: 'user', parts: [{ text: WORDS }] }],
      generationConfig: { candidateCount: 8, maxOutputTokens: 2_000 },
    },
  },
  {
    ...chat,
    name: 'an effort that raises the bound of the answer',
    vendor: 'anthropic',
    body: { model: 'claude-haiku-4-5', max_completion_tokens: 500, reasoning_effort: 'high', messages },
  },
  {
    ...chat,
    name: 'pictures by address',
    body: {
      model: 'gpt-4o-mini',
      max_tokens: 10,
      messages: [
        {
          role: 'user',
          content: Array.from({ length: 4 }, () => ({
            type: 'image_url',
            image_url: { url: 'https://example.com/large.png', detail: 'high' },
          })),
        },
      ],
    },
  },
  {
    ...claude,
    name: 'what is kept in a cache for an hour',
    body: {
      model: 'claude-sonnet-4-5',
      max_tokens: 10,
      system: [{ type: 'text', text: 'y'.repeat(20_000), cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages,
    },
  },
  {
    ...chat,
    name: 'numbers of tokens to embed',
    path: '/v1/embeddings',
    body: { model: 'text-embedding-3-large', input: [Array.from({ length: 200_000 }, (_, at) => at % 10)] },
  },
  {
    ...claude,
    name: 'searches',
    body: {
      model: 'claude-haiku-4-5',
      max_tokens: 100,
      tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 1 }],
      messages,
    },
  },
  {
    ...chat,
    name: 'a thread that is stored',
    path: '/v1/responses',
    body: { model: 'gpt-5-nano', max_output_tokens: 100, previous_response_id: 'resp_1', input: 'go on' },
  },
  {
    ...chat,
    name: 'a dearer tier',
    body: { model: 'gpt-4o', max_tokens: 2_000, service_tier: 'priority', messages: [{ role: 'user', content: 'hi' }] },
  },
  {
    ...chat,
    name: 'sound',
    body: {
      model: 'gpt-audio',
      max_tokens: 500,
      modalities: ['text', 'audio'],
      audio: { voice: 'alloy', format: 'mp3' },
      messages: [
        { role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'A'.repeat(1_200), format: 'mp3' } }] },
      ],
    },
  },
]

/** Of a picture as gpt-4o-mini counts it at the most. */
const PICTURE = 48_169
const WINDOW_OF_NANO = 400_000

/** What the vendor's counter says of it. */
export function answerGreedily({ path, body, model }: RecordedRequest): ReplayAnswer {
  const text = JSON.stringify(body)
  if (path.includes('/embeddings')) return reply(embeddingAnswer(body))
  if (path.includes('/messages')) return reply(anthropicAnswer(body, model, text.length))
  if (path.includes('/responses')) return reply(responsesAnswer(body, model))
  if (path.includes(':generateContent')) return reply(geminiAnswer(body, text.length))
  return reply(chatAnswer(body, model, text.length))
}

function reply(body: Json): ReplayAnswer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body)) }
}

function chatAnswer(body: Json, model: string, length: number): Json {
  const n = body['n'] ?? 1
  const pictures = JSON.stringify(body).split('"image_url":{').length - 1
  const prompt = pictures > 0 ? pictures * PICTURE : length
  const completion = (body['max_tokens'] ?? body['max_completion_tokens']) * n
  const message = { role: 'assistant', content: 'ok', refusal: null }
  const isSpoken = body['modalities'] !== undefined
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model,
    service_tier: body['service_tier'] ?? 'default',
    choices: Array.from({ length: n }, (_, index) => ({ index, message, finish_reason: 'length', logprobs: null })),
    usage: {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      ...(isSpoken && {
        prompt_tokens_details: { audio_tokens: prompt },
        completion_tokens_details: { audio_tokens: completion },
      }),
    },
  }
}

function embeddingAnswer(body: Json): Json {
  const prompt_tokens = body['input'][0].length
  const data = [{ object: 'embedding', index: 0, embedding: [0.1] }]
  return { object: 'list', data, model: body['model'], usage: { prompt_tokens, total_tokens: prompt_tokens } }
}

function anthropicAnswer(body: Json, model: string, length: number): Json {
  const isKept = JSON.stringify(body).includes('"1h"')
  const uses = body['tools']?.[0]?.max_uses ?? 0
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model,
    content: [{ type: 'text', text: 'ok' }],
    stop_reason: 'max_tokens',
    stop_sequence: null,
    usage: {
      // Each pass reads everything again, and what was found.
      input_tokens: (isKept ? 0 : length) + uses * (length + 100_000),
      cache_creation_input_tokens: isKept ? length : 0,
      cache_read_input_tokens: 0,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: isKept ? length : 0 },
      output_tokens: body['max_tokens'],
      server_tool_use: { web_search_requests: uses },
      service_tier: 'standard',
    },
  }
}

function responsesAnswer(body: Json, model: string): Json {
  const content = [{ type: 'output_text', text: 'ok', annotations: [] }]
  const [input_tokens, output_tokens] = [WINDOW_OF_NANO, body['max_output_tokens']]
  return {
    id: 'resp_2',
    object: 'response',
    created_at: 1,
    status: 'completed',
    error: null,
    model,
    output: [{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content }],
    usage: {
      input_tokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input_tokens + output_tokens,
    },
  }
}

function geminiAnswer(body: Json, length: number): Json {
  const { candidateCount, maxOutputTokens } = body['generationConfig']
  const candidatesTokenCount = candidateCount * maxOutputTokens
  return {
    candidates: [{ content: { role: 'model', parts: [{ text: 'ok' }] }, finishReason: 'MAX_TOKENS', index: 0 }],
    usageMetadata: {
      promptTokenCount: length,
      candidatesTokenCount,
      totalTokenCount: length + candidatesTokenCount,
    },
    modelVersion: 'gemini',
  }
}
