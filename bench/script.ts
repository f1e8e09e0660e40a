// How each script of this folder runs and ends: a wrong result is told in a sentence and is a failure.
import { WrongResult } from './run.ts'

/** `main` returns the exit code. */
export async function runScript(main: () => Promise<number>): Promise<void> {
  // Ended from outside: `exit` handlers kill the programs that were started, and ours end with us.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof WrongResult)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
