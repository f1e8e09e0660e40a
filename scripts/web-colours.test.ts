// The colours, worked out from the style sheet as it is: what is read stands out enough from all it is read on, in
// light and dark (WCAG 2.2, and the design's own 7:1 for body text), and the colours of charts are told apart by
// everybody.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

type Colour = readonly [red: number, green: number, blue: number]

const sheet = readFileSync(new URL('../web/src/styles/tokens.css', import.meta.url), 'utf8')
const PAIRS = [...sheet.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g)]
const SURFACES = ['bg', 'surface', 'sunken']
const TINTS = ['own-bg', 'team-bg', 'server-bg', 'danger-bg', 'ok-bg']

const THEMES = (['light', 'dark'] as const).map((name, index) => ({
  name,
  of: (token: string): Colour => {
    const found = PAIRS.find((pair) => pair[1] === token)
    if (!found) throw new Error(`There is no colour --${token}.`)
    return toLinear(found[2 + index]!)
  },
}))

/** Each with the least contrast it has to have, and what it stands on. */
const RULES: readonly [token: string, least: number, on: readonly string[]][] = [
  ['text', 7, [...SURFACES, ...TINTS]],
  ['muted', 4.5, [...SURFACES, ...TINTS]],
  ['subtle', 4.5, SURFACES],
  ['own', 4.5, [...SURFACES, 'own-bg']],
  ['team', 4.5, [...SURFACES, 'team-bg']],
  ['server', 4.5, [...SURFACES, 'server-bg']],
  ['danger', 4.5, [...SURFACES, 'danger-bg']],
  ['ok', 4.5, [...SURFACES, 'ok-bg']],
  ['info', 4.5, SURFACES],
  ['on-own', 4.5, ['own']],
  ['control', 3, SURFACES],
  ['focus', 3, SURFACES],
  ...[1, 2, 3, 4, 5, 6].map((number) => [`c${number}`, 3, ['surface']] as [string, number, string[]]),
]

describe.each(THEMES)('the colours in $name', ({ of }) => {
  test.each(RULES)('--%s stands out by %d : 1', (token, least, on) => {
    const found = on.map((ground) => [ground, Math.floor(contrast(of(token), of(ground)) * 100) / 100] as const)
    expect(found.filter(([, ratio]) => ratio < least)).toEqual([])
  })

  test.each(Object.keys(SIGHTS).flatMap((sight) => Object.keys(WAYS).map((way) => [sight, way] as const)))(
    'those of charts are told apart with %s, %s',
    (sight, way) => {
      const labs = [1, 2, 3, 4, 5, 6].map((number) => toLab(WAYS[way]!(of(`c${number}`), SIGHTS[sight]!)))
      const near = labs.flatMap((one, i) =>
        labs.slice(i + 1).flatMap((other, j) => {
          const distance = differ(one, other)
          return distance < 15.7 ? [`c${i + 1} and c${i + j + 2}: ${distance.toFixed(1)}`] : []
        }),
      )
      expect(near).toEqual([])
    },
  )
})

function toLinear(hex: string): Colour {
  const part = (at: number): number => toLight(Number.parseInt(hex.slice(at, at + 2), 16) / 255)
  return [part(1), part(3), part(5)]
}

function toLight(coded: number): number {
  return coded <= 0.04045 ? coded / 12.92 : ((coded + 0.055) / 1.055) ** 2.4
}

function toCoded(light: number): number {
  return light <= 0.0031308 ? light * 12.92 : 1.055 * light ** (1 / 2.4) - 0.055
}

function contrast(one: Colour, other: Colour): number {
  const [dark, light] = [one, other].map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b).toSorted((a, b) => a - b)
  return (light! + 0.05) / (dark! + 0.05)
}

const SIGHTS: Readonly<Record<string, readonly Colour[]>> = {
  'all cones': [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
}

/**
 * How a colour is seen: by most people, and by those who lack one kind of cone (Machado, Oliveira and Fernandes 2009).
 * The model is of light; programs that simulate it often calculate with coded values, so both have to hold.
 */
const WAYS: Readonly<Record<string, (colour: Colour, rows: readonly Colour[]) => Colour>> = {
  'as light': mix,
  'as coded': (colour, rows) => mix(colour.map(toCoded) as unknown as Colour, rows).map(toLight) as unknown as Colour,
}

function mix([r, g, b]: Colour, rows: readonly Colour[]): Colour {
  return rows.map((row) => Math.min(1, Math.max(0, row[0] * r + row[1] * g + row[2] * b))) as unknown as Colour
}

function toLab([r, g, b]: Colour): Colour {
  const f = (value: number): number => (value > 216 / 24389 ? Math.cbrt(value) : (value * 24389) / 27 / 116 + 16 / 116)
  const x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047)
  const y = f(0.2126729 * r + 0.7151522 * g + 0.072175 * b)
  const z = f((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883)
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
}

/** CIEDE2000. */
function differ([l1, a1, b1]: Colour, [l2, a2, b2]: Colour): number {
  const radians = Math.PI / 180
  const c7 = ((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2) ** 7
  const g = 0.5 * (1 - Math.sqrt(c7 / (c7 + 25 ** 7)))
  const [p1, p2] = [a1 * (1 + g), a2 * (1 + g)]
  const [c1, c2] = [Math.hypot(p1, b1), Math.hypot(p2, b2)]
  const hue = (b: number, a: number): number => (Math.atan2(b, a) / radians + 360) % 360
  const [h1, h2] = [hue(b1, p1), hue(b2, p2)]
  const turn = ((h2 - h1 + 540) % 360) - 180
  const dh = 2 * Math.sqrt(c1 * c2) * Math.sin((turn / 2) * radians)
  const [l, c] = [(l1 + l2) / 2, (c1 + c2) / 2]
  const h = (h1 + turn / 2 + 360) % 360
  const t =
    1 -
    0.17 * Math.cos((h - 30) * radians) +
    0.24 * Math.cos(2 * h * radians) +
    0.32 * Math.cos((3 * h + 6) * radians) -
    0.2 * Math.cos((4 * h - 63) * radians)
  const sl = 1 + (0.015 * (l - 50) ** 2) / Math.sqrt(20 + (l - 50) ** 2)
  const sc = 1 + 0.045 * c
  const sh = 1 + 0.015 * c * t
  const rt = -2 * Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7)) * Math.sin(60 * Math.exp(-(((h - 275) / 25) ** 2)) * radians)
  const [dl, dc, dH] = [(l2 - l1) / sl, (c2 - c1) / sc, dh / sh]
  return Math.sqrt(dl ** 2 + dc ** 2 + dH ** 2 + rt * dc * dH)
}
