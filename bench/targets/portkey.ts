// Portkey's open-source gateway as a target. It is no dependency: install it into a folder of its own with
//   {"dependencies": {"@portkey-ai/gateway": "1.15.2", "@hono/node-server": "1.13.5"},
//    "overrides": {"@hono/node-server": "1.13.5"}}
// since with a later @hono/node-server it does not stream. It knows no keys and keeps no books: the client sends the
// provider's key, and which provider, with every request.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stopProcess, watchOutput } from '../processes.ts'
import type { Target } from '../target.ts'
import { accepts, findFreePort } from './ports.ts'

const LONGEST_START_MS = 20_000
/** Under which each provider's own addresses lie. */
const ROOTS = { openai: '/v1', anthropic: '/v1', google: '' } as const

export function createPortkeyTarget(folder: string): Target {
  const program = join(folder, 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js')
  return {
    id: 'portkey',
    summary: '@portkey-ai/gateway, the key and the provider sent by the client',
    translates: true,
    rewrites: true,
    findObstacle({ path }) {
      if (!existsSync(program)) return `Portkey is not installed in ${folder}`
      return path === '/v1/chat/completions' || path === '/v1/embeddings' ? null : 'Portkey is asked in Chat only'
    },
    async start({ scenario, providerKey, upstreamPort, folder: own }) {
      const port = await findFreePort()
      const child = spawn(process.execPath, [program, `--port=${port}`, '--headless'], {
        cwd: own,
        env: { PATH: process.env['PATH'] ?? '', HOME: own, NODE_ENV: 'production' },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const output = watchOutput(child)
      const deadline = performance.now() + LONGEST_START_MS
      while (!(await accepts(port))) {
        if (child.exitCode !== null || performance.now() > deadline) {
          await stopProcess(child)
          throw new Error(`Portkey did not start: ${output.text()}`)
        }
        await sleep(50)
      }
      return {
        pid: child.pid!,
        port,
        credential: `Bearer ${providerKey}`,
        headers: {
          'x-portkey-provider': scenario.provider,
          'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}${ROOTS[scenario.provider]}`,
        },
        stop: () => stopProcess(child),
      }
    },
  }
}
