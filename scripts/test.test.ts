// What `npm test` says at its end: the counts, what did not run, and an exit code that fits, with tools that stand in
// for the real ones.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const SCRIPTS = fileURLToPath(new URL('.', import.meta.url))

let clone: string
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'uniroute-test-command-'))
  cpSync(SCRIPTS, join(clone, 'scripts'), { recursive: true, filter: (path) => !path.endsWith('.ts') })
  writeFileSync(join(clone, 'package.json'), '{"type":"module"}')
  writeFileSync(join(clone, 'package-lock.json'), '{"packages":{"":{}}}')
  mkdirSync(join(clone, 'node_modules', '.bin'), { recursive: true })
  writeFileSync(join(clone, 'node_modules', '.package-lock.json'), '{"packages":{}}')
  for (const tool of ['tsc', 'vue-tsc', 'oxlint', 'prettier', 'knip', 'vite']) writeTool(tool, 'exit 0')
  for (const script of ['check-layers.ts', 'generate-docs.ts', 'check-web-budgets.ts']) {
    writeFileSync(join(clone, 'scripts', script), '')
  }
  writeSuites({ unit: ['passed'], system: ['passed'] })
})
afterEach(() => rmSync(clone, { recursive: true, force: true }))

function writeTool(name: string, script: string): void {
  const path = join(clone, 'node_modules', '.bin', name)
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
}

/** A vitest that reports these results for each project. */
function writeSuites(suites: Record<'unit' | 'system', string[]>, exitCode = 0): void {
  for (const [suite, statuses] of Object.entries({ web: ['passed'], ...suites })) {
    const results = statuses.map((status, index) => ({
      status,
      fullName: `the ${suite} claim ${index}`,
      failureMessages: status === 'failed' ? ['AssertionError: 1 is not 2\nseed: 42'] : [],
    }))
    const report = {
      numPassedTests: statuses.filter((status) => status === 'passed').length,
      numFailedTests: statuses.filter((status) => status === 'failed').length,
      testResults: [{ assertionResults: results }],
    }
    writeFileSync(join(clone, `${suite}.report`), JSON.stringify(report))
  }
  writeTool(
    'vitest',
    `for word; do case $word in --outputFile.json=*) cp ${clone}/$3.report "\${word#*=}";; esac; done; exit ${exitCode}`,
  )
}

function runTests(environment: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(clone, 'scripts', 'test.mjs')], {
    cwd: clone,
    env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, ...environment },
    encoding: 'utf8',
  })
  return { status, stdout, stderr, last: stdout.trimEnd().split('\n').at(-1) }
}

test('counts checks and tests in its last line and ends with 0 when all passed', () => {
  const { status, last, stdout } = runTests({ UNIROUTE_RECORDINGS: '/somewhere' })
  expect({ status, last }).toEqual({ status: 0, last: '12 passed, 0 failed' })
  expect(stdout).not.toContain('Did not run')
})

test('a failing check shows its words, is counted, and the rest runs all the same', () => {
  writeTool('oxlint', 'echo line 7 is wrong; exit 1')
  const { status, last, stderr } = runTests()
  expect({ status, last }).toEqual({ status: 1, last: '11 passed, 1 failed' })
  expect(stderr).toContain('FAILED: lint')
  expect(stderr).toContain('line 7 is wrong')
})

test('failing tests are counted', () => {
  writeSuites({ unit: ['passed', 'failed', 'failed'], system: ['passed'] }, 1)
  // The stand-in fails all projects; the others' own reports have no failed test, as when a file does not load.
  expect(runTests()).toMatchObject({ status: 1, last: '12 passed, 4 failed' })
})

test('failing tests are named again at the end with their own words, above the counts', () => {
  writeSuites({ unit: ['passed', 'failed'], system: ['passed'] }, 1)
  const { stdout } = runTests()
  const end = stdout.slice(stdout.indexOf('Failed\n'))
  expect(end).toContain('  unit tests: the unit claim 1\n    AssertionError: 1 is not 2\n    seed: 42\n\nSummary\n')
  writeSuites({ unit: ['passed'], system: ['passed'] })
  expect(runTests().stdout).not.toContain('Failed\n')
})

test('a project that leaves no report is a failure', () => {
  writeTool('vitest', 'exit 1')
  expect(runTests()).toMatchObject({ status: 1, last: '9 passed, 3 failed' })
})

test('what did not run is named, with the replay when there are no recordings', () => {
  writeSuites({ unit: ['passed', 'skipped'], system: ['pending', 'todo'] })
  const { status, last, stdout } = runTests()
  expect({ status, last }).toEqual({ status: 0, last: '11 passed, 0 failed, 3 skipped' })
  expect(stdout).toContain('unit tests: the unit claim 1')
  expect(stdout).toContain('system tests: the system claim 0')
  expect(stdout).toContain('replay of recorded traffic: UNIROUTE_RECORDINGS names no folder')
})
