// Recorded Gemini traffic through the codec: requests come out meaning the same, answers say what a plain reading of
// them says. The recordings are no part of this project; UNIROUTE_RECORDINGS names their folder.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ChatResponse } from '../canonical.ts'
import { CannotCross, createLossReport } from '../codec.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import type { ModelProfile } from '../profile.ts'
import { decodeCountTokensRequest, decodeCountTokensResponse, encodeCountTokensRequest } from './count-tokens.ts'
import { createJsonArraySplitter } from './json-array.ts'
import { inlineSchema, jsonSchemaOf } from './schema.ts'
import {
  BUDGET_PROFILE,
  codec,
  decode,
  decodeStream,
  decodingOf,
  encodeStream,
  encodingOf,
  eventsOfStream,
  lossNames,
  openEnvelope,
  PROFILE,
  responseEncodingOf,
  sse,
} from './testing.ts'
import { readGeminiUsage } from './usage.ts'

type Json = Record<string, unknown>
interface Recording {
  readonly id: string
  readonly model: string
  readonly status: number
  readonly request_body: Json | null
  readonly response_body?: unknown
  readonly response_stream?: string
}

const folder = process.env['UNIROUTE_RECORDINGS'] ?? ''
const isThere = folder !== '' && existsSync(join(folder, 'gemini-generate.ndjson'))
if (!isThere) console.warn('recorded Gemini traffic was not read: UNIROUTE_RECORDINGS does not name its folder')

function read(...files: readonly string[]): Recording[] {
  if (!isThere) return []
  return files.flatMap((file) =>
    readFileSync(join(folder, `${file}.ndjson`), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Recording),
  )
}

function profileOf(model: string): ModelProfile {
  const isThree = /gemini-3|latest/.test(model)
  const efforts = ['minimal', 'low', 'medium', 'high'] as const
  if (isThree) return { ...PROFILE, model, efforts }
  return { ...BUDGET_PROFILE, model, thinking: /2\.5/.test(model) ? 'budget' : 'none' }
}

// ---- Meaning: what is left of a request when its spellings are evened out ------------------------------------------

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value])

/** Names whose values are the user's own, so their keys stay as they are. */
const USER_DATA = new Set(['args', 'response', 'parameters', 'parametersJsonSchema', 'responseSchema'])
USER_DATA.add('responseJsonSchema')

function evenKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(evenKeys)
  if (!isObject(value)) return value
  const entries = Object.entries(value).filter(([, one]) => one !== null)
  return Object.fromEntries(
    entries.map(([name, one]) => [camel(name), USER_DATA.has(camel(name)) ? one : evenKeys(one)]),
  )
}

const evenBase64 = (text: unknown): unknown =>
  typeof text === 'string' ? text.replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, '') : text

function evenMedia(part: Json): Json {
  const { inlineData } = part
  return isObject(inlineData) ? { ...part, inlineData: { ...inlineData, data: evenBase64(inlineData['data']) } } : part
}

function evenPart(value: unknown): Json[] {
  const part = evenMedia(value as Json)
  const { functionCall, functionResponse, thoughtSignature, text, ...rest } = part
  // Exception: the stand-in for a lost signature says what no signature says.
  const slot = thoughtSignature === 'skip_thought_signature_validator' ? undefined : evenBase64(thoughtSignature)
  const signed = slot === undefined ? {} : { thoughtSignature: slot }
  if (isObject(functionCall)) {
    // Exception: ids are made where there were none.
    const { id: _, args, ...call } = functionCall
    return [{ ...rest, ...signed, functionCall: { ...call, args: args ?? {} } }]
  }
  if (isObject(functionResponse)) {
    const { id: _, parts, ...response } = functionResponse
    const media = list(parts).map((one) => evenMedia(one as Json))
    return [{ ...rest, functionResponse: { ...response, ...(media.length > 0 ? { parts: media } : {}) } }]
  }
  // Exception: a text of nothing is nothing.
  if (text === '' && slot === undefined && Object.keys(rest).length === 0) return []
  return [{ ...rest, ...signed, ...(text === undefined ? {} : { text }) }]
}

function evenContents(value: unknown): Json[] {
  const turns: { role: unknown; parts: Json[] }[] = []
  for (const content of list(value) as Json[]) {
    const parts = list(content['parts']).flatMap(evenPart)
    const role = content['role'] === 'model' ? 'model' : 'user'
    // Exception: turns of one role are one.
    const last = turns.at(-1)
    if (last?.role === role) last.parts.push(...parts)
    else turns.push({ role, parts })
  }
  return turns.filter(({ parts }) => parts.length > 0)
}

const evenSchema = (own: unknown, json: unknown): unknown => inlineSchema(json ?? jsonSchemaOf(own), createLossReport())

function evenTools(value: unknown): Json[] {
  const tools = (list(value) as Json[]).flatMap(({ functionDeclarations, ...builtins }) => [
    ...(list(functionDeclarations) as Json[]).map(
      ({ parameters, parametersJsonSchema, description, ...declaration }) => ({
        ...declaration,
        ...(description ? { description } : {}),
        schema: evenSchema(parameters, parametersJsonSchema),
      }),
    ),
    ...Object.entries(builtins).map(([name, raw]) => ({ [name]: raw })),
  ])
  return tools.map((tool) => JSON.parse(JSON.stringify(tool)) as Json).toSorted(byText)
}

const byText = (a: Json, b: Json): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

function evenConfig(value: unknown): Json {
  const { responseSchema, responseJsonSchema, thinkingConfig, responseModalities, ...rest } = (value ?? {}) as Json
  const schema = responseSchema ?? responseJsonSchema
  const { thinkingLevel, ...thinking } = (thinkingConfig ?? {}) as Json
  const level = typeof thinkingLevel === 'string' ? { thinkingLevel: thinkingLevel.toUpperCase() } : {}
  const config = {
    ...rest,
    ...(schema === undefined ? {} : { schema: evenSchema(responseSchema, responseJsonSchema) }),
    ...(thinkingConfig === undefined ? {} : { thinkingConfig: { ...thinking, ...level } }),
    // Exception: text alone is what is answered in anyhow.
    ...(JSON.stringify(responseModalities) === '["TEXT"]' ? {} : { responseModalities }),
  }
  return JSON.parse(JSON.stringify(config)) as Json
}

function evenToolConfig(value: unknown, tools: readonly Json[]): Json {
  const { functionCallingConfig, ...rest } = (value ?? {}) as Json
  // Exception: without functions there is nothing to choose; automatic is what is done anyhow.
  const { mode } = (functionCallingConfig ?? {}) as Json
  const idle = !tools.some((tool) => 'schema' in tool || 'name' in tool) || mode === 'AUTO'
  return { ...rest, ...(functionCallingConfig && !idle ? { functionCallingConfig } : {}) }
}

function meaningOf(body: Json): Json {
  const even = evenKeys(body) as Json
  const { contents, systemInstruction, tools, toolConfig, generationConfig, model: _, ...rest } = even
  const evenedTools = evenTools(tools)
  const system = isObject(systemInstruction) ? list(systemInstruction['parts']) : list(systemInstruction)
  const texts = system.map((part) => (isObject(part) ? part['text'] : part)).filter((text) => text !== '')
  return {
    ...rest,
    contents: evenContents(contents),
    system: texts,
    tools: evenedTools,
    toolConfig: evenToolConfig(toolConfig, evenedTools),
    config: evenConfig(generationConfig),
  }
}

// ---- A plain reading of answers ------------------------------------------------------------------------------------

interface Plain {
  text: string
  thoughts: string
  calls: { name: unknown; args: unknown }[]
  finish: string
  usage: unknown
}

function plainReading(chunks: readonly Json[]): Plain {
  const plain: Plain = { text: '', thoughts: '', calls: [], finish: '', usage: readGeminiUsage(undefined) }
  let searches: number | null = null
  for (const chunk of chunks) {
    const [candidate] = (chunk['candidates'] ?? []) as Json[]
    const parts = ((candidate?.['content'] as Json | undefined)?.['parts'] ?? []) as Json[]
    for (const { text, thought, functionCall } of parts) {
      if (typeof text === 'string') plain[thought === true ? 'thoughts' : 'text'] += text
      if (isObject(functionCall)) plain.calls.push({ name: functionCall['name'], args: functionCall['args'] ?? {} })
    }
    const reason = candidate?.['finishReason'] ?? (chunk['promptFeedback'] as Json | undefined)?.['blockReason']
    if (reason !== undefined) plain.finish = { 1: 'STOP', 2: 'MAX_TOKENS' }[String(reason)] ?? String(reason)
    const queries = (candidate?.['groundingMetadata'] as Json | undefined)?.['webSearchQueries'] as string[] | undefined
    searches = queries?.filter((query) => query !== '').length || searches
    if (chunk['usageMetadata'] !== undefined) plain.usage = readGeminiUsage(chunk['usageMetadata'], searches)
  }
  return plain
}

function readingOf(response: ChatResponse): Plain {
  const texts = (kind: 'text' | 'reasoning'): string =>
    response.items.map((item) => (item.kind === kind ? item.text : '')).join('')
  return {
    text: texts('text'),
    thoughts: texts('reasoning'),
    calls: response.items.flatMap((item) =>
      item.kind === 'call' ? [{ name: item.name, args: JSON.parse(item.argsText) as unknown }] : [],
    ),
    finish: response.finish.raw,
    usage: response.usage,
  }
}

const UNIFIED: Readonly<Record<string, string>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  MODEL_ARMOR: 'content_filter',
}

function expectReading(id: string, response: ChatResponse, chunks: readonly Json[]): void {
  const plain = plainReading(chunks)
  expect(readingOf(response), id).toEqual(plain)
  const unified = UNIFIED[plain.finish]
  expect(response.finish.unified, id).toBe(unified === 'stop' && plain.calls.length > 0 ? 'tool_calls' : unified)
}

/** The chunks of a stream, whether it came as events or as a JSON array. */
function chunksOf({ response_stream: stream, response_body: body }: Recording): Json[] | null {
  if (stream !== undefined) return eventsOfStream(stream).map(({ data }) => JSON.parse(data) as Json)
  return Array.isArray(body) ? (body as Json[]) : null
}

/** Takes a field of the thinking configuration out of a request's meaning; was it there? */
function takeThinking(name: string, meaning: Json): boolean {
  const thinking = (meaning['config'] as Json)['thinkingConfig'] as Json | undefined
  const found = thinking?.[name] !== undefined
  delete thinking?.[name]
  return found
}

function isRefused(body: Json): boolean {
  try {
    decode(body)
    return false
  } catch (error) {
    return error instanceof CannotCross && error.code === 'bad_request'
  }
}

const exchanges = read('gemini-generate', 'gemini-stream')
// What the provider itself refused as malformed has no meaning to keep.
const requests = exchanges.filter(
  ({ request_body: body, status }) => body?.['contents'] !== undefined && !(status === 400 && isRefused(body)),
)
const answers = exchanges.filter(({ status }) => status < 400)

describe.skipIf(!isThere)('recorded Gemini traffic', () => {
  test('requests come out of the codec meaning what they meant', () => {
    for (const { id, model, request_body: body } of requests) {
      const losses = createLossReport()
      const profile = profileOf(model)
      const request = decode(body!, losses)
      const { body: encoded } = codec.encodeRequest(request, encodingOf({ profile, losses }))
      const [before, after] = [meaningOf(body!), meaningOf(encoded)]
      // Exception: models that take a level get one for a number of tokens, and the client is told.
      const isApproximate = profile.thinking === 'level' && takeThinking('thinkingBudget', before)
      if (isApproximate) takeThinking('thinkingLevel', after)
      expect(after, id).toEqual(before)
      expect(lossNames(losses), id).toEqual(isApproximate ? ['approx=thinking_budget'] : [])
    }
    console.info(`recorded Gemini requests: ${requests.length}`)
  })

  test('whole answers say what a plain reading says', () => {
    const whole = answers.filter(({ response_body: body }) => isObject(body))
    for (const { id, response_body: body } of whole) {
      expectReading(id, codec.decodeResponse(body as Json, decodingOf()), [body as Json])
    }
    console.info(`recorded whole Gemini answers: ${whole.length}`)
  })

  test('streams say what a plain reading says, and end as they end', () => {
    let streams = 0
    for (const recording of answers) {
      const chunks = chunksOf(recording)
      if (!chunks) continue
      const text = recording.response_stream ?? sse(...chunks)
      const events = decodeStream(text)
      expect(events.at(-1)?.type, recording.id).toBe('finish')
      expectReading(recording.id, collectEvents(events), chunks)
      streams++
    }
    console.info(`recorded Gemini streams: ${streams}`)
  })

  test('answers written again say the same, whole and in a stream', () => {
    for (const recording of answers) {
      const { id, response_body: body } = recording
      const chunks = chunksOf(recording)
      const response = chunks
        ? collectEvents(decodeStream(recording.response_stream ?? sse(...chunks)))
        : codec.decodeResponse(body as Json, decodingOf())
      const whole = codec.decodeResponse(codec.encodeResponse(response, responseEncodingOf()), decodingOf())
      const streamed = collectEvents(decodeStream(encodeStream(eventsOf(response))))
      expect(readingOf(whole), id).toEqual(readingOf(response))
      expect(streamed, id).toEqual(whole)
    }
  })

  test('JSON-array streams come apart into the same chunks', () => {
    const arrays = answers.filter(({ response_body: body }) => Array.isArray(body))
    for (const { id, response_body: body } of arrays) {
      const splitter = createJsonArraySplitter()
      const elements = splitter.push(Buffer.from(JSON.stringify(body, null, 2)))
      expect(
        elements.map((text) => JSON.parse(text) as unknown),
        id,
      ).toEqual(body)
      expect(splitter.complete, id).toBe(true)
    }
    expect(arrays.length).toBeGreaterThan(0)
  })

  test('counts are asked and answered', () => {
    for (const { id, status, model, request_body: body, response_body: answer } of read('gemini-count-tokens')) {
      const losses = createLossReport()
      const request = decodeCountTokensRequest(body!, { model, openEnvelope, losses })
      const encoded = encodeCountTokensRequest(request, encodingOf({ profile: profileOf(model), losses })).body
      const { model: named, ...asked } = encoded['generateContentRequest'] as Json
      expect(named, id).toBe(`models/${profileOf(model).model}`)
      expect(meaningOf(asked), id).toEqual(meaningOf((body!['generateContentRequest'] as Json) ?? body!))
      if (status < 400) expect(decodeCountTokensResponse(answer as Json), id).toBeGreaterThan(0)
    }
  })
})
