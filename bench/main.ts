// `npm run bench [-- scenario …]`: what a request costs in processor time, through UniRoute, through nginx and through
// bare proxies, in one run. Absolute figures are the machine's; ratios are the product's.
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { direct, reportLatency } from './latency.ts'
import { findMeasuringObstacle } from './processor-time.ts'
import { createReport, LEAST_ROUNDS, printReport, readLoad, saveReport } from './report.ts'
import { runScenario, WrongResult } from './run.ts'
import type { Scenario } from './scenario.ts'
import { findScenario, SCENARIOS, USUAL } from './scenarios.ts'
import type { Target } from './target.ts'
import { nginx } from './targets/nginx.ts'
import { createPortkeyTarget } from './targets/portkey.ts'
import { nodeProxy, nullProxy } from './targets/proxies.ts'
import { createUniRouteTarget } from './targets/uniroute.ts'

const TARGETS: readonly Target[] = [nginx, nullProxy, nodeProxy, createUniRouteTarget({ id: 'uniroute' })]
/** In the order of preference: verdicts go by the first that runs. */
const REFERENCES = [nginx.id, nullProxy.id]
/** The kernel counts in ticks of 10 ms: shorter windows are too coarse. */
const LEAST_WINDOW_SECONDS = 2
const WARM_UP_MS = 3_000

const USAGE = `npm run bench [-- [options] scenario …]

Scenarios (without a name: ${USUAL.join(', ')}):
${[...SCENARIOS.values()].map(({ id, summary }) => `  ${id.padEnd(28)} ${summary}`).join('\n')}

Options:
  --target NAME      only this one; may be repeated: ${TARGETS.map(({ id }) => id).join(', ')}
  --rounds NUMBER    ${LEAST_ROUNDS} or more, for figures to show (${LEAST_ROUNDS})
  --window SECONDS   of load per target and round, ${LEAST_WINDOW_SECONDS} or more (${LEAST_WINDOW_SECONDS})
  --latency RATE     latency at so many requests a second instead of processor time, beside the provider asked directly
  --against FOLDER   also the UniRoute of another checkout, as uniroute-other
  --portkey FOLDER   also Portkey's gateway, from a folder where it was installed (bench/targets/portkey.ts says how)
  --users NUMBER     also UniRoute with so many other users, each with a provider key and an API key, as uniroute-grown
  --usage-rows NUMBER  and with so many requests in its ledger
  --node-flag FLAG   also UniRoute with this flag of Node's, as uniroute-flags; may be repeated
  --keep             write the result under a name that git does not ignore
  --profile FOLDER   write a processor profile of UniRoute there (open it in Chrome's or VS Code's viewer)
`

interface Wishes {
  readonly scenarios: readonly Scenario[]
  readonly targets: readonly Target[]
  readonly rounds: number
  readonly windowMs: number
  /** Requests a second at which latency is measured; null = processor time is. */
  readonly latencyAt: number | null
  readonly keep: boolean
  readonly profileFolder: string | null
}

const say = (line: string): void => void process.stderr.write(`  ${line}\n`)

function readWishes(): Wishes | null {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      target: { type: 'string', multiple: true },
      rounds: { type: 'string', default: String(LEAST_ROUNDS) },
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
  return {
    scenarios: (positionals.length > 0 ? positionals : values.latency === undefined ? USUAL : ['json']).map(
      findScenario,
    ),
    targets: [
      ...TARGETS.filter(({ id }) => values.target?.includes(id) ?? true),
      ...createVariants(values.against, values['node-flag']),
      ...createGrown(values.users, values['usage-rows']),
      ...(values.portkey === undefined ? [] : [createPortkeyTarget(resolve(values.portkey))]),
    ],
    rounds: readNumber('--rounds', values.rounds),
    windowMs: readNumber('--window', values.window) * 1000,
    latencyAt: values.latency === undefined ? null : readNumber('--latency', values.latency),
    keep: values.keep,
    profileFolder: values.profile === undefined ? null : resolve(values.profile),
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

async function bench(wishes: Wishes): Promise<void> {
  const { keep, windowMs, profileFolder, latencyAt } = wishes
  const rounds = Math.ceil(wishes.rounds)
  if (rounds < LEAST_ROUNDS || windowMs < LEAST_WINDOW_SECONDS * 1000) say('too short for figures to show: a trial run')
  if (profileFolder !== null) mkdirSync(profileFolder, { recursive: true })
  for (const scenario of wishes.scenarios) {
    const targets = wishes.targets.filter((target) => {
      const obstacle = target.findObstacle?.(scenario) ?? null
      if (obstacle !== null) say(`${obstacle}: ${scenario.id} runs without it`)
      return obstacle === null
    })
    const run = { scenario, targets, rounds, windowMs, warmUpMs: WARM_UP_MS, profileFolder, say }
    if (latencyAt !== null) {
      const latency = { ...run, targets: [direct, ...targets], perSecond: latencyAt, keep }
      say(`written to ${await reportLatency(latency, (text) => void process.stdout.write(`\n${text}\n`))}`)
      continue
    }
    const loadBefore = readLoad()
    const results = await runScenario(run)
    const references = REFERENCES.filter((id) => targets.some((target) => target.id === id))
    const report = createReport({ scenario, loadBefore, loadAfter: readLoad(), references }, results)
    process.stdout.write(`\n${printReport(report)}\n`)
    say(`written to ${saveReport(report, { keep, date: new Date() })}`)
  }
}

async function main(): Promise<number> {
  const wishes = readWishes()
  if (wishes === null) {
    process.stdout.write(USAGE)
    return 0
  }
  const obstacle = findMeasuringObstacle()
  if (obstacle !== null) {
    process.stderr.write(`${obstacle}\n`)
    return 1
  }
  await bench(wishes)
  return 0
}

// Ended from outside: `exit` handlers kill the programs that were started, and ours end with us.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

try {
  process.exitCode = await main()
} catch (error) {
  const isExpected = error instanceof WrongResult
  process.stderr.write(
    `${error instanceof Error ? ((isExpected ? null : error.stack) ?? error.message) : String(error)}\n`,
  )
  process.exitCode = 1
}
