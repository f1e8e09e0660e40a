// Careful reading of JSON that others wrote: a wrong type is an absent value, never an exception.

export type JsonObject = Readonly<Record<string, unknown>>

export function asObject(value: unknown): JsonObject | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isExactNumber(value)) return null
  return value as JsonObject
}

export function asText(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/** A text that says something. */
export function asWord(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** A whole number of at least 0; an explicit 0 is a 0, anything else is unknown. */
export function asCount(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

/**
 * A bound as lenient servers read it, who take a number written as text as well; rounded up. null where there is none.
 */
export function boundOf(value: unknown): number | null {
  const number = Math.ceil(numberOf(value, true) ?? -1)
  return number >= 0 ? Math.min(number, Number.MAX_SAFE_INTEGER) : null
}

/** `maxTokens` as `max_tokens`. */
export function toSnake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

declare const exact: unique symbol
/** A whole number of more digits than a `number` holds, kept as it was written; `JSON.stringify` writes it so. */
export interface ExactNumber {
  readonly rawJSON: string
  readonly [exact]: true
}

interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): ExactNumber
  isRawJSON(value: unknown): value is ExactNumber
}

// The types of the standard library do not have them yet.
const { rawJSON, isRawJSON, parse } = JSON as unknown as ExactJson

export function isExactNumber(value: unknown): value is ExactNumber {
  return typeof value === 'object' && isRawJSON(value)
}

/** The nearest `number`; `strings`: also of one written as a text. null for anything else. */
export function numberOf(value: unknown, strings = false): number | null {
  if (typeof value === 'number') return value
  if (isExactNumber(value)) return Number(value.rawJSON)
  return strings && typeof value === 'string' && DECIMAL.test(value) ? Number(value) : null
}

/** A seed as it was written, of any length; undefined where there is none. */
export function seedOf(value: unknown): number | ExactNumber | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (isExactNumber(value)) return value
  return typeof value === 'string' && WHOLE.test(value) ? seedOf(parseJson(value)) : undefined
}

const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** Where a whole number may be too long for a `number`, or a power too high; fractions are as exact as doubles are. */
const MAY_BE_LONG = /(?:^|[^\d.])\d{16}|\d[eE]\+?\d{3}/
const WHOLE = /^-?\d+$/

// Called for every value of a text that may have such numbers, so what is short is let through first.
function keepExact(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== 'number' || source === undefined) return value
  if (!Number.isFinite(value)) return rawJSON(source)
  return Number.isSafeInteger(value) || !WHOLE.test(source) || String(value) === source ? value : rawJSON(source)
}

/** undefined for what is no JSON. Whole numbers beyond 2^53 come as `ExactNumber`. */
export function parseJson(text: string): unknown {
  try {
    return MAY_BE_LONG.test(text) ? parse(text, keepExact) : JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The sum of what is known; null when nothing is. */
export function addCounts(...counts: (number | null)[]): number | null {
  let sum: number | null = null
  for (const count of counts) if (count !== null) sum = (sum ?? 0) + count
  return sum
}

/**
 * The last JSON value that stands behind `"key":` in a text that may begin in the middle of a JSON document.
 * A quoted key cannot stand inside a JSON string unescaped, so the match is a real member; `accept` tells whether it is
 * the one meant.
 */
export function lastMember(text: string, key: string, accept: (value: JsonObject) => boolean): JsonObject | null {
  return findLastMember(text, key, accept)?.value ?? null
}

/** The same, with the text of the value as it stands there. */
export function findLastMember(
  text: string,
  key: string,
  accept: (value: JsonObject) => boolean,
): { readonly value: JsonObject; readonly text: string } | null {
  const pattern = `"${key}"`
  for (let at = text.lastIndexOf(pattern); at !== -1; at = at === 0 ? -1 : text.lastIndexOf(pattern, at - 1)) {
    const start = skipColon(text, at + pattern.length)
    if (start === -1 || text[start] !== '{') continue
    const end = endOfObject(text, start)
    if (end === -1) continue
    const member = text.slice(start, end)
    const value = asObject(parseJson(member))
    if (value && accept(value)) return { value, text: member }
  }
  return null
}

/** The last text behind `"key":` in such a text, as it was written. */
export function findLastText(text: string, key: string): string | undefined {
  return [...text.matchAll(new RegExp(`"${key}"\\s*:\\s*("(?:[^"\\\\]|\\\\.)*")`, 'g'))].at(-1)?.[1]
}

function skipColon(text: string, from: number): number {
  const match = /\s*:\s*/y
  match.lastIndex = from
  return match.test(text) ? match.lastIndex : -1
}

function endOfObject(text: string, start: number): number {
  let depth = 0
  let inString = false
  for (let index = start; index < text.length; index++) {
    const char = text[index]
    if (inString) {
      if (char === '\\') index++
      else if (char === '"') inString = false
    } else if (char === '"') inString = true
    else if (char === '{' || char === '[') depth++
    else if ((char === '}' || char === ']') && --depth === 0) return index + 1
  }
  return -1
}

/** Everything in an error body that a machine reads, in lower case, and the sentence for people. Any vendor's shape. */
export function readErrorBody(body: string): { signals: string[]; message: string; details: readonly unknown[] } {
  let parsed = parseJson(body)
  if (Array.isArray(parsed)) parsed = parsed[0]
  const root = asObject(parsed)
  if (!root) return { signals: [], message: '', details: [] }
  const inner = asObject(root['error'])
  const error = inner ?? root
  const signals: string[] = []
  for (const value of [error['code'], error['type'], error['status'], root['code'], root['type']]) {
    if (typeof value === 'string' && value !== 'error') signals.push(value.toLowerCase())
  }
  const details = Array.isArray(error['details']) ? (error['details'] as unknown[]) : []
  for (const detail of details) {
    const { reason, violations } = asObject(detail) ?? {}
    if (typeof reason === 'string') signals.push(reason.toLowerCase())
    for (const violation of Array.isArray(violations) ? (violations as unknown[]) : []) {
      const quota = asText(asObject(violation)?.['quotaId'])
      if (quota) signals.push(quota.toLowerCase())
    }
  }
  const message = asText(error['message']) ?? asText(root['error']) ?? asText(root['message']) ?? ''
  return { signals, message, details }
}
