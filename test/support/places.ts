// Places inside a JSON body: where values stand, and bodies with another value there.
import { asObject } from '../../server/protocols/read.ts'
import type { Json } from './cross-dialect.ts'

export type Path = readonly (string | number)[]

/** Where values stand in a body; `own`: what is the user's own (schemas, arguments, labels) is one value. */
export function placesIn(value: unknown, own: RegExp, path: Path = []): Path[] {
  if (path.length > 0 && own.test(String(path.at(-1)))) return [path]
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? (value as unknown[]).map((one, at) => [at, one])
    : Object.entries(asObject(value) ?? {})
  const inside = entries.flatMap(([key, one]) => placesIn(one, own, [...path, key]))
  return path.length === 0 ? inside : [path, ...inside]
}

export function at(body: unknown, path: Path): unknown {
  return path.reduce<unknown>((holder, key) => (holder as Json)[key], body)
}

/** The body with another value there; `undefined` takes it out. */
export function replace(body: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value
  const copy = (Array.isArray(body) ? [...(body as unknown[])] : { ...(body as Json) }) as Json
  const inner = replace(copy[key], rest, value)
  if (inner !== undefined) copy[key] = inner
  else if (Array.isArray(copy)) copy.splice(Number(key), 1)
  else delete copy[key]
  return copy
}

/** A place as a path in a message says it: `tools[0].function.name`. */
export const written = (path: Path): string =>
  path.map((key, depth) => (typeof key === 'number' ? `[${key}]` : depth === 0 ? key : `.${key}`)).join('')
