// What every coding agent under test has in common: how it is started once, without a person, in folders of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Place {
  /** Empty; the agent finds nothing of the person who runs the tests. */
  readonly home: string
  readonly workspace: string
  /** UniRoute, without a path. */
  readonly url: string
  readonly apiKey: string
  readonly model: string
}

export interface Start {
  readonly command: string
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** A tool that the agent offers, by one of the names it has had, and the arguments that make it do a step of the task. */
export interface KnownTool {
  readonly name: string
  args(workspace: string): Record<string, unknown>
}

export interface Agent {
  readonly name: string
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

export const findProgram = (path: string): string => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url))

export async function runAgent(start: Start, place: Place): Promise<Ending> {
  const child = spawn(start.command, start.words, {
    cwd: place.workspace,
    // Nothing of ours is inherited: no keys, no proxies, no settings.
    env: { PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`, ...homeOf(place), ...start.env },
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
