// `npm run bench [-- scenario …]`: what a request costs in processor time, through UniRoute, through nginx and through
// bare proxies, in one run. Absolute figures are the machine's; ratios are the product's.
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createLatencyMeasure } from './measures/cost.ts'
import { GROUPS, findMeasures, listMeasures } from './measures.ts'
import type { Measure, Wishes } from './measures/measure.ts'
import { findMeasuringObstacle } from './processor-time.ts'
import { LEAST_ROUNDS } from './report.ts'
import { findScenario } from './scenarios.ts'
import { runScript } from './script.ts'
import type { Target } from './target.ts'
import { TARGETS } from './targets.ts'
import { createPortkeyTarget } from './targets/portkey.ts'
import { createUniRouteTarget } from './targets/uniroute.ts'

/** The kernel counts in ticks of 10 ms: shorter windows are too coarse. */
const LEAST_WINDOW_SECONDS = 2
const LATENCY_PER_SECOND = 300

const USAGE = `npm run bench [-- [options] scenario …]

Scenarios, or several by one word (without any: table):
${Object.entries(GROUPS)
  .map(([name, ids]) => `  ${name.padEnd(28)} ${ids.join(', ')}`)
  .join('\n')}

${listMeasures()
  .map(({ id, summary }) => `  ${id.padEnd(28)} ${summary}`)
  .join('\n')}

Options:
  --target NAME      only this one; may be repeated: ${TARGETS.map(({ id }) => id).join(', ')}
  --runs NUMBER      all of it so often, one run after the other (1): what is published is of three
  --rounds NUMBER    within a run; ${LEAST_ROUNDS} or more, for figures to show (${LEAST_ROUNDS}, idle streams 2)
  --window SECONDS   of load per target and round, ${LEAST_WINDOW_SECONDS} or more (${LEAST_WINDOW_SECONDS})
  --latency RATE     latency at so many requests a second instead of processor time, beside the provider asked directly
  --against FOLDER   also the UniRoute of another checkout, as uniroute-other
  --portkey FOLDER   also Portkey's gateway, from a folder where it was installed (bench/targets/portkey.ts says how)
  --users NUMBER     also UniRoute with so many other users, each with a provider key and an API key, as uniroute-grown
  --usage-rows NUMBER  and with so many requests in its ledger
  --node-flag FLAG   also UniRoute with this flag of Node's, as uniroute-flags; may be repeated
  --keep             write the results under names that git does not ignore
  --profile FOLDER   write a processor profile of UniRoute there (open it in Chrome's or VS Code's viewer)

All that docs/benchmark.md shows: npm run bench -- --runs 3 --keep --portkey FOLDER, then npm run bench:publish.
`

interface Asked {
  readonly measures: readonly Measure[]
  readonly runs: number
  readonly wishes: Wishes
}

const say = (line: string): void => void process.stderr.write(`  ${line}\n`)

function readAsked(): Asked | null {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      target: { type: 'string', multiple: true },
      runs: { type: 'string', default: '1' },
      rounds: { type: 'string' },
      window: { type: 'string', default: String(LEAST_WINDOW_SECONDS) },
      latency: { type: 'string' },
      against: { type: 'string' },
      portkey: { type: 'string' },
      users: { type: 'string' },
      'usage-rows': { type: 'string' },
      'node-flag': { type: 'string', multiple: true },
      keep: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const unknown = values.target?.find((id) => !TARGETS.some((target) => target.id === id))
  if (unknown !== undefined) throw new Error(`There is no target "${unknown}".`)
  const portkeyFolder = values.portkey === undefined ? null : resolve(values.portkey)
  return {
    measures:
      values.latency === undefined
        ? findMeasures(positionals.length > 0 ? positionals : ['table'])
        : (positionals.length > 0 ? positionals : ['json']).map((id) => createLatencyMeasure(findScenario(id))),
    runs: Math.ceil(readNumber('--runs', values.runs)),
    wishes: {
      targets: [
        ...TARGETS.filter(({ id }) => values.target?.includes(id) ?? true),
        ...createVariants(values.against, values['node-flag']),
        ...createGrown(values.users, values['usage-rows']),
        ...(portkeyFolder === null ? [] : [createPortkeyTarget(portkeyFolder)]),
      ],
      rounds: values.rounds === undefined ? null : Math.ceil(readNumber('--rounds', values.rounds)),
      windowMs: readNumber('--window', values.window) * 1000,
      perSecond: values.latency === undefined ? LATENCY_PER_SECOND : readNumber('--latency', values.latency),
      portkeyFolder,
      keep: values.keep,
      profileFolder: values.profile === undefined ? null : resolve(values.profile),
      say,
      print: (text) => void process.stdout.write(text),
    },
  }
}

function createVariants(against: string | undefined, flags: readonly string[] | undefined): Target[] {
  const other = against === undefined ? [] : [createUniRouteTarget({ id: 'uniroute-other', root: resolve(against) })]
  return flags === undefined ? other : [...other, createUniRouteTarget({ id: 'uniroute-flags', flags })]
}

function createGrown(users: string | undefined, usageRows: string | undefined): Target[] {
  if (users === undefined && usageRows === undefined) return []
  const grown = {
    users: users === undefined ? 0 : readNumber('--users', users),
    usageRows: usageRows === undefined ? 0 : readNumber('--usage-rows', usageRows),
  }
  return [createUniRouteTarget({ id: 'uniroute-grown', grown })]
}

function readNumber(option: string, text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new Error(`${option} takes a number above 0, not "${text}".`)
  return number
}

async function bench({ measures, runs, wishes }: Asked): Promise<void> {
  const { rounds, windowMs, profileFolder } = wishes
  const isShort = (rounds !== null && rounds < LEAST_ROUNDS) || windowMs < LEAST_WINDOW_SECONDS * 1000
  if (isShort) say('too short for figures to show: a trial run')
  if (profileFolder !== null) mkdirSync(profileFolder, { recursive: true })
  for (let run = 1; run <= runs; run++) {
    for (const measure of measures) {
      say(`${measure.id}, run ${run} of ${runs}`)
      say(`written to ${await measure.run(wishes)}`)
    }
  }
}

async function main(): Promise<number> {
  const asked = readAsked()
  if (asked === null) {
    process.stdout.write(USAGE)
    return 0
  }
  const obstacle = findMeasuringObstacle()
  if (obstacle !== null) {
    process.stderr.write(`${obstacle}\n`)
    return 1
  }
  await bench(asked)
  return 0
}

await runScript(main)
