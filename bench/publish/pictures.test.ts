import { describe, expect, test } from 'vitest'
import { drawBars, drawCurve } from './pictures.ts'

const range = (median: number) => ({ median, least: median, most: median })

describe('pictures', () => {
  test('have a ground and colours for light and for dark pages', () => {
    for (const picture of [
      drawBars('t', [{ label: 'json', bars: [{ id: 'uniroute', ratio: range(5) }] }]),
      drawCurve({ title: 't', of: 'a < b', unit: 'µs' }, [{ id: 'uniroute', points: [{ at: 1, figure: range(2) }] }]),
    ]) {
      expect(picture).toContain('prefers-color-scheme:dark')
      expect(picture.match(/\.uniroute\{fill:#[0-9a-f]{6}/g)).toHaveLength(2)
      expect(picture).toContain('class="ground"')
      expect(picture).not.toMatch(/NaN|undefined|a < b/)
    }
  })

  test('a curve that begins at nothing has a place for it, left of all others', () => {
    const points = [0, 1_000, 100_000].map((at) => ({ at, figure: range(10) }))
    const picture = drawCurve({ title: 't', of: 'users', unit: 'µs' }, [{ id: 'uniroute', points }])
    const places = [...picture.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)])
    expect(places.map(([x]) => x)).toEqual(places.map(([x]) => x).toSorted((a, b) => a! - b!))
    expect(new Set(places.map(([, y]) => y)).size).toBe(1)
    expect(places[0]![0]).toBeLessThan(places[1]![0]!)
  })

  test('a longer bar costs more', () => {
    const bars = [2, 20].map((ratio) => ({ id: 'uniroute', ratio: range(ratio) }))
    const lengths = [
      ...drawBars('t', [{ label: 'x', bars }]).matchAll(/class="uniroute"[^>]* width="([\d.]+)" height="10"/g),
    ]
    expect(Number(lengths[1]![1])).toBeGreaterThan(Number(lengths[0]![1]))
  })
})
