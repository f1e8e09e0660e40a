// The command line, `uniroute <command>`: finds the command, reads its options, runs it, and turns what went wrong into
// one sentence and an exit code. Commands are loaded when they are called.
import { parseArgs } from 'node:util'
import { type Command, CommandFailed, type CommandInput, note, print, UsageError } from './cli/command.ts'
import { describeException } from './http/answers.ts'
import { GatewayError } from './kernel/errors.ts'
import { readPackageVersion } from './kernel/package-root.ts'
import { StartRefused } from './kernel/start-refused.ts'

interface Listed {
  readonly summary: string
  readonly load: () => Promise<Command>
}

/** In the order of the help. */
const COMMANDS: Readonly<Record<string, Listed>> = {
  serve: {
    summary: 'start the server (also without a command)',
    load: async () => (await import('./cli/serve.ts')).serve,
  },
  'keys generate': {
    summary: 'print a new secret of 32 random bytes',
    load: async () => (await import('./cli/keys-generate.ts')).keysGenerate,
  },
  'reset-password': {
    summary: 'give somebody a new way in: a link, or a password',
    load: async () => (await import('./cli/reset-password.ts')).resetPassword,
  },
  backup: {
    summary: 'copy the database while everything runs',
    load: async () => (await import('./cli/backup.ts')).backup,
  },
  restore: {
    summary: 'put a backup in the place of the database',
    load: async () => (await import('./cli/restore.ts')).restore,
  },
  verify: {
    summary: 'open every stored key once, and say which do not open',
    load: async () => (await import('./cli/verify.ts')).verify,
  },
  'verify-audit': {
    summary: 'check that nobody changed the audit log',
    load: async () => (await import('./cli/verify-audit.ts')).verifyAudit,
  },
  rotate: {
    summary: 'change the generated master key (data/master.key)',
    load: async () => (await import('./cli/rotate.ts')).rotate,
  },
  import: {
    summary: 'take over users and keys from the database of the original',
    load: async () => (await import('./cli/import.ts')).importOriginal,
  },
  doctor: {
    summary: 'look for what is wrong with this installation',
    load: async () => (await import('./cli/doctor.ts')).doctor,
  },
}

const EXIT_FAILURE = 1
const EXIT_USAGE = 2

async function run(words: readonly string[]): Promise<number> {
  const [first] = words
  if (first === '--version') {
    print(readPackageVersion())
    return 0
  }
  if (first === undefined || (first.startsWith('-') && first !== '--help' && first !== '-h'))
    return runCommand('serve', words)
  const wantsHelp = first === 'help' || first === '--help' || first === '-h'
  const rest = wantsHelp ? words.slice(1) : words
  if (wantsHelp && rest.length === 0) {
    print(describeAll())
    return 0
  }
  const name = Object.keys(COMMANDS).find((known) => known === rest.slice(0, known.split(' ').length).join(' '))
  if (name === undefined) throw new UsageError(`There is no command "${rest[0]}".${suggest(rest[0]!)}`)
  return runCommand(name, wantsHelp ? ['--help'] : rest.slice(name.split(' ').length))
}

async function runCommand(name: string, args: readonly string[]): Promise<number> {
  const listed = COMMANDS[name]!
  const command = await listed.load()
  const input = readArguments(command, args)
  if (input.options['help'] === true) {
    print(describeOne(name, listed, command))
    return 0
  }
  const [fewest, most] = command.words
  if (input.words.length < fewest || input.words.length > most) {
    throw new UsageError(`Usage: uniroute ${name} ${command.usage}`.trimEnd())
  }
  return command.run(input)
}

function readArguments(command: Command, args: readonly string[]): CommandInput {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    })
    return { options: values as CommandInput['options'], words: positionals }
  } catch (error) {
    // parseArgs names the option at fault, never a value.
    if (error instanceof TypeError) throw new UsageError(error.message.split('. ')[0]!)
    throw error
  }
}

function describeAll(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(15)} ${summary}`)
  return `UniRoute ${readPackageVersion()}

Usage: uniroute [command] [options]

${lines.join('\n')}

uniroute <command> --help says more. Settings come from the environment and from .env, as for the server:
docs/configuration.md. Exit codes: 0 done, 1 failed, 2 called wrongly, 75 the database
does not answer now, 78 wrong configuration.`
}

function describeOne(name: string, { summary }: Listed, command: Command): string {
  return `${`uniroute ${name} ${command.usage}`.trimEnd()}\n\n${summary[0]!.toUpperCase()}${summary.slice(1)}.\n\n${command.help.trim()}`
}

/** The known command that is nearest in spelling, if any is near. */
function suggest(word: string): string {
  const [best] = Object.keys(COMMANDS)
    .map((name) => ({ name, distance: countEdits(word.toLowerCase(), name.split(' ')[0]!) }))
    .toSorted((a, b) => a.distance - b.distance)
  const near = best !== undefined && best.distance <= Math.max(2, Math.floor(word.length / 3))
  return near ? ` Did you mean "uniroute ${best.name}"?` : ' uniroute --help lists them.'
}

/** Levenshtein's distance. */
function countEdits(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1] ? 0 : 1
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same))
    }
    row = next
  }
  return row.at(-1)!
}

/** The sentence for the terminal and the exit code. */
function explain(error: unknown): { sentence: string; code: number } {
  if (error instanceof UsageError) return { sentence: `${error.message}\nuniroute --help says how.`, code: EXIT_USAGE }
  if (error instanceof CommandFailed) return { sentence: error.message, code: EXIT_FAILURE }
  if (error instanceof StartRefused) return { sentence: `uniroute: ${error.message}`, code: error.exitCode }
  if (error instanceof GatewayError) return { sentence: error.publicMessage, code: EXIT_FAILURE }
  return { sentence: `uniroute failed: ${JSON.stringify(describeException(error))}`, code: EXIT_FAILURE }
}

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  const { sentence, code } = explain(error)
  note(sentence)
  process.exitCode = code
}
