// What test files import as `vitest` where mutants are tried within one process: `expect` and `vi` are Vitest's own,
// tests are gathered instead of run.
import { vi } from 'vitest'

export { expect, vi } from 'vitest'

type Act = (...given: any[]) => unknown
type Declare = (name: string, act: Act) => void

interface Hooks {
  readonly beforeAll: Act[]
  readonly beforeEach: Act[]
  readonly afterEach: Act[]
  readonly afterAll: Act[]
}

interface Suite {
  readonly name: string
  readonly outer: Suite | null
  readonly hooks: Hooks
}

export interface GatheredTest {
  readonly id: string
  readonly suite: Suite
  readonly act: Act
}

const createSuite = (name: string, outer: Suite | null): Suite => ({
  name,
  outer,
  hooks: { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] },
})

const gathered: GatheredTest[] = []
let current = createSuite('', null)

/** The tests of one file, in their order. */
export async function gather(file: string, load: () => Promise<unknown>): Promise<readonly GatheredTest[]> {
  const first = gathered.length
  current = createSuite(file, null)
  await load()
  return gathered.slice(first)
}

export const describe = Object.assign(
  (name: string, declare: Act): void => {
    const outer = current
    current = createSuite(`${outer.name} > ${name}`, outer)
    declare()
    current = outer
  },
  { skip(): void {}, each: (cases: readonly unknown[]) => eachOf(cases, (name, act) => describe(name, act)) },
)

export const test = Object.assign(
  (name: string, act: Act): void => {
    gathered.push({ id: `${current.name} > ${name} #${gathered.length}`, suite: current, act })
  },
  { skip(): void {}, each: (cases: readonly unknown[]) => eachOf(cases, (name, act) => test(name, act)) },
)

const eachOf =
  (cases: readonly unknown[], declare: Declare): Declare =>
  (name, act) => {
    for (const one of cases) declare(name, () => act(...(Array.isArray(one) ? one : [one])))
  }

export const beforeAll = (act: Act): void => void current.hooks.beforeAll.push(act)
export const beforeEach = (act: Act): void => void current.hooks.beforeEach.push(act)
export const afterEach = (act: Act): void => void current.hooks.afterEach.push(act)
export const afterAll = (act: Act): void => void current.hooks.afterAll.push(act)

function suitesAround(suite: Suite): Suite[] {
  return suite.outer === null ? [suite] : [...suitesAround(suite.outer), suite]
}

/** Runs these tests, telling each one's failure (null where it holds), up to the first that `isEnough`. */
export async function runTests(
  tests: readonly GatheredTest[],
  tell: { begin(test: GatheredTest): void; end(test: GatheredTest, failure: string | null): boolean },
): Promise<void> {
  const begun = new Set<Suite>()
  try {
    for (const one of tests) {
      const suites = suitesAround(one.suite)
      tell.begin(one)
      const failure = await runTest(one, suites, begun)
      if (tell.end(one, failure)) return
    }
  } finally {
    for (const suite of [...begun].toReversed()) for (const act of suite.hooks.afterAll) await act()
  }
}

async function runTest({ act }: GatheredTest, suites: readonly Suite[], begun: Set<Suite>): Promise<string | null> {
  try {
    for (const suite of suites) {
      if (!begun.has(suite)) {
        begun.add(suite)
        for (const hook of suite.hooks.beforeAll) await hook()
      }
    }
    try {
      for (const suite of suites) for (const hook of suite.hooks.beforeEach) await hook()
      await act()
    } finally {
      for (const suite of suites.toReversed()) for (const hook of suite.hooks.afterEach) await hook()
      vi.restoreAllMocks()
    }
    return null
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
}
