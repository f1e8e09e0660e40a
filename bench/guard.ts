// `npm run bench:guard [-- --update] [case …]`: did UniRoute get dearer? Looks at the main cases for some three minutes
// and compares what each costs, as a multiple of nginx in the same run (of the bare Node proxy where nginx is missing),
// with what is written down in guard.json. Meant for whoever is about to merge; no part of `npm test`, since only a
// machine that is not busy with something else tells the truth.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describe, isFailure, judge, SLACK, type Look, type StoredRatios } from './guard-verdict.ts'
import { findMeasuringObstacle } from './processor-time.ts'
import { COMMIT, describeMachine, readLoad, LEAST_ROUNDS } from './report.ts'
import { runScenario } from './run.ts'
import { findScenario } from './scenarios.ts'
import { runScript } from './script.ts'
import { summariseRatios } from './statistics.ts'
import type { Target } from './target.ts'
import { nginx } from './targets/nginx.ts'
import { nodeProxy } from './targets/proxies.ts'
import { createUniRouteTarget } from './targets/uniroute.ts'

const STORED = fileURLToPath(new URL('guard.json', import.meta.url))
const CASES = ['json', 'json-big', 'burst', 'paced', 'tr-burst-chat-anthropic', 'tr-paced-chat-anthropic']
const REFERENCES: readonly Target[] = [nginx, nodeProxy]
const ROUNDS = 3
const WINDOW_MS = 2_000
const WARM_UP_MS = 3_000

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const uniroute = createUniRouteTarget({ id: 'uniroute' })

/** One for each reference. */
async function look(id: string, references: readonly Target[], rounds: number): Promise<Look[]> {
  const results = await runScenario({
    scenario: findScenario(id),
    targets: [...references, uniroute],
    rounds,
    warmUpMs: WARM_UP_MS,
    windowMs: WINDOW_MS,
    profileFolder: null,
    say: () => {},
  })
  const costsOf = (target: Target): number[] =>
    results.find((result) => result.target === target)!.measurements.map((one) => one.microsecondsPerUnit)
  return references.map((reference) => ({
    id,
    reference: reference.id,
    ratio: summariseRatios(costsOf(uniroute), costsOf(reference)).median,
  }))
}

async function update(cases: readonly string[], references: readonly Target[], stored: StoredRatios | null) {
  const ratios: Record<string, Record<string, number>> = { ...stored?.ratios }
  for (const id of cases) {
    const looks = await look(id, references, LEAST_ROUNDS)
    ratios[id] = Object.fromEntries(looks.map(({ reference, ratio }) => [reference, Math.round(ratio * 100) / 100]))
    say(looks.map((one) => describe(stored, one)).join('\n'))
  }
  const machine = { ...describeMachine(), load: readLoad() }
  const written: StoredRatios = { date: new Date().toISOString(), commit: COMMIT, machine, ratios }
  writeFileSync(STORED, `${JSON.stringify(written, null, 2)}\n`)
  say(`written to ${STORED}`)
}

/** Returns the cases that fail. */
async function guard(cases: readonly string[], reference: Target, stored: StoredRatios | null): Promise<string[]> {
  const failed: string[] = []
  for (const id of cases) {
    const [first] = await look(id, [reference], ROUNDS)
    say(describe(stored, first!))
    const again = judge(stored, first!) === 'dearer' ? (await look(id, [reference], ROUNDS))[0]! : null
    if (again) say(`  once more: ${describe(stored, again)}`)
    if (isFailure(stored, first!, again)) failed.push(id)
  }
  return failed
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { update: { type: 'boolean', default: false } },
  })
  const obstacle = findMeasuringObstacle()
  if (obstacle !== null) {
    say(obstacle)
    return 1
  }
  const cases = positionals.length > 0 ? positionals : CASES
  const able = REFERENCES.filter((target) => (target.findObstacle?.(findScenario('json')) ?? null) === null)
  const stored = existsSync(STORED) ? (JSON.parse(readFileSync(STORED, 'utf8')) as StoredRatios) : null
  if (values.update) {
    await update(cases, able, stored)
    return 0
  }
  if (readLoad() > cpus().length / 2)
    say(`This machine is busy (load average ${readLoad()}): do not believe what follows.`)
  if (stored) say(`compared with commit ${stored.commit} of ${stored.date.slice(0, 10)}; load average ${readLoad()}`)
  const failed = await guard(cases, able[0]!, stored)
  if (failed.length === 0) {
    say(`kept: none of ${cases.length} cases costs over ${SLACK * 100} % more`)
    return 0
  }
  say(`NOT KEPT: ${failed.join(', ')}. Where that is meant: npm run bench:guard -- --update ${failed.join(' ')}`)
  return 1
}

await runScript(main)
