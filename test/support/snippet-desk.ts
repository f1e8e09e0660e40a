// A desk at which the shown snippets are run as they stand: a folder like a person's own with the official SDKs in it,
// an environment of its own, and programs by the names of the coding agents that take the same settings
// (test/clients/stand-ins; the agents themselves are large: `npm run test:agents` starts them by the same snippets).
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { LAUNCHER_ENVIRONMENT } from './launcher-environment.ts'

const CLIENTS = fileURLToPath(new URL('../clients/', import.meta.url))
const AGENTS = ['claude', 'codex', 'gemini']
const execute = promisify(execFile)

/** How often each snippet asks: `.env` through three SDKs, Claude Code two models. */
export const SNIPPETS = {
  curl: 1,
  OpenAI: 1,
  Anthropic: 1,
  Google: 1,
  '.env': 3,
  'Claude Code': 2,
  Codex: 1,
  'Gemini CLI': 1,
} as const
export type SnippetName = keyof typeof SNIPPETS

export interface SnippetDesk {
  /** What it prints. `model` is for the program that the `.env` is given to. */
  run(name: SnippetName, code: string, model: string): Promise<string>
  remove(): void
}

export interface SnippetDeskOptions {
  /** A name that leads to this machine, as the name service of a network would say. */
  readonly host?: string
  /** Where the snippets name no key: the variable that they read. */
  readonly apiKey?: string
}

export function createSnippetDesk({ host, apiKey }: SnippetDeskOptions = {}): SnippetDesk {
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-desk-'))
  symlinkSync(join(CLIENTS, 'node_modules'), join(folder, 'node_modules'))
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const name of AGENTS) {
    const file = join(bin, name)
    writeFileSync(file, `#!/bin/sh\nexec node '${join(CLIENTS, 'stand-ins', name)}.mjs' "$@"\n`)
    chmodSync(file, 0o755)
  }
  const env = {
    ...LAUNCHER_ENVIRONMENT,
    PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    HOME: folder,
    ...(host !== undefined && leadHere(folder, host)),
    ...(apiKey !== undefined && { UNIROUTE_API_KEY: apiKey }),
  }
  const start = async (command: string, ...words: string[]): Promise<string> =>
    (await execute(command, words, { cwd: folder, env })).stdout

  return {
    async run(name, code, model) {
      if (name === '.env') {
        writeFileSync(join(folder, '.env'), code)
        const program = join(CLIENTS, 'stand-ins', 'program.mjs')
        // A file that stands for itself is read by Node; one that leans on a variable of the shell is read by the
        // shell.
        if (apiKey === undefined) return start('node', '--env-file=.env', program, model)
        return start('sh', '-c', 'set -a; . ./.env; exec node "$0" "$1"', program, model)
      }
      if (!code.startsWith('import ')) return start('sh', '-c', code)
      const file = join(folder, `${name}.mjs`)
      writeFileSync(file, code)
      return start('node', file)
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** For curl and for Node, which ask the system otherwise. */
function leadHere(folder: string, host: string): Record<string, string> {
  writeFileSync(join(folder, '.curlrc'), `connect-to = "${host}::127.0.0.1:"\n`)
  const module = join(folder, 'name-service.mjs')
  writeFileSync(
    module,
    `import dns from 'node:dns'
     const { lookup } = dns
     dns.lookup = (name, ...rest) => lookup(name === ${JSON.stringify(host)} ? '127.0.0.1' : name, ...rest)\n`,
  )
  return { CURL_HOME: folder, NODE_OPTIONS: `--import=${pathToFileURL(module).href}` }
}
