// A JSON text as a tree of byte ranges: for taking members and elements out of a body without writing the rest anew.
// Made only of bodies that have something to take out; whoever just looks for a top-level value uses json-scan.ts.

export interface JsonMember {
  readonly key: string
  /** Where the key's opening quote stands. */
  readonly start: number
  readonly value: JsonNode
}

export type JsonNode =
  | { readonly kind: 'object'; readonly start: number; readonly end: number; readonly members: readonly JsonMember[] }
  | { readonly kind: 'array'; readonly start: number; readonly end: number; readonly items: readonly JsonNode[] }
  | { readonly kind: 'string' | 'scalar'; readonly start: number; readonly end: number }

/** Bytes [start, end) that become `text`. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const DEEPEST = 512
const SCALAR = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/

class Malformed extends Error {
  override readonly name = 'Malformed'
}

/** The tree of a whole text; null where it is no JSON. */
export function parseJsonTree(bytes: Buffer): JsonNode | null {
  try {
    const reader = new TreeReader(bytes)
    const root = reader.read(0)
    return reader.isAtEnd() ? root : null
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

class TreeReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  isAtEnd(): boolean {
    this.#skipSpace()
    return this.#at === this.#bytes.length
  }

  read(depth: number): JsonNode {
    if (depth > DEEPEST) throw new Malformed()
    this.#skipSpace()
    const start = this.#at
    switch (this.#bytes[start]) {
      case 0x7b:
        return this.#readObject(start, depth)
      case 0x5b:
        return this.#readArray(start, depth)
      case QUOTE:
        return { kind: 'string', start, end: this.#passString() }
      default:
        return { kind: 'scalar', start, end: this.#passScalar() }
    }
  }

  #readObject(start: number, depth: number): JsonNode {
    const members: JsonMember[] = []
    this.#at++
    while (this.#comesNext(0x7d, members.length === 0)) {
      this.#skipSpace()
      const at = this.#at
      if (this.#bytes[at] !== QUOTE) throw new Malformed()
      const key = readJsonString(this.#bytes, { start: at, end: this.#passString() })
      this.#skipSpace()
      if (key === null || this.#bytes[this.#at++] !== 0x3a) throw new Malformed()
      members.push({ key, start: at, value: this.read(depth + 1) })
    }
    return { kind: 'object', start, end: this.#at, members }
  }

  #readArray(start: number, depth: number): JsonNode {
    const items: JsonNode[] = []
    this.#at++
    while (this.#comesNext(0x5d, items.length === 0)) items.push(this.read(depth + 1))
    return { kind: 'array', start, end: this.#at, items }
  }

  /** Passes the comma before another child, or the closing bracket. */
  #comesNext(close: number, first: boolean): boolean {
    this.#skipSpace()
    const byte = this.#bytes[this.#at]
    if (byte === close) {
      this.#at++
      return false
    }
    if (first) return true
    if (byte !== 0x2c) throw new Malformed()
    this.#at++
    return true
  }

  #passString(): number {
    let from = this.#at + 1
    for (;;) {
      const quote = this.#bytes.indexOf(QUOTE, from)
      if (quote === -1) throw new Malformed()
      let escapes = 0
      while (this.#bytes[quote - 1 - escapes] === BACKSLASH) escapes++
      if (escapes % 2 === 0) return (this.#at = quote + 1)
      from = quote + 1
    }
  }

  #passScalar(): number {
    const start = this.#at
    while (this.#at < this.#bytes.length && !/[\s,\]}]/.test(String.fromCharCode(this.#bytes[this.#at]!))) this.#at++
    if (!SCALAR.test(this.#bytes.toString('latin1', start, this.#at))) throw new Malformed()
    return this.#at
  }

  #skipSpace(): void {
    for (;;) {
      const byte = this.#bytes[this.#at]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
      this.#at++
    }
  }
}

/** What a string node says; null where it is none, or no well-formed one. */
export function readJsonString(bytes: Buffer, node: { start: number; end: number }): string | null {
  if (bytes[node.start] !== QUOTE) return null
  const raw = bytes.toString('utf8', node.start + 1, node.end - 1)
  if (!raw.includes('\\')) return raw
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

export function memberOf(node: JsonNode | undefined, key: string): JsonNode | undefined {
  return node?.kind === 'object' ? node.members.findLast((member) => member.key === key)?.value : undefined
}

export function itemsOf(node: JsonNode | undefined): readonly JsonNode[] {
  return node?.kind === 'array' ? node.items : []
}

/** Edits that take the children `gone` out of an object or array, each with the comma it no longer needs. */
export function removeChildren(node: JsonNode, gone: ReadonlySet<JsonNode>): Edit[] {
  const children =
    node.kind === 'object'
      ? node.members.map(({ start, value }) => ({ start, end: value.end, value }))
      : itemsOf(node).map((value) => ({ start: value.start, end: value.end, value }))
  const lastKept = children.findLastIndex(({ value }) => !gone.has(value))
  const edits: Edit[] = []
  for (const [at, { start, value }] of children.entries()) {
    if (at < lastKept && gone.has(value)) edits.push({ start, end: children[at + 1]!.start, text: '' })
  }
  const last = children.at(-1)
  if (last && lastKept < children.length - 1) {
    edits.push({ start: children[lastKept]?.end ?? children[0]!.start, end: last.end, text: '' })
  }
  return edits
}
