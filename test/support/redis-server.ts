// A redis-server of a test's own, which it may stop, kill and start again.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

/** Why there can be none here, or undefined where there can. */
export const redisProblem: string | undefined =
  spawnSync('redis-server', ['--version']).status === 0 ? undefined : 'there is no redis-server on this machine'

export interface RedisServer {
  readonly url: string
  readonly port: number
  /** The process is there, and answers nothing. */
  freeze(): void
  thaw(): void
  kill(): Promise<void>
  /** On the same port, empty. */
  start(): Promise<void>
}

/** `args`: further settings, as on the command line. Ended when the process of the test ends at the latest. */
export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  const port = await findFreePort()
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    child = spawn('redis-server', [...fixed, ...args], { stdio: 'ignore' })
    const own = child
    const killWithUs = (): void => void own.kill('SIGKILL')
    process.once('exit', killWithUs)
    own.once('exit', () => process.off('exit', killWithUs))
    await waitForPort(port)
  }

  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
    start,
  }
}

export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function waitForPort(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`redis-server does not listen on port ${port}`)
}
