// The ways in which clients call UniRoute, as data: address, credential header, a small valid body, and the envelope in
// which errors must come back. Tests that say "in every dialect" walk through this list.
import { expect } from 'vitest'
import type { Json, Reply, UniRouteClient } from './uniroute-client.ts'

export interface Dialect {
  readonly name: string
  readonly vendor: 'openai' | 'anthropic' | 'google'
  readonly family: 'openai' | 'anthropic' | 'gemini'
  readonly model: string
  readonly streams: boolean
  path(model: string, stream: boolean): string
  auth(apiKey: string): Record<string, string>
  body(text: string, model: string, stream: boolean): Json
  /** The answer's text, from a whole body or from a stream. */
  readText(reply: { text: string; body: Json }): string
}

const bearer = (apiKey: string): Record<string, string> => ({ authorization: `Bearer ${apiKey}` })
const anthropicAuth = (apiKey: string): Record<string, string> => ({
  'x-api-key': apiKey,
  'anthropic-version': '2023-06-01',
})
const googleAuth = (apiKey: string): Record<string, string> => ({ 'x-goog-api-key': apiKey })

/** The `data:` payloads of a stream, parsed. */
export function readEvents(text: string): Json[] {
  return text
    .split(/\r?\n\r?\n/)
    .map((block) => /^data: ?(.*)$/m.exec(block)?.[1])
    .filter((data): data is string => data !== undefined && data !== '[DONE]')
    .map((data) => JSON.parse(data) as Json)
}

export const CHAT_DIALECTS: readonly Dialect[] = [
  {
    name: 'openai-chat',
    vendor: 'openai',
    family: 'openai',
    model: 'gpt-4o',
    streams: true,
    path: () => '/v1/chat/completions',
    auth: bearer,
    body: (text, model, stream) => ({ model, messages: [{ role: 'user', content: text }], ...(stream && { stream }) }),
    readText: ({ text, body }) =>
      body?.choices?.[0].message.content ??
      readEvents(text)
        .map((event) => event.choices?.[0]?.delta?.content ?? '')
        .join(''),
  },
  {
    name: 'openai-responses',
    vendor: 'openai',
    family: 'openai',
    model: 'gpt-5',
    streams: true,
    path: () => '/v1/responses',
    auth: bearer,
    body: (text, model, stream) => ({ model, input: text, store: false, ...(stream && { stream }) }),
    readText: ({ text, body }) =>
      body?.output?.[0].content[0].text ??
      readEvents(text)
        .map((event) => (event.type === 'response.output_text.delta' ? event.delta : ''))
        .join(''),
  },
  {
    name: 'anthropic-messages',
    vendor: 'anthropic',
    family: 'anthropic',
    model: 'claude-sonnet-5',
    streams: true,
    path: () => '/v1/messages',
    auth: anthropicAuth,
    body: (text, model, stream) => ({
      model,
      max_tokens: 1000,
      messages: [{ role: 'user', content: text }],
      ...(stream && { stream }),
    }),
    readText: ({ text, body }) =>
      body?.content?.[0].text ??
      readEvents(text)
        .map((event) => event.delta?.text ?? '')
        .join(''),
  },
  {
    name: 'gemini',
    vendor: 'google',
    family: 'gemini',
    model: 'gemini-3.5-flash',
    streams: true,
    path: (model, stream) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    auth: googleAuth,
    body: (text) => ({ contents: [{ role: 'user', parts: [{ text }] }] }),
    readText: ({ text, body }) =>
      body?.candidates?.[0].content.parts[0].text ??
      readEvents(text)
        .map((event) => event.candidates?.[0]?.content?.parts?.[0]?.text ?? '')
        .join(''),
  },
]

export const OTHER_DIALECTS: readonly Dialect[] = [
  {
    ...CHAT_DIALECTS[0]!,
    name: 'openai-embeddings',
    model: 'text-embedding-3-small',
    streams: false,
    path: () => '/v1/embeddings',
    body: (text, model) => ({ model, input: text }),
  },
  {
    ...CHAT_DIALECTS[2]!,
    name: 'anthropic-count-tokens',
    streams: false,
    path: () => '/v1/messages/count_tokens',
    body: (text, model) => ({ model, messages: [{ role: 'user', content: text }] }),
  },
  {
    ...CHAT_DIALECTS[3]!,
    name: 'gemini-count-tokens',
    streams: false,
    path: (model) => `/v1beta/models/${model}:countTokens`,
  },
  {
    ...CHAT_DIALECTS[3]!,
    name: 'gemini-embed',
    model: 'gemini-embedding-2',
    streams: false,
    path: (model) => `/v1beta/models/${model}:embedContent`,
    body: (text) => ({ content: { parts: [{ text }] } }),
  },
  {
    ...CHAT_DIALECTS[3]!,
    name: 'gemini-batch-embed',
    model: 'gemini-embedding-2',
    streams: false,
    path: (model) => `/v1/models/${model}:batchEmbedContents`,
    body: (text, model) => ({ requests: [{ model: `models/${model}`, content: { parts: [{ text }] } }] }),
  },
]

export interface Ask {
  readonly text?: string
  readonly model?: string
  readonly stream?: boolean
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** One data-plane call in a dialect, answered whole. */
export function ask(uniroute: UniRouteClient, dialect: Dialect, apiKey: string, options: Ask = {}): Promise<Reply> {
  const { model = dialect.model, stream = false, text = 'hello' } = options
  return uniroute.call('POST', dialect.path(model, stream), {
    headers: { ...dialect.auth(apiKey), ...options.headers },
    body: dialect.body(text, model, stream),
    ...(options.signal !== undefined && { signal: options.signal }),
  })
}

export interface ExpectedError {
  readonly status: number
  /** UniRoute's code, where the envelope has a place for it. */
  readonly code?: string
  readonly openaiType?: string
  readonly anthropicType?: string
  readonly geminiStatus?: string
  readonly source?: 'gateway' | 'upstream'
}

/** The envelope of 04 §7: right in shape, status, code and headers. */
export function expectError(family: Dialect['family'], reply: Reply, expected: ExpectedError): void {
  const { body } = reply
  expect({ status: reply.status, text: reply.text.slice(0, 400) }).toEqual({
    status: expected.status,
    text: expect.any(String),
  })
  expect(reply.headers.get('content-type')).toMatch(/^application\/json/)
  expect(reply.headers.get('x-request-id')).toMatch(/^req_/)
  expect(reply.headers.get('request-id')).toBe(reply.headers.get('x-request-id'))
  const source = reply.headers.get('x-uniroute-error-source')
  if (expected.source === undefined) expect(source).toMatch(/^(gateway|upstream)$/)
  else expect(source).toBe(expected.source)
  const has = (wanted: string | undefined, actual: unknown): void => {
    if (wanted !== undefined) expect(actual).toBe(wanted)
  }
  if (family === 'openai') {
    expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type'])
    has(expected.openaiType, body.error.type)
    has(expected.code, body.error.code)
  } else if (family === 'anthropic') {
    expect(body).toMatchObject({ type: 'error', request_id: reply.headers.get('request-id') })
    has(expected.anthropicType, body.error.type)
    has(expected.code, body.error.details?.code)
  } else {
    expect(body.error.code).toBe(expected.status)
    has(expected.geminiStatus, body.error.status)
  }
  expect(body.error.message.length).toBeGreaterThan(10)
}
