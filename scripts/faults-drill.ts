// `npm run drill:faults -- [--only R7] [--no-tests]`: the table of failures, R1 to R24, against real processes:
// stopped, reset, killed and locked ones, full disks, damaged files, jumping clocks. One line for each: what was
// measured, and whether the promise holds. Where tests of the suite hold it already, they are run and counted.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine } from '../test/support/drills/machine.ts'
import { FAULT_CASES } from '../test/support/faults/fault-cases.ts'
import { runFaultCase, type FaultCase } from '../test/support/faults/fault-case.ts'

interface Result {
  readonly file: string
  readonly name: string
  readonly status: string
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Every test of those files, once. */
async function runTests(files: readonly string[]): Promise<Result[]> {
  if (files.length === 0) return []
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-faults-'))
  const report = join(folder, 'report.json')
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const words = [vitest, 'run', ...files, '--reporter=json', `--outputFile.json=${report}`]
  const child = spawn(process.execPath, words, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] })
  await once(child, 'exit')
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[]
  }
  rmSync(folder, { recursive: true, force: true })
  return testResults.flatMap(({ name: file, assertionResults }) =>
    assertionResults.map(({ fullName: name, status }) => ({ file, name, status })),
  )
}

/** One line, and the reasons where it does not hold. */
async function judge(fault: FaultCase, results: readonly Result[]): Promise<'kept' | 'NOT KEPT' | 'NOT RUN'> {
  const problem = fault.findProblem?.()
  const { words, broken } = problem === undefined ? await runFaultCase(fault) : { words: [], broken: [] }
  const own = results.filter((result) =>
    fault.tests?.some(({ file, named }) => result.file.endsWith(file) && (named?.test(result.name) ?? true)),
  )
  const passed = own.filter(({ status }) => status === 'passed')
  const failed = own.filter(({ status }) => status === 'failed')
  const parts = [
    ...words,
    ...(problem === undefined ? [] : [`not run: ${problem}`]),
    ...(own.length > 0 ? [`${passed.length} of ${own.length} tests passed`] : []),
  ]
  const isKept = broken.length + failed.length === 0
  const nothing = words.length + passed.length === 0
  const verdict = !isKept ? 'NOT KEPT' : nothing ? 'NOT RUN' : 'kept'
  console.info(`${fault.id.padEnd(3)} ${verdict.padEnd(8)} ${fault.failure}: ${parts.join('; ')}`)
  for (const sentence of broken) console.info(`      ${sentence}`)
  for (const { name } of failed) console.info(`      failed: ${name}`)
  return verdict
}

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, 'no-tests': { type: 'boolean', default: false } },
})
const wanted = FAULT_CASES.filter(({ id }) => values.only?.includes(id) ?? true)
if (wanted.length === 0)
  throw new Error(`There is no such row; rows are ${FAULT_CASES.map(({ id }) => id).join(', ')}.`)
console.info(describeMachine())
const files = new Set(wanted.flatMap(({ tests = [] }) => tests.map(({ file }) => file)))
const results = values['no-tests'] ? [] : await runTests([...files])
const verdicts: string[] = []
for (const fault of wanted) verdicts.push(await judge(fault, results))
const count = (verdict: string): number => verdicts.filter((one) => one === verdict).length
console.info(`${count('kept')} of ${verdicts.length} kept, ${count('NOT KEPT')} not, ${count('NOT RUN')} not run`)
process.exitCode = count('NOT KEPT') > 0 ? 1 : 0
