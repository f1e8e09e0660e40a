// Names and small readers this dialect's codec shares: the protocol's id, the ids servers take for calls, fields that
// only this dialect knows.
import type { Extras } from '../canonical.ts'
import { asObject, type JsonObject } from '../read.ts'

export const CHAT = 'openai-chat'

const LONGEST_CALL_ID = 64

/** A call's id as the server takes it: the same for a call and its result, whatever the client called it. */
export function wireCallId(id: string, rule: 'any' | 'alnum9', hash8: (text: string) => string): string {
  if (rule === 'alnum9') return /^[a-zA-Z0-9]{9}$/.test(id) ? id : `c${hash8(id)}`
  if (id.length <= LONGEST_CALL_ID) return id
  return `${id.slice(0, LONGEST_CALL_ID - 9).replace(/[^a-zA-Z0-9_-]/g, '_')}_${hash8(id)}`
}

/** An id for the call of this number in an answer that gave it none: the same whether it was streamed or not. */
export function missingCallId(answerId: string, number: number): string {
  const clean = answerId.replace(/[^a-zA-Z0-9]/g, '').slice(-24)
  return clean === '' ? `call_${number}` : `call_${clean}_${number}`
}

/** Field names from lines of words. */
export function fieldNames(...lines: string[]): ReadonlySet<string> {
  return new Set(lines.flatMap((line) => line.split(' ')))
}

/** What an object has beside the known fields; null values say nothing. */
export function restOf(object: JsonObject | null, known: ReadonlySet<string>): Record<string, unknown> {
  const rest: Record<string, unknown> = {}
  for (const field in object) {
    const value = object[field]
    if (value !== undefined && value !== null && !known.has(field)) rest[field] = value
  }
  return rest
}

export function extraOf(fields: Record<string, unknown>): { extra: Extras } | undefined {
  return isEmpty(fields) ? undefined : { extra: { [CHAT]: fields } }
}

export function ownExtra(extra: Extras | undefined): JsonObject {
  return extra?.[CHAT] ?? {}
}

export function isEmpty(object: object): boolean {
  for (const _ in object) return false
  return true
}

/** The object without its absent values. */
export function compact(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

export function asObjects(value: unknown): JsonObject[] {
  const objects: JsonObject[] = []
  for (const entry of asList(value)) {
    const object = asObject(entry)
    if (object) objects.push(object)
  }
  return objects
}

export function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

export function asBoolean(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}
