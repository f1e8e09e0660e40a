// A row of the table of failures: what goes wrong, what is promised then, and what shows it: tests that stand in the
// suite, a run against real processes, or both.

export interface FaultCase {
  readonly id: `R${number}`
  readonly failure: string
  readonly promise: string
  /** Tests of the suite that hold it. `named`: of that file, those whose full name matches. */
  readonly tests?: readonly { readonly file: string; readonly named?: RegExp }[]
  /** Why it cannot be run on this machine; undefined where it can. */
  findProblem?(): string | undefined
  run?(finding: Finding): Promise<void>
}

/** What a run measured, and what of it breaks the promise. */
export interface Finding {
  /** Part of the line that is printed. */
  measured(words: string): void
  expect(isKept: boolean, sentence: string): void
}

export interface Outcome {
  readonly words: readonly string[]
  readonly broken: readonly string[]
}

export async function runFaultCase(fault: FaultCase): Promise<Outcome> {
  const words: string[] = []
  const broken: string[] = []
  try {
    await fault.run?.({
      measured: (part) => void words.push(part),
      expect: (isKept, sentence) => void (isKept || broken.push(sentence)),
    })
  } catch (error) {
    broken.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  return { words, broken }
}

/** Asks until it is so; the milliseconds it took, or null when it never was. */
export async function waitUntil(isSo: () => Promise<boolean> | boolean, mostMs: number): Promise<number | null> {
  const from = performance.now()
  for (;;) {
    if (await isSo()) return performance.now() - from
    if (performance.now() - from > mostMs) return null
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

export const seconds = (ms: number | null): string => (ms === null ? 'never' : `${(ms / 1000).toFixed(2)} s`)
