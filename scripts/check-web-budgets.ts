// What the built dashboard may weigh: what a first visit loads, and what each page and dialog adds. Gzip, as proxies
// and the server send it; fonts have a place of their own.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

interface Chunk {
  readonly file: string
  readonly isEntry?: boolean
  readonly isDynamicEntry?: boolean
  readonly imports?: readonly string[]
  readonly dynamicImports?: readonly string[]
  readonly css?: readonly string[]
}
type Manifest = Readonly<Record<string, Chunk>>

const KILOBYTE = 1024
const BUDGETS = { js: 90, css: 12, route: 40, charts: 110 } as const
/** The page that draws charts, and what it loads for them. */
const CHARTS = { page: 'src/pages/usage.vue', part: 'src/ui/Chart.vue' } as const

const folder = fileURLToPath(new URL('../dist/web/', import.meta.url))
const manifest = JSON.parse(readFileSync(join(folder, '.vite', 'manifest.json'), 'utf8')) as Manifest

/** A chunk and all it needs before it runs. */
function collect(name: string, found: Set<string> = new Set()): Set<string> {
  if (found.has(name)) return found
  found.add(name)
  for (const needed of manifest[name]?.imports ?? []) collect(needed, found)
  return found
}

/**
 * What is there for certain when a part is asked for: the first visit's, and what all have loaded that can ask for it.
 */
function findLoaded(name: string): Set<string> {
  const askers = Object.keys(manifest).filter((key) => manifest[key]!.dynamicImports?.includes(name))
  const [first = initial, ...others] = askers.map((asker) => new Set([...initial, ...collect(asker)]))
  return new Set([...first].filter((chunk) => others.every((other) => other.has(chunk))))
}

const weigh = (files: Iterable<string>): number =>
  [...new Set(files)].reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0) / KILOBYTE
const filesOf = (names: Iterable<string>): string[] => [...names].map((name) => manifest[name]!.file)
const stylesOf = (names: Iterable<string>): string[] => [...names].flatMap((name) => manifest[name]!.css ?? [])

const entry = Object.keys(manifest).find((name) => manifest[name]!.isEntry)
if (entry === undefined) throw new Error('The build has no entry; run `vite build web` first.')
const initial = collect(entry)
const problems: string[] = []
function hold(what: string, weight: number, limit: number): void {
  const line = `${what}: ${weight.toFixed(1)} of ${limit} KB`
  process.stdout.write(`${line}\n`)
  if (weight > limit) problems.push(line)
}

hold('initial JS', weigh(filesOf(initial)), BUDGETS.js)
hold('CSS', weigh(stylesOf(initial)), BUDGETS.css)
for (const name of Object.keys(manifest).filter((key) => manifest[key]!.isDynamicEntry)) {
  if (name === CHARTS.part) continue
  const there = findLoaded(name)
  const needed = name === CHARTS.page ? collect(CHARTS.part, collect(name)) : collect(name)
  const added = [...needed].filter((chunk) => !there.has(chunk))
  hold(name, weigh(filesOf(added)), name === CHARTS.page ? BUDGETS.charts : BUDGETS.route)
}
if (problems.length > 0) {
  process.stdout.write(`Over budget:\n${problems.join('\n')}\n`)
  process.exitCode = 1
}
