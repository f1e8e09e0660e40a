// What an owner learns of a key without asking, and what the key paid for.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import type { Json } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

let fake: FakeProvider
let uniroute: UniRoute
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

const ask = (apiKey: string) =>
  uniroute.call('POST', '/v1/chat/completions', {
    token: apiKey,
    body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }] },
  })

async function get(token: string, path: string): Promise<Json> {
  const reply = await uniroute.call('GET', path, { token })
  expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
  return reply.body
}

test('a key that a provider rejects is told to its owner once, and nobody else', async () => {
  const { token, apiKey } = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'invalid') } })
  await ask(apiKey)
  await ask(apiKey)
  const list = await vi.waitUntil(async () => {
    const found = await get(token, '/admin/notifications')
    return found.unread > 0 ? found : undefined
  })
  expect(list).toMatchObject({
    unread: 1,
    next: null,
    notifications: [{ kind: 'key_rejected', read_at: null, message: expect.stringContaining('was rejected') }],
  })
  const stranger = await uniroute.createUser()
  expect((await get(stranger.token, '/admin/notifications')).notifications).toEqual([])
  const body = { ids: [list.notifications[0].id] }
  await uniroute.call('POST', '/admin/notifications/read', { token: stranger.token, body })
  expect((await get(token, '/admin/notifications')).unread).toBe(1)
  await uniroute.call('POST', '/admin/notifications/read', { token, body })
  expect(await get(token, '/admin/notifications?unread=true')).toMatchObject({ unread: 0, notifications: [] })
})

test('a key’s use is told by day, model and payer, in figures that agree', async () => {
  const { token, apiKey, providerKeyIds } = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  await ask(apiKey)
  const path = `/admin/provider-keys/${providerKeyIds['openai']![0]}/usage?time_zone=Europe/Berlin`
  const usage = await vi.waitUntil(async () => {
    const found = await get(token, path)
    return found.total.requests === 1 ? found : undefined
  })
  expect(usage).toMatchObject({
    time_zone: 'Europe/Berlin',
    models: [{ model: 'gpt-4o', requests: 1 }],
    payers: [{ billed_to: 'user', requests: 1 }],
    days: [{ requests: 1 }],
  })
  for (const part of ['days', 'models', 'payers']) {
    expect(usage[part][0].cost_usd_micros).toBe(usage.total.cost_usd_micros)
  }
  expect(usage.total.cost_usd_micros).toBeGreaterThan(0)
})
