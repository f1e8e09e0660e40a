// How a gateway is started where it stands: UniRoute as a clone, as the published package and as its container do, the
// others as the benchmark does. Only UniRoute has a database, which the first start makes and later ones find.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stopProcess, watchOutput } from '../processes.ts'
import { findScenario } from '../scenarios.ts'
import type { Target } from '../target.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PACKAGE = join(ROOT, 'dist', 'package')
const FLAGS = ['--report-exclude-env', '--disable-sigusr1']

export interface WayToStart {
  readonly id: string
  readonly summary: string
  findObstacle(): string | null
  /** Resolves when it is ready to serve. */
  start(folder: string): Promise<Started>
}

export interface Started {
  readonly pid: number
  /** What was started waits beside the server and passes signals on. */
  readonly hasLauncher: boolean
  stop(): Promise<void>
}

export function listWaysToStart(others: readonly Target[]): WayToStart[] {
  const web = join(ROOT, 'dist', 'web', 'index.html')
  const noWeb = existsSync(web) ? null : 'the dashboard is not built (npm run build:web)'
  const noPackage = existsSync(PACKAGE) ? null : 'the package is not built (npm run build:package)'
  return [
    ...others.map(createWay),
    createUniRouteWay('uniroute', 'npm start in a clone, without npm', noWeb, [join(ROOT, 'scripts', 'start.mjs')]),
    createUniRouteWay('uniroute-package', 'the published package', noPackage, [
      join(PACKAGE, 'scripts', 'uniroute.mjs'),
      'serve',
    ]),
    createUniRouteWay('uniroute-container', 'the published package without its launcher', noPackage, [
      ...FLAGS,
      join(PACKAGE, 'server', 'cli.js'),
      'serve',
    ]),
  ]
}

function createUniRouteWay(id: string, summary: string, obstacle: string | null, words: readonly string[]): WayToStart {
  return {
    id,
    summary,
    findObstacle: () => obstacle,
    async start(folder) {
      const child = spawn(process.execPath, words, {
        // A folder without .env and package.json: nothing but this environment counts.
        cwd: folder,
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: folder,
          PORT: '0',
          HOST: '127.0.0.1',
          DATA_DIR: folder,
          NODE_COMPILE_CACHE: join(folder, 'compiled'),
          UNIROUTE_ADMIN_EMAIL: 'bench@example.com',
          UNIROUTE_ADMIN_PASSWORD: 'bench-password-of-no-worth',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const stop = (): Promise<void> => stopProcess(child)
      try {
        const [, url = ''] = await watchOutput(child).find(/UniRoute ready at (\S+)\n/)
        const { status } = await fetch(`${url}/health`)
        if (status !== 200) throw new Error(`${id}: /health answered ${status}.`)
        return { pid: child.pid!, hasLauncher: words[0]!.endsWith('.mjs'), stop }
      } catch (error) {
        await stop()
        throw error
      }
    },
  }
}

/** Nobody asks it anything, so nobody need be behind it. */
function createWay(target: Target): WayToStart {
  const scenario = findScenario('json')
  return {
    id: target.id,
    summary: target.summary,
    findObstacle: () => target.findObstacle?.(scenario) ?? null,
    async start(folder) {
      const setting = { scenario, upstreamPort: 9, folder, providerKey: 'sk-bench', profileFolder: null }
      const { pid, stop } = await target.start(setting)
      return { pid, hasLauncher: false, stop }
    },
  }
}
