// The real command line as a child process: what it prints and how it ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { LAUNCHER_ENVIRONMENT } from './launcher-environment.ts'

const CLI = fileURLToPath(new URL('../../server/cli.ts', import.meta.url))

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs `uniroute <words>` with this environment and nothing else; `cwd` should hold no .env, `program` is the sources'
 * own.
 */
export async function runCommandLine(
  words: readonly string[],
  options: {
    cwd: string
    env?: Readonly<Record<string, string>>
    input?: string
    killAfterMs?: number
    program?: string
  },
): Promise<CommandResult> {
  const child = spawn(process.execPath, [options.program ?? CLI, ...words], {
    cwd: options.cwd,
    env: { ...LAUNCHER_ENVIRONMENT, PATH: process.env['PATH'] ?? '', HOME: options.cwd, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const killWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  const timer = options.killAfterMs === undefined ? undefined : setTimeout(killWithUs, options.killAfterMs)
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  // A command that reads nothing may be gone before this is written.
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  await once(child, 'close')
  clearTimeout(timer)
  process.off('exit', killWithUs)
  return { code: child.exitCode, ...output }
}
