// LangChain's ChatOpenAI.
import { loadLangChain } from '../official-clients.ts'
import { dataUrl, type Driver, type Place, type Question, type Said, type Sdk, type Turn } from './driver.ts'
import { openaiErrorClass } from './openai.ts'

function messages(turn: Turn): Sdk[] {
  const { HumanMessage, ToolMessage } = loadLangChain()
  if (turn.by === 'model') return [turn.said.native]
  if (turn.by === 'tools') {
    return turn.results.map(
      ({ call, text }) => new ToolMessage({ content: text, tool_call_id: call.id, name: call.name }),
    )
  }
  if (turn.media === undefined) return [new HumanMessage(turn.text)]
  const part =
    turn.media.mime === 'application/pdf'
      ? { type: 'file', file: { filename: 'paper.pdf', file_data: dataUrl(turn.media) } }
      : { type: 'image_url', image_url: { url: dataUrl(turn.media) } }
  return [new HumanMessage({ content: [{ type: 'text', text: turn.text }, part] })]
}

function open({ url, apiKey }: Place, question: Question): Sdk {
  const { ChatOpenAI } = loadLangChain()
  const { model, tools, force, schema, think, maxTokens, stop } = question
  const chat = new ChatOpenAI({
    model,
    apiKey,
    configuration: { baseURL: `${url}/v1` },
    maxRetries: 0,
    useResponsesApi: false,
    streamUsage: true,
    ...(maxTokens && { maxTokens }),
    ...(think && { reasoning: { effort: 'low' } }),
    ...(think && { modelKwargs: { reasoning_effort: 'low' } }),
  })
  const options = {
    ...(tools && {
      tools: tools.map(({ name, schema: parameters }) => ({ type: 'function', function: { name, parameters } })),
    }),
    ...(force && { tool_choice: { type: 'function', function: { name: force } } }),
    ...(schema && { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } } }),
    ...(stop && { stop }),
  }
  return Object.keys(options).length === 0 ? chat : chat.withConfig(options)
}

function input({ system, turns }: Question): Sdk[] {
  const { SystemMessage } = loadLangChain()
  return [...(system ? [new SystemMessage(system)] : []), ...turns.flatMap(messages)]
}

function readMessage(message: Sdk, pieces?: string[]): Said {
  const finish = message.response_metadata.finish_reason
  return {
    text: message.text,
    calls: message.tool_calls.map(({ id, name, args }: Sdk) => ({ id, name, args })),
    finish: finish === 'content_filter' || message.additional_kwargs.refusal ? 'refusal' : finish,
    usage: { input: message.usage_metadata.input_tokens, output: message.usage_metadata.output_tokens },
    thoughts: message.additional_kwargs.reasoning_content ?? '',
    native: message,
    ...(pieces && { pieces }),
  }
}

export const langchain: Driver = {
  name: 'langchain',
  dialect: 'openai-chat',
  errorClass: openaiErrorClass,
  ask: async (place, question) => readMessage(await open(place, question).invoke(input(question))),
  async stream(place, question) {
    const pieces: string[] = []
    let whole: Sdk
    for await (const chunk of await open(place, question).stream(input(question))) {
      if (chunk.text !== '') pieces.push(chunk.text)
      whole = whole === undefined ? chunk : whole.concat(chunk)
    }
    return readMessage(whole, pieces)
  },
}
