// `npm run bench:publish`: the newest kept result of each scenario (`npm run bench -- --keep`) as the table of
// docs/benchmark.md and the picture beside it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Range {
  readonly median: number
  readonly least: number
  readonly most: number
}

interface Result {
  readonly scenario: string
  readonly unit: string
  readonly date: string
  readonly machine: {
    readonly node: string
    readonly cores: number
    readonly model: string
    readonly loadBefore: number
  }
  readonly targets: readonly {
    readonly id: string
    readonly microsecondsPerUnit: Range
    readonly ratios: Readonly<Record<string, Range>>
  }[]
}

const RESULTS = fileURLToPath(new URL('../bench/results', import.meta.url))
const DOCUMENT = fileURLToPath(new URL('../docs/benchmark.md', import.meta.url))
const PICTURE = fileURLToPath(new URL('../docs/benchmark.svg', import.meta.url))
const BEGIN = '<!-- table of npm run bench:publish -->'
const END = '<!-- end of the table -->'
const SHOWN = ['node-proxy', 'uniroute', 'portkey'] as const
const COLOURS: Readonly<Record<(typeof SHOWN)[number], string>> = {
  'node-proxy': '#8a94a6',
  uniroute: '#2563eb',
  portkey: '#d97706',
}

function readNewest(): Result[] {
  const newest = new Map<string, Result>()
  for (const result of readKept<Result>((name) => !name.includes('-latency-'))) {
    newest.delete(result.scenario)
    newest.set(result.scenario, result)
  }
  return [...newest.values()]
}

/** In the order in which they were made. */
function readKept<Kept>(isWanted: (name: string) => boolean): Kept[] {
  const names = readdirSync(RESULTS).filter((name) => name.endsWith('.kept.json') && isWanted(name))
  return names.toSorted().map((name) => JSON.parse(readFileSync(`${RESULTS}/${name}`, 'utf8')) as Kept)
}

/** What a chunk or a request costs as there are more of something; said of UniRoute alone. */
function writeGrowth(results: readonly Result[]): string[] {
  const rows = results.filter(isGrowth).flatMap((result) => {
    const own = result.targets.find(({ id }) => id === 'uniroute')
    if (!own) return []
    const { median, least, most } = own.microsecondsPerUnit
    return [
      `| ${result.scenario} | ${result.unit} | ${median.toFixed(1)} (${least.toFixed(1)}–${most.toFixed(1)}) | ${result.machine.loadBefore} |`,
    ]
  })
  if (rows.length === 0) return []
  return ['| scenario | per | uniroute, CPU µs | load average |', '| --- | --- | --- | --- |', ...rows, '']
}

function isGrowth({ scenario }: Pick<Result, 'scenario'>): boolean {
  return /^(?:events|body)-/.test(scenario)
}

interface LatencyResult {
  readonly scenario: string
  readonly perSecond: number
  readonly machine: { readonly loadBefore: number }
  readonly targets: readonly {
    readonly id: string
    readonly p50: Range
    readonly p99: Range
    readonly added: Range | null
  }[]
}

function writeLatency(): string[] {
  const last = readKept<LatencyResult>((name) => name.includes('-latency-')).at(-1)
  if (!last) return []
  const rows = last.targets.map(({ id, p50, p99, added }) => {
    const more = added ? `${added.median.toFixed(2)} (${added.least.toFixed(2)}–${added.most.toFixed(2)})` : '–'
    return `| ${id} | ${p50.median.toFixed(2)} | ${p99.median.toFixed(2)} | ${more} |`
  })
  return [
    `Latency of \`${last.scenario}\` at ${last.perSecond} requests a second, from the moment when each was due, load average ${last.machine.loadBefore}:`,
    '',
    '| target | p50 ms | p99 ms | added p50 ms (least–most) |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ]
}

function ratioOf(result: Result, id: string): Range | undefined {
  return result.targets.find((target) => target.id === id)?.ratios['nginx']
}

function writeTable(results: readonly Result[]): string {
  const rows = results.map((result) => {
    const nginx = result.targets.find(({ id }) => id === 'nginx')?.microsecondsPerUnit.median.toFixed(1) ?? '–'
    const cells = SHOWN.map((id) => {
      const ratio = ratioOf(result, id)
      return ratio ? `${ratio.median.toFixed(1)} (${ratio.least.toFixed(1)}–${ratio.most.toFixed(1)})` : '–'
    })
    return `| ${[result.scenario, result.unit, nginx, ...cells, String(result.machine.loadBefore)].join(' | ')} |`
  })
  const head = ['scenario', 'per', 'nginx, CPU µs', ...SHOWN.map((id) => `${id} × nginx (least–most)`), 'load average']
  const { machine, date } = results[0]!
  const about = `${date.slice(0, 10)}, Node ${machine.node}, ${machine.cores} × ${machine.model}.`
  return [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows, '', about].join('\n')
}

/** Bars on a scale of powers of ten, since a burst and a whole answer are far apart. */
function drawPicture(results: readonly Result[]): string {
  const [left, width, bar, gap] = [190, 520, 12, 14]
  const most = 100
  const scale = (ratio: number): number => (Math.log10(Math.max(ratio, 1)) / Math.log10(most)) * width
  const parts: string[] = []
  let y = 40
  for (const result of results) {
    parts.push(`<text x="${left - 10}" y="${y + 22}" text-anchor="end">${result.scenario}</text>`)
    for (const id of SHOWN) {
      const ratio = ratioOf(result, id)
      if (!ratio) continue
      const length = scale(Math.min(ratio.median, most)).toFixed(1)
      parts.push(`<rect x="${left}" y="${y}" width="${length}" height="${bar - 2}" fill="${COLOURS[id]}"/>`)
      parts.push(`<text x="${left + Number(length) + 6}" y="${y + 9}" font-size="10">${ratio.median.toFixed(1)}</text>`)
      y += bar
    }
    y += gap
  }
  const legend = SHOWN.map(
    (id, i) =>
      `<rect x="${left + i * 130}" y="12" width="12" height="12" fill="${COLOURS[id]}"/><text x="${left + i * 130 + 18}" y="22">${id}</text>`,
  )
  const style = 'font-family="system-ui, sans-serif" font-size="12" fill="#334155"'
  const title = '<title>Processor time as a multiple of nginx in the same run</title>'
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 ${y + 10}" role="img" ${style}>${title}${legend.join('')}${parts.join('')}</svg>\n`
}

const all = readNewest()
const results = all.filter((result) => !isGrowth(result))
if (results.length === 0) throw new Error('There is no kept result: npm run bench -- --keep')
const document = readFileSync(DOCUMENT, 'utf8')
const [before, rest] = [document.slice(0, document.indexOf(BEGIN)), document.slice(document.indexOf(END))]
writeFileSync(
  DOCUMENT,
  `${before}${BEGIN}\n\n${[writeTable(results), '', ...writeGrowth(all), ...writeLatency()].join('\n')}\n${rest}`,
)
writeFileSync(PICTURE, drawPicture(results))
