// UniRoute as a newcomer starts it: `npm start`, on a free port, in a folder that holds nothing but this package's own
// package.json and scripts, so that no .env and no data of whoever runs the tests has a say.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { rememberSecret } from '../fake-provider/fake-keys.ts'
import type { FakeProvider } from '../fake-provider/fake-provider.ts'
import { LAUNCHER_ENVIRONMENT } from './launcher-environment.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export interface Started {
  readonly url: string
  /** Of the link that was printed. */
  readonly code: string
  stop(): Promise<void>
}

export async function startWithNpm(fake: FakeProvider): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-start-'))
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(ROOT, 'scripts'), join(folder, 'scripts'))
  const child = spawn('npm', ['start'], {
    cwd: folder,
    env: {
      ...LAUNCHER_ENVIRONMENT,
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      NPM_CONFIG_UPDATE_NOTIFIER: 'false',
      PORT: '0',
      DATA_DIR: join(folder, 'data'),
      OPENAI_BASE_URL: fake.urlOf('openai'),
      ANTHROPIC_BASE_URL: fake.urlOf('anthropic'),
      GOOGLE_BASE_URL: fake.urlOf('google'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: npm, its shell, the launcher and the server end together.
    detached: true,
  })
  function signal(name: NodeJS.Signals): void {
    try {
      process.kill(-child.pid!, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  const killWithUs = (): void => signal('SIGKILL')
  process.once('exit', killWithUs)
  // All that hold the other end are gone then, the server too.
  const ended = once(child, 'close').finally(() => process.off('exit', killWithUs))
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed += text))

  async function stop(): Promise<void> {
    signal('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }

  const findLink = (): RegExpExecArray | null => /(https?:\S+)\/setup#(\S+)(?=\s)/.exec(printed)
  const link = await vi.waitUntil(findLink, { timeout: 60_000 }).catch(async () => {
    await stop()
    throw new Error(`npm start printed no link: ${printed.slice(-2_000)}`)
  })
  const [, url, code] = link
  return { url: url!, code: rememberSecret(code!), stop }
}
