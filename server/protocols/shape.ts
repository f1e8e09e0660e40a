// What a dialect's own API takes in a field, as tables: a known field of a wrong type, or of a value that cannot be, is
// refused before anything is read of it, since what a reader cannot use would vanish without a word. Fields that stand
// in no table are nobody's business here: they are carried, or told as lost. `null` says that a field is left out.
import { CannotCross } from './codec.ts'
import { asObject, isExactNumber, numberOf } from './read.ts'

/** What a value must be; `check` throws `CannotCross` naming the path, never the value. */
export interface Shape {
  /** As in "must be …". */
  readonly expected: string
  readonly required?: boolean
  check(value: unknown, path: string): void
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

export const anything: Shape = { expected: 'anything', check: () => undefined }
export const text = shapeOf('a text', (value) => typeof value === 'string')
export const flag = shapeOf('true or false', (value) => typeof value === 'boolean')
export const object = shapeOf('an object', (value) => asObject(value) !== null)

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
  }
}

/** The field must be there. */
export function required(shape: Shape): Shape {
  return { ...shape, required: true }
}

type Fields = Readonly<Record<string, Shape>>

/** An object with these fields, among others. */
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
  }
}

/** An object whose `by` says which fields it has; `other` where the word is none of the table. */
export function tagged(by: string, table: Fields, other: Shape): Shape {
  return {
    expected: 'an object',
    check(value, path) {
      const found = asObject(value) ?? refuse(path, 'an object', value)
      const tag = found[by]
      if (tag !== undefined && tag !== null) text.check(tag, where(path, by))
      const shape = typeof tag === 'string' && Object.hasOwn(table, tag) ? table[tag]! : other
      shape.check(value, path)
    },
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
  return {
    expected,
    check(value, path) {
      const shape =
        typeof value === 'string'
          ? word
          : Array.isArray(value)
            ? list
            : typeof value === 'boolean'
              ? said
              : asObject(value)
                ? whole
                : undefined
      if (shape) shape.check(value, path)
      else refuse(path, expected, value)
    },
  }
}

/** Both must fit. */
export function both(one: Shape, other: Shape): Shape {
  return {
    expected: one.expected,
    check(value, path) {
      one.check(value, path)
      other.check(value, path)
    },
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
