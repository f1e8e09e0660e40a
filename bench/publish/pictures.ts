// Pictures of the results, as SVG that is read on light and on dark pages: it brings its own ground along.
import type { Range } from '../statistics.ts'

const COLOURS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  nginx: ['#15803d', '#4ade80'],
  'node-proxy': ['#64748b', '#94a3b8'],
  uniroute: ['#2563eb', '#60a5fa'],
  portkey: ['#b45309', '#fbbf24'],
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

function frame({ title, width, height }: { title: string; width: number; height: number }, parts: readonly string[]) {
  const colours = (place: 0 | 1): string =>
    Object.entries(COLOURS)
      .map(([id, pair]) => `.${id}{fill:${pair[place]};stroke:${pair[place]}}`)
      .join('')
  const style = [
    `.ground{fill:#fff}text{fill:#334155}.rule{stroke:#e2e8f0}${colours(0)}`,
    `@media(prefers-color-scheme:dark){.ground{fill:#0f172a}text{fill:#cbd5e1}.rule{stroke:#334155}${colours(1)}}`,
    'polyline{fill:none!important;stroke-width:2}rect,text{stroke:none}',
  ].join('')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif" font-size="12"><title>${escape(title)}</title><style>${style}</style><rect class="ground" width="${width}" height="${height}" rx="6"/>${parts.join('')}</svg>\n`
}

function drawLegend(ids: readonly string[], left: number): string[] {
  return ids.map(
    (id, i) =>
      `<rect class="${id}" x="${left + i * 130}" y="12" width="12" height="12"/><text x="${left + i * 130 + 18}" y="22">${id}</text>`,
  )
}

export interface BarGroup {
  readonly label: string
  readonly bars: readonly { readonly id: string; readonly ratio: Range }[]
}

/** Bars on a scale of powers of ten, since a burst and a whole answer are far apart. */
export function drawBars(title: string, groups: readonly BarGroup[]): string {
  const [left, width, bar, gap] = [200, 500, 12, 14]
  const most = 100
  const lengthOf = (ratio: number): number =>
    (Math.log10(Math.min(Math.max(ratio, 1.02), most)) / Math.log10(most)) * width
  const parts: string[] = []
  let y = 40
  for (const { label, bars } of groups) {
    parts.push(
      `<text x="${left - 10}" y="${y + (bars.length * bar) / 2 + 4}" text-anchor="end">${escape(label)}</text>`,
    )
    for (const { id, ratio } of bars) {
      const length = lengthOf(ratio.median)
      parts.push(`<rect class="${id}" x="${left}" y="${y}" width="${length.toFixed(1)}" height="${bar - 2}"/>`)
      parts.push(
        `<text x="${(left + length + 6).toFixed(1)}" y="${y + 9}" font-size="10">${ratio.median.toFixed(1)}</text>`,
      )
      y += bar
    }
    y += gap
  }
  const ids = [...new Set(groups.flatMap(({ bars }) => bars.map(({ id }) => id)))]
  return frame({ title, width: 780, height: y + 4 }, [...drawLegend(ids, left), ...parts])
}

export interface CurveLine {
  readonly id: string
  readonly points: readonly { readonly at: number; readonly figure: Range }[]
}

export interface CurveWords {
  readonly title: string
  readonly of: string
  readonly unit: string
  readonly isStraight?: boolean
}

/**
 * What grows goes by powers of ten unless it is to be a straight line, and begins at nothing where it does; what it
 * costs goes from nothing up.
 */
export function drawCurve(words: CurveWords, lines: readonly CurveLine[]): string {
  const { title, of, unit, isStraight = false } = words
  const [left, top, width, height] = [70, 40, 560, 220]
  const all = lines.flatMap(({ points }) => points)
  const amounts = [...new Set(all.map(({ at }) => at))].toSorted((a, b) => a - b)
  const least = (amounts.find((one) => one > 0) ?? 1) / 10
  const place = (at: number): number => (isStraight ? at : Math.log10(Math.max(at, least)))
  const [from, to] = [place(amounts[0]!), place(amounts.at(-1)!)]
  const x = (at: number): number => left + ((place(at) - from) / (to - from || 1)) * width
  const highest = Math.max(...all.map(({ figure }) => figure.most)) * 1.05
  const y = (figure: number): number => top + height - (figure / highest) * height
  const rules = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    `<line class="rule" x1="${left}" x2="${left + width}" y1="${y(share * highest).toFixed(1)}" y2="${y(share * highest).toFixed(1)}"/>`,
    `<text x="${left - 8}" y="${(y(share * highest) + 4).toFixed(1)}" text-anchor="end">${formatFigure(share * highest)}</text>`,
  ])
  // Straight lines begin with amounts too near to each other to be named.
  const ticks = (isStraight ? amounts.slice(-2) : amounts).map(
    (at) =>
      `<text x="${x(at).toFixed(1)}" y="${top + height + 18}" text-anchor="middle">${at.toLocaleString('en')}</text>`,
  )
  const drawn = lines.flatMap(({ id, points }) => [
    `<polyline class="${id}" points="${points.map(({ at, figure }) => `${x(at).toFixed(1)},${y(figure.median).toFixed(1)}`).join(' ')}"/>`,
    ...points.flatMap(({ at, figure }) => [
      `<line class="${id}" x1="${x(at).toFixed(1)}" x2="${x(at).toFixed(1)}" y1="${y(figure.least).toFixed(1)}" y2="${y(figure.most).toFixed(1)}"/>`,
      `<circle class="${id}" cx="${x(at).toFixed(1)}" cy="${y(figure.median).toFixed(1)}" r="3"/>`,
    ]),
  ])
  const axes = [
    `<text x="${left + width / 2}" y="${top + height + 38}" text-anchor="middle">${escape(of)}</text>`,
    `<text x="${left + width}" y="22" text-anchor="end">${escape(unit)}</text>`,
  ]
  const legend = drawLegend(
    lines.map(({ id }) => id),
    left,
  )
  return frame({ title, width: 680, height: top + height + 52 }, [...legend, ...rules, ...drawn, ...ticks, ...axes])
}

function formatFigure(figure: number): string {
  return figure === 0 ? '0' : figure.toFixed(figure < 10 ? 1 : 0)
}
