// A PostgreSQL server of a drill's own, which it may kill and start again: its own folder and port, never the
// machine's.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { findFreePort } from './redis-server.ts'

export interface PostgresServer {
  readonly url: string
  /** At once, as the machine's end would; connections break. */
  kill(): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
}

/** Why there can be none here, or undefined where there can. */
export function findPostgresServerProblem(): string | undefined {
  for (const program of ['initdb', 'postgres']) {
    if (spawnSync(program, ['--version']).status !== 0) return `there is no ${program} on this machine`
  }
  return isRoot() && findUser() === undefined ? 'root needs a user named postgres or nobody to run it as' : undefined
}

const isRoot = (): boolean => process.getuid?.() === 0

interface Owner {
  readonly uid: number
  readonly gid: number
}

/** PostgreSQL refuses to be root. */
function findUser(): Owner | undefined {
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((what) => spawnSync('id', [what, name], { encoding: 'utf8' }).stdout.trim())
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) }
  }
  return undefined
}

export async function startPostgres(): Promise<PostgresServer> {
  const owner = isRoot() ? findUser() : undefined
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-postgres-'))
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const data = join(folder, 'data')
  execFileSync('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C'], {
    cwd: folder,
    stdio: 'ignore',
    ...owner,
  })
  const port = await findFreePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${folder}`]
    child = spawn('postgres', ['-D', data, '-p', String(port), ...settings], { cwd: folder, stdio: 'ignore', ...owner })
    const own = child
    const killWithUs = (): void => void own.kill('SIGQUIT')
    process.once('exit', killWithUs)
    own.once('exit', () => process.off('exit', killWithUs))
    await waitForAnswer(url)
  }

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGQUIT')
    await ended
  }

  await start()
  return {
    url,
    kill,
    start,
    async remove() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function waitForAnswer(url: string): Promise<void> {
  let last: unknown
  for (let tries = 0; tries < 200; tries++) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.query('SELECT 1')
      return
    } catch (error) {
      last = error
      await new Promise((resolve) => setTimeout(resolve, 100))
    } finally {
      await client.end()
    }
  }
  throw new Error(`PostgreSQL does not start: ${String(last)}`)
}
