// `npm run mutate -- [--module vault] [--workers 2] [--fresh] [--list]`: changes the code of the modules where a
// mistake costs most, one mutant after the other, and counts how many of them the tests beside it find. Mutants that
// change nothing anyone could see stand in test/mutation/equivalent.ts with the reason, and do not count.
// Results are kept per module in node_modules/.cache/mutation: a run that was broken off goes on where it was.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { EQUIVALENT, type Mutant } from '../test/mutation/equivalent.ts'
import { MODULES, type MutatedModule } from '../test/mutation/modules.ts'
import { describeMachine } from '../test/support/drills/machine.ts'

const { ROOT, ensureInstalled } = (await import(new URL('runtime.mjs', import.meta.url).href)) as {
  ROOT: string
  ensureInstalled: (folder: string) => Promise<boolean>
}
const HOME = join(ROOT, 'test', 'mutation')
const RESULTS = join(ROOT, 'node_modules', '.cache', 'mutation')

interface Report {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: string
        readonly mutants: readonly {
          readonly mutatorName: string
          readonly replacement?: string
          readonly status: string
          readonly location: { readonly start: { readonly line: number; readonly column: number } }
        }[]
      }
    >
  >
}

const { values } = parseArgs({
  options: {
    module: { type: 'string' },
    workers: { type: 'string', default: '2' },
    fresh: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
})
const chosen = MODULES.filter(({ name }) => values.module === undefined || values.module === name)
if (chosen.length === 0) throw new Error(`No such module. There are: ${MODULES.map(({ name }) => name).join(', ')}`)
console.info(describeMachine())
await ensureInstalled(HOME)
let isKept = true
for (const module of chosen) {
  mutate(module)
  isKept = judge(module) && isKept
}
process.exitCode = isKept ? 0 : 1

function reportOf({ name }: MutatedModule): string {
  return join(RESULTS, `${name}.json`)
}

function mutate(module: MutatedModule): void {
  mkdirSync(RESULTS, { recursive: true })
  const incrementalFile = join(RESULTS, `${module.name}-kept.json`)
  if (values.fresh) rmSync(incrementalFile, { force: true })
  rmSync(reportOf(module), { force: true })
  const configuration = {
    plugins: [
      join(HOME, 'node_modules/@stryker-mutator/vitest-runner/dist/src/index.js'),
      join(HOME, 'one-process-runner.ts'),
    ],
    testRunner: module.inOneProcess ? 'one-process' : 'vitest',
    vitest: { configFile: 'test/mutation/vitest.config.ts', related: false, pool: 'threads' },
    mutate: module.files,
    concurrency: Number(values.workers),
    // On a machine that others use as well, slow is not endless.
    timeoutMS: 20_000,
    incremental: true,
    incrementalFile,
    reporters: ['json', 'progress-append-only'],
    jsonReporter: { fileName: reportOf(module) },
    // Below node_modules Node takes no TypeScript.
    tempDirName: join(tmpdir(), `uniroute-mutation-${process.pid}`),
    ignorePatterns: ['/web', '/bench', '/docs', '/deploy', '/dist', '/data', '/shared', 'test/clients', 'test/e2e'],
    allowConsoleColors: false,
  }
  const file = join(RESULTS, `${module.name}-stryker.json`)
  writeFileSync(file, JSON.stringify(configuration, null, 2))
  const { status } = spawnSync(
    process.execPath,
    [join(HOME, 'node_modules/@stryker-mutator/core/bin/stryker.js'), 'run', file],
    {
      cwd: ROOT,
      env: {
        ...process.env,
        // SQLite alone: what differs between the databases is no matter of these modules.
        TEST_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
        MUTATION_TESTS: module.tests.filter((test) => test.includes('*') || existsSync(join(ROOT, test))).join(' '),
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
  if (status !== 0) throw new Error(`Stryker ended with ${status} at ${module.name}.`)
}

/** Prints what no test found, and the score; true where the goal is reached. */
function judge(module: MutatedModule): boolean {
  const mutants = readMutants(reportOf(module))
  const equivalent = mutants.filter(({ mutant }) => EQUIVALENT.some((known) => isSame(known, mutant)))
  const counted = mutants.filter((one) => !equivalent.includes(one))
  const missed = counted.filter(({ found }) => !found)
  for (const { mutant, line } of values.list ? missed : []) {
    console.info(`  ${mutant.file}:${line} ${mutant.line} → ${mutant.instead}`)
  }
  const score = (100 * (counted.length - missed.length)) / counted.length
  const stale = EQUIVALENT.filter((known) => mutants.some(({ mutant }) => mutant.file === known.file)).filter((known) =>
    mutants.filter(({ mutant }) => isSame(known, mutant)).every(({ found }) => found),
  )
  for (const { file, line, instead } of stale) {
    console.info(`  no longer equivalent, or gone: ${file}: ${line} → ${instead}`)
  }
  const isReached = score >= module.goal && stale.length === 0
  console.info(
    `${isReached ? 'kept' : 'NOT KEPT'}: ${module.name}: ${score.toFixed(1)} % of ${counted.length} mutants found (goal ${module.goal} %), ${missed.length} missed, ${equivalent.length} equivalent`,
  )
  return isReached
}

function isSame(known: Mutant, mutant: Mutant): boolean {
  return known.file === mutant.file && known.line === mutant.line && known.instead === mutant.instead
}

function readMutants(file: string): { mutant: Mutant; line: number; found: boolean }[] {
  const { files } = JSON.parse(readFileSync(file, 'utf8')) as Report
  return Object.entries(files).flatMap(([name, { source, mutants }]) => {
    const lines = source.split('\n')
    return mutants
      .filter(({ status }) => status !== 'Ignored' && status !== 'CompileError')
      .map(({ status, location, replacement = '' }) => ({
        mutant: { file: name, line: lines[location.start.line - 1]!.trim(), instead: replacement },
        line: location.start.line,
        found: status === 'Killed' || status === 'Timeout' || status === 'RuntimeError',
      }))
  })
}
