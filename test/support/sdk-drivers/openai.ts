// The openai SDK, in both of its dialects.
import { loadOfficialClients } from '../official-clients.ts'
import { dataUrl, parseArgs, type Driver, type Place, type Question, type Said, type Sdk, type Turn } from './driver.ts'

const open = ({ url, apiKey }: Place): Sdk =>
  new (loadOfficialClients().OpenAI)({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 })

/** Its classes by status; what has none is APIError itself. */
export function openaiErrorClass(status: number): string {
  const classes: Record<number, string> = {
    400: 'BadRequestError',
    401: 'AuthenticationError',
    403: 'PermissionDeniedError',
    404: 'NotFoundError',
    429: 'RateLimitError',
  }
  return classes[status] ?? (status >= 500 ? 'InternalServerError' : 'APIError')
}

// ---- Chat Completions ----------------------------------------------------------------------------------------------

function chatMessages(turn: Turn): Sdk[] {
  if (turn.by === 'model') return [turn.said.native]
  if (turn.by === 'tools') {
    return turn.results.map(({ call, text }) => ({ role: 'tool', tool_call_id: call.id, content: text }))
  }
  if (turn.media === undefined) return [{ role: 'user', content: turn.text }]
  const part =
    turn.media.mime === 'application/pdf'
      ? { type: 'file', file: { filename: 'paper.pdf', file_data: dataUrl(turn.media) } }
      : { type: 'image_url', image_url: { url: dataUrl(turn.media) } }
  return [{ role: 'user', content: [{ type: 'text', text: turn.text }, part] }]
}

export function chatBody(question: Question): Sdk {
  const { model, turns, system, tools, force, schema, think, maxTokens, stop } = question
  return {
    model,
    messages: [...(system ? [{ role: 'system', content: system }] : []), ...turns.flatMap(chatMessages)],
    ...(tools && {
      tools: tools.map(({ name, schema: parameters }) => ({ type: 'function', function: { name, parameters } })),
    }),
    ...(force && { tool_choice: { type: 'function', function: { name: force } } }),
    ...(schema && {
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } },
    }),
    ...(think && { reasoning_effort: 'low' }),
    ...(maxTokens && { max_completion_tokens: maxTokens }),
    ...(stop && { stop }),
  }
}

function readChat(completion: Sdk, pieces?: string[]): Said {
  const { message, finish_reason: finish } = completion.choices[0]
  return {
    text: message.content ?? '',
    calls: (message.tool_calls ?? []).map((call: Sdk) => ({
      id: call.id,
      name: call.function.name,
      args: parseArgs(call.function.arguments),
    })),
    finish: message.refusal || finish === 'content_filter' ? 'refusal' : finish,
    usage: { input: completion.usage.prompt_tokens, output: completion.usage.completion_tokens },
    thoughts: message.reasoning_content ?? '',
    native: message,
    ...(pieces && { pieces }),
  }
}

export const openaiChat: Driver = {
  name: 'openai chat',
  dialect: 'openai-chat',
  errorClass: openaiErrorClass,
  ask: async (place, question) => readChat(await open(place).chat.completions.create(chatBody(question))),
  async stream(place, question) {
    const body = { ...chatBody(question), stream_options: { include_usage: true } }
    const stream = open(place).chat.completions.stream(body)
    const pieces: string[] = []
    let thoughts = ''
    stream.on('content', (piece: string) => pieces.push(piece))
    // Of fields that it does not know the SDK keeps the last piece only; who wants thoughts reads the chunks.
    stream.on('chunk', (chunk: Sdk) => (thoughts += chunk.choices[0]?.delta.reasoning_content ?? ''))
    return { ...readChat(await stream.finalChatCompletion(), pieces), thoughts }
  },
}

// ---- Responses -----------------------------------------------------------------------------------------------------

function responseItems(turn: Turn): Sdk[] {
  if (turn.by === 'model') return turn.said.native
  if (turn.by === 'tools') {
    return turn.results.map(({ call, text }) => ({ type: 'function_call_output', call_id: call.id, output: text }))
  }
  if (turn.media === undefined) return [{ role: 'user', content: turn.text }]
  const part =
    turn.media.mime === 'application/pdf'
      ? { type: 'input_file', filename: 'paper.pdf', file_data: dataUrl(turn.media) }
      : { type: 'input_image', detail: 'auto', image_url: dataUrl(turn.media) }
  return [{ role: 'user', content: [{ type: 'input_text', text: turn.text }, part] }]
}

function responsesBody(question: Question): Sdk {
  const { model, turns, system, tools, force, schema, think, maxTokens } = question
  return {
    model,
    input: turns.flatMap(responseItems),
    store: false,
    ...(system && { instructions: system }),
    ...(tools && {
      tools: tools.map(({ name, schema: parameters }) => ({ type: 'function', name, parameters, strict: false })),
    }),
    ...(force && { tool_choice: { type: 'function', name: force } }),
    ...(schema && { text: { format: { type: 'json_schema', name: 'answer', schema, strict: true } } }),
    ...(think && { reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'] }),
    ...(maxTokens && { max_output_tokens: maxTokens }),
  }
}

function readResponse(response: Sdk, pieces?: string[]): Said {
  // The SDK hands a failed answer to its caller; nothing is thrown for it.
  if (response.status === 'failed') throw new Error(`${response.error.code}: ${response.error.message}`)
  const calls = response.output.filter((item: Sdk) => item.type === 'function_call')
  const thoughts = response.output.filter((item: Sdk) => item.type === 'reasoning')
  const parts = response.output.flatMap((item: Sdk) => (item.type === 'message' ? item.content : []))
  const refused = parts.some((part: Sdk) => part.type === 'refusal')
  const reason = response.incomplete_details?.reason
  const ended = reason === 'max_output_tokens' ? 'length' : reason === 'content_filter' ? 'refusal' : 'unknown'
  return {
    text: response.output_text,
    calls: calls.map((call: Sdk) => ({ id: call.call_id, name: call.name, args: parseArgs(call.arguments) })),
    finish: refused ? 'refusal' : response.status !== 'completed' ? ended : calls.length > 0 ? 'tool_calls' : 'stop',
    usage: { input: response.usage.input_tokens, output: response.usage.output_tokens },
    thoughts: thoughts.flatMap((item: Sdk) => item.summary.map((part: Sdk) => part.text)).join(''),
    native: response.output.map(withoutParsed),
    ...(pieces && { pieces }),
  }
}

/** The SDK's own additions, which the API does not take back. */
function withoutParsed(item: Sdk): Sdk {
  const { parsed_arguments: _arguments, ...rest } = item
  if (!Array.isArray(rest.content)) return rest
  return { ...rest, content: rest.content.map(({ parsed: _parsed, ...part }: Sdk) => part) }
}

export const openaiResponses: Driver = {
  name: 'openai responses',
  dialect: 'openai-responses',
  lacks: { stop: 'Responses has no stop sequences' },
  errorClass: openaiErrorClass,
  ask: async (place, question) => readResponse(await open(place).responses.create(responsesBody(question))),
  async stream(place, question) {
    const stream = open(place).responses.stream(responsesBody(question))
    const pieces: string[] = []
    stream.on('response.output_text.delta', (event: Sdk) => pieces.push(event.delta))
    const final = await stream.finalResponse()
    return readResponse(final, pieces)
  },
}
