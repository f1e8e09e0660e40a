// Google's Gemini API as the fake speaks it. Its streams use CR LF, and without `alt=sse` they are one JSON array.
import { checkGenerateRules } from './rules-gemini.ts'
import type { Sealer } from './signatures.ts'
import {
  composeReply,
  countTokens,
  createTextId,
  cutText,
  textOf,
  type Json,
  type Reply,
  type Said,
  type Turn,
} from './turn.ts'
import { embed } from './openai-other.ts'
import { jsonAnswer, type Answer } from './wire.ts'

export const GEMINI_MODELS = ['gemini-2.5-pro', 'gemini-3.5-flash', 'gemini-embedding-2']
const JSON_TYPE = { 'content-type': 'application/json; charset=UTF-8' }

export function checkGenerateBody(model: string, body: Json, seal: Sealer): string | undefined {
  if (!Array.isArray(body?.contents) || body.contents.length === 0) {
    return '* GenerateContentRequest.contents: contents is not specified\n'
  }
  const at = body.contents.findIndex((content: Json) => content?.parts === undefined)
  if (at !== -1) return `* GenerateContentRequest.contents[${at}].parts: contents.parts must not be empty.\n`
  return checkGenerateRules(model, body, seal)
}

export function readGenerateTurn(model: string, body: Json): Turn {
  const lastUser = body.contents.findLast((content: Json) => content.role !== 'model')
  const parts: Json[] = Array.isArray(lastUser?.parts) ? lastUser.parts : [lastUser?.parts ?? {}]
  const results = parts.filter((part) => part.functionResponse !== undefined)
  const config = body.generationConfig ?? {}
  const calling = body.toolConfig?.functionCallingConfig
  const mode = { ANY: 'any', NONE: 'none' }[String(calling?.mode)]
  const declared = (body.tools ?? []).flatMap((tool: Json) => tool.functionDeclarations ?? [])
  return {
    model,
    lastText: textOf(parts),
    toolResult:
      results.length === 0 ? undefined : JSON.stringify(results.map((part) => part.functionResponse.response)),
    tools: declared.map((tool: Json) => ({ name: tool.name, schema: tool.parametersJsonSchema ?? tool.parameters })),
    toolChoice: mode === 'any' ? (calling.allowedFunctionNames?.[0] ?? 'any') : mode,
    wantsReasoning: config.thinkingConfig !== undefined && config.thinkingConfig.thinkingBudget !== 0,
    jsonSchema: config.responseJsonSchema ?? config.responseSchema,
    promptCharacters: JSON.stringify([body.systemInstruction ?? '', body.contents]).length,
    hasCacheHints: false,
    maxTokens: config.maxOutputTokens,
    media: parts
      .filter((part) => part.inlineData !== undefined)
      .map(({ inlineData: { mimeType, data } }) => ({ mime: mimeType, bytes: Buffer.from(data, 'base64').length })),
    stop: config.stopSequences,
  }
}

export function answerGenerate(model: string, body: Json, said: Said, seal: Sealer): Answer {
  const reply = composeReply(readGenerateTurn(model, body), said)
  const parts = [...thoughtParts(body, reply)]
  if (reply.calls.length === 0) parts.push(...textParts(reply, [reply.text], seal).flat())
  else parts.push(...callParts(reply, seal))
  return jsonAnswer(200, writeChunk(model, createTextId('', 22), parts, reply, true), JSON_TYPE)
}

export function answerStreamGenerate(model: string, body: Json, said: Said, sse: boolean, seal: Sealer): Answer {
  const reply = composeReply(readGenerateTurn(model, body), said)
  const id = createTextId('', 22)
  const groups = thoughtParts(body, reply).map((part) => [part])
  if (reply.calls.length > 0) groups.push(callParts(reply, seal))
  else groups.push(...textParts(reply, cutText(reply.text, 10), seal))
  const chunks = groups.map((parts, at) =>
    JSON.stringify(writeChunk(model, id, parts, reply, at === groups.length - 1)),
  )
  if (sse) {
    const frames = chunks.map((chunk) => `data: ${chunk}\r\n\r\n`)
    return { status: 200, headers: { 'content-type': 'text/event-stream' }, frames, terminalFrames: 1 }
  }
  const frames = chunks.map((chunk, at) => (at === 0 ? '[' : ',\r\n') + chunk)
  return { status: 200, headers: JSON_TYPE, frames: [...frames, '\n]\n'], terminalFrames: 2 }
}

function thoughtParts(body: Json, reply: Reply): Json[] {
  const shown = reply.reasoning !== '' && body.generationConfig?.thinkingConfig?.includeThoughts === true
  return shown ? [{ text: reply.reasoning, thought: true }] : []
}

/** What was thought before a text is signed behind it, in a part without words. */
function textParts(reply: Reply, pieces: readonly string[], seal: Sealer): Json[][] {
  const parts: Json[][] = reply.finish === 'refusal' ? [[]] : pieces.map((piece) => [{ text: piece }])
  if (reply.reasoning !== '') parts.push([{ text: '', thoughtSignature: seal.issue('google', '') }])
  return parts
}

function callParts(reply: Reply, seal: Sealer): Json[] {
  return reply.calls.map((call, at) => ({
    functionCall: { id: call.id.slice(0, 8), name: call.name, args: call.args },
    ...(at === 0 && { thoughtSignature: seal.issue('google', call.name) }),
  }))
}

function writeChunk(model: string, responseId: string, parts: Json[], reply: Reply, last: boolean): Json {
  const { input, cacheRead, output, reasoning } = reply.usage
  const candidate = { content: { parts, role: 'model' }, index: 0 }
  const reasons = { stop: 'STOP', tool_calls: 'STOP', length: 'MAX_TOKENS', refusal: 'SAFETY' }
  const finish = { finishReason: reasons[reply.finish] }
  return {
    candidates: [last ? { ...candidate, ...finish } : candidate],
    usageMetadata: {
      promptTokenCount: input,
      ...(last && { candidatesTokenCount: output - reasoning }),
      totalTokenCount: last ? input + output : input,
      ...(cacheRead > 0 && { cachedContentTokenCount: cacheRead }),
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: input }],
      ...(last && reasoning > 0 && { thoughtsTokenCount: reasoning }),
    },
    modelVersion: model,
    responseId,
  }
}

export function answerGeminiCount(body: Json): Answer {
  const asked = body.generateContentRequest ?? body
  const tokens = countTokens(JSON.stringify([asked.systemInstruction ?? '', asked.contents]).length)
  const details = [{ modality: 'TEXT', tokenCount: tokens }]
  return jsonAnswer(200, { totalTokens: tokens, promptTokensDetails: details }, JSON_TYPE)
}

export function answerGeminiEmbed(body: Json): Answer {
  const embedOne = (request: Json): Json => ({
    values: [...embed(JSON.stringify(request.content), request.outputDimensionality ?? 8)],
  })
  const usageMetadata = { promptTokenCount: countTokens(JSON.stringify(body).length) }
  if (!Array.isArray(body.requests)) return jsonAnswer(200, { embedding: embedOne(body), usageMetadata }, JSON_TYPE)
  return jsonAnswer(200, { embeddings: body.requests.map(embedOne), usageMetadata }, JSON_TYPE)
}

export function answerGeminiModels(id: string | undefined): Answer {
  const all = GEMINI_MODELS.map((name) => ({
    name: `models/${name}`,
    version: '001',
    displayName: name,
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: name.includes('embedding')
      ? ['embedContent', 'countTokens', 'batchEmbedContents']
      : ['generateContent', 'countTokens'],
  }))
  if (id === undefined) return jsonAnswer(200, { models: all }, JSON_TYPE)
  const found = all.find((model) => model.name === `models/${id}`)
  if (found !== undefined) return jsonAnswer(200, found, JSON_TYPE)
  return jsonAnswer(
    404,
    { error: { code: 404, message: `models/${id} is not found.`, status: 'NOT_FOUND' } },
    JSON_TYPE,
  )
}
