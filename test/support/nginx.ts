// A real nginx with the recipe of docs/recipes/nginx, before servers of a test: what differs from the recipe is its
// port and where its files lie. nginx listens on 127.0.0.1 and belongs to whoever started it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findFreePort } from './redis-server.ts'

const RECIPE = fileURLToPath(new URL('../../docs/recipes/nginx/uniroute.conf', import.meta.url))
/** Where it lies, which is not on everybody's PATH. */
const PATH = `${process.env['PATH']}${delimiter}/usr/sbin${delimiter}/usr/local/sbin`

export const nginxIsHere = spawnSync('nginx', ['-v'], { env: { PATH } }).error === undefined

export interface NginxFront {
  readonly port: number
  /** What the recipe includes. */
  readonly serversFile: string
  /** The command that makes it read that again. */
  readonly reload: string
  readLog(): string
  /** Returns the lines of its error log. */
  stop(): Promise<string[]>
}

/** `folder`: an empty one of the caller's own. */
export async function startNginx(folder: string, servers: readonly string[]): Promise<NginxFront> {
  const port = await findFreePort()
  const serversFile = join(folder, 'uniroute-servers.conf')
  writeFileSync(serversFile, servers.map((address) => `server ${address};\n`).join(''))
  mkdirSync(join(folder, 'logs'), { recursive: true })
  const configuration = writeConfiguration(folder, `127.0.0.1:${port}`)
  const nginx = spawn('nginx', ['-c', configuration, '-p', folder], { stdio: 'inherit', env: { PATH } })
  const killWithUs = (): void => void nginx.kill('SIGTERM')
  process.once('exit', killWithUs)
  nginx.once('exit', () => process.off('exit', killWithUs))
  await waitUntilOpen(port, nginx)
  const readLines = (name: string): string =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : ''
  return {
    port,
    serversFile,
    reload: `env PATH=${PATH} nginx -c ${configuration} -p ${folder} -s reload`,
    readLog: () => readLines('access.log'),
    async stop() {
      const ended = once(nginx, 'exit')
      nginx.kill('SIGTERM')
      await ended
      return `${readLines('error.log')}${readLines('recipe-error.log')}`.split('\n').filter(Boolean)
    },
  }
}

/** Returns its path. */
function writeConfiguration(folder: string, listen: string): string {
  const recipe = readFileSync(RECIPE, 'utf8')
    .replace('/etc/nginx/uniroute-servers.conf', join(folder, 'uniroute-servers.conf'))
    .replace('/var/log/nginx/access.log', join(folder, 'access.log'))
    .replace('/var/log/nginx/error.log', join(folder, 'recipe-error.log'))
    .replace('listen 80;', `listen ${listen};`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  )
  const path = join(folder, 'nginx.conf')
  writeFileSync(
    path,
    `daemon off; pid ${join(folder, 'nginx.pid')}; error_log ${join(folder, 'error.log')} warn; worker_processes 1;
     events { worker_connections 4096; }
     http { ${temporary.join(' ')} ${recipe} }`,
  )
  return path
}

async function waitUntilOpen(port: number, nginx: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 600 && nginx.exitCode === null; tries++) {
    if (await isOpen(port)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('nginx does not answer')
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const end = (open: boolean): void => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}
