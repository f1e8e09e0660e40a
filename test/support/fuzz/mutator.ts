// Makes new inputs of old ones: bytes, JSON by its structure, and event streams by their events. Everything is drawn
// from one seeded source, so a run is repeated by its seed.
import type { Random } from '../random.ts'

export type InputKind = 'bytes' | 'json' | 'events'

export interface Mutator {
  mutate(input: Buffer, kind: InputKind): Buffer
}

type Path = readonly (string | number)[]

const ODD_TEXTS: readonly string[] = [
  '',
  ' ',
  '\0',
  '\u2028',
  '\ud800',
  'é',
  '"',
  '\\',
  '\r\n',
  '\n\ndata: {}\n\n',
  '__proto__',
  'constructor',
  'null',
  '-0',
  '1e400',
  '../',
  '%00',
  '%2e%2e',
  '=1+1',
  '[DONE]',
  'data:',
  'event: ping',
  'A'.repeat(300),
  'data:image/png;base64,AAAA',
  'https://127.0.0.1:1/x',
]
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  0.5,
  1e308,
  2 ** 53,
  -(2 ** 63),
  [],
  {},
  [[]],
  [null],
  { type: null },
  { type: 'text' },
]
const ODD_BYTES: readonly number[] = [0, 9, 10, 13, 0x20, 0x22, 0x2e, 0x3a, 0x5c, 0x7b, 0x7d, 0x7f, 0x80, 0xc3, 0xff]
const DEEP = 200

/** `words`: of the format, put in as they are. `others`: what may be spliced in. */
export function createMutator(random: Random, words: readonly string[], others: readonly Buffer[]): Mutator {
  const pick = <Item>(items: readonly Item[]): Item => items[random.below(items.length)]!
  const oddText = (): string => (words.length > 0 && random.chance(0.5) ? pick(words) : pick(ODD_TEXTS))
  const oddValue = (): unknown => (random.chance(0.4) ? oddText() : structuredClone(pick(ODD_VALUES)))

  function mutateBytes(input: Buffer): Buffer {
    const at = random.below(input.length + 1)
    const until = Math.min(input.length, at + 1 + random.below(8))
    const put = (bytes: Buffer, end = at): Buffer =>
      Buffer.concat([input.subarray(0, at), bytes, input.subarray(Math.max(at, end))])
    switch (random.below(8)) {
      case 0:
        return put(Buffer.of(random.chance(0.5) ? pick(ODD_BYTES) : random.below(256)), at + 1)
      case 1:
        return put(Buffer.of((input[at] ?? 0) ^ (1 << random.below(8))), at + 1)
      case 2:
        return put(Buffer.alloc(0), until)
      case 3:
        return put(Buffer.from(oddText()))
      case 4:
        return put(input.subarray(at, until))
      case 5:
        return put(Buffer.of(random.chance(0.5) ? pick(ODD_BYTES) : random.below(256)))
      case 6: {
        const other = pick(others)
        return put(other.subarray(random.below(other.length + 1)), input.length)
      }
      default:
        return input.subarray(0, at)
    }
  }

  function mutateValue(root: unknown): unknown {
    const path = pick(listPaths(root))
    const found = readPath(root, path)
    switch (random.below(9)) {
      case 0:
        return writePath(root, path, oddValue())
      case 1:
        return writePath(root, path, undefined)
      case 2:
        return writePath(root, path, [found, found])
      case 3:
        return writePath(root, path, { type: found, [oddText()]: found })
      case 4: {
        const other = parse(pick(others))
        return writePath(root, path, other === undefined ? oddValue() : readPath(other, pick(listPaths(other))))
      }
      case 5:
        return writePath(root, path, readPath(root, pick(listPaths(root))))
      case 6:
        return writePath(root, path, typeof found === 'string' ? changeText(found) : oddValue())
      case 7:
        return isObject(found) ? writePath(root, path, withMember(found)) : writePath(root, path, oddValue())
      default:
        return random.chance(0.1) ? writePath(root, path, nest(found)) : writePath(root, path, oddValue())
    }
  }

  function withMember(found: object): unknown {
    if (Array.isArray(found)) return [...found, random.chance(0.5) && found.length > 0 ? pick(found) : oddValue()]
    return { ...found, [oddText()]: oddValue() }
  }

  const changeText = (text: string): string => {
    const at = random.below(text.length + 1)
    return text.slice(0, at) + oddText() + text.slice(random.chance(0.5) ? at : at + random.below(4))
  }

  const nest = (value: unknown): unknown => {
    let deep = value
    for (let depth = 1 + random.below(DEEP); depth > 0; depth--) deep = depth % 2 === 0 ? [deep] : { items: deep }
    return deep
  }

  function mutateJson(input: Buffer): Buffer {
    const value = parse(input)
    if (value === undefined) return mutateBytes(input)
    const text = JSON.stringify(mutateValue(value))
    return text === undefined ? mutateBytes(input) : Buffer.from(text)
  }

  function mutateEvents(input: Buffer): Buffer {
    const events = input.toString('utf8').split(/\r\n\r\n|\n\n|\r\r/)
    const at = random.below(events.length)
    const event = events[at]!
    const place = (...instead: string[]): string[] => events.toSpliced(at, 1, ...instead)
    const write = (list: readonly string[], blank = '\n\n'): Buffer => Buffer.from(list.join(blank))
    switch (random.below(7)) {
      case 0:
        return write(place())
      case 1:
        return write(place(event, event))
      case 2:
        return write(place(pick(events)))
      case 3:
        return write(events, pick(['\r\n\r\n', '\r\r', '\n\r\n', '\n', '\n\n: x\n\n']))
      case 4: {
        const other = pick(others).toString('utf8').split('\n\n')
        return write(place(event, pick(other)))
      }
      default: {
        const start = event.indexOf('data:')
        if (start === -1) return mutateBytes(input)
        const data = mutateJson(Buffer.from(event.slice(start + 5).trim())).toString('utf8')
        return write(place(`${event.slice(0, start)}data: ${data}`))
      }
    }
  }

  const byKind = { bytes: mutateBytes, json: mutateJson, events: mutateEvents }
  return {
    mutate(input, kind) {
      let output = input
      for (let times = 1 + random.below(4); times > 0; times--) {
        output = random.chance(0.15) ? mutateBytes(output) : byKind[kind](output)
      }
      return output
    },
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function parse(input: Buffer): unknown {
  try {
    return JSON.parse(input.toString('utf8')) as unknown
  } catch (error) {
    // Bytes that are no JSON (any more) are changed as bytes.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Of every value within, the root's first. Deep ones are left out: they are copied whole with what holds them. */
function listPaths(root: unknown): Path[] {
  const paths: Path[] = []
  const walk = (value: unknown, path: Path): void => {
    paths.push(path)
    if (!isObject(value) || path.length > 12) return
    for (const [key, inner] of Object.entries(value)) walk(inner, [...path, Array.isArray(value) ? Number(key) : key])
  }
  walk(root, [])
  return paths
}

function readPath(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string | number, unknown>)[key], root)
}

/** A copy with another value there; without it where `undefined`. */
function writePath(root: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  if (Array.isArray(root)) {
    const inner = writePath(root[key as number], rest, value)
    return root.toSpliced(key as number, 1, ...(inner === undefined ? [] : [inner]))
  }
  const object = root as Record<string, unknown>
  return { ...object, [key]: writePath(object[key], rest, value) }
}
