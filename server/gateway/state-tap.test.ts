// State in passing bytes is found wherever the reads cut them, and nothing else is taken for it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMemberTap, createStateTap } from './state-tap.ts'

function valuesIn(text: string, cuts: readonly number[] = [], keys = ['signature', 'data']): string[] {
  const found: string[] = []
  const tap = createStateTap(keys, (value) => found.push(value))
  const bytes = Buffer.from(text)
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  let from = 0
  for (const end of ends) {
    tap.push(bytes.subarray(from, end))
    from = end
  }
  return found
}

const STREAM = `event: a\ndata: {"type":"content_block_start","content_block":{"type":"thinking","signature":""}}\n\ndata: {"delta":{"type":"signature_delta","signature" : "AB\\u003d\\/=="}}\n\ndata: {"x":"\\"signature\\":\\"no\\"","data":"D1","signature":7}\n\ndata: {"signature":"\\\\\\"end"}\n\n`
const VALUES = ['AB=/==', 'D1', '\\"end']

describe('values', () => {
  test('are found unescaped; empty ones, numbers and quoted talk of them are none', () => {
    expect(valuesIn(STREAM)).toEqual(VALUES)
  })

  test('any cut gives the same', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { maxLength: 30 }), (cuts) => {
        expect(valuesIn(STREAM, cuts)).toEqual(VALUES)
      }),
    )
    const all = Array.from({ length: Buffer.byteLength(STREAM) }, (_, at) => at)
    expect(valuesIn(STREAM, all)).toEqual(VALUES)
  })

  test('one that does not end is let go, and the next is found', () => {
    const endless = `{"data":"${'A'.repeat(2 * 1024 * 1024)}`
    const found: string[] = []
    const tap = createStateTap(['data'], (value) => found.push(value))
    for (let at = 0; at < endless.length; at += 65_536) tap.push(Buffer.from(endless.slice(at, at + 65_536)))
    tap.push(Buffer.from('","data":"D2"}'))
    expect(found).toEqual(['D2'])
  })
})

describe('hostile bytes take time that grows with their length alone', () => {
  const MEGABYTES = 4
  /** Far more than it takes, and far less than it took. */
  const PATIENCE_MS = 4_000

  test('one key very many times, without the others', { timeout: PATIENCE_MS }, () => {
    const text = '"data":1,'.repeat((MEGABYTES * 1024 * 1024) / 9)
    expect(valuesIn(`${text}"data":"D"`)).toEqual(['D'])
  })

  test('a value in very small reads', { timeout: PATIENCE_MS }, () => {
    const found: string[] = []
    const tap = createMemberTap(['usage'], (_key, text) => found.push(text))
    const value = `{"a":[${'1,'.repeat(450_000)}1]}`
    const bytes = Buffer.from(`{"usage":${value}}`)
    for (let at = 0; at < bytes.length; at += 10) tap.push(bytes.subarray(at, at + 10))
    expect(found).toEqual([value])
  })

  test('keys in values that do not end', { timeout: PATIENCE_MS }, () => {
    const found: string[] = []
    const tap = createMemberTap(['usage'], (_key, text) => found.push(text))
    const bytes = Buffer.from('{"usage":'.repeat(400_000))
    for (let at = 0; at < bytes.length; at += 65_536) tap.push(bytes.subarray(at, at + 65_536))
    expect(found).toEqual([])
  })
})

describe('members', () => {
  const TEXT = `{"usage":null,"x":"\\"usage\\":{}","tools":[{"usage":{"type":"string","a}":"\\"}"}}],"usage" : {"a":{"b":1}},"tier":"d"}`
  const MEMBERS = ['usage {"type":"string","a}":"\\"}"}', 'usage {"a":{"b":1}}', 'tier "d"']

  test('are found as they were written, wherever the reads cut them', () => {
    for (let size = 1; size <= TEXT.length; size++) {
      const found: string[] = []
      const tap = createMemberTap(['usage', 'tier'], (key, text) => found.push(`${key} ${text}`))
      for (let at = 0; at < TEXT.length; at += size) tap.push(Buffer.from(TEXT.slice(at, at + size)))
      expect(found).toEqual(MEMBERS)
    }
  })
})
