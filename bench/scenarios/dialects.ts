// How the dialects ask for a stream, and what a provider's stream of so many pieces looks like in each. Written by hand
// and apart from the product's own encoders: a benchmark that asked those what is right would believe anything.
import { asJson } from './words.ts'

export type DialectId = 'chat' | 'messages' | 'responses' | 'gemini'

interface ClientSide {
  path(model: string): string
  writeRequest(model: string, question: string, maxTokens: number): Buffer
  /** What one event's data says of the text; '' where nothing. */
  readText(data: any): string
  /** Stands near the end of every stream that ended well. */
  readonly lastWords: string
}

interface ProviderSide {
  readonly id: 'openai' | 'anthropic' | 'google'
  readonly dialect: DialectId
  readonly model: string
  readonly path: string
  writeEvents(words: readonly string[]): Buffer[]
}

const geminiPath = (model: string) => `/v1beta/models/${model}:streamGenerateContent?alt=sse`

export const CLIENTS: Readonly<Record<DialectId, ClientSide>> = {
  chat: {
    path: () => '/v1/chat/completions',
    writeRequest: (model, content, max_tokens) =>
      asJson({
        model,
        messages: [{ role: 'user', content }],
        max_tokens,
        stream: true,
        stream_options: { include_usage: true },
      }),
    readText: (data) => data.choices?.[0]?.delta?.content ?? '',
    lastWords: 'data: [DONE]',
  },
  messages: {
    path: () => '/v1/messages',
    writeRequest: (model, content, max_tokens) =>
      asJson({ model, messages: [{ role: 'user', content }], max_tokens, stream: true }),
    readText: (data) => (data.type === 'content_block_delta' ? (data.delta.text ?? '') : ''),
    lastWords: 'message_stop',
  },
  responses: {
    path: () => '/v1/responses',
    writeRequest: (model, input, max_output_tokens) => asJson({ model, input, max_output_tokens, stream: true }),
    readText: (data) => (data.type === 'response.output_text.delta' ? data.delta : ''),
    lastWords: 'response.completed',
  },
  gemini: {
    path: geminiPath,
    writeRequest: (_, text, maxOutputTokens) =>
      asJson({ contents: [{ role: 'user', parts: [{ text }] }], generationConfig: { maxOutputTokens } }),
    readText: (data) => data.candidates?.[0]?.content?.parts?.map((part: any) => part.text ?? '').join('') ?? '',
    lastWords: '"finishReason"',
  },
}

const event = (data: unknown, name?: string): Buffer =>
  Buffer.from(`${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`)

const say = (data: { readonly type: string; readonly [field: string]: unknown }): Buffer => event(data, data.type)

/** A vendor's first is what it is asked in by clients whose dialect it does not speak. */
export const PROVIDERS: Readonly<Record<'openai-responses' | 'openai' | 'anthropic' | 'google', ProviderSide>> = {
  'openai-responses': {
    id: 'openai',
    dialect: 'responses',
    model: 'gpt-4o-mini',
    path: '/v1/responses',
    writeEvents: writeResponsesEvents,
  },
  openai: {
    id: 'openai',
    dialect: 'chat',
    model: 'gpt-4o-mini',
    path: '/v1/chat/completions',
    writeEvents(words) {
      const head = {
        id: 'chatcmpl-Bench',
        object: 'chat.completion.chunk',
        created: 1_780_000_000,
        model: 'gpt-4o-mini',
      }
      const choice = (delta: object, finish_reason: string | null = null) =>
        event({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason }], usage: null })
      const usage = { prompt_tokens: 213, completion_tokens: words.length, total_tokens: 213 + words.length }
      return [
        choice({ role: 'assistant', content: '' }),
        ...words.map((content) => choice({ content })),
        choice({}, 'stop'),
        event({ ...head, choices: [], usage }),
        Buffer.from('data: [DONE]\n\n'),
      ]
    },
  },
  anthropic: {
    id: 'anthropic',
    dialect: 'messages',
    model: 'claude-sonnet-4-5',
    path: '/v1/messages',
    writeEvents(words) {
      const start = { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }
      const message = { id: 'msg_Bench', type: 'message', role: 'assistant', model: 'claude-sonnet-4-5', content: [] }
      const open = {
        ...message,
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 213, output_tokens: 1 },
      }
      const delta = { stop_reason: 'end_turn', stop_sequence: null }
      return [
        say({ type: 'message_start', message: open }),
        say(start),
        ...words.map((text) => say({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
        say({ type: 'content_block_stop', index: 0 }),
        say({ type: 'message_delta', delta, usage: { output_tokens: words.length } }),
        say({ type: 'message_stop' }),
      ]
    },
  },
  google: {
    id: 'google',
    dialect: 'gemini',
    model: 'gemini-2.5-flash',
    path: geminiPath('gemini-2.5-flash'),
    writeEvents(words) {
      return words.map((text, i) => {
        const isLast = i === words.length - 1
        const content = { parts: [{ text }], role: 'model' }
        const usageMetadata = { promptTokenCount: 213, candidatesTokenCount: i + 1, totalTokenCount: 214 + i }
        const candidate = { content, index: 0, ...(isLast && { finishReason: 'STOP' }) }
        return event({ candidates: [candidate], usageMetadata, modelVersion: 'gemini-2.5-flash', responseId: 'Bench' })
      })
    },
  },
}

function writeResponsesEvents(words: readonly string[]): Buffer[] {
  let sequence_number = 0
  const tell = (type: string, fields: object): Buffer => say({ type, sequence_number: sequence_number++, ...fields })
  const place = { item_id: 'msg_Bench', output_index: 0, content_index: 0 }
  const text = words.join('')
  const part = { type: 'output_text', annotations: [], text }
  const item = { id: place.item_id, type: 'message', role: 'assistant' }
  const said = { ...item, status: 'completed', content: [part] }
  const head = { id: 'resp_Bench', object: 'response', created_at: 1_780_000_000, model: 'gpt-4o-mini' }
  const open = { ...head, status: 'in_progress', output: [], usage: null }
  const usage = { input_tokens: 213, output_tokens: words.length, total_tokens: 213 + words.length }
  return [
    tell('response.created', { response: open }),
    tell('response.in_progress', { response: open }),
    tell('response.output_item.added', { output_index: 0, item: { ...item, status: 'in_progress', content: [] } }),
    tell('response.content_part.added', { ...place, part: { ...part, text: '' } }),
    ...words.map((delta) => tell('response.output_text.delta', { ...place, delta })),
    tell('response.output_text.done', { ...place, text }),
    tell('response.content_part.done', { ...place, part }),
    tell('response.output_item.done', { output_index: 0, item: said }),
    tell('response.completed', { response: { ...head, status: 'completed', output: [said], usage } }),
  ]
}
