// How the server says it is doing, to administrators.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { healthSchema } from '../../contract/health.ts'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'

let fake: FakeProvider
let uniroute: InProcessApp
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startInProcess({ fake })
})
afterAll(async () => {
  await uniroute?.close()
  await fake?.close()
})

async function read(token: string) {
  const reply = await uniroute.call('GET', '/admin/health', { token })
  expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
  return healthSchema.parse(reply.body)
}

test('tells of database, journal, disk, instance and what is under way', async () => {
  const health = await read(await uniroute.login())
  expect(health.database).toEqual({
    kind: 'sqlite',
    latency_ms: expect.any(Number),
    schema_version: expect.stringMatching(/^\d{3}_/),
  })
  expect(health.journal).toMatchObject({ waiting: 0, lag_ms: 0, failures: 0 })
  expect(health.journal.segments).toBeGreaterThan(0)
  expect(health.disk!.free_bytes).toBeGreaterThan(0)
  expect(health.instances).toEqual([expect.objectContaining({ is_this: true })])
  expect(health.in_progress).toMatchObject({ requests: 1, upstream_calls: 0, event_streams: 0 })
  expect(health.limits).toEqual({ rates: 'memory', budgets: 'memory' })
  expect(health.breakers).toEqual([])
})

test('a provider that is down is named, for as long as it is left alone', async () => {
  const key = createFakeKey('openai', 'down503')
  const caller = await uniroute.createCaller({ keys: { openai: key } })
  for (let i = 0; i < 25; i++) await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey)
  const { breakers } = await read(await uniroute.login())
  expect(breakers).toEqual([
    { provider: 'openai', model: 'gpt-4o', side: 'user', one_owner: true, opens_in_ms: expect.any(Number) },
  ])
  // Its owner is told so beside their keys, whose state is not touched by it; nobody else is.
  const listDown = async (token: string) =>
    (await uniroute.call('GET', '/admin/provider-keys?include=down', { token })).body
  const told = await listDown(caller.token)
  expect(told.down).toEqual([{ provider: 'openai', model: 'gpt-4o', until: expect.stringMatching(/Z$/) }])
  expect(told.keys).toMatchObject([{ status: expect.not.stringMatching(/cooling|invalid|exhausted/) }])
  const other = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  expect((await listDown(other.token)).down).toEqual([])
  const plain = await uniroute.call('GET', '/admin/provider-keys', { token: caller.token })
  expect(plain.body).not.toHaveProperty('down')
})
