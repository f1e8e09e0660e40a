// `npm run fuzz -- [--cases 100000] [--seed 1] [--only sse,wire] [--minutes 60]`: changed inputs for every reader of
// what others write, and changed requests to a real server. A fifth of the cases go over sockets. An input that breaks
// a promise is kept under test/corpora, where `npm test` tries it again; the seed repeats the run.
import { parseArgs } from 'node:util'
import { describeMachine } from '../test/support/drills/machine.ts'
import { watchCoverage } from '../test/support/fuzz/coverage.ts'
import { fuzzTarget } from '../test/support/fuzz/run.ts'
import { TARGETS } from '../test/support/fuzz/targets.ts'
import { fuzzWire, WIRE_CORPUS } from '../test/support/fuzz/wire.ts'
import { createRandom } from '../test/support/random.ts'

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    only: { type: 'string' },
    minutes: { type: 'string', default: '120' },
  },
})
const { seed } = createRandom(values.seed === undefined ? undefined : Number(values.seed))
const only = values.only?.split(',')
const isWanted = (name: string): boolean => only === undefined || only.includes(name)
const unknown = only?.filter((name) => name !== WIRE_CORPUS && !TARGETS.some((target) => target.name === name)) ?? []
if (unknown.length > 0)
  throw new Error(
    `No such target: ${unknown.join(', ')}. There are: ${TARGETS.map(({ name }) => name).join(', ')}, ${WIRE_CORPUS}`,
  )
const deadline = performance.now() + Number(values.minutes) * 60_000
const isOver = (): boolean => performance.now() > deadline
const targets = TARGETS.filter(({ name }) => isWanted(name))
const cases = Number(values.cases)
const overSockets = !isWanted(WIRE_CORPUS) ? 0 : targets.length === 0 ? cases : Math.round(cases / 5)
console.info(`${describeMachine()}, seed ${seed}`)

const found: string[] = []
let tried = 0
let leaks = 0
// A tenth of the cases is watched by V8's counters; what reached new code there is what the others are made of.
const plans = targets.map((target, index) => ({
  target,
  random: createRandom(seed + index),
  // The same number for each, and what is left over for the first ones.
  share: Math.floor((cases - overSockets + targets.length - 1 - index) / targets.length),
  pool: undefined as readonly Buffer[] | undefined,
}))
const coverage = await watchCoverage()
for (const plan of plans) {
  const guided = await fuzzTarget(plan.target, {
    cases: Math.floor(plan.share / 10),
    random: plan.random,
    coverage,
    isOver,
  })
  plan.pool = guided.pool
  plan.share -= guided.cases
  console.info(`${plan.target.name}: ${guided.reached} of ${guided.cases} inputs reached new code`)
  found.push(...guided.found)
  tried += guided.cases
}
coverage.stop()
for (const { target, random, share, pool } of plans) {
  const figures = await fuzzTarget(target, { cases: share, random, ...(pool && { pool }), isOver })
  console.info(`${target.name}: ${figures.cases} more`)
  found.push(...figures.found)
  tried += figures.cases
}
if (overSockets > 0) {
  const figures = await fuzzWire({ cases: overSockets, seed, isOver, say: (line) => console.info(line) })
  const { answers, secrets, files } = figures.scanned
  console.info(`${WIRE_CORPUS}: ${figures.cases} requests, by status: ${JSON.stringify(figures.statuses)}`)
  console.info(`searched for ${secrets} secrets: ${answers} answers, logs, metrics, doctor, ${files.join(', ')}`)
  for (const leak of figures.leaks.slice(0, 10)) console.info(`  leak: ${JSON.stringify(leak)}`)
  found.push(...figures.found)
  tried += figures.cases
  leaks = figures.leaks.length
}
for (const sentence of found) console.info(`  ${sentence}`)
const isWhole = tried >= cases
const isKept = found.length === 0 && leaks === 0 && isWhole
console.info(
  `${isKept ? 'kept' : 'NOT KEPT'}: ${tried} cases${isWhole ? '' : ` of ${cases}, then time was up`}: ${found.length} broken promises, ${leaks} secrets found (seed ${seed})`,
)
process.exitCode = isKept ? 0 : 1
