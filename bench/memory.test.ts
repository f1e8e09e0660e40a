import { describe, expect, test } from 'vitest'
import { parseMemory, readMemory } from './memory.ts'

describe('memory', () => {
  test('tells what is resident from its share of what is shared', () => {
    const text = '00400000-7ffd rollup\nRss:   57344 kB\nPss:   12001 kB\nPss_Dirty:  100 kB\n'
    expect(parseMemory(text)).toEqual({ resident: 57_344, proportional: 12_001 })
    expect(() => parseMemory('Rss: much')).toThrow('says no Rss')
  })

  test.skipIf(process.platform !== 'linux')('grows by what a process takes', () => {
    const before = readMemory(process.pid)
    const taken = Buffer.alloc(64 * 1024 * 1024, 1)
    const after = readMemory(process.pid)
    expect(after.resident - before.resident).toBeGreaterThan(taken.length / 1024 / 2)
  })
})
