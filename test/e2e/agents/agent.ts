// What every coding agent under test has in common: how it is started once, without a person, in folders of its own.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeSnippets } from '../../../web/src/features/api-keys/snippets.ts'

export interface Place {
  /** Empty; the agent finds nothing of the person who runs the tests. */
  readonly home: string
  readonly workspace: string
  /** UniRoute, without a path. */
  readonly url: string
  readonly apiKey: string
  readonly model: string
}

/** What the test adds to the snippet that the dashboard shows. */
export interface Start {
  /** Behind its last word. */
  readonly words: readonly string[]
  /** What keeps it from asking a person or calling home. */
  readonly env: Readonly<Record<string, string>>
}

/**
 * A tool that the agent offers, by one of the names it has had, and the arguments that make it do a step of the task.
 */
export interface KnownTool {
  readonly name: string
  args(workspace: string): Record<string, unknown>
}

export interface Agent {
  /** As its snippet is called, too. */
  readonly name: string
  /** What a person types to start it. */
  readonly command: string
  /** What that runs, among the packages here. */
  readonly program: string
  /** As receipts call it. */
  readonly dialect: string
  /** Of other dialects than its own. */
  readonly models: readonly string[]
  /** A model that it knows and treats in its own way; the name is changed on the way to UniRoute, as an alias would. */
  readonly knownModels?: readonly { readonly known: string; readonly model: string }[]
  /** One list for each step of the task: the first tool that the agent offers is called. */
  readonly steps: readonly (readonly KnownTool[])[]
  start(place: Place, task: string): Start
}

export interface Ending {
  /** null: a signal ended it, ours if it took too long. */
  readonly code: number | null
  readonly tookTooLong: boolean
  readonly output: string
}

export const FILE_NAME = 'hello.txt'
export const FILE_TEXT = 'hello from the other dialect'

const PATIENCE_MS = 120_000

const findProgram = ({ program }: Agent): string => fileURLToPath(new URL(`node_modules/${program}`, import.meta.url))

/** Why it does not run on this machine at all; undefined when it does. */
export function findObstacle(agent: Agent, place: Place): string | undefined {
  const env = { PATH: process.env['PATH'] ?? '', ...homeOf(place) }
  const tried = spawnSync(process.execPath, [findProgram(agent), '--version'], { env, encoding: 'utf8' })
  return tried.status === 0 ? undefined : `it cannot tell its version: ${tried.stderr.trim().slice(-500)}`
}

/** Started by the dashboard's own snippet, to the letter. */
export async function runAgent(agent: Agent, place: Place, task: string): Promise<Ending> {
  const { words, env } = agent.start(place, task)
  const { url: baseUrl, model, apiKey: key } = place
  const snippet = writeSnippets({ baseUrl, model, key }).find(({ label }) => label === agent.name)!
  const path = [installCommand(agent, place), dirname(process.execPath), process.env['PATH'] ?? '']
  const child = spawn('sh', ['-c', `${snippet.code} "$@"`, 'sh', ...words], {
    cwd: place.workspace,
    // Nothing of ours is inherited: no keys, no proxies, no settings.
    env: { PATH: path.join(':'), ...homeOf(place), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that what the agent starts ends with it.
    detached: true,
  })
  let output = ''
  let tookTooLong = false
  const endGroup = (): void => {
    if (child.pid === undefined) return
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const timer = setTimeout(() => {
    tookTooLong = true
    endGroup()
  }, PATIENCE_MS)
  process.once('exit', endGroup)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, tookTooLong, output }
  } finally {
    clearTimeout(timer)
    process.off('exit', endGroup)
    endGroup()
  }
}

/** The agent under its name, in a folder for the PATH. */
function installCommand(agent: Agent, { home }: Place): string {
  const folder = join(home, 'bin')
  const file = join(folder, agent.command)
  mkdirSync(folder)
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${findProgram(agent)}' "$@"\n`)
  chmodSync(file, 0o755)
  return folder
}

function homeOf({ home }: Place): Record<string, string> {
  return {
    HOME: home,
    XDG_CONFIG_HOME: `${home}/.config`,
    XDG_CACHE_HOME: `${home}/.cache`,
    XDG_DATA_HOME: `${home}/.local/share`,
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    NO_COLOR: '1',
    CI: '1',
  }
}
