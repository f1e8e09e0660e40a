// Checks what a client submitted against a schema and says what is wrong with it, field by field, without ever
// repeating a submitted value: the value may be a password or a provider key that landed in the wrong field.
import { z } from 'zod'
import { GatewayError } from '../kernel/errors.ts'

export interface ValidationDetail {
  /** `budget.usd`; empty for the whole. */
  readonly path: string
  readonly message: string
}

const GENERIC = 'This value is not accepted.'
/** Shorter pieces stand in our own sentences by chance. */
const SHORTEST_REPEAT = 4

/** The parsed value; throws `validation_failed` with details. */
export function validate<Value>(schema: z.ZodType<Value>, input: unknown): Value {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', cycles: 'ref' }) as JsonSchema
  const known = listWords(json)
  const facts = { input, json, known, submitted: collectTexts(input, known) }
  const details = result.error.issues.slice(0, 20).map((issue) => describeIssue(issue, facts))
  throw new GatewayError('validation_failed', { details, message: summarise(details) })
}

function summarise(details: readonly ValidationDetail[]): string {
  const first = details[0]!
  const where = first.path === '' || first.message.startsWith(`${first.path} `) ? '' : `${first.path}: `
  const more = details.length > 1 ? ` (and ${details.length - 1} more; see details)` : ''
  return `${where}${first.message}${more}`
}

type JsonSchema = Readonly<Record<string, unknown>>

interface Facts {
  readonly input: unknown
  readonly json: JsonSchema
  /** Words of the schema, which may be repeated. */
  readonly known: ReadonlySet<string>
  /** Words of the client, which may not. */
  readonly submitted: readonly string[]
}

function describeIssue(issue: z.core.$ZodIssue, { input, json, known, submitted }: Facts): ValidationDetail {
  // Names of a record's entries are the client's; only names of the schema are repeated.
  const path = issue.path
    .map((step) => (typeof step === 'number' || known.has(String(step)) ? String(step) : '*'))
    .join('.')
  if (issue.code === 'unrecognized_keys') {
    const names = listNamesAt(json, issue.path).join(', ')
    return { path, message: `Holds a field that is not known here. Known fields: ${names || 'none'}.` }
  }
  if (issue.code === 'invalid_type' && lookUp(input, issue.path) === undefined) return { path, message: 'Required.' }
  if (issue.code === 'invalid_value')
    return { path, message: `Must be one of: ${issue.values.map(String).join(', ')}.` }
  if (issue.code === 'too_small' && issue.origin === 'string' && issue.minimum === 1)
    return { path, message: `${path === '' ? 'This' : path} must not be empty.` }
  const repeats = submitted.some((text) => issue.message.includes(text))
  return { path, message: repeats ? GENERIC : `${issue.message}.` }
}

function lookUp(input: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = input
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<PropertyKey, unknown>)[step]
  }
  return value
}

/** Every name and every fixed value the schema itself has, at any depth. */
function listWords(json: JsonSchema): ReadonlySet<string> {
  const words = new Set<string>()
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    if (Array.isArray(node)) return node.forEach(visit)
    for (const [key, value] of Object.entries(node)) {
      if (key === 'properties' && typeof value === 'object' && value !== null) {
        for (const name of Object.keys(value)) words.add(name)
      }
      if (key === 'const' || key === 'enum') for (const word of [value].flat()) words.add(String(word))
      visit(value)
    }
  }
  visit(json)
  return words
}

/** The names an object may have at one place of the schema. */
function listNamesAt(json: JsonSchema, path: readonly PropertyKey[]): string[] {
  let nodes = openChoices(json, [json])
  for (const step of path) {
    const below = nodes.map((node) => {
      const properties = asSchema(node['properties'])
      if (typeof step === 'number') return asSchema(node['items'])
      return properties && Object.hasOwn(properties, step)
        ? asSchema(properties[String(step)])
        : asSchema(node['additionalProperties'])
    })
    nodes = openChoices(json, below)
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(asSchema(node['properties']) ?? {})))].sort()
}

/** The plain schemas behind references and unions. */
function openChoices(root: JsonSchema, nodes: readonly (JsonSchema | undefined)[]): JsonSchema[] {
  return nodes.flatMap((node): JsonSchema[] => {
    if (!node) return []
    const reference = node['$ref']
    if (typeof reference === 'string') {
      const name = reference.replace('#/$defs/', '')
      return openChoices(root, [reference === '#' ? root : asSchema(asSchema(root['$defs'])?.[name])])
    }
    const choices = node['anyOf'] ?? node['oneOf'] ?? node['allOf']
    return Array.isArray(choices) ? openChoices(root, choices.map(asSchema)) : [node]
  })
}

function asSchema(value: unknown): JsonSchema | undefined {
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : undefined
}

/** Each text the client sent: values, and names that are not the schema's own. */
function collectTexts(input: unknown, known: ReadonlySet<string>): string[] {
  const texts: string[] = []
  const add = (text: string): void => {
    if (text.length >= SHORTEST_REPEAT) texts.push(text)
  }
  const visit = (node: unknown): void => {
    if (typeof node === 'string' && !known.has(node)) add(node)
    else if (typeof node === 'number') add(String(node))
    else if (Array.isArray(node)) node.forEach(visit)
    else if (typeof node === 'object' && node !== null) {
      for (const [key, value] of Object.entries(node)) {
        if (!known.has(key)) add(key)
        visit(value)
      }
    }
  }
  visit(input)
  return texts
}
