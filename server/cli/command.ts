// What a command of the command line is. Results go to stdout, all else to stderr; 0 is success, 1 failure, 2 wrong
// usage, 78 a configuration that does not work.
import type { ParseArgsConfig } from 'node:util'

export type CommandOptions = NonNullable<ParseArgsConfig['options']>

export interface CommandInput {
  /** As parseArgs gives them, by the names of `options`. */
  readonly options: Readonly<Record<string, string | boolean | undefined>>
  readonly words: readonly string[]
}

export interface Command {
  /** What follows the name, for example `<file>`. */
  readonly usage: string
  /** Paragraphs for `--help`, wrapped by hand. */
  readonly help: string
  readonly options?: CommandOptions
  /** Fewest and most words besides options. */
  readonly words: readonly [number, number]
  run(input: CommandInput): Promise<number>
}

/** Called wrongly: the sentence and a hint at the help, exit code 2. */
export class UsageError extends Error {}

/** The command cannot do it, for a reason its user can act on: the sentence, exit code 1. */
export class CommandFailed extends Error {}

export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

export function note(line: string): void {
  process.stderr.write(`${line}\n`)
}

export async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** `1 key`, `2 keys`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}
