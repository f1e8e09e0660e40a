// `npm test`: installs what is missing, then every check and every test, on the bundled Node. Its last line counts both
// (`N passed, N failed`), and above it stands what did not run and why.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createEnvironment, ensureInstalled, findNode, readText, ROOT, runMain, say, waitFor } from './runtime.mjs'

/** Independent of each other: two at a time. */
const LONG_CHECKS = [
  ['types', 'tsc', ['--noEmit']],
  ['types of the dashboard', 'vue-tsc', ['--noEmit', '-p', 'web']],
  ['lint', 'oxlint', ['--deny-warnings']],
  ['format', 'prettier', ['--check', '--log-level', 'warn', '.']],
]
const CHECKS = [
  ['layers', 'node', ['scripts/check-layers.ts']],
  ['unused code', 'knip', ['--no-progress']],
  ['generated documents', 'node', ['scripts/generate-docs.ts', '--check']],
  ['build of the dashboard', 'vite', ['build', 'web', '--logLevel', 'warn']],
  ['weight of the dashboard', 'node', ['scripts/check-web-budgets.ts']],
]
const SUITES = ['unit', 'web', 'system']
/** Of the tests that did not run. */
const MOST_NAMED = 20
/** Characters of a failed test's own words that the summary repeats: the assertion, and the seed of a property. */
const MOST_SAID = 1_500
const REPORTS = join(ROOT, 'node_modules', '.cache', 'tests')

await runMain(async () => {
  await ensureInstalled()
  if (existsSync(join(ROOT, 'test', 'clients', 'package-lock.json'))) {
    await ensureInstalled(join(ROOT, 'test', 'clients'))
  }
  const environment = createEnvironment(findNode())
  const results = await runLongChecks(environment)
  for (const [name, command, words] of CHECKS) results.push(await runCheck(name, command, words, environment))
  for (const suite of SUITES) results.push(await runSuite(suite, environment))
  return summarise(results)
})

async function runLongChecks(environment) {
  const results = []
  const waiting = LONG_CHECKS.entries()
  const lane = async () => {
    for (const [place, [name, command, words]] of waiting) {
      results[place] = await runCheck(name, command, words, environment)
    }
  }
  await Promise.all([lane(), lane()])
  return results
}

async function runCheck(name, command, words, environment) {
  const { code, seconds, output } = await run(command, words, environment, 'pipe')
  const failed = code === 0 ? 0 : 1
  say(`${failed ? 'FAILED' : 'ok'}: ${name} (${seconds} s)`)
  if (failed) say(output.trimEnd())
  return { name, seconds, passed: 1 - failed, failed, skipped: [], failures: [] }
}

/** The tests of one vitest project, counted from its own JSON report. */
async function runSuite(suite, environment) {
  const report = join(REPORTS, `${suite}.json`)
  mkdirSync(REPORTS, { recursive: true })
  rmSync(report, { force: true })
  const words = ['run', '--project', suite, '--passWithNoTests', '--reporter=default', '--reporter=json']
  const { code, seconds } = await run('vitest', [...words, `--outputFile.json=${report}`], environment, 'inherit')
  const text = readText(report)
  const found = text === null ? { numPassedTests: 0, numFailedTests: 0, testResults: [] } : JSON.parse(text)
  const results = found.testResults.flatMap((file) => file.assertionResults)
  const skipped = results
    .filter((result) => result.status !== 'passed' && result.status !== 'failed')
    .map((result) => result.fullName)
  const failures = [
    ...found.testResults.filter((file) => file.status === 'failed' && file.message).map(describeFile),
    ...results.filter((result) => result.status === 'failed').map(describeFailure),
  ]
  // A file that does not load has no failed test, and is a failure all the same.
  const failed = Math.max(found.numFailedTests, code === 0 ? 0 : 1)
  return { name: `${suite} tests`, seconds, passed: found.numPassedTests, failed, skipped, failures }
}

function describeFile(file) {
  return `${file.name}\n${shorten(file.message)}`
}

function describeFailure(result) {
  return `${result.fullName}\n${shorten((result.failureMessages ?? []).join('\n'))}`
}

function shorten(text) {
  return text.length > MOST_SAID ? `${text.slice(0, MOST_SAID)} …` : text
}

async function run(command, words, environment, stdio) {
  const began = process.hrtime.bigint()
  const child = spawn(command, words, {
    cwd: ROOT,
    env: environment,
    stdio: ['ignore', stdio, stdio],
    shell: process.platform === 'win32',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
  const { code, error, interrupted } = await waitFor(child)
  if (interrupted) process.exit(code || 1)
  const seconds = (Number(process.hrtime.bigint() - began) / 1e9).toFixed(1)
  return { code, seconds, output: error ? `${output}\n${error.message}` : output }
}

function summarise(results) {
  const lines = results.map(({ name, seconds, passed, failed, skipped }) => {
    const counts = [
      `${passed} passed`,
      `${failed} failed`,
      ...(skipped.length > 0 ? [`${skipped.length} skipped`] : []),
    ]
    return `  ${failed > 0 ? 'FAILED' : 'ok    '} ${name.padEnd(24)} ${seconds.padStart(6)} s  ${counts.join(', ')}`
  })
  const notRun = listNotRun(results)
  const total = (pick) => results.reduce((sum, result) => sum + pick(result), 0)
  const [passed, failed, skipped] = [total((r) => r.passed), total((r) => r.failed), total((r) => r.skipped.length)]
  process.stdout.write(
    [
      '',
      ...listFailures(results),
      'Summary',
      ...lines,
      ...(notRun.length > 0 ? ['Did not run', ...notRun] : []),
      '',
    ].join('\n') + `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
  )
  return failed > 0 ? 1 : 0
}

/** The failed tests once more, at the end, where a log cut short still shows them. */
function listFailures(results) {
  const failures = results.flatMap((result) => result.failures.map((failure) => `${result.name}: ${failure}`))
  if (failures.length === 0) return []
  const more = failures.length > MOST_NAMED ? [`and ${failures.length - MOST_NAMED} more`] : []
  return [
    'Failed',
    ...failures.slice(0, MOST_NAMED).map((failure) => `  ${failure.replaceAll('\n', '\n    ')}`),
    ...more,
    '',
  ]
}

/** Skipped tests carry the reason in their name; what a missing folder of recordings leaves out is not even a test. */
function listNotRun(results) {
  const names = results.flatMap((result) => result.skipped.map((name) => `  ${result.name}: ${name}`))
  const lines = names.slice(0, MOST_NAMED)
  if (names.length > MOST_NAMED) lines.push(`  and ${names.length - MOST_NAMED} more`)
  if (!process.env.UNIROUTE_RECORDINGS) {
    lines.push('  replay of recorded traffic: UNIROUTE_RECORDINGS names no folder of recordings')
  }
  return lines
}
