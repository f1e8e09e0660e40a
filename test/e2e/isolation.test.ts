// Two tenants through one process, interleaved, with random aborts and shared connections: never one's key with the
// other's words, never one's answer to the other.
import { setTimeout } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS } from '../support/dialects.ts'
import { createRandom, runMany } from '../support/random.ts'
import { startUniRoute } from '../support/uniroute-process.ts'

const REQUESTS = Number(process.env['UNIROUTE_ISOLATION_REQUESTS'] ?? 3_000)
const TENANTS = ['tenant1', 'tenant2'] as const

test(`${REQUESTS} interleaved requests, one in five aborted: no mix-up`, { timeout: 1_800_000 }, async () => {
  const random = createRandom()
  const mixUps: string[] = []
  const fake = await startFakeProvider({
    keepBodies: false,
    say: ({ key, method, rawBody }) => {
      const ofKey = /tenant\d/.exec(key)?.[0]
      const ofBody = /(tenant\d) number (\d+)\b/.exec(rawBody.toString())
      // Lists of models, which the gateway asks for in its own time, say nothing.
      if (method === 'GET') return ''
      if (ofKey === undefined || ofKey !== ofBody?.[1]) mixUps.push(`key of ${ofKey} with words of ${ofBody?.[1]}`)
      return `answer to ${ofKey} number ${ofBody?.[2]} `.repeat(4)
    },
  })
  const uniroute = await startUniRoute({ fake })
  const callers = await Promise.all(
    TENANTS.map((tenant) =>
      uniroute.createCaller({
        keys: {
          openai: createFakeKey('openai', `${tenant}_slow1`),
          anthropic: createFakeKey('anthropic', `${tenant}_split`),
          google: createFakeKey('google', tenant),
        },
      }),
    ),
  )
  const agent = new Agent({ connections: 32, pipelining: 1 })
  let [answered, aborted, usualTime] = [0, 0, 20]
  const failures: string[] = []

  const plan = Array.from({ length: REQUESTS }, (_, number) => ({
    number,
    tenant: random.below(2),
    dialect: CHAT_DIALECTS[random.below(CHAT_DIALECTS.length)]!,
    stream: random.chance(0.5),
    // As a part of the usual time, so that aborts fall before, within and after the answer on any machine.
    abortAt: random.chance(0.3) ? random.below(90) / 100 : undefined,
  }))
  await runMany(plan, 48, async ({ number, tenant, dialect, stream, abortAt }) => {
    const controller = new AbortController()
    const name = TENANTS[tenant]!
    const from = performance.now()
    if (abortAt !== undefined) void setTimeout(abortAt * usualTime).then(() => controller.abort())
    try {
      const reply = await request(uniroute.url + dialect.path(dialect.model, stream), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...dialect.auth(callers[tenant]!.apiKey) },
        body: JSON.stringify(dialect.body(`${name} number ${number}`, dialect.model, stream)),
        dispatcher: agent,
        signal: controller.signal,
      })
      const text = await reply.body.text()
      const said = reply.statusCode === 200 && !stream ? JSON.parse(text) : undefined
      const answer = reply.statusCode === 200 ? dialect.readText({ text, body: said }) : text
      if (!answer.includes(`answer to ${name} number ${number} `)) {
        failures.push(`${name} number ${number} over ${dialect.name}: ${reply.statusCode} ${answer.slice(0, 200)}`)
      }
      if (/answer to (tenant\d)/.exec(answer)?.[1] !== name) mixUps.push(`${name} got ${answer.slice(0, 80)}`)
      if (reply.headers['x-uniroute-key'] !== callers[tenant]!.providerKeyIds[dialect.vendor]![0]) {
        mixUps.push(`${name} was told of the key ${String(reply.headers['x-uniroute-key'])}`)
      }
      answered++
      usualTime += (performance.now() - from - usualTime) / 50
    } catch (error) {
      if (!controller.signal.aborted) throw error
      aborted++
    }
  })

  console.info(
    `Isolation: ${answered} answered, ${aborted} aborted, ${fake.requests.length} upstream, seed ${random.seed}`,
  )
  expect(mixUps).toEqual([])
  expect(failures).toEqual([])
  expect(answered + aborted).toBe(REQUESTS)
  expect(aborted).toBeGreaterThan(REQUESTS / 10)
  expect(fake.violations()).toEqual([])
  await agent.destroy()
  await uniroute.stop()
  await fake.close()
  expect(uniroute.scanAndRemove()).toEqual([])
})
