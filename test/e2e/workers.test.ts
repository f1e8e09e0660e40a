// WORKERS=2 on one machine with SQLite: two processes that share the port behave as one.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS } from '../support/dialects.ts'
import { request } from 'node:http'
import type { Caller } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const CHAT = CHAT_DIALECTS[0]!
const QUESTION = { model: 'gpt-4o', max_tokens: 2000, messages: [{ role: 'user', content: 'say something' }] }

let fake: FakeProvider
let uniroute: UniRoute
let caller: Caller

beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake, env: { WORKERS: '2' } })
  caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'big') } })
})
afterAll(async () => {
  expect(await uniroute?.stop()).toBe(0)
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
  await fake?.close()
})

const ask = (apiKey: string): Promise<{ status: number; text: string }> =>
  post(uniroute.url + CHAT.path(QUESTION.model, false), CHAT.auth(apiKey), JSON.stringify(QUESTION))

/** On a connection of its own, so that the workers take turns. */
function post(url: string, auth: Record<string, string>, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...auth }
    const sent = request(url, { method: 'POST', agent: false, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      response.on('end', () => resolve({ status: response.statusCode!, text }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

async function countStatuses(apiKey: string, calls: number): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  for (const { status } of await Promise.all(Array.from({ length: calls }, () => ask(apiKey)))) {
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  return statuses
}

const listWorkers = (): number[] =>
  readFileSync(`/proc/${uniroute.child.pid}/task/${uniroute.child.pid}/children`, 'utf8').trim().split(' ').map(Number)

test('are told of once, and both serve', async () => {
  expect(uniroute.stdout().match(/UniRoute ready/g)).toHaveLength(1)
  const token = await uniroute.login()
  const { instances, limits } = (await uniroute.call('GET', '/admin/health', { token })).body
  expect(instances).toHaveLength(2)
  expect(limits).toEqual({ rates: 'memory', budgets: 'database' })
})

test('take the set-up link that one of them printed, whichever a browser reaches', async () => {
  const fresh = await startUniRoute({ env: { WORKERS: '2' }, admin: false })
  try {
    const code = await vi.waitUntil(() => /^Set up: http\S+\/setup#(\S+)\n/m.exec(fresh.stdout())?.[1])
    // A password that is refused uses no code up.
    const body = JSON.stringify({ code, email: 'first@example.com', password: 'fourteen chars' })
    const tries = Array.from({ length: 8 }, () => post(`${fresh.url}/auth/setup`, {}, body))
    expect((await Promise.all(tries)).map(({ status }) => status)).toEqual(Array(8).fill(400))
  } finally {
    await fresh.stop()
    fresh.remove()
  }
})

test('let in together what a rate limit allows', async () => {
  const { key } = await uniroute.createApiKey(caller.token, { rate_limit_per_minute: 10 })
  const statuses = await countStatuses(key, 40)
  expect(statuses[200]).toBeGreaterThanOrEqual(10)
  expect(statuses[200]).toBeLessThanOrEqual(11)
  expect(statuses[200]! + statuses[429]!).toBe(40)
})

test('tell together what they counted, whichever is asked', async () => {
  const { key } = await uniroute.createApiKey(caller.token)
  const read = async () => {
    const { text } = await uniroute.call('GET', '/metrics')
    const served = [...text.matchAll(/^uniroute_requests_total\{.*status="2xx".*\} (\d+)$/gm)]
    return served.reduce((sum, [, count]) => sum + Number(count), 0)
  }
  const before = await read()
  expect(await countStatuses(key, 20)).toEqual({ 200: 20 })
  await expect.poll(read).toBe(before + 20)
  expect(await read()).toBe(before + 20)
  expect((await uniroute.call('GET', '/metrics')).text).toMatch(/^uniroute_instances 2$/m)
})

test('spend together no more than a budget', async () => {
  // gpt-4o writes 2,000 tokens for $0.02.
  const { key } = await uniroute.createApiKey(caller.token, { budget: { usd: 0.2, period: 'day' } })
  const statuses = await countStatuses(key, 40)
  expect(statuses[200]).toBeGreaterThan(5)
  expect(statuses[200]).toBeLessThanOrEqual(10)
  expect(statuses[200]! + statuses[402]!).toBe(40)
})

test('both refuse what was taken back at one, sooner than they would read it again', async () => {
  const { id, key } = await uniroute.createApiKey(caller.token)
  expect(await countStatuses(key, 10)).toEqual({ 200: 10 })
  await uniroute.call('DELETE', `/auth/api-keys/${id}`, { token: caller.token })
  const soon = { timeout: 2_500, interval: 50 }
  await expect.poll(() => countStatuses(key, 10), soon).toEqual({ 401: 10 })
})

test('every call is recorded once, whoever served it, and a worker that dies is replaced', async () => {
  const { key, id } = await uniroute.createApiKey(caller.token)
  expect(await countStatuses(key, 20)).toEqual({ 200: 20 })
  const [victim] = listWorkers()
  process.kill(victim!, 'SIGKILL')
  await vi.waitFor(() => {
    expect(listWorkers()).toHaveLength(2)
    expect(listWorkers()).not.toContain(victim)
  }, 20_000)
  await vi.waitFor(async () => {
    const token = await uniroute.login()
    // One row stays of the dead one until it counts as gone.
    expect((await uniroute.call('GET', '/admin/health', { token })).body.instances.length).toBeGreaterThanOrEqual(3)
  }, 20_000)
  expect(await countStatuses(key, 20)).toEqual({ 200: 20 })
  const read = async () =>
    (await uniroute.call('GET', `/admin/usage?api_key=${id}`, { token: caller.token })).body.total.requests
  await expect.poll(read, { timeout: 20_000 }).toBe(40)
})

test('are replaced one after the other without a failed request', async () => {
  const before = listWorkers()
  const { key } = await uniroute.createApiKey(caller.token)
  uniroute.child.kill('SIGUSR2')
  const statuses: Record<number, number> = {}
  await vi.waitFor(
    async () => {
      for (const [status, count] of Object.entries(await countStatuses(key, 10))) {
        statuses[Number(status)] = (statuses[Number(status)] ?? 0) + count
      }
      expect(uniroute.stderr()).toContain('all workers were replaced')
    },
    { timeout: 60_000, interval: 10 },
  )
  expect(Object.keys(statuses)).toEqual(['200'])
  expect(listWorkers().filter((pid) => before.includes(pid))).toEqual([])
})
