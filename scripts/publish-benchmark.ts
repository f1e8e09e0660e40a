// `npm run bench:publish`: the kept results (`npm run bench -- --runs 3 --keep`, `npm run bench:curves -- --runs 3
// --keep`) as the tables of docs/benchmark.md and the pictures beside it: of each scenario, the newest three runs of
// one commit on one machine.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { listPoint, mergeRuns, readKept } from '../bench/publish/kept.ts'
import { drawBars, drawCurve } from '../bench/publish/pictures.ts'
import {
  COMPARED,
  listCosts,
  listCurves,
  readRatio,
  writeCosts,
  writeCurve,
  writeFigures,
  writeGoals,
  writeOrigins,
} from '../bench/publish/tables.ts'

const DOCS = fileURLToPath(new URL('../docs', import.meta.url))
const DOCUMENT = `${DOCS}/benchmark.md`
const BEGIN = '<!-- table of npm run bench:publish -->'
const END = '<!-- end of the table -->'

const kept = readKept()
const costs = listCosts(kept)
if (costs.length === 0) throw new Error('There is no kept result: npm run bench -- --keep')

const groups = costs.map((runs) => ({
  label: runs.scenario,
  bars: COMPARED.flatMap((id) => {
    const ratio = readRatio(runs, id)
    return ratio === null ? [] : [{ id, ratio }]
  }),
}))
writeFileSync(`${DOCS}/benchmark.svg`, drawBars('Processor time as a multiple of nginx in the same run', groups))

const curves = listCurves(kept)
for (const runs of curves) {
  const { summary: title = '', of = '', unit, isStraight = false, lines = [] } = runs.newest
  const drawn = lines.map(({ id, points }) => ({
    id,
    points: points.flatMap(({ at }) => {
      const figure = mergeRuns(listPoint(runs, id, at))
      return figure === null ? [] : [{ at, figure }]
    }),
  }))
  writeFileSync(`${DOCS}/benchmark-${runs.scenario}.svg`, drawCurve({ title, of, unit, isStraight }, drawn))
}

const figures = [
  { scenario: 'idle-streams', figures: { kilobytesEach: 'KB each', proportionalEach: 'of it its own' }, digits: 1 },
  { scenario: 'latency-json', figures: { p50: 'p50 ms', p99: 'p99 ms', added: 'added p50 ms' }, digits: 2 },
  {
    scenario: 'cold-start',
    figures: { milliseconds: 'ms to ready, second start', processor: 'CPU ms', first: 'first start, ms' },
    digits: 0,
  },
  { scenario: 'admin-pages', figures: { p95: 'p95 ms', median: 'median ms', first: 'first look' }, digits: 0 },
  { scenario: 'rest', figures: { resident: 'MB resident', launcher: 'its launcher' }, digits: 1 },
]
const text = [
  '## What was aimed at, and what was reached',
  '',
  ...writeGoals(kept),
  '',
  '## Processor time',
  '',
  '![Processor time as a multiple of nginx in the same run](benchmark.svg)',
  '',
  ...writeCosts(kept),
  '',
  '## Memory, latency, start',
  '',
  ...figures.flatMap((one) => writeFigures(kept, one)),
  ...(curves.length > 0 ? ['## As it grows', '', ...curves.flatMap(writeCurve)] : []),
  ...writeOrigins(kept),
]
const document = readFileSync(DOCUMENT, 'utf8')
const [before, rest] = [document.slice(0, document.indexOf(BEGIN)), document.slice(document.indexOf(END))]
writeFileSync(DOCUMENT, `${before}${BEGIN}\n\n${text.join('\n')}\n\n${rest}`)
