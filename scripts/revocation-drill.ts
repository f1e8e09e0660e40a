// `npm run drill:revocation -- [--trials 100] [--watch 30]`: how long a UniRoute API key that was revoked at one of two
// instances is still served at the other, under load: with the bus through PostgreSQL and Redis, through PostgreSQL
// alone, and with every way cut, when only reading again helps. Then whether any of them comes back, and how long
// streams run on that were begun before. Fails where a promise is broken: 1 s with the bus, 5 s without, 5 s for
// streams, nothing back.
import { setTimeout as wait } from 'node:timers/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { createFakeKey } from '../test/fake-provider/fake-keys.ts'
import { postgresProblem } from '../test/support/databases.ts'
import { CHAT_DIALECTS } from '../test/support/dialects.ts'
import { startInstances, type Instances } from '../test/support/instances.ts'
import { openStream } from '../test/support/open-stream.ts'
import { redisProblem } from '../test/support/redis-server.ts'
import type { UniRoute } from '../test/support/uniroute-process.ts'

const { values } = parseArgs({
  options: { trials: { type: 'string', default: '100' }, watch: { type: 'string', default: '30' } },
})
const trials = Number(values.trials)
const watchMs = Number(values.watch) * 1000

const AT_ONCE = 10
const STREAMS = 10
const QUESTION = { model: 'gpt-4o', max_tokens: 10, messages: [{ role: 'user', content: 'say something' }] }
const CHAT = CHAT_DIALECTS[0]!

interface Held {
  readonly instances: Instances
  readonly here: UniRoute
  readonly there: UniRoute
  /** Of somebody whose keys are revoked. */
  readonly token: string
}

async function ask(server: UniRoute, apiKey: string): Promise<number> {
  return (await server.call('POST', CHAT.path(QUESTION.model, false), { headers: CHAT.auth(apiKey), body: QUESTION }))
    .status
}

/** Milliseconds from the answer to the revocation to when the last request was sent that the other one still served. */
async function revokeOnce({ here, there, token }: Held): Promise<{ key: string; ms: number }> {
  const { id, key } = await here.createApiKey(token)
  if ((await ask(there, key)) !== 200) throw new Error('a new key is not served at the other instance')
  let isRevokedAt = Infinity
  let lastServed = -Infinity
  const using = (async () => {
    for (;;) {
      const sentAt = performance.now()
      const status = await ask(there, key)
      if (status === 200) lastServed = Math.max(lastServed, sentAt)
      else if (status === 401 && sentAt > isRevokedAt) return
      else if (status !== 401) throw new Error(`a call was answered with ${status}`)
      await wait(5)
    }
  })()
  await wait(50)
  const { status } = await here.call('DELETE', `/auth/api-keys/${id}`, { token })
  if (status !== 200) throw new Error(`revoking was answered with ${status}`)
  isRevokedAt = performance.now()
  await using
  return { key, ms: Math.max(lastServed - isRevokedAt, 0) }
}

async function cutStream({ here, there, token }: Held): Promise<number> {
  const { id, key } = await here.createApiKey(token)
  const body = { ...QUESTION, stream: true }
  const stream = await openStream(there.url + CHAT.path(QUESTION.model, true), CHAT.auth(key), body)
  await stream.until((text) => text.includes('data:'))
  await here.call('DELETE', `/auth/api-keys/${id}`, { token })
  const before = performance.now()
  await stream.end()
  return performance.now() - before
}

/** Others' calls at both, all the while. */
function startLoad({ servers }: Instances, apiKey: string): { stop(): Promise<{ calls: number; failed: number }> } {
  const over = new AbortController()
  let calls = 0
  let failed = 0
  const callers = servers.flatMap((server) =>
    Array.from({ length: 2 }, async () => {
      while (!over.signal.aborted) {
        calls++
        if ((await ask(server, apiKey)) !== 200) failed++
        await wait(2)
      }
    }),
  )
  return {
    async stop() {
      over.abort()
      await Promise.all(callers)
      return { calls, failed }
    },
  }
}

/** Ends the connections on which changes are heard, again and again. */
async function cutTheBus(url: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const over = new AbortController()
  const cutting = (async () => {
    while (!over.signal.aborted) {
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'uniroute changes'`,
      )
      await wait(5)
    }
  })()
  return async () => {
    over.abort()
    await cutting
    await client.end()
  }
}

async function watchForReturn({ instances }: Held, keys: readonly string[]): Promise<number> {
  const until = performance.now() + watchMs
  let back = 0
  while (performance.now() < until) {
    for (const server of instances.servers) {
      const answers = await Promise.all(keys.slice(0, 50).map((key) => ask(server, key)))
      back += answers.filter((status) => status === 200).length
    }
    keys = [...keys.slice(50), ...keys.slice(0, 50)]
    await wait(100)
  }
  return back
}

// size: one walk through what is promised, and what is said of it.
async function drill(name: string, how: { redis: boolean; limitMs: number; cut: boolean }): Promise<boolean> {
  const instances = await startInstances({ count: 2, redis: how.redis })
  try {
    const [here, there] = instances.servers as [UniRoute, UniRoute]
    const busy = await here.createCaller({ keys: { openai: createFakeKey('openai') } })
    const { token } = await here.createCaller({ keys: { openai: createFakeKey('openai') } })
    const streamer = await here.createCaller({ keys: { openai: createFakeKey('openai', 'hang-midstream') } })
    const held: Held = { instances, here, there, token }
    const uncut = how.cut ? await cutTheBus(instances.databaseUrl) : null
    const load = startLoad(instances, busy.apiKey)
    const revoked: { key: string; ms: number }[] = []
    while (revoked.length < trials) {
      const count = Math.min(AT_ONCE, trials - revoked.length)
      revoked.push(...(await Promise.all(Array.from({ length: count }, () => revokeOnce(held)))))
    }
    const streams = await Promise.all(
      Array.from({ length: STREAMS }, () => cutStream({ ...held, token: streamer.token })),
    )
    const back = await watchForReturn(
      held,
      revoked.map(({ key }) => key),
    )
    const { calls, failed } = await load.stop()
    await uncut?.()
    const slowest = Math.max(...revoked.map(({ ms }) => ms))
    const longest = Math.max(...streams)
    console.info(
      `${name.padEnd(22)} ${trials} revoked: last served after ${slowest.toFixed(0)} ms at most (limit ${how.limitMs}); ` +
        `${STREAMS} streams cut after ${longest.toFixed(0)} ms at most (limit 5000); ` +
        `back within ${watchMs / 1000} s: ${back}; other calls: ${calls}, failed ${failed}`,
    )
    return slowest < how.limitMs && longest <= 5_000 && back === 0 && failed === 0
  } finally {
    await instances.stop()
  }
}

if (postgresProblem !== undefined) {
  console.info(`NOT RUN: ${postgresProblem}`)
} else {
  console.info(`two instances on PostgreSQL, ${cpus().length} cores`)
  if (redisProblem !== undefined) console.info(`NOT RUN: with Redis: ${redisProblem}`)
  const kept = [
    redisProblem !== undefined || (await drill('PostgreSQL and Redis', { redis: true, limitMs: 1_000, cut: false })),
    await drill('PostgreSQL alone', { redis: false, limitMs: 1_000, cut: false }),
    await drill('without the bus', { redis: false, limitMs: 5_000, cut: true }),
  ]
  process.exitCode = kept.every(Boolean) ? 0 : 1
}
