// What a dialect's own API takes in a field, as tables: a known field of a wrong type, or of a value that cannot be, is
// refused before anything is read of it, since what a reader cannot use would vanish without a word. A member of an
// object that stands in none of its tables is read by nobody: `unread.ts` tells it as lost. `null` says that a field is
// left out.
import { CannotCross } from './codec.ts'
import { asObject, isExactNumber, numberOf, type JsonObject } from './read.ts'

/** What a value must be; `check` throws `CannotCross` naming the path, never the value. */
export interface Shape {
  /** As in "must be …". */
  readonly expected: string
  readonly required?: boolean
  check(value: unknown, path: string): void
  /** What is known of the inside of a value that passed `check`; absent: nothing, as of a text. */
  inside?(value: unknown): Inside
}

/** What the tables know of the members of an object, or of the entries of a list. */
export interface Inside {
  readonly members: readonly Fields[]
  readonly entries: readonly Shape[]
  /** What stands in no table goes along with the rest, as the codec carries it. */
  readonly open: boolean
}

const NOTHING: Inside = { members: [], entries: [], open: false }
const EVERYTHING: Inside = { ...NOTHING, open: true }

/** What several shapes know together. */
export function insideOf(value: unknown, shapes: readonly Shape[]): Inside {
  const known = shapes.map((shape) => shape.inside?.(value) ?? NOTHING)
  if (known.length === 1) return known[0]!
  return {
    members: known.flatMap(({ members }) => members),
    entries: known.flatMap(({ entries }) => entries),
    open: known.some(({ open }) => open),
  }
}

/** Refuses the body where a field of the table does not fit. */
export function checkShape(body: unknown, shape: Shape): void {
  shape.check(body, '')
}

export function refuse(path: string, expected: string, value: unknown): never {
  const found = value === undefined || value === null ? 'it is missing' : `it is ${kindOf(value, expected)}`
  throw new CannotCross(path, `\`${path}\` must be ${expected}; ${found}.`, 'bad_request')
}

const LONGEST_NAME = 40

function kindOf(value: unknown, expected: string): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return /\btext|one of/.test(expected) ? 'another text' : 'a text'
  if (typeof value === 'boolean') return 'a boolean'
  if (typeof value === 'number' || isExactNumber(value)) return /number/.test(expected) ? 'another number' : 'a number'
  return 'an object'
}

function where(path: string, name: string): string {
  const short = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME).toWellFormed()}…` : name
  return path === '' ? short : `${path}.${short}`
}

function shapeOf(expected: string, fits: (value: unknown) => boolean): Shape {
  return {
    expected,
    check: (value, path) => {
      if (!fits(value)) refuse(path, expected, value)
    },
  }
}

/** Carried as it is, whatever stands in it; so is `object`. */
export const anything: Shape = { expected: 'anything', check: () => undefined, inside: () => EVERYTHING }
export const text = shapeOf('a text', (value) => typeof value === 'string')
export const flag = shapeOf('true or false', (value) => typeof value === 'boolean')
export const object: Shape = {
  ...shapeOf('an object', (value) => asObject(value) !== null),
  inside: () => EVERYTHING,
}

/** `strings`: numbers may be written as texts (JSON of protocol buffers). */
interface Range {
  readonly least?: number
  readonly most?: number
  readonly strings?: boolean
}

function within(what: string, range: Range, fits: (value: number) => boolean): Shape {
  const { least, most, strings = false } = range
  const bounds =
    least !== undefined && most !== undefined
      ? ` from ${least} to ${most}`
      : least === undefined
        ? ''
        : ` of at least ${least}`
  return shapeOf(`${what}${bounds}`, (value) => {
    const number = numberOf(value, strings)
    return number !== null && fits(number) && number >= (least ?? -Infinity) && number <= (most ?? Infinity)
  })
}

export const number = (range: Range = {}): Shape => within('a number', range, Number.isFinite)
export const integer = (range: Range = {}): Shape => within('a whole number', range, Number.isInteger)

/** One of these words; `loose`: in either case. */
export function oneOf(words: readonly string[], loose = false): Shape {
  const known = new Set(words)
  const named = words.map((word) => `"${word}"`)
  return shapeOf(`one of ${named.join(', ')}`, (value) => {
    return typeof value === 'string' && known.has(loose ? value.toUpperCase() : value)
  })
}

export function listOf(entry: Shape): Shape {
  return {
    expected: 'a list',
    check(value, path) {
      if (!Array.isArray(value)) refuse(path, 'a list', value)
      for (const [at, one] of (value as unknown[]).entries()) entry.check(one, `${path}[${at}]`)
    },
    inside: () => ({ ...NOTHING, entries: [entry] }),
  }
}

/** An object whose values are all of one shape. */
export function mapOf(entry: Shape): Shape {
  return {
    expected: 'an object',
    check(value, path) {
      const found = asObject(value) ?? refuse(path, 'an object', value)
      for (const [name, one] of Object.entries(found)) entry.check(one, where(path, name))
    },
    inside: () => EVERYTHING,
  }
}

/** The field must be there. */
export function required(shape: Shape): Shape {
  return { ...shape, required: true }
}

/**
 * The same, but that what stands in none of its tables is carried: as extras of the dialect, told where it cannot go.
 */
export function open(shape: Shape): Shape {
  return { ...shape, inside: (value) => ({ ...(shape.inside?.(value) ?? NOTHING), open: true }) }
}

/** The same, but carried as it is, with all that stands in it (an item that only its own provider reads). */
export function whole(shape: Shape): Shape {
  return { ...shape, inside: () => EVERYTHING }
}

export type Fields = Readonly<Record<string, Shape>>

/** An object with these fields. */
export function fields(table: Fields): Shape {
  const entries = Object.entries(table)
  return {
    expected: 'an object',
    check(value, path) {
      const found = asObject(value) ?? refuse(path, 'an object', value)
      for (const [name, shape] of entries) {
        const given = Object.hasOwn(found, name) ? found[name] : undefined
        if (given !== undefined && given !== null) shape.check(given, where(path, name))
        else if (shape.required) refuse(where(path, name), shape.expected, given)
      }
    },
    inside: () => ({ ...NOTHING, members: [table] }),
  }
}

/**
 * An object whose `by` says which fields it has; `other` where the word is none of the table. `unsaid`: the shape where
 * there is no word.
 */
export function tagged(
  by: string,
  table: Fields,
  other: Shape,
  unsaid: (value: JsonObject) => Shape = () => other,
): Shape {
  const word = fields({ [by]: text })
  const choose = (found: JsonObject): Shape => {
    const tag = found[by] ?? null
    if (tag === null) return unsaid(found)
    return typeof tag === 'string' && Object.hasOwn(table, tag) ? table[tag]! : other
  }
  return {
    expected: 'an object',
    check(value, path) {
      const found = asObject(value) ?? refuse(path, 'an object', value)
      const tag = found[by] ?? null
      if (tag !== null) text.check(tag, where(path, by))
      choose(found).check(value, path)
    },
    inside(value) {
      const found = asObject(value) ?? {}
      return insideOf(value, [word, choose(found)])
    },
  }
}

/** An object of one of two forms, told apart by whether this field stands in it. */
export function having(field: string, form: Shape, otherwise: Shape): Shape {
  const choose = (value: unknown): Shape => (asObject(asObject(value)?.[field]) ? form : otherwise)
  return {
    expected: 'an object',
    check: (value, path) => choose(value).check(value, path),
    inside: (value) => insideOf(value, [choose(value)]),
  }
}

interface Kinds {
  readonly text?: Shape
  readonly list?: Shape
  readonly object?: Shape
  readonly flag?: Shape
}

/** One shape for each type of JSON that may stand here. */
export function either(kinds: Kinds): Shape {
  const { text: word, list, object: whole, flag: said } = kinds
  const expected = [said, word, whole, list].flatMap((shape) => shape?.expected ?? []).join(' or ')
  const choose = (value: unknown): Shape | undefined => {
    if (typeof value === 'string') return word
    if (Array.isArray(value)) return list
    if (typeof value === 'boolean') return said
    return asObject(value) ? whole : undefined
  }
  return {
    expected,
    check(value, path) {
      const shape = choose(value)
      if (shape) shape.check(value, path)
      else refuse(path, expected, value)
    },
    inside: (value) => insideOf(value, [choose(value) ?? anything]),
  }
}

/** Both must fit, and know the inside together. */
export function both(one: Shape, other: Shape): Shape {
  return {
    expected: one.expected,
    check(value, path) {
      one.check(value, path)
      other.check(value, path)
    },
    inside: (value) => insideOf(value, [one, other]),
  }
}

/** An object in which one of these fields stands. */
export function holding(...names: readonly string[]): Shape {
  const expected = `an object with ${names.map((name) => `\`${name}\``).join(' or ')}`
  return shapeOf(expected, (value) => {
    const found = asObject(value)
    return found !== null && names.some((name) => found[name] !== undefined && found[name] !== null)
  })
}
