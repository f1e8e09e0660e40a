// Tries so many changed inputs on one target. Inputs are made from the saved corpus, and from those of this run that
// reached code no other did before.
import type { Random } from '../random.ts'
import type { CoverageWatch } from './coverage.ts'
import { createMutator } from './mutator.ts'
import { type FuzzTarget, readCorpus, saveFound, tryInput } from './target.ts'

/** Coverage is asked for after so many inputs; where it grew, each of them is tried again to see which it was. */
const BATCH = 32
const MOST_KEPT = 400
/** Of one input: a list that doubles with every change would soon be all there is. */
const LARGEST_INPUT = 64 * 1024
const MOST_FOUND = 3

export interface TargetFigures {
  readonly cases: number
  /** Inputs of this run that reached new code. */
  readonly reached: number
  /** What was broken, and where the input is kept now. */
  readonly found: readonly string[]
  /** What further inputs may be made of. */
  readonly pool: readonly Buffer[]
}

/** `coverage`: ask after each batch what was reached; it slows the code down, so not all cases are worth it. */
export async function fuzzTarget(
  target: FuzzTarget,
  options: {
    readonly cases: number
    readonly random: Random
    readonly coverage?: CoverageWatch
    readonly pool?: readonly Buffer[]
    readonly isOver?: () => boolean
  },
): Promise<TargetFigures> {
  const { cases, random, coverage, isOver = () => false } = options
  const saved = readCorpus(target.name).map(({ input }) => input)
  if (saved.length === 0) {
    throw new Error(`${target.name} has no corpus: put a small input into test/corpora/${target.name}`)
  }
  const pool = [...(options.pool ?? saved)]
  const mutator = createMutator(random, target.words, pool)
  const found: string[] = []
  let reached = 0
  for (const input of pool) tryInput(target, input)
  await coverage?.takeNew()
  let tried = 0
  while (tried < cases && found.length < MOST_FOUND && !isOver()) {
    const batch: Buffer[] = []
    while (batch.length < BATCH && tried < cases) {
      const input = mutator.mutate(pool[random.below(pool.length)]!, target.kind).subarray(0, LARGEST_INPUT)
      tried++
      batch.push(input)
      const broken = tryInput(target, input)
      if (broken !== null) found.push(`${target.name}: ${broken}\n  kept as ${saveFound(target.name, input)}`)
    }
    if (!coverage || !(await coverage.hasGrown())) continue
    for (const input of batch) {
      tryInput(target, input)
      if (!(await coverage.takeNew())) continue
      reached++
      pool.push(input)
    }
    while (pool.length > MOST_KEPT) pool.splice(saved.length + random.below(pool.length - saved.length), 1)
  }
  return { cases: tried, reached, found, pool }
}
