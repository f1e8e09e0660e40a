// `npm run drill:rolling -- [--requests 10000] [--callers 16]`: two instances on PostgreSQL behind nginx, with the
// files of docs/recipes/nginx. Whole and streamed requests run all the while, some of them longer than a restart, and
// the instances are restarted in turn until all requests are answered, each at least once. Fails where one of them was
// not answered whole. Every request has a connection of its own: an idle one may be closed by a reload of nginx just
// when it is used again.
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { createFakeKey } from '../test/fake-provider/fake-keys.ts'
import { postgresProblem } from '../test/support/databases.ts'
import { CHAT_DIALECTS } from '../test/support/dialects.ts'
import { startInstances, type Instances } from '../test/support/instances.ts'
import { startNginx } from '../test/support/nginx.ts'
import { findFreePort } from '../test/support/redis-server.ts'
import type { UniRoute } from '../test/support/uniroute-process.ts'

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '10000' }, callers: { type: 'string', default: '16' } },
})
const wanted = Number(values.requests)
const callers = Number(values.callers)

const RECIPE = fileURLToPath(new URL('../docs/recipes/nginx/', import.meta.url))
const CHAT = CHAT_DIALECTS[0]!
/** Of ten requests: those streamed at once, and those streamed over seconds. */
const STREAMED = 3
const SLOW = 1

function ask(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: object | null,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path, method: body ? 'POST' : 'GET', agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode!, text: Buffer.concat(chunks).toString() }))
    })
    for (const [name, value] of Object.entries(headers)) sent.setHeader(name, value)
    sent.on('error', reject)
    if (body) sent.setHeader('content-type', 'application/json')
    sent.end(body ? JSON.stringify(body) : undefined)
  })
}

/** Why the answer is not whole, or null. */
async function callOnce(port: number, keys: { quick: string; slow: string }, at: number): Promise<string | null> {
  const kind = at % 10
  const stream = kind < STREAMED + SLOW
  const key = kind < SLOW ? keys.slow : keys.quick
  try {
    const body = CHAT.body('say something', 'gpt-4o', stream)
    const { status, text } = await ask(port, CHAT.path('gpt-4o', stream), CHAT.auth(key), body)
    const isWhole = stream ? text.trimEnd().endsWith('data: [DONE]') : text.trimEnd().endsWith('}')
    return status === 200 && isWhole ? null : `${status} ${text.slice(-200)}`
  } catch (error) {
    return String(error)
  }
}

/** What the recipe's script calls to restart an instance: here its processes are this one's children. */
async function startRestarter(restart: (address: string) => Promise<void>): Promise<{ port: number; stop(): void }> {
  const server = createServer((incoming, response) => {
    restart(decodeURIComponent(incoming.url!.slice(1))).then(
      () => response.end(),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, stop: () => void server.close() }
}

// size: one walk: start, load, restarts, what came of it.
async function drill(instances: Instances, folder: string): Promise<boolean> {
  const running = new Map<string, UniRoute>()
  const begin = async (port: number): Promise<void> => {
    running.set(`127.0.0.1:${port}`, await instances.start({ PORT: String(port) }))
  }
  for (let count = 0; count < 2; count++) await begin(await findFreePort())
  const addresses = [...running.keys()]
  const front = await startNginx(folder, addresses)
  const [first] = running.values()
  const quick = await first!.createCaller({ keys: { openai: createFakeKey('openai') } })
  const slow = await first!.createCaller({ keys: { openai: createFakeKey('openai', 'slow400') } })
  const keys = { quick: quick.apiKey, slow: slow.apiKey }
  const restarter = await startRestarter(async (address) => {
    const code = await running.get(address)!.stop()
    if (code !== 0) throw new Error(`${address} ended with ${code}`)
    await begin(Number(address.split(':')[1]))
  })
  const script = join(folder, 'restart.sh')
  writeFileSync(script, `#!/bin/sh\nexec curl -fsS -o /dev/null "http://127.0.0.1:${restarter.port}/$1"\n`)
  chmodSync(script, 0o755)

  let asked = 0
  let restarts = 0
  const failures: string[] = []
  const isOver = (): boolean => asked >= wanted && restarts > 0
  const before = performance.now()
  const load = Promise.all(
    Array.from({ length: callers }, async () => {
      while (!isOver()) {
        const failure = await callOnce(front.port, keys, asked++)
        if (failure !== null) failures.push(failure)
      }
    }),
  )
  while (!isOver()) {
    await promisify(execFile)(join(RECIPE, 'rolling-restart.sh'), addresses, {
      env: { ...process.env, SERVERS_FILE: front.serversFile, RELOAD: front.reload, RESTART: script },
    })
    restarts += addresses.length
  }
  await load
  const seconds = (performance.now() - before) / 1000
  restarter.stop()
  const errors = await front.stop()
  if (errors.length > 0) console.info(`nginx said: ${errors.slice(0, 3).join('\n')}`)
  console.info(
    `${asked} requests in ${seconds.toFixed(0)} s during ${restarts} restarts of ${addresses.length} instances: ${failures.length} failed`,
  )
  for (const failure of failures.slice(0, 5)) console.info(`  ${failure}`)
  return failures.length === 0
}

function findProblem(): string | undefined {
  if (postgresProblem !== undefined) return postgresProblem
  for (const program of ['nginx', 'curl']) {
    if (spawnSync(program, ['--version']).error) return `there is no ${program} on this machine`
  }
  return undefined
}

const problem = findProblem()
if (problem !== undefined) {
  console.info(`NOT RUN: ${problem}`)
} else {
  console.info(`two instances on PostgreSQL behind nginx, ${cpus().length} cores`)
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-rolling-'))
  const instances = await startInstances({ count: 0 })
  try {
    process.exitCode = (await drill(instances, folder)) ? 0 : 1
  } finally {
    await instances.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
