// What is fuzzed, and where its inputs are kept: one folder of small files for each target under test/corpora. A file
// named `found-…` broke a promise once; all of them are tried again in `npm test`.
import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { InputKind } from './mutator.ts'

export interface FuzzTarget {
  readonly name: string
  readonly kind: InputKind
  /** Words of the format, which chance would not find. */
  readonly words: readonly string[]
  /** Throws where a promise is broken; what the product may refuse is no break. */
  check(input: Buffer): void
}

export interface SavedInput {
  readonly file: string
  readonly input: Buffer
}

const CORPORA = fileURLToPath(new URL('../../corpora/', import.meta.url))
/** Of CPU time, for one input: far beyond what any needs, far below what a reader that runs away takes. */
const MOST_CPU_SECONDS = 5

export function readCorpus(name: string): SavedInput[] {
  const folder = join(CORPORA, name)
  const files = existsSync(folder) ? readdirSync(folder).toSorted() : []
  return files.map((file) => ({ file, input: readFileSync(join(folder, file)) }))
}

/** Keeps an input that broke a promise; answers where. */
export function saveFound(name: string, input: Buffer): string {
  const folder = join(CORPORA, name)
  mkdirSync(folder, { recursive: true })
  const file = `found-${hash('sha256', input, 'hex').slice(0, 10)}`
  writeFileSync(join(folder, file), input)
  return `test/corpora/${name}/${file}`
}

/** What an input breaks, in words; null where it breaks nothing. */
export function tryInput(target: FuzzTarget, input: Buffer): string | null {
  const before = process.cpuUsage()
  try {
    target.check(input)
  } catch (error) {
    return error instanceof Error ? (error.stack ?? String(error)) : String(error)
  }
  const { user } = process.cpuUsage(before)
  return user / 1e6 > MOST_CPU_SECONDS ? `it took ${user / 1e6} s of CPU time` : null
}

/** Fails with this sentence unless it holds. */
export function promise(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(sentence)
}
