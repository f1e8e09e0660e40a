// The readers of bytes: event streams and arrays at any split, and JSON that is scanned instead of parsed.
import { isDeepStrictEqual } from 'node:util'
import { createJsonDepthScan } from '../../../server/http/json-depth.ts'
import { GatewayError } from '../../../server/kernel/errors.ts'
import { scanJsonObject } from '../../../server/kernel/json-scan.ts'
import { type JsonNode, parseJsonTree } from '../../../server/kernel/json-tree.ts'
import { createSseSplitter } from '../../../server/kernel/sse-splitter.ts'
import { findFirstEvent, SseTap } from '../../../server/kernel/sse.ts'
import { createCredentialScan, createStreamGuard } from '../../../server/gateway/credential-scan.ts'
import { Secret } from '../../../server/kernel/secret.ts'
import { PROTOCOLS } from '../../../server/protocols/registry.ts'
import { createJsonArraySplitter } from '../../../server/protocols/gemini/json-array.ts'
import { type FuzzTarget, promise } from './target.ts'

/** Pieces of one byte, and of some lengths that fall anywhere. */
const PIECES = [1, 2, 3, 7] as const
const WANTED = new Set(['model', 'stream'])
/** Two of the deepest nestings that are looked at. */
const DEPTH = 128

function cut(bytes: Buffer, length: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += length) pieces.push(bytes.subarray(at, at + length))
  return pieces
}

function checkEvents(input: Buffer): void {
  const read = (pieces: readonly Buffer[]): unknown => {
    const splitter = createSseSplitter()
    return [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()]
  }
  const follow = (pieces: readonly Buffer[]): unknown => {
    const tap = new SseTap(['urs1.', '"usage"'])
    let progress = false
    for (const piece of pieces) progress = tap.push(piece) || progress
    return [progress, tap.atBoundary, tap.lastEventHead, tap.marked]
  }
  const [whole, followed] = [read([input]), follow([input])]
  for (const length of PIECES) {
    const pieces = cut(input, length)
    promise(isDeepStrictEqual(read(pieces), whole), `events differ when read ${length} bytes at a time`)
    promise(isDeepStrictEqual(follow(pieces), followed), `the tap differs when told ${length} bytes at a time`)
  }
  const first = findFirstEvent(input)
  promise(first === null || first.end <= input.length, 'the first event ends behind the bytes')
}

function checkArray(input: Buffer): void {
  const read = (pieces: readonly Buffer[]): unknown => {
    const splitter = createJsonArraySplitter()
    const elements = pieces.flatMap((piece) => splitter.push(piece))
    return [elements, splitter.complete]
  }
  const whole = read([input])
  for (const length of PIECES) {
    promise(isDeepStrictEqual(read(cut(input, length)), whole), `elements differ when read ${length} bytes at a time`)
  }
}

const KEY = 'sk-fuzz-0123456789abcdefghij'
const guardScan = createCredentialScan(new Secret(KEY), ['sk-'])

/** Blank lines before an event may belong to it or not. */
const wordsOf = (bytes: Buffer): string => bytes.toString('latin1').replace(/[\r\n]+$/, '')

/** `KEY` in the input is the key the provider was asked with: what follows an error that repeats it never passes. */
function checkGuard(input: Buffer): void {
  const bytes = Buffer.from(input.toString('latin1').replaceAll('KEY', KEY), 'latin1')
  const relay = (pieces: readonly Buffer[]): { passed: Buffer; leak: boolean } => {
    const guard = createStreamGuard(guardScan, PROTOCOLS['openai-chat'].stream)
    const passed: Buffer[] = []
    for (const step of [...pieces.map((piece) => () => guard.push(piece)), () => guard.flush()]) {
      const { bytes: some, leak } = step()
      if (some) passed.push(some)
      if (leak) return { passed: Buffer.concat(passed), leak }
    }
    return { passed: Buffer.concat(passed), leak: false }
  }
  const whole = relay([bytes])
  promise(whole.leak || whole.passed.equals(bytes), 'bytes are lost or changed')
  promise(bytes.subarray(0, whole.passed.length).equals(whole.passed), 'other bytes pass than came')
  for (const length of PIECES) {
    const { passed, leak } = relay(cut(bytes, length))
    promise(leak === whole.leak, `a leak is seen otherwise when told ${length} bytes at a time`)
    promise(wordsOf(passed) === wordsOf(whole.passed), `other bytes pass when told ${length} bytes at a time`)
  }
}

const NOT_JSON = Symbol('not JSON')

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) return NOT_JSON
    throw error
  }
}

function checkScan(input: Buffer): void {
  const text = input.toString('utf8')
  const value = parse(text)
  const scan = scanJsonObject([input], WANTED)
  for (const length of PIECES) {
    const again = scanJsonObject(cut(input, length), WANTED)
    promise(isDeepStrictEqual(again, scan), `the scan differs when told ${length} bytes at a time`)
  }
  // Node reads bytes that are no UTF-8 as other characters; the ranges are of the bytes as they came.
  if (value === NOT_JSON || typeof value !== 'object' || value === null || Array.isArray(value)) return
  if (!Buffer.from(text).equals(input)) return
  promise(scan.complete, 'what JSON.parse takes is not complete')
  for (const key of WANTED) {
    const range = scan.values.get(key)
    promise(
      Object.hasOwn(value, key) === (range !== undefined),
      `the scan and JSON.parse disagree on whether there is a ${key}`,
    )
    if (range === undefined) continue
    const scanned = parse(input.toString('utf8', range.start, range.end))
    promise(isDeepStrictEqual(scanned, (value as Record<string, unknown>)[key]), `the scan reads another ${key}`)
  }
}

function checkTree(input: Buffer): void {
  const text = input.toString('utf8')
  if (!Buffer.from(text).equals(input)) return void parseJsonTree(input)
  const value = parse(text)
  const tree = parseJsonTree(input)
  if (tree === null) return
  // It looks for bounds, not for faults inside strings: what JSON.parse takes must have the same shape.
  if (value === NOT_JSON) return
  promise(isDeepStrictEqual(rebuild(tree, input), value), 'the tree says something else than JSON.parse')
}

function rebuild(node: JsonNode, bytes: Buffer): unknown {
  if (node.kind === 'array') return node.items.map((item) => rebuild(item, bytes))
  if (node.kind !== 'object') return parse(bytes.toString('utf8', node.start, node.end))
  const members = node.members.map(({ key, value }) => [key, rebuild(value, bytes)] as const)
  return Object.fromEntries(members)
}

function checkDepth(input: Buffer): void {
  const isShallow = (pieces: readonly Buffer[]): boolean => {
    const scan = createJsonDepthScan(DEPTH)
    try {
      for (const piece of pieces) scan.push(piece)
      return true
    } catch (error) {
      if (error instanceof GatewayError) return false
      throw error
    }
  }
  const whole = isShallow([input])
  for (const length of PIECES) {
    promise(isShallow(cut(input, length)) === whole, `another depth when told ${length} bytes at a time`)
  }
  const value = parse(input.toString('utf8'))
  if (value !== NOT_JSON) promise(whole === depthOf(value) <= DEPTH, 'it counts another depth than the value has')
}

function depthOf(value: unknown): number {
  let depth = 0
  let level: unknown[] = [value]
  for (;;) {
    const open = level.filter((each): each is object => typeof each === 'object' && each !== null)
    if (open.length === 0) return depth
    depth++
    level = open.flatMap((each) => Object.values(each) as unknown[])
  }
}

const JSON_WORDS = [
  '"model"',
  '"stream"',
  '\\u006dodel',
  '"model":"x"',
  ':',
  ',',
  '{"a":[',
  ']}',
  '//',
  "'",
  'NaN',
  '1e9',
]

export const PARSER_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'sse',
    kind: 'events',
    words: [
      'data: ',
      'event: ping\n',
      ': keep-alive\n\n',
      '\r',
      '\r\n',
      '\n',
      '\uFEFF',
      'id: 1\n',
      'retry: 5\n',
      'data:[DONE]',
    ],
    check: checkEvents,
  },
  {
    name: 'guard',
    kind: 'events',
    words: ['KEY', '"error"', 'error', 'failed', '\\u004b', 'data: {"error":"KEY"}\n\n', '\r', '\n', '\r\n\r\n'],
    check: checkGuard,
  },
  {
    name: 'json-array',
    kind: 'bytes',
    words: ['[', ']', '{', '}', ',', '"', '\\"', '{"a":1}', '\r\n'],
    check: checkArray,
  },
  { name: 'json-scan', kind: 'bytes', words: JSON_WORDS, check: checkScan },
  { name: 'json-tree', kind: 'bytes', words: JSON_WORDS, check: checkTree },
  {
    name: 'json-depth',
    kind: 'bytes',
    words: ['['.repeat(60), '{"a":'.repeat(70), ']', '}', '"', '\\'],
    check: checkDepth,
  },
]
