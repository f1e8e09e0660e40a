// `npm run fuzz -- [--cases 100000] [--seed 1] [--only sse,wire] [--minutes 60]`: changed inputs for every reader of what
// others write, and changed requests to a real server. A fifth of the cases go over sockets. An input that breaks a
// promise is kept under test/corpora, where `npm test` tries it again; the seed repeats the run.
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
const coverage = await watchCoverage()
for (const [index, target] of targets.entries()) {
  // The same number for each, and what is left over for the first ones.
  const share = Math.floor((cases - overSockets + targets.length - 1 - index) / targets.length)
  const figures = await fuzzTarget(target, { cases: share, seed: seed + index, coverage, isOver })
  console.info(`${figures.name}: ${figures.cases} cases, ${figures.reached} of them reached new code`)
  found.push(...figures.found)
  tried += figures.cases
}
coverage.stop()
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
