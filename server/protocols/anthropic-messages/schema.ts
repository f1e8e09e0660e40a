// JSON schemas as Anthropic's structured output takes them: closed objects, `anyOf` for `oneOf`, and the keywords it
// does not know said in words, so that the model still sees them.
import { asObject, asText, type JsonObject } from '../read.ts'

const SAID_IN_WORDS: ReadonlySet<string> = new Set([
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'pattern',
  'maxItems',
  'uniqueItems',
  'contains',
  'minContains',
  'maxContains',
  'minProperties',
  'maxProperties',
  'patternProperties',
  'propertyNames',
  'not',
])
const FORMATS: ReadonlySet<string> = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
])
const MAPS: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions'])
const LISTS: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems'])

export interface FittedSchema {
  readonly schema: JsonObject
  /** Something is only said in words now, or an object was closed that stood open. */
  readonly changed: boolean
}

export function fitSchema(schema: unknown): FittedSchema {
  const state = { changed: false }
  const fitted = asObject(fit(schema, state)) ?? { type: 'object', properties: {}, additionalProperties: false }
  return { schema: fitted, changed: state.changed }
}

function fit(value: unknown, state: { changed: boolean }): unknown {
  const schema = asObject(value)
  if (!schema) return value
  const fitted: Record<string, unknown> = {}
  const words: Record<string, unknown> = {}
  for (const [key, entry] of Object.entries(schema)) {
    if (key === '$schema') continue
    if (isSaidInWords(key, entry)) words[key] = entry
    else if (MAPS.has(key)) fitted[key] = mapValues(entry, state)
    else if (key === 'oneOf' || key === 'anyOf')
      fitted['anyOf'] = [...listOf(fitted['anyOf']), ...fitList(entry, state)]
    else if (LISTS.has(key)) fitted[key] = fitList(entry, state)
    else fitted[key] = key === 'items' ? fit(entry, state) : entry
  }
  if (isObjectSchema(schema)) {
    if (schema['additionalProperties'] !== undefined && schema['additionalProperties'] !== false) state.changed = true
    fitted['additionalProperties'] = false
  }
  if (Object.keys(words).length > 0) {
    state.changed = true
    const said = Object.entries(words).map(([key, entry]) => `${key}: ${JSON.stringify(entry)}`)
    const before = asText(fitted['description'])
    fitted['description'] = `${before === null ? '' : `${before}\n\n`}{${said.join(', ')}}`
  }
  return fitted
}

function isSaidInWords(key: string, value: unknown): boolean {
  if (key === 'format') return typeof value === 'string' && !FORMATS.has(value)
  if (key === 'minItems') return value !== 0 && value !== 1
  return SAID_IN_WORDS.has(key)
}

function isObjectSchema(schema: JsonObject): boolean {
  const { type } = schema
  return (
    type === 'object' || (Array.isArray(type) && type.includes('object')) || asObject(schema['properties']) !== null
  )
}

function mapValues(value: unknown, state: { changed: boolean }): unknown {
  const map = asObject(value)
  return map ? Object.fromEntries(Object.entries(map).map(([key, entry]) => [key, fit(entry, state)])) : value
}

function fitList(value: unknown, state: { changed: boolean }): unknown[] {
  return listOf(value).map((entry) => fit(entry, state))
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}
