// The AI SDK with its providers for OpenAI, Anthropic and Google.
import { loadAiSdk } from '../official-clients.ts'
import { dataUrl, type Driver, type Place, type Question, type Said, type Sdk, type Turn } from './driver.ts'

type Kind = 'openai' | 'openai-chat' | 'anthropic' | 'google'

function openModel(kind: Kind, { url, apiKey }: Place, model: string): Sdk {
  const sdk = loadAiSdk()
  if (kind === 'openai') return sdk.createOpenAI({ apiKey, baseURL: `${url}/v1` })(model)
  if (kind === 'openai-chat') return sdk.createOpenAI({ apiKey, baseURL: `${url}/v1` }).chat(model)
  if (kind === 'anthropic') return sdk.createAnthropic({ apiKey, baseURL: `${url}/v1` })(model)
  // A name with a slash is a path to this provider.
  const name = model.includes('/') ? `models/${model}` : model
  return sdk.createGoogle({ apiKey, baseURL: `${url}/v1beta` })(name)
}

function messages(turn: Turn): Sdk[] {
  if (turn.by === 'model') return turn.said.native
  if (turn.by === 'tools') {
    const content = turn.results.map(({ call, text }) => ({
      type: 'tool-result',
      toolCallId: call.id,
      toolName: call.name,
      output: { type: 'text', value: text },
    }))
    return [{ role: 'tool', content }]
  }
  if (turn.media === undefined) return [{ role: 'user', content: turn.text }]
  const file = {
    type: 'file',
    mediaType: turn.media.mime,
    data: dataUrl(turn.media),
    ...(turn.media.mime === 'application/pdf' && { filename: 'paper.pdf' }),
  }
  return [{ role: 'user', content: [{ type: 'text', text: turn.text }, file] }]
}

function providerOptions(kind: Kind, think: boolean): Sdk {
  if (kind === 'openai') {
    const thinking = { forceReasoning: true, reasoningEffort: 'low', reasoningSummary: 'auto' }
    return { openai: { store: false, ...(think && thinking) } }
  }
  if (kind === 'openai-chat') return { openai: think ? { forceReasoning: true, reasoningEffort: 'low' } : {} }
  if (kind === 'anthropic') {
    return { anthropic: think ? { thinking: { type: 'adaptive', display: 'summarized' }, effort: 'low' } : {} }
  }
  return { google: think ? { thinkingConfig: { includeThoughts: true, thinkingLevel: 'low' } } : {} }
}

function settings(kind: Kind, place: Place, question: Question): Sdk {
  const { tool, jsonSchema, Output } = loadAiSdk()
  const { model, turns, system, tools, force, schema, think, maxTokens, stop } = question
  return {
    model: openModel(kind, place, model),
    messages: turns.flatMap(messages),
    maxRetries: 0,
    providerOptions: providerOptions(kind, think === true),
    ...(system && { system }),
    ...(tools && {
      tools: Object.fromEntries(
        tools.map(({ name, schema: input }) => [name, tool({ inputSchema: jsonSchema(input) })]),
      ),
    }),
    ...(force && { toolChoice: { type: 'tool', toolName: force } }),
    ...(schema && { output: Output.object({ schema: jsonSchema(schema) }) }),
    ...(maxTokens && { maxOutputTokens: maxTokens }),
    ...(stop && { stopSequences: stop }),
  }
}

const FINISH: Record<string, Said['finish']> = {
  stop: 'stop',
  'tool-calls': 'tool_calls',
  length: 'length',
  'content-filter': 'refusal',
}

async function readResult(result: Sdk, pieces?: string[]): Promise<Said> {
  const [text, calls, finish, usage, thoughts, response] = await Promise.all([
    result.text,
    result.toolCalls,
    result.finishReason,
    result.usage,
    result.reasoningText,
    result.response,
  ])
  return {
    text,
    calls: calls.map((call: Sdk) => ({ id: call.toolCallId, name: call.toolName, args: call.input })),
    finish: FINISH[finish] ?? 'unknown',
    usage: { input: usage.inputTokens ?? 0, output: usage.outputTokens ?? 0 },
    thoughts: thoughts ?? '',
    native: response.messages,
    ...(pieces && { pieces }),
  }
}

function createDriver(kind: Kind, dialect: Driver['dialect'], lacks: Driver['lacks'] = {}): Driver {
  return {
    name: `ai-sdk ${kind}`,
    dialect,
    lacks,
    errorClass: () => 'APICallError',
    async ask(place, question) {
      return readResult(await loadAiSdk().generateText(settings(kind, place, question)))
    },
    async stream(place, question) {
      let failure: unknown
      const onError = ({ error }: { error: unknown }): void => void (failure ??= error)
      const result = loadAiSdk().streamText({ ...settings(kind, place, question), onError })
      const pieces: string[] = []
      for await (const piece of result.textStream) pieces.push(piece)
      if (failure !== undefined) throw failure
      return readResult(result, pieces)
    },
  }
}

export const aiSdkDrivers: readonly Driver[] = [
  createDriver('openai', 'openai-responses', { stop: 'Responses has no stop sequences' }),
  createDriver('openai-chat', 'openai-chat'),
  createDriver('anthropic', 'anthropic-messages'),
  createDriver('google', 'gemini'),
]
