// A real UniRoute as a process of its own, as a person starts it: environment in, ready line out. Tests know it only by
// its ports, its files and what it prints.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createFakePassword, listFakeSecrets, rememberSecret } from '../fake-provider/fake-keys.ts'
import type { FakeProvider } from '../fake-provider/fake-provider.ts'
import { scanForSecrets, type Leak } from './canary-scan.ts'
import { LAUNCHER_ENVIRONMENT } from './launcher-environment.ts'
import { createUniRouteClient, type UniRouteClient } from './uniroute-client.ts'

const MAIN = fileURLToPath(new URL('../../server/main.ts', import.meta.url))
const NODE_26 = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url))

export interface UniRouteOptions {
  /** Points the three vendors at the fake. */
  readonly fake?: FakeProvider
  /** Keys of the operator, by vendor. */
  readonly serverKeys?: { readonly openai?: string; readonly anthropic?: string; readonly google?: string }
  readonly env?: Readonly<Record<string, string>>
  /** The program to run: the sources' own, or one of a built package. */
  readonly program?: string
  /** A folder of an earlier process; a new one is made otherwise and removed at the end. */
  readonly dataDir?: string
  readonly databaseUrl?: string
  /** Without an administrator the process offers the set-up code. */
  readonly admin?: false
  readonly adminAccount?: { readonly email: string; readonly password: string }
}

export interface UniRoute extends UniRouteClient {
  readonly url: string
  readonly dataDir: string
  readonly child: ChildProcess
  readonly adminAccount: { readonly email: string; readonly password: string }
  stdout(): string
  stderr(): string
  /** SIGTERM, then the exit code. */
  stop(): Promise<number | null>
  kill9(): Promise<void>
  /** Removes the data, unless the folder was handed in. */
  remove(): void
  /** After the end: secrets in files, logs and recorded answers; then removes the folder. */
  scanAndRemove(): Leak[]
}

export async function startUniRoute(options: UniRouteOptions = {}): Promise<UniRoute> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'uniroute-'))
  const adminAccount = options.adminAccount ?? { email: 'admin@example.com', password: createFakePassword() }
  const child = spawn(chooseNode(), [options.program ?? MAIN], {
    // A folder without .env and package.json: nothing but this environment counts.
    cwd: dataDir,
    env: writeEnvironment(options, dataDir, adminAccount),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // A test run that is broken off leaves no server behind.
  const killWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  child.once('exit', () => process.off('exit', killWithUs))
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const url = await waitForReady(child, output)
  const client = createUniRouteClient(url, adminAccount)

  function remove(): void {
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
  }

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
    return child.exitCode
  }

  return {
    ...client,
    url,
    dataDir,
    child,
    adminAccount,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    stop: () => end('SIGTERM'),
    kill9: async () => void (await end('SIGKILL')),
    scanAndRemove() {
      const leaks = scanForSecrets({
        roots: existsSync(dataDir) ? [dataDir] : [],
        texts: [{ name: 'stdout', text: output.stdout }, { name: 'stderr', text: output.stderr }, ...client.recorded],
        secrets: [...listFakeSecrets(), ...readOwnSecrets(dataDir)],
        exceptFiles: ['.key'],
      })
      remove()
      return leaks
    },
    remove,
  }
}

/** The secrets that the installation made for itself: they may stand in their own files only. */
function readOwnSecrets(dataDir: string): string[] {
  if (!existsSync(dataDir)) return []
  const files = readdirSync(dataDir).filter((name) => name.endsWith('.key'))
  return files.map((name) => rememberSecret(readFileSync(join(dataDir, name), 'utf8').trim()))
}

function chooseNode(): string {
  const major = Number(process.versions.node.split('.')[0])
  return major >= 26 || !existsSync(NODE_26) ? process.execPath : NODE_26
}

function writeEnvironment(
  options: UniRouteOptions,
  dataDir: string,
  admin: { email: string; password: string },
): Record<string, string> {
  const { fake, serverKeys } = options
  return {
    ...LAUNCHER_ENVIRONMENT,
    PATH: process.env['PATH'] ?? '',
    HOME: dataDir,
    PORT: '0',
    HOST: '127.0.0.1',
    DATA_DIR: dataDir,
    ...(options.admin !== false && { UNIROUTE_ADMIN_EMAIL: admin.email, UNIROUTE_ADMIN_PASSWORD: admin.password }),
    ...(options.databaseUrl !== undefined && { DATABASE_URL: options.databaseUrl }),
    ...(fake !== undefined && {
      OPENAI_BASE_URL: fake.urlOf('openai'),
      ANTHROPIC_BASE_URL: fake.urlOf('anthropic'),
      GOOGLE_BASE_URL: fake.urlOf('google'),
    }),
    ...(serverKeys?.openai !== undefined && { OPENAI_API_KEY: serverKeys.openai }),
    ...(serverKeys?.anthropic !== undefined && { ANTHROPIC_API_KEY: serverKeys.anthropic }),
    ...(serverKeys?.google !== undefined && { GOOGLE_API_KEY: serverKeys.google }),
    ...options.env,
  }
}

async function waitForReady(child: ChildProcess, output: { stdout: string; stderr: string }): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const look = (): void => {
    const line = output.stdout.split('\n').find((candidate) => candidate.startsWith('UniRoute ready'))
    const url = line === undefined ? undefined : /https?:\/\/[^\s/]+/.exec(line)?.[0]
    if (url !== undefined) resolve(url)
  }
  const fail = (why: string): void =>
    reject(new Error(`UniRoute ${why}.\nstdout: ${output.stdout}\nstderr: ${output.stderr.slice(-4000)}`))
  child.stdout?.on('data', look)
  child.once('exit', (code) => fail(`ended with ${code} before it was ready`))
  const timer = setTimeout(() => fail('was not ready after 60 s'), 60_000)
  try {
    return await promise
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}
