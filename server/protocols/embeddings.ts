// Embeddings, the one operation beside chat that two dialects share: OpenAI's `/embeddings` and Gemini's
// `embedContent` and `batchEmbedContents`. Vectors are numbers in the middle; base64 is their 32-bit little-endian
// form.
import type { Usage } from './canonical.ts'
import { UNKNOWN_USAGE } from './canonical.ts'
import { CannotCross, type LossReport } from './codec.ts'
import { asCount, asObject, asText, numberOf, type JsonObject } from './read.ts'
import { anything, checkShape, either, fields, integer, listOf, oneOf, required, text } from './shape.ts'
import { reportUnread } from './unread.ts'

export interface EmbeddingInput {
  readonly text: string
  /** What the vector is for, in Gemini's words. */
  readonly taskType?: string
  readonly title?: string
}

export interface EmbeddingRequest {
  readonly inputs: readonly EmbeddingInput[]
  readonly dimensions?: number
  /** How the client wants vectors written. */
  readonly format: 'float' | 'base64'
  /** The client's operation answers with one vector, not a list (Gemini's `embedContent`). */
  readonly single: boolean
  readonly userId?: string
}

export interface EmbeddingResponse {
  readonly vectors: readonly (readonly number[])[]
  readonly usage: Usage
}

const OPENAI_SHAPE = fields({
  model: text,
  input: anything,
  encoding_format: oneOf(['float', 'base64']),
  dimensions: integer({ least: 1 }),
  user: text,
})

const size = integer({ least: 1, strings: true })
const part = fields({ text })
const geminiContent = either({
  text,
  object: fields({ role: text, parts: either({ object: part, list: listOf(part) }) }),
})
const GEMINI_SHAPE = fields({
  model: text,
  content: required(geminiContent),
  taskType: text,
  task_type: text,
  title: text,
  outputDimensionality: size,
  output_dimensionality: size,
})
const GEMINI_BATCH_SHAPE = fields({ model: text, requests: required(listOf(GEMINI_SHAPE)) })

export function decodeOpenaiEmbedding(body: JsonObject, losses: LossReport): EmbeddingRequest {
  checkShape(body, OPENAI_SHAPE)
  reportUnread(body, OPENAI_SHAPE, losses)
  const { input } = body
  const inputs = Array.isArray(input) ? (input as unknown[]) : [input]
  if (inputs.length === 0) throw nothingToEmbed('input')
  const userId = asText(body['user'])
  const dimensions = asCount(body['dimensions'])
  return {
    inputs: inputs.map((text) => ({ text: requireText(text) })),
    format: body['encoding_format'] === 'base64' ? 'base64' : 'float',
    single: false,
    ...(dimensions === null ? {} : { dimensions }),
    ...(userId === null ? {} : { userId }),
  }
}

function nothingToEmbed(where: string): CannotCross {
  return new CannotCross(
    where,
    `\`${where}\` holds an empty text, or none. Send at least one character each.`,
    'bad_request',
  )
}

function requireText(value: unknown): string {
  if (value === '') throw nothingToEmbed('input')
  if (typeof value === 'string') return value
  if (typeof value === 'number' || Array.isArray(value)) {
    throw new CannotCross(
      'input',
      'The model asked for takes texts, and `input` holds token numbers of an OpenAI model. Send the texts.',
    )
  }
  throw new CannotCross('input', 'Send `input` as a text or a list of texts.', 'bad_request')
}

/** For OpenAI and servers like it. Vectors are asked for as numbers: not every server knows base64. */
export function encodeOpenaiEmbedding(
  request: EmbeddingRequest,
  { model, losses }: { model: string; losses: LossReport },
): Record<string, unknown> {
  const [first] = request.inputs
  if (request.inputs.some(({ taskType }) => taskType !== undefined))
    losses.drop('task_type', 'the provider has no such field')
  if (request.inputs.some(({ title }) => title !== undefined)) losses.drop('title', 'the provider has no such field')
  return {
    model,
    input: request.single && first ? first.text : request.inputs.map(({ text }) => text),
    encoding_format: 'float',
    ...(request.dimensions === undefined ? {} : { dimensions: request.dimensions }),
    ...(request.userId === undefined ? {} : { user: request.userId }),
  }
}

/** The body of `embedContent` (`single`) or `batchEmbedContents`. */
export function decodeGeminiEmbedding(body: JsonObject, single: boolean, losses: LossReport): EmbeddingRequest {
  const shape = single ? GEMINI_SHAPE : GEMINI_BATCH_SHAPE
  checkShape(body, shape)
  reportUnread(body, shape, losses)
  const requests = single ? [body] : asObjects(body['requests'])
  if (requests.length === 0) {
    throw new CannotCross('requests', 'Send `requests` as a list of contents to embed.', 'bad_request')
  }
  const sizes = requests.map((request) => asCount(numberOf(field(request, 'outputDimensionality'), true)))
  if (new Set(sizes).size > 1) {
    throw new CannotCross(
      'outputDimensionality',
      'The model asked for gives all vectors of a request one size. Send them apart.',
    )
  }
  const [dimensions] = sizes
  return {
    inputs: requests.map(readGeminiInput),
    format: 'float',
    single,
    ...(dimensions == null ? {} : { dimensions }),
  }
}

function readGeminiInput(request: JsonObject): EmbeddingInput {
  const { content } = request
  const said = asObject(content)?.['parts']
  const parts = asObjects(asObject(said) ? [said] : said)
  const texts = parts.map((part) => asText(part['text']))
  if (texts.includes(null)) {
    throw new CannotCross('content', 'The model asked for embeds text only. Leave out pictures and sound.')
  }
  const text = asText(content) ?? texts.join('')
  if (text === '') throw nothingToEmbed('content')
  const taskType = asText(field(request, 'taskType'))
  const title = asText(request['title'])
  return { text, ...(taskType === null ? {} : { taskType }), ...(title === null ? {} : { title }) }
}

/** The body of `batchEmbedContents`, which also serves one text. */
export function encodeGeminiEmbedding(
  request: EmbeddingRequest,
  { model, losses }: { model: string; losses: LossReport },
): Record<string, unknown> {
  if (request.userId !== undefined) losses.drop('user', 'the provider has no such field')
  const name = model.startsWith('models/') ? model : `models/${model}`
  return {
    requests: request.inputs.map(({ text, taskType, title }) => ({
      model: name,
      content: { parts: [{ text }] },
      ...(taskType === undefined ? {} : { taskType }),
      ...(title === undefined ? {} : { title }),
      ...(request.dimensions === undefined ? {} : { outputDimensionality: request.dimensions }),
    })),
  }
}

/** null where the answer holds no vectors. */
export function decodeOpenaiVectors(body: JsonObject): EmbeddingResponse | null {
  const data = asObjects(body['data']).toSorted((a, b) => (asCount(a['index']) ?? 0) - (asCount(b['index']) ?? 0))
  const vectors = data.map(({ embedding }) => readVector(embedding))
  if (vectors.length === 0 || vectors.includes(null)) return null
  const usage = asObject(body['usage'])
  return {
    vectors: vectors.filter((vector) => vector !== null),
    usage: { ...UNKNOWN_USAGE, input: asCount(usage?.['prompt_tokens']), output: 0 },
  }
}

export function decodeGeminiVectors(body: JsonObject): EmbeddingResponse | null {
  const embedding = asObject(body['embedding'])
  const found = embedding ? [embedding] : asObjects(body['embeddings'])
  const vectors = found.map(({ values }) => readVector(values))
  if (vectors.length === 0 || vectors.includes(null)) return null
  const usage = asObject(field(body, 'usageMetadata'))
  return {
    vectors: vectors.filter((vector) => vector !== null),
    usage: { ...UNKNOWN_USAGE, input: asCount(field(usage, 'promptTokenCount')), output: 0 },
  }
}

function readVector(value: unknown): readonly number[] | null {
  if (typeof value === 'string') return floatsOfBase64(value)
  if (!Array.isArray(value)) return null
  const numbers = value as unknown[]
  return numbers.every((number) => typeof number === 'number') ? numbers : null
}

export function encodeOpenaiVectors(
  { vectors, usage }: EmbeddingResponse,
  { model, format }: { model: string; format: EmbeddingRequest['format'] },
): Record<string, unknown> {
  const tokens = usage.input ?? 0
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: format === 'base64' ? base64OfFloats(vector) : vector,
    })),
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  }
}

export function encodeGeminiVectors({ vectors, usage }: EmbeddingResponse, single: boolean): Record<string, unknown> {
  const told = usage.input === null ? {} : { usageMetadata: { promptTokenCount: usage.input } }
  return single
    ? { embedding: { values: vectors[0] ?? [] }, ...told }
    : { embeddings: vectors.map((values) => ({ values })), ...told }
}

export function base64OfFloats(vector: readonly number[]): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4))
  for (const [at, value] of vector.entries()) view.setFloat32(at * 4, value, true)
  return Buffer.from(view.buffer).toString('base64')
}

export function floatsOfBase64(text: string): number[] | null {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === 0 || bytes.length % 4 !== 0) return null
  return Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4))
}

function asObjects(value: unknown): JsonObject[] {
  return (Array.isArray(value) ? (value as unknown[]) : []).flatMap((entry) => {
    const object = asObject(entry)
    return object ? [object] : []
  })
}

// Gemini's fields may be spelled in either case.
function field(object: JsonObject | null | undefined, name: string): unknown {
  return object?.[name] ?? object?.[snakeOf(name)]
}

function snakeOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
