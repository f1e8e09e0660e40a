// A wish for a shape of answer, as far as the server can hold to it; else it is asked for in words.
import type { ChatRequest } from '../canonical.ts'
import type { RequestEncoding } from '../codec.ts'
import { compact } from './names.ts'

export interface EncodedFormat {
  readonly fields: Record<string, unknown>
  /** To be said to the model, where no field says it. */
  readonly instruction: string | null
}

export function encodeFormat({ format }: ChatRequest, { profile, losses }: RequestEncoding): EncodedFormat {
  const { schema } = profile.dialect
  if (!format || format.kind === 'text') return { fields: {}, instruction: null }
  const object = schema === 'none' ? {} : { response_format: { type: 'json_object' } }
  if (format.kind === 'json_object') {
    if (schema !== 'none') return { fields: object, instruction: null }
    losses.approximate('response_format', 'the model is asked for JSON in words')
    return { fields: {}, instruction: 'Answer with one JSON object and nothing else.' }
  }
  if (schema === 'strict') {
    const { name, description, strict } = format
    const inner = compact({ name: name ?? 'answer', description, schema: format.schema, strict })
    return { fields: { response_format: { type: 'json_schema', json_schema: inner } }, instruction: null }
  }
  losses.approximate('response_format', 'the provider is held to JSON only; the model is told the schema in words')
  const about = format.description === undefined ? '' : ` ${format.description}`
  const told = `Answer with one JSON object and nothing else.${about} It must follow this JSON schema:\n${JSON.stringify(format.schema)}`
  return { fields: object, instruction: told }
}
