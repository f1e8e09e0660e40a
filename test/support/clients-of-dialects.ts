// The clients that recorded answers are told to: of each dialect its vendor's SDK, where it is installed, else a strict
// reader of our own, which fails where an SDK would. Both take the dialect's own body and hand out the whole answer.
import { loadOfficialClients } from './official-clients.ts'
import type { Dialect, Json as Body } from './cross-dialect.ts'
import { readAnthropic, readChat, readGemini, readResponses } from './strict-readers.ts'
import type { Json } from './uniroute-client.ts'

export interface ClientPlace {
  readonly url: string
  readonly apiKey: string
}

export interface DialectClient {
  /** The answer as an object of the dialect; of Gemini's, the chunks of a stream. Throws what the SDK throws. */
  send(place: ClientPlace, model: string, body: Body, streamed: boolean): Promise<Json>
}

type Clients = Readonly<Record<Dialect, DialectClient>>

// ---- The vendors' SDKs ---------------------------------------------------------------------------------------------

export const SDK_CLIENTS: Clients = {
  'openai-chat': {
    send({ url, apiKey }, model, body, streamed) {
      const { completions } = new (loadOfficialClients().OpenAI)({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 }).chat
      if (!streamed) return completions.create({ ...body, model })
      return completions.stream({ ...body, model, stream_options: { include_usage: true } }).finalChatCompletion()
    },
  },
  'openai-responses': {
    send({ url, apiKey }, model, body, streamed) {
      const { responses } = new (loadOfficialClients().OpenAI)({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 })
      return streamed ? responses.stream({ ...body, model }).finalResponse() : responses.create({ ...body, model })
    },
  },
  'anthropic-messages': {
    send({ url, apiKey }, model, body, streamed) {
      // Without a time limit of its own it refuses to wait for what may take long.
      const options = { apiKey, baseURL: url, maxRetries: 0, timeout: 60_000 }
      const { messages } = new (loadOfficialClients().Anthropic)(options)
      return streamed ? messages.stream({ ...body, model }).finalMessage() : messages.create({ ...body, model })
    },
  },
  gemini: {
    async send({ url, apiKey }, model, body, streamed) {
      const { models } = new (loadOfficialClients().GoogleGenAI)({ apiKey, httpOptions: { baseUrl: url } })
      const { contents, generationConfig, ...config } = body
      const question = { model, contents, config: { ...config, ...(generationConfig as object | undefined) } }
      if (!streamed) return models.generateContent(question)
      const chunks: Json[] = []
      for await (const chunk of await models.generateContentStream(question)) chunks.push(chunk)
      return chunks
    },
  },
}

// ---- Strict readers of our own -------------------------------------------------------------------------------------

const PATHS = {
  'openai-chat': '/v1/chat/completions',
  'openai-responses': '/v1/responses',
  'anthropic-messages': '/v1/messages',
}

/** What a reader throws for an error that it is told, in an HTTP answer or in a stream. */
export class ToldError extends Error {
  override readonly name = 'ToldError'
  readonly status: number
  readonly body: Json

  constructor(status: number, body: Json) {
    super(JSON.stringify(body))
    this.status = status
    this.body = body
  }
}

function createStrictClient(dialect: Dialect, read: (text: string) => Json): DialectClient {
  return {
    async send({ url, apiKey }, model, body, streamed) {
      const verb = streamed ? 'streamGenerateContent?alt=sse' : 'generateContent'
      const path = dialect === 'gemini' ? `/v1beta/models/${model}:${verb}` : PATHS[dialect]
      const stream = streamed && dialect !== 'gemini' && { stream: true }
      const counted = streamed && dialect === 'openai-chat' && { stream_options: { include_usage: true } }
      const named = dialect === 'gemini' ? {} : { model }
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
        body: JSON.stringify({ ...body, ...named, ...stream, ...counted }),
      })
      const text = await response.text()
      if (!response.ok) throw new ToldError(response.status, JSON.parse(text))
      if (!streamed) return JSON.parse(text)
      const failure = /^data: ?(\{.*"error".*\})$/m.exec(text.slice(-2000))?.[1]
      if (failure !== undefined && isFailure(JSON.parse(failure))) throw new ToldError(200, JSON.parse(failure))
      return read(text)
    },
  }
}

const isFailure = ({ type, error }: Json): boolean => type === 'error' || type === 'response.failed' || Boolean(error)

export const STRICT_CLIENTS: Clients = {
  'openai-chat': createStrictClient('openai-chat', (text) => {
    const { content, calls, finish, usage, refusal } = readChat(text)
    const tool_calls = calls.map(({ name, arguments: said, custom }) =>
      custom ? { type: 'custom', custom: { name, input: said } } : { function: { name, arguments: said } },
    )
    return { choices: [{ message: { content, refusal, tool_calls }, finish_reason: finish }], usage }
  }),
  'openai-responses': createStrictClient('openai-responses', (text) => readResponses(text).response),
  'anthropic-messages': createStrictClient('anthropic-messages', (text) => {
    const { content, stop, usage } = readAnthropic(text)
    return { content, stop_reason: stop.stop_reason, usage }
  }),
  gemini: createStrictClient('gemini', (text) => {
    const { parts, last } = readGemini(text)
    return [
      { candidates: [{ content: { parts } }] },
      { ...last, candidates: [{ ...last.candidates[0], content: null }] },
    ]
  }),
}
