// Gemini's JSON as clients write it: every field may be spelled in camel or snake case, lists may be a single object.
import { asObject, numberOf, toSnake, type JsonObject } from '../read.ts'

export const GEMINI = 'gemini'

/** The value of a field by its camel-case name, in either spelling; null counts as absent. */
export function field(object: JsonObject | null | undefined, name: string): unknown {
  if (!object) return undefined
  return object[name] ?? object[snakeOf(name)] ?? undefined
}

/** Of the names that stand in the code, each changed once. */
const SNAKES = new Map<string, string>()

function snakeOf(name: string): string {
  let snake = SNAKES.get(name)
  if (snake === undefined) SNAKES.set(name, (snake = toSnake(name)))
  return snake
}

export function toCamel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** What an object has beside the fields of `known` (camel case), under camel-case names; absent values are left out. */
export function restOf(object: JsonObject | null, known: ReadonlySet<string>): Record<string, unknown> {
  const rest: Record<string, unknown> = {}
  for (const name in object) {
    const value = object[name]
    if (value === undefined || value === null || known.has(name)) continue
    const camel = toCamel(name)
    if (!known.has(camel)) rest[camel] = value
  }
  return rest
}

/** A list, or the one thing that stands where a list should. */
export function asList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value as unknown[]
  return value === undefined || value === null ? [] : [value]
}

export function asObjects(value: unknown): JsonObject[] {
  const objects: JsonObject[] = []
  for (const entry of asList(value)) {
    const object = asObject(entry)
    if (object) objects.push(object)
  }
  return objects
}

/** Numbers may be written as texts. */
export function asNumber(value: unknown): number | undefined {
  const number = numberOf(value, true)
  return number !== null && Number.isFinite(number) ? number : undefined
}

/** Is there anything in this object? */
export function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0
}

/** The object without its absent values. */
export function compact<Value extends Record<string, unknown>>(object: Value): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}
