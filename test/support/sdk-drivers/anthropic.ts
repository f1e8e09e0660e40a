// Anthropic's SDK.
import { loadOfficialClients } from '../official-clients.ts'
import type { Driver, Place, Question, Said, Sdk, Turn } from './driver.ts'

const open = ({ url, apiKey }: Place): Sdk =>
  new (loadOfficialClients().Anthropic)({ apiKey, baseURL: url, maxRetries: 0 })

function message(turn: Turn): Sdk {
  if (turn.by === 'model') return { role: 'assistant', content: turn.said.native }
  if (turn.by === 'tools') {
    const content = turn.results.map(({ call, text }) => ({ type: 'tool_result', tool_use_id: call.id, content: text }))
    return { role: 'user', content }
  }
  if (turn.media === undefined) return { role: 'user', content: turn.text }
  const { mime, data } = turn.media
  const type = mime === 'application/pdf' ? 'document' : 'image'
  const block = { type, source: { type: 'base64', media_type: mime, data } }
  return { role: 'user', content: [block, { type: 'text', text: turn.text }] }
}

function messagesBody(question: Question): Sdk {
  const { model, turns, system, tools, force, schema, think, maxTokens, stop } = question
  const output = { ...(schema && { format: { type: 'json_schema', schema } }), ...(think && { effort: 'low' }) }
  return {
    model,
    max_tokens: maxTokens ?? 2000,
    messages: turns.map(message),
    ...(system && { system }),
    ...(tools && { tools: tools.map(({ name, schema: input }) => ({ name, input_schema: input })) }),
    ...(force && { tool_choice: { type: 'tool', name: force } }),
    ...((schema || think) && { output_config: output }),
    ...(think && { thinking: { type: 'adaptive', display: 'summarized' } }),
    ...(stop && { stop_sequences: stop }),
  }
}

const FINISH: Record<string, Said['finish']> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  tool_use: 'tool_calls',
  max_tokens: 'length',
  refusal: 'refusal',
}

function readMessage(answer: Sdk, pieces?: string[]): Said {
  const of = (type: string): Sdk[] => answer.content.filter((block: Sdk) => block.type === type)
  const { input_tokens: input, cache_read_input_tokens: read, cache_creation_input_tokens: written } = answer.usage
  return {
    text: of('text')
      .map((block) => block.text)
      .join(''),
    calls: of('tool_use').map(({ id, name, input: args }) => ({ id, name, args })),
    finish: FINISH[answer.stop_reason] ?? 'unknown',
    usage: { input: input + (read ?? 0) + (written ?? 0), output: answer.usage.output_tokens },
    thoughts: of('thinking')
      .map((block) => block.thinking)
      .join(''),
    native: answer.content.map(({ parsed_output: _parsed, ...block }: Sdk) => block),
    ...(pieces && { pieces }),
  }
}

export const anthropic: Driver = {
  name: 'anthropic',
  dialect: 'anthropic-messages',
  errorClass: anthropicErrorClass,
  ask: async (place, question) => readMessage(await open(place).messages.create(messagesBody(question))),
  async stream(place, question) {
    const stream = open(place).messages.stream(messagesBody(question))
    const pieces: string[] = []
    stream.on('text', (piece: string) => pieces.push(piece))
    return readMessage(await stream.finalMessage(), pieces)
  },
}

function anthropicErrorClass(status: number): string {
  const classes: Record<number, string> = {
    400: 'BadRequestError',
    401: 'AuthenticationError',
    403: 'PermissionDeniedError',
    404: 'NotFoundError',
    429: 'RateLimitError',
  }
  return classes[status] ?? (status >= 500 ? 'InternalServerError' : 'APIError')
}
