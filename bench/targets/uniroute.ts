// UniRoute whole, as a person starts it: its own process and data, one user with a provider key and an API key that
// were made through its own HTTP API, limits and ledger on. Its books must hold one row for each request.
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LAUNCHER_ENVIRONMENT } from '../../test/support/launcher-environment.ts'
import { createUniRouteClient, type UniRouteClient } from '../../test/support/uniroute-client.ts'
import { stopProcess, watchOutput } from '../processes.ts'
import { grow, type Growth } from './grown.ts'
import type { Target, TargetSetting } from '../target.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Those of `npm start` (scripts/start.mjs). */
const FLAGS = ['--report-exclude-env', '--disable-sigusr1']
const ADMIN = { email: 'bench@example.com', password: 'bench-password-of-no-worth' }
/** Far above what one process can do, so that limits are counted and never reached. */
const LIMITS = { rate_limit_per_minute: 1_000_000_000, rate_limit_per_day: 1_000_000_000 }
const LONGEST_FOLD_MS = 20_000

export interface UniRouteVariant {
  readonly id: string
  /** The checkout to run; this one if not said. */
  readonly root?: string
  /** Of Node, beside those of `npm start`. */
  readonly flags?: readonly string[]
  /** What stands in its database before the first request. */
  readonly grown?: Growth
}

/** UniRoute as it is, or a variant of it to compare with in the same rounds. */
export function createUniRouteTarget({ id, root = ROOT, flags = [], grown }: UniRouteVariant): Target {
  return {
    id,
    translates: true,
    summary: 'the whole product: sign-in, limits, key opening, plan, headers, ledger',
    async start(setting) {
      const words = [...FLAGS, ...flags, ...profileFlags(setting), join(root, 'server', 'main.ts')]
      const child = spawn(process.execPath, words, {
        // A folder without .env and package.json: nothing but this environment counts.
        cwd: setting.folder,
        env: writeEnvironment(setting),
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const output = watchOutput(child)
      try {
        const [, url = ''] = await output.find(/UniRoute ready at (\S+)\n/)
        return await prepare(child, url, setting, grown)
      } catch (error) {
        await stopProcess(child)
        throw error
      }
    },
  }
}

async function prepare(child: ChildProcess, url: string, setting: TargetSetting, grown: Growth | undefined) {
  const { providerKey, scenario, folder } = setting
  const client = createUniRouteClient(url, ADMIN)
  const { token } = await client.createUser()
  await client.addProviderKey(token, scenario.provider, providerKey)
  const { key } = await client.createApiKey(token, LIMITS)
  if (grown) await grow(join(folder, 'uniroute.db'), grown)
  // What grew is older.
  const from = new Date(Date.now() - 86_400_000).toISOString()
  return {
    pid: child.pid!,
    port: Number(new URL(url).port),
    credential: `Bearer ${key}`,
    checkBooks: (requests: number) => checkBooks(client, { token, from }, requests),
    stop: () => stopProcess(child),
  }
}

/** Rows arrive in batches a moment later; once they are all there, none may follow. */
async function checkBooks(
  client: UniRouteClient,
  { token, from }: { token: string; from: string },
  requests: number,
): Promise<string | null> {
  const deadline = performance.now() + LONGEST_FOLD_MS
  let total = { requests: 0, errors: 0 }
  for (;;) {
    const { status, body, text } = await client.call('GET', `/admin/usage?group_by=billed_to&from=${from}`, { token })
    if (status !== 200) return `GET /admin/usage answered ${status}: ${text.slice(0, 300)}`
    const settled = body.total.requests === total.requests
    total = body.total
    if ((settled && total.requests >= requests) || performance.now() > deadline) break
    await sleep(500)
  }
  if (total.requests !== requests) return `its usage has ${total.requests} rows for ${requests} requests`
  if (total.errors > 0) return `its usage counts ${total.errors} errors`
  return null
}

function profileFlags({ profileFolder }: TargetSetting): string[] {
  return profileFolder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
}

function writeEnvironment({ folder, upstreamPort }: TargetSetting): Record<string, string> {
  return {
    ...LAUNCHER_ENVIRONMENT,
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    PORT: '0',
    HOST: '127.0.0.1',
    DATA_DIR: folder,
    UNIROUTE_ADMIN_EMAIL: ADMIN.email,
    UNIROUTE_ADMIN_PASSWORD: ADMIN.password,
    OPENAI_BASE_URL: `http://127.0.0.1:${upstreamPort}`,
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${upstreamPort}`,
    GOOGLE_BASE_URL: `http://127.0.0.1:${upstreamPort}`,
  }
}
