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
  const known = listPropertyNames(schema)
  const submitted = collectTexts(input, known)
  const details = result.error.issues.slice(0, 20).map((issue) => describeIssue(issue, input, known, submitted))
  throw new GatewayError('validation_failed', { details, message: summarise(details) })
}

function summarise(details: readonly ValidationDetail[]): string {
  const first = details[0]!
  const where = first.path === '' ? '' : `${first.path}: `
  const more = details.length > 1 ? ` (and ${details.length - 1} more; see details)` : ''
  return `${where}${first.message}${more}`
}

function describeIssue(
  issue: z.core.$ZodIssue,
  input: unknown,
  known: ReadonlySet<string>,
  submitted: readonly string[],
): ValidationDetail {
  // Names of a record's entries are the client's; only names of the schema are repeated.
  const path = issue.path
    .map((step) => (typeof step === 'number' || known.has(String(step)) ? String(step) : '*'))
    .join('.')
  if (issue.code === 'unrecognized_keys') {
    const names = [...known].sort().join(', ')
    return { path, message: `Holds a field that is not known here. Known fields: ${names || 'none'}.` }
  }
  if (issue.code === 'invalid_type' && lookUp(input, issue.path) === undefined) return { path, message: 'Required.' }
  if (issue.code === 'invalid_value')
    return { path, message: `Must be one of: ${issue.values.map(String).join(', ')}.` }
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

/** Every property name the schema itself has, at any depth. */
function listPropertyNames(schema: z.ZodType): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    if (Array.isArray(node)) return node.forEach(visit)
    for (const [key, value] of Object.entries(node)) {
      if (key === 'properties' && typeof value === 'object' && value !== null) {
        for (const name of Object.keys(value)) names.add(name)
      }
      visit(value)
    }
  }
  visit(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', cycles: 'ref' }))
  return names
}

/** Each text the client sent: values, and names that are not the schema's own. */
function collectTexts(input: unknown, known: ReadonlySet<string>): string[] {
  const texts: string[] = []
  const add = (text: string): void => {
    if (text.length >= SHORTEST_REPEAT) texts.push(text)
  }
  const visit = (node: unknown): void => {
    if (typeof node === 'string') add(node)
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
