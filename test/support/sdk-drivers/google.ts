// Google's SDK.
import { loadOfficialClients } from '../official-clients.ts'
import type { Driver, Place, Question, Said, Sdk, Turn } from './driver.ts'

const open = ({ url, apiKey }: Place): Sdk =>
  new (loadOfficialClients().GoogleGenAI)({ apiKey, httpOptions: { baseUrl: url } }).models

function content(turn: Turn): Sdk {
  if (turn.by === 'model') return turn.said.native
  if (turn.by === 'tools') {
    const parts = turn.results.map(({ call, text }) => ({
      functionResponse: { id: call.id, name: call.name, response: { output: text } },
    }))
    return { role: 'user', parts }
  }
  const media = turn.media ? [{ inlineData: { mimeType: turn.media.mime, data: turn.media.data } }] : []
  return { role: 'user', parts: [{ text: turn.text }, ...media] }
}

function request({ model, turns, system, tools, force, schema, think, maxTokens, stop }: Question): Sdk {
  const functionDeclarations = tools?.map(({ name, schema: parametersJsonSchema }) => ({ name, parametersJsonSchema }))
  return {
    model,
    contents: turns.map(content),
    config: {
      ...(system && { systemInstruction: system }),
      ...(functionDeclarations && { tools: [{ functionDeclarations }] }),
      ...(force && {
        toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: [force] } },
      }),
      ...(schema && { responseMimeType: 'application/json', responseJsonSchema: schema }),
      ...(think && { thinkingConfig: { includeThoughts: true, thinkingLevel: 'LOW' } }),
      ...(maxTokens && { maxOutputTokens: maxTokens }),
      ...(stop && { stopSequences: stop }),
    },
  }
}

const FINISH: Record<string, Said['finish']> = { STOP: 'stop', MAX_TOKENS: 'length', SAFETY: 'refusal' }

/** One answer, or the chunks of a stream. */
function readChunks(chunks: readonly Sdk[], pieces?: string[]): Said {
  const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? [])
  const last = chunks.at(-1)
  const calls = parts.filter((part) => part.functionCall !== undefined).map((part) => part.functionCall)
  const texts = (thought: boolean): string =>
    parts
      .filter((part) => typeof part.text === 'string' && (part.thought === true) === thought)
      .map((part) => part.text)
      .join('')
  const finish = FINISH[last.candidates?.[0]?.finishReason] ?? 'unknown'
  const usage = last.usageMetadata
  return {
    text: texts(false),
    calls: calls.map(({ id, name, args }) => ({ id, name, args })),
    finish: finish === 'stop' && calls.length > 0 ? 'tool_calls' : finish,
    usage: {
      input: usage?.promptTokenCount ?? 0,
      output: (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0),
    },
    thoughts: texts(true),
    native: { role: 'model', parts },
    ...(pieces && { pieces }),
  }
}

export const googleGenai: Driver = {
  name: 'genai',
  dialect: 'gemini',
  errorClass: () => 'ApiError',
  ask: async (place, question) => readChunks([await open(place).generateContent(request(question))]),
  async stream(place, question) {
    const chunks: Sdk[] = []
    for await (const chunk of await open(place).generateContentStream(request(question))) chunks.push(chunk)
    return readChunks(
      chunks,
      chunks.map((chunk) => chunk.text ?? '').filter((text) => text !== ''),
    )
  },
}
