// Tries mutants within one process: the tests are loaded once, then run again for each mutant, which costs a hundredth
// of starting Vitest anew. For tests that need nothing of Vitest but its words.
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'
import type { GatheredTest } from './suite.ts'

/**
 * What the instrumented code and Stryker share; their words, since Stryker is installed only where mutants are tried.
 */
interface Namespace {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  hitCount?: number | undefined
  hitLimit?: number | undefined
  mutantCoverage?: { static: Record<string, number>; perTest: Record<string, Record<string, number>> }
}

interface MutantRun {
  readonly activeMutant: { readonly id: string }
  readonly mutantActivation: 'static' | 'runtime'
  readonly testFilter?: readonly string[]
  readonly hitLimit?: number
}

const SUITE = new URL('suite.ts', import.meta.url).href
const namespace: Namespace = ((globalThis as { __stryker__?: Namespace }).__stryker__ ??= {})

registerHooks({
  resolve: (name, context, next) =>
    name === 'vitest' && context.parentURL !== SUITE ? { url: SUITE, shortCircuit: true } : next(name, context),
})

interface Told {
  readonly id: string
  readonly name: string
  readonly timeSpentMs: number
  readonly status: 0 | 1
  readonly failureMessage?: string
}

const [HOLDS, FAILS] = [0, 1] as const

class OneProcessRunner {
  #tests: readonly GatheredTest[] | null = null
  /** What each test took when it last held: the quick ones are asked first. */
  readonly #took = new Map<string, number>()

  capabilities() {
    return { reloadEnvironment: false }
  }

  async dryRun() {
    const tests = await this.#run(await this.#load())
    return { status: 'complete', tests, mutantCoverage: namespace.mutantCoverage }
  }

  async mutantRun({ activeMutant, mutantActivation, testFilter, hitLimit }: MutantRun) {
    namespace.hitLimit = hitLimit
    namespace.hitCount = hitLimit === undefined ? undefined : 0
    // What a file does while it is loaded is tried in a process of its own.
    if (mutantActivation === 'static') namespace.activeMutant = activeMutant.id
    let all: readonly GatheredTest[]
    try {
      all = await this.#load()
    } catch (error) {
      return { status: 'error', errorMessage: String(error) }
    }
    namespace.activeMutant = activeMutant.id
    const tests = await this.#run(testFilter === undefined ? all : all.filter(({ id }) => testFilter.includes(id)))
    if (hitLimit !== undefined && namespace.hitCount! > hitLimit) return { status: 'timeout', reason: 'it runs on' }
    const failed = tests.find(({ status }) => status === FAILS)
    return failed === undefined
      ? { status: 'survived', nrOfTests: tests.length }
      : { status: 'killed', nrOfTests: tests.length, killedBy: [failed.id], failureMessage: failed.failureMessage }
  }

  async #load(): Promise<readonly GatheredTest[]> {
    if (this.#tests) return this.#tests
    const { default: fc } = await import('fast-check')
    fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true })
    const { gather } = await import('./suite.ts')
    const files = (process.env['MUTATION_TESTS'] ?? '').split(' ')
    const all: GatheredTest[] = []
    for (const file of files) {
      all.push(...(await gather(file, () => import(pathToFileURL(resolve(file)).href))))
    }
    this.#tests = all
    return all
  }

  async #run(chosen: readonly GatheredTest[]): Promise<readonly Told[]> {
    const { runTests } = await import('./suite.ts')
    const took = this.#took
    const tests: Told[] = []
    let begunAt = 0
    const quickFirst = chosen.toSorted((a, b) => (took.get(a.id) ?? 0) - (took.get(b.id) ?? 0))
    await runTests(quickFirst, {
      begin({ id }) {
        namespace.currentTestId = id
        begunAt = performance.now()
      },
      end({ id }, failure) {
        namespace.currentTestId = undefined
        const facts = { id, name: id, timeSpentMs: performance.now() - begunAt }
        if (failure === null) took.set(id, facts.timeSpentMs)
        tests.push(
          failure === null ? { ...facts, status: HOLDS } : { ...facts, status: FAILS, failureMessage: failure },
        )
        return failure !== null && namespace.activeMutant !== undefined
      },
    })
    return tests
  }
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'one-process', injectableClass: OneProcessRunner }]
