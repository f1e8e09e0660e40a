// OpenAI's smaller endpoints: embeddings and the list of models.
import { countTokens, type Json } from './turn.ts'
import { jsonAnswer, type Answer } from './wire.ts'

export const OPENAI_MODELS = ['gpt-4o', 'gpt-4o-mini', 'gpt-5', 'gpt-5.5', 'o4-mini', 'text-embedding-3-small']

export function checkEmbeddingsBody(body: Json): string | undefined {
  if (typeof body?.model !== 'string') return 'you must provide a model parameter'
  if (body.input === undefined || body.input === '') return "Missing required parameter: 'input'."
  return undefined
}

export function answerEmbeddings(body: Json): Answer {
  const inputs: Json[] = Array.isArray(body.input) && typeof body.input[0] !== 'number' ? body.input : [body.input]
  const data = inputs.map((input, index) => {
    const vector = embed(JSON.stringify(input), body.dimensions ?? 8)
    const embedding = body.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector]
    return { object: 'embedding', index, embedding }
  })
  const tokens = countTokens(JSON.stringify(body.input).length)
  return jsonAnswer(200, {
    object: 'list',
    data,
    model: body.model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  })
}

/** A vector of length one that follows from the text. */
export function embed(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions)
  for (let i = 0; i < text.length; i++) vector[i % dimensions]! += text.charCodeAt(i) / (i + 1)
  const length = Math.hypot(...vector) || 1
  return vector.map((value) => value / length)
}

export function answerOpenaiModels(id: string | undefined, names = OPENAI_MODELS): Answer {
  const models = names.map((name) => ({ id: name, object: 'model', created: 1_715_367_049, owned_by: 'system' }))
  if (id === undefined) return jsonAnswer(200, { object: 'list', data: models })
  const found = models.find((model) => model.id === id)
  if (found !== undefined) return jsonAnswer(200, found)
  const message = `The model '${id}' does not exist`
  return jsonAnswer(404, { error: { message, type: 'invalid_request_error', param: 'model', code: 'model_not_found' } })
}
