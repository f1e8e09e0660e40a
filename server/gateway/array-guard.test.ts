// JSON arrays on their way through: every byte as it came, however it is cut, but no error that repeats the key.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Secret } from '../kernel/secret.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import { createArrayGuard } from './array-guard.ts'
import { createCredentialScan } from './credential-scan.ts'

const KEY = 'AIzaCanary/8Kd0+Zq7fW2mR5tY9uB3nX6vC1jL4hG0'
const scan = createCredentialScan(new Secret(KEY), ['AIza'])
const { stream } = PROTOCOLS.gemini

const ORDINARY = [
  '{"candidates":[{"content":{"parts":[{"text":"the \\"error\\": }] é"}]}}]}',
  '{\r\n  "candidates": [\r\n    {"finishReason": "STOP"}\r\n  ],\r\n  "usageMetadata": {}\r\n}',
  `{"candidates":[{"content":{"parts":[{"text":"${KEY} \\\\"}]}}]}`,
]
const CLEAN_ERROR = '{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}'
const LEAK = `{\n "error": {\n  "code": 400,\n  "message": "API key not valid: ${KEY.replaceAll('/', '\\/')}"\n }\n}`
const SEPARATOR = ',\r\n'

function cutAt(text: string, points: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text)
  const edges = [...new Set([0, ...points.map((point) => point % bytes.length), bytes.length])].sort((a, b) => a - b)
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
}

function run(chunks: readonly Buffer[]) {
  const guard = createArrayGuard(scan, stream)
  const sent: Buffer[] = []
  for (const chunk of chunks) {
    const { bytes, leak } = guard.push(chunk)
    if (bytes) sent.push(bytes)
    if (leak) return { sent: Buffer.concat(sent).toString(), leak, guard }
  }
  const rest = guard.flush()
  if (rest) sent.push(rest)
  return { sent: Buffer.concat(sent).toString(), leak: false, guard }
}

const elements = fc.array(fc.constantFrom(...ORDINARY), { minLength: 1 })

describe('the guard of JSON arrays', () => {
  test('stops in an error too long to hold that repeats the key, wherever key and reads stand', () => {
    for (const before of [100, 65_000, 65_470, 200_000]) {
      const words = `${'x '.repeat(before / 2)}${KEY}${' y'.repeat(60_000)}`
      const text = `[{"candidates":[]},{"error":{"code":400,"message":"${words}"}}]`
      for (const size of [997, 16_384, 65_536, 1_000_000]) {
        const cuts = Array.from({ length: Math.floor(text.length / size) }, (_, at) => (at + 1) * size)
        const { sent, leak } = run(cutAt(text, cuts))
        expect([before, size, leak]).toEqual([before, size, true])
        expect(scan.cleanHeader(sent)).toBe(true)
      }
    }
  })

  test('lets everything through byte for byte, however it is cut, and sees the end', () => {
    fc.assert(
      fc.property(elements, fc.constantFrom(']', ']\n', ''), fc.array(fc.nat()), (list, end, points) => {
        const text = `[${list.join(SEPARATOR)}${end}`
        const { sent, leak, guard } = run(cutAt(text, points))
        expect({ sent, leak }).toEqual({ sent: text, leak: false })
        expect([guard.closed, guard.endedInError, guard.firstError]).toEqual([end !== '', false, null])
      }),
    )
  })

  test('stops before an error that repeats the key, and what went before stays whole elements', () => {
    fc.assert(
      fc.property(elements, fc.constantFrom(']', ''), fc.array(fc.nat()), (list, end, points) => {
        const before = `[${list.join(SEPARATOR)}`
        const { sent, leak } = run(cutAt(`${before}${SEPARATOR}${LEAK}${end}`, points))
        expect({ sent, leak }).toEqual({ sent: before, leak: true })
      }),
    )
  })

  test('an error without the key goes on and is known to be one; as the first element it is told before anything is sent', () => {
    const last = run([Buffer.from(`[${ORDINARY[0]}${SEPARATOR}${CLEAN_ERROR}\n]`)])
    expect([last.leak, last.guard.endedInError, last.guard.firstError]).toEqual([false, true, null])
    for (const text of [`[${CLEAN_ERROR}]`, `[\n${LEAK}\n]`, CLEAN_ERROR]) {
      const { guard } = run(cutAt(text, [1, 5, 30]))
      expect(guard.firstError).toMatchObject({ signals: expect.any(Array) })
    }
  })

  test('an element too long to be an error is not held, and the next one is looked at again', () => {
    const guard = createArrayGuard(scan, stream)
    const long = Buffer.from(`[{"inlineData":"${'x'.repeat(70_000)}`)
    expect(guard.push(long)).toEqual({ bytes: long, leak: false, progress: false })
    const more = Buffer.alloc(200_000, 'y')
    expect(guard.push(more)).toEqual({ bytes: more, leak: false, progress: false })
    expect(guard.push(Buffer.from(`"}${SEPARATOR}{"a`))).toEqual({
      bytes: Buffer.from('"}'),
      leak: false,
      progress: true,
    })
    expect(guard.push(Buffer.from('":1}')).bytes?.toString()).toBe(`${SEPARATOR}{"a":1}`)
    expect(guard.push(Buffer.from(`${SEPARATOR}${LEAK}]`))).toEqual({ bytes: null, leak: true, progress: true })
  })

  test('an element counts as progress when it ends', () => {
    const guard = createArrayGuard(scan, stream)
    expect(guard.push(Buffer.from('[{"a":')).progress).toBe(false)
    expect(guard.push(Buffer.from('{}}')).progress).toBe(true)
    expect(guard.push(Buffer.from('\n]')).progress).toBe(false)
    expect(guard.closed).toBe(true)
  })

  test('what is torn at the end, or stands behind it, goes on unless it repeats the key', () => {
    for (const [rest, goesOn] of [
      ['{"error":{"message":"bad key', true],
      [`{"error":{"message":"bad key ${KEY}`, false],
    ] as const) {
      for (const before of [`[${ORDINARY[0]}${SEPARATOR}`, `[${ORDINARY[0]}]`]) {
        expect(run([Buffer.from(before + rest)]).sent).toBe(goesOn ? before + rest : `[${ORDINARY[0]}`)
      }
    }
  })
})
