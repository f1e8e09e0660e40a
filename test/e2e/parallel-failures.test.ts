// Many requests at once with one key that fails: its pause begins once, and when it is over one request finds out
// whether the key works again. On both databases, in one process and in two that share one.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ServerResponse } from 'node:http'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { describeOnEachDatabase } from '../support/databases.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { CHAT_ANSWER } from '../support/recording-upstream.ts'
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'
import type { Database } from '../../server/database/database.ts'
import { systemClock, type Clock } from '../../server/kernel/clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

interface Refusal {
  readonly status: number
  readonly body: Json
}

const REJECTED: Refusal = { status: 401, body: { error: { message: 'Bad key', code: 'invalid_api_key' } } }
const NO_CREDIT: Refusal = { status: 429, body: { error: { message: 'No credit', code: 'insufficient_quota' } } }
const TOO_FAST: Refusal = { status: 429, body: { error: { message: 'Slow down', code: 'rate_limit_exceeded' } } }

describeOnEachDatabase('a key that fails many requests at once', (open) => {
  let upstream: ScriptedUpstream
  let database: Database
  let apps: InProcessApp[]
  let passed: number
  /** Calls that wait for their answer. */
  let waiting: ServerResponse[]
  let arrived: () => void

  const clock: Clock = {
    now: () => systemClock.now() + passed,
    monotonic: () => systemClock.monotonic() + passed,
  }
  const start = async (own: Database): Promise<InProcessApp> => {
    const env = { ...upstream.env, SERVER_FALLBACK: 'never' }
    const app = await startInProcess({ database: own, clock, env })
    apps.push(app)
    return app
  }

  beforeEach(async () => {
    ;[apps, passed, waiting, arrived] = [[], 0, [], () => undefined]
    upstream = await startScriptedUpstream({ emptyModelLists: true })
    upstream.play = (response) => {
      waiting.push(response)
      arrived()
    }
    database = await open()
  })
  afterEach(async () => {
    for (const app of apps) await app.close()
    await upstream.close()
  })

  const createCaller = (app: InProcessApp): Promise<Caller> =>
    app.createCaller({ keys: { openai: createFakeKey('openai') } })

  const ask = (app: InProcessApp, { apiKey }: Caller, stream = false, signal?: AbortSignal): Promise<Reply> =>
    app.call('POST', '/v1/chat/completions', {
      token: apiKey,
      headers: { 'x-stainless-retry-count': '1' },
      body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }], stream },
      ...(signal && { signal }),
    })

  async function untilWaiting(count: number): Promise<void> {
    while (waiting.length < count) await new Promise<void>((resolve) => (arrived = resolve))
  }

  function answer({ status, body }: Refusal): void {
    for (const response of waiting.splice(0)) {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
  }

  /** All of them are with the provider before any is answered. */
  async function failTogether(all: readonly InProcessApp[], caller: Caller, count: number, refusal: Refusal) {
    const replies = Array.from({ length: count }, (_, index) => ask(all[index % all.length]!, caller))
    await untilWaiting(count)
    answer(refusal)
    return (await Promise.all(replies)).map(({ status }) => status)
  }

  const rowOf = async () => {
    const row = await database.query.selectFrom('user_provider_keys').selectAll().executeTakeFirstOrThrow()
    return { status: row.status, pause: row.probe_after_ms }
  }

  const isWritten = () => expect.poll(async () => (await rowOf()).pause).toBeTypeOf('number')

  test.each([
    ['rejections', REJECTED, 'invalid', HOUR, 424],
    ['answers of no credit', NO_CREDIT, 'exhausted', 10 * MINUTE, 402],
  ])('eight %s at the same moment begin the first pause, not the longest', async (_, refusal, status, pause, told) => {
    const app = await start(database)
    const caller = await createCaller(app)
    expect(await failTogether([app], caller, 8, refusal)).toEqual(Array(8).fill(told))
    await expect.poll(rowOf).toEqual({ status, pause })
    expect((await ask(app, caller)).status).toBe(told)
    expect(waiting).toHaveLength(0)
  })

  test('eight rate limits without a delay are one of five seconds', async () => {
    const app = await start(database)
    const caller = await createCaller(app)
    expect(await failTogether([app], caller, 8, TOO_FAST)).toEqual(Array(8).fill(429))
    const next = await ask(app, caller)
    expect(next.status).toBe(429)
    expect(Number(next.headers.get('retry-after'))).toBeLessThanOrEqual(5)
    expect(waiting).toHaveLength(0)
  })

  test('when the pause is over one of twenty requests asks; when it is served, all are', async () => {
    const app = await start(database)
    const caller = await createCaller(app)
    await failTogether([app], caller, 3, NO_CREDIT)
    await isWritten()
    passed += 10 * MINUTE
    const probe = ask(app, caller)
    await untilWaiting(1)
    const others = await Promise.all(Array.from({ length: 19 }, () => ask(app, caller)))
    expect(others.map(({ status }) => status)).toEqual(Array(19).fill(402))
    expect(waiting).toHaveLength(1)
    answer({ status: 200, body: CHAT_ANSWER })
    expect((await probe).status).toBe(200)
    await expect.poll(rowOf).toEqual({ status: 'active', pause: null })
    const after = Array.from({ length: 5 }, () => ask(app, caller))
    await untilWaiting(5)
    answer({ status: 200, body: CHAT_ANSWER })
    expect((await Promise.all(after)).map(({ status }) => status)).toEqual(Array(5).fill(200))
  })

  test('a probe that fails doubles the pause once; a stream that begins well is a pass before it ends', async () => {
    const app = await start(database)
    const caller = await createCaller(app)
    await failTogether([app], caller, 2, NO_CREDIT)
    await isWritten()
    passed += 10 * MINUTE
    expect(await failTogether([app], caller, 1, NO_CREDIT)).toEqual([402])
    await expect.poll(rowOf).toEqual({ status: 'exhausted', pause: 20 * MINUTE })
    passed += 20 * MINUTE
    const stream = ask(app, caller, true)
    await untilWaiting(1)
    const [provider] = waiting.splice(0) as [ServerResponse]
    const delta = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o' }
    const event = (choice: object) => `data: ${JSON.stringify({ ...delta, choices: [{ index: 0, ...choice }] })}\n\n`
    provider.writeHead(200, { 'content-type': 'text/event-stream' })
    provider.write(event({ delta: { role: 'assistant', content: 'Hi' } }))
    await expect.poll(rowOf).toEqual({ status: 'active', pause: null })
    const second = ask(app, caller)
    await untilWaiting(1)
    answer({ status: 200, body: CHAT_ANSWER })
    expect((await second).status).toBe(200)
    provider.end(`${event({ delta: {}, finish_reason: 'stop' })}data: [DONE]\n\n`)
    expect((await stream).status).toBe(200)
  })

  test('a client that goes away leaves the probe to the next one', async () => {
    const app = await start(database)
    const caller = await createCaller(app)
    await failTogether([app], caller, 1, REJECTED)
    await isWritten()
    passed += HOUR
    const leaving = new AbortController()
    const gone = ask(app, caller, false, leaving.signal).catch((error: unknown) => error)
    await untilWaiting(1)
    leaving.abort()
    await gone
    waiting.splice(0)
    // Its going is noticed in the gateway's own time.
    await expect
      .poll(async () => {
        const reply = ask(app, caller)
        await Promise.race([reply, untilWaiting(1)])
        answer({ status: 200, body: CHAT_ANSWER })
        return (await reply).status
      })
      .toBe(200)
  })

  test('a process that died with the probe holds nobody up for longer than a minute', async () => {
    const first = await start(database)
    const caller = await createCaller(first)
    await failTogether([first], caller, 1, NO_CREDIT)
    await isWritten()
    passed += 10 * MINUTE
    const lost = ask(first, caller).catch((error: unknown) => error)
    await untilWaiting(1)
    const second = await start(database)
    expect((await ask(second, caller)).status).toBe(402)
    passed += MINUTE
    const probe = ask(second, caller)
    await untilWaiting(2)
    answer({ status: 200, body: CHAT_ANSWER })
    expect((await probe).status).toBe(200)
    await lost
  })

  test('two processes begin one pause together, and one of them probes', async () => {
    const [one, two] = [await start(database), await start(await open({ sameAs: database }))]
    const caller = await createCaller(one)
    await failTogether([one, two], caller, 8, NO_CREDIT)
    await expect.poll(rowOf).toEqual({ status: 'exhausted', pause: 10 * MINUTE })
    passed += 10 * MINUTE
    const told: number[] = []
    const replies = Array.from({ length: 20 }, async (_, index) => {
      told.push((await ask([one, two][index % 2]!, caller)).status)
    })
    await expect.poll(() => told).toEqual(Array(19).fill(402))
    expect(waiting).toHaveLength(1)
    answer({ status: 200, body: CHAT_ANSWER })
    await Promise.all(replies)
    expect(told.at(-1)).toBe(200)
  })
})
