// Schemas on their way through Gemini: its own OpenAPI-like ones become JSON schemas, and JSON schemas become ones that
// need no references. Invariant: only schema positions are walked; a property called `$ref` or `const` is left alone.
import { CannotCross, type LossReport } from '../codec.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { toCamel } from './fields.ts'

/** Keywords that hold schemas by name, one schema, or a list of them. */
const BY_NAME = new Set(['properties', 'patternProperties', 'dependentSchemas'])
const LISTS = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems'])
const SINGLE = new Set(
  ['items', 'additionalProperties', 'additionalItems', 'contains', 'not', 'if', 'then', 'else'].concat([
    'propertyNames',
    'unevaluatedItems',
    'unevaluatedProperties',
  ]),
)
const LEFT_OUT = new Set(['$schema', '$id', '$defs', 'definitions', '$anchor', '$comment'])
const DEEPEST = 64
/** Most characters that references may add to the schemas of one request, about as JSON writes them. */
const MOST_ADDED = 4 * 1024 * 1024

/** How much the references of one request may still add. */
export interface SchemaRoom {
  left: number
}

export function createSchemaRoom(): SchemaRoom {
  return { left: MOST_ADDED }
}

/**
 * A JSON schema without `$schema` and with every `$ref` replaced by what it points at. A few references may stand for
 * any amount, so what they add is counted while it is copied.
 */
export function inlineSchema(schema: unknown, losses: LossReport, room = createSchemaRoom()): unknown {
  const spend = (characters: number): void => {
    room.left -= characters
    if (room.left < 0) throw tooMuch()
  }
  const cut = (target: JsonObject | null, why: string): JsonObject => {
    losses.approximate('schema', why)
    const type = target?.['type']
    const description = target?.['description']
    spend(lengthOf(type) + lengthOf(description))
    return { ...(type === undefined ? {} : { type }), ...(description === undefined ? {} : { description }) }
  }
  /** What no reference led to stands in the request itself. */
  const copy = (value: unknown, open: readonly string[]): unknown => {
    if (open.length > 1) spend(lengthOf(value))
    return value
  }

  function walk(node: unknown, open: readonly string[], depth: number): unknown {
    const found = asObject(node)
    if (!found) return copy(node, open)
    if (depth > DEEPEST) return cut(found, 'the schema is too deep')
    const ref = asText(found['$ref'])
    if (ref !== null) return follow(found, ref, open, depth)
    const out: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(found)) {
      copy(key, open)
      if (LEFT_OUT.has(key)) continue
      if (key === 'const' && (typeof value === 'string' || typeof value === 'number')) out['enum'] = [copy(value, open)]
      else out[key] = walkKeyword(key, value, open, depth + 1)
    }
    return out
  }

  function walkKeyword(key: string, value: unknown, open: readonly string[], depth: number): unknown {
    const named = BY_NAME.has(key) ? asObject(value) : null
    if (named) {
      return Object.fromEntries(
        Object.entries(named).map(([name, one]) => [copy(name, open), walk(one, open, depth)] as const),
      )
    }
    if (Array.isArray(value) && (LISTS.has(key) || key === 'items')) {
      return (value as unknown[]).map((one) => walk(one, open, depth))
    }
    return SINGLE.has(key) ? walk(value, open, depth) : copy(value, open)
  }

  function follow(node: JsonObject, ref: string, open: readonly string[], depth: number): unknown {
    spend(lengthOf(ref))
    const target = pointed(schema, ref)
    const { $ref: _, ...beside } = node
    if (target === undefined)
      return { ...cut(null, 'a reference points nowhere'), ...asObject(walk(beside, open, depth)) }
    // The innermost copy of a schema that contains itself stays open: only its type is told.
    const inlined = open.includes(ref)
      ? cut(asObject(target), 'a schema that contains itself is cut where it repeats')
      : walk(target, [...open, ref], depth + 1)
    if (Object.keys(beside).length === 0) return inlined
    const whole = asObject(inlined) ?? {}
    spend(Object.keys(whole).length)
    return { ...whole, ...asObject(walk(beside, open, depth)) }
  }

  return walk(schema, ['#'], 0)
}

function lengthOf(value: unknown): number {
  if (value === undefined) return 0
  return typeof value === 'string' ? value.length + 3 : JSON.stringify(value).length + 1
}

function tooMuch(): CannotCross {
  return new CannotCross(
    'schema',
    `The provider of the model asked for takes schemas without \`$ref\`, and with each reference replaced by what it ` +
      `points at, those of the request grow by more than ${MOST_ADDED / 1024 / 1024} MiB. Refer to less, or less often.`,
    'bad_request',
  )
}

function pointed(root: unknown, ref: string): unknown {
  if (ref === '#') return root
  if (!ref.startsWith('#/')) return undefined
  let node = root
  for (const step of ref.slice(2).split('/')) {
    const name = decodeStep(step)
    node = Array.isArray(node) ? (node as unknown[])[Number(name)] : ownValue(asObject(node), name)
    if (node === undefined) return undefined
  }
  return node
}

function ownValue(object: JsonObject | null, name: string): unknown {
  return object && Object.hasOwn(object, name) ? object[name] : undefined
}

function decodeStep(step: string): string {
  const plain = step.replace(/~1/g, '/').replace(/~0/g, '~')
  try {
    return decodeURIComponent(plain)
  } catch (error) {
    if (error instanceof URIError) return plain
    throw error
  }
}

const NUMBERS = new Set([
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
])

/** Gemini's `Schema` (upper-case types, `nullable`, numbers as text) as JSON schema. */
export function jsonSchemaOf(schema: unknown): unknown {
  const found = asObject(schema)
  if (!found) return schema
  const out: Record<string, unknown> = {}
  let nullable = false
  for (const [name, value] of Object.entries(found)) {
    const key = name.startsWith('$') ? name : toCamel(name)
    if (key === 'nullable') nullable = value === true
    else if (key === 'type') out['type'] = typeOf(value)
    else if (key === 'propertyOrdering') continue
    else if (key === 'properties' || key === '$defs' || key === 'defs') {
      const named = Object.entries(asObject(value) ?? {})
      out[key === 'defs' ? '$defs' : key] = Object.fromEntries(named.map(([one, inner]) => [one, jsonSchemaOf(inner)]))
    } else if (LISTS.has(key)) out[key] = Array.isArray(value) ? (value as unknown[]).map(jsonSchemaOf) : value
    else if (SINGLE.has(key)) out[key] = jsonSchemaOf(value)
    else if (NUMBERS.has(key)) out[key] = typeof value === 'string' && value !== '' ? Number(value) : value
    else out[key] = value
  }
  if (out['type'] === undefined) delete out['type']
  return nullable ? orNull(out) : out
}

function typeOf(value: unknown): unknown {
  if (typeof value === 'string') return value === 'TYPE_UNSPECIFIED' ? undefined : value.toLowerCase()
  return Array.isArray(value) ? (value as unknown[]).map(typeOf) : value
}

function orNull(schema: Record<string, unknown>): Record<string, unknown> {
  const { type, anyOf } = schema
  if (typeof type === 'string') {
    const values = schema['enum']
    const nullableEnum =
      Array.isArray(values) && !values.includes(null) ? { enum: [...(values as unknown[]), null] } : {}
    return { ...schema, type: [type, 'null'], ...nullableEnum }
  }
  return Array.isArray(anyOf) ? { ...schema, anyOf: [...(anyOf as unknown[]), { type: 'null' }] } : schema
}
