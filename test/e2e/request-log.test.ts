// The log of requests as the dashboard reads it: what was just asked is in it, with the key that paid.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { overviewSchema } from '../../contract/overview.ts'
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

test('a request can be opened at once, stands in its owner’s list and the administrator’s, and in nobody else’s', async () => {
  const caller = await uniroute.createCaller({ keys: { anthropic: createFakeKey('anthropic') } })
  const stranger = await uniroute.createCaller()
  const admin = await uniroute.login()
  const body = { model: 'anthropic/claude-sonnet-5', max_tokens: 99, messages: [{ role: 'user', content: 'hello' }] }
  const reply = await uniroute.call('POST', '/v1/chat/completions', { token: caller.apiKey, body })
  expect(reply.status).toBe(200)
  const id = reply.headers.get('x-request-id')!
  const get = (path: string, token: string) => uniroute.call('GET', path, { token })

  const detail = await get(`/admin/requests/${id}`, caller.token)
  expect([detail.status, detail.body]).toMatchObject([
    200,
    {
      id,
      api_key_id: caller.apiKeyId,
      dialects: { client: 'openai-chat', upstream: 'anthropic-messages' },
      error: null,
      attempts: [{ dialect: 'anthropic-messages', provider_key_id: caller.providerKeyIds['anthropic']![0] }],
    },
  ])
  expect(detail.body.attempts[0].cost.usd_micros).toBe(detail.body.cost.usd_micros)
  const own = await get(
    `/admin/requests?status=ok&provider_key=${caller.providerKeyIds['anthropic']![0]}`,
    caller.token,
  )
  expect(own.body).toMatchObject({ requests: [{ id, billed_to: 'user', fallback: 'none' }], next: null })
  expect((await get(`/admin/requests/all?id=${id}`, admin)).body.requests).toMatchObject([{ user_id: caller.id }])
  expect((await get(`/admin/requests/${id}`, admin)).status).toBe(200)
  expect((await get('/admin/requests', admin)).body.requests).toEqual([])
  expect((await get(`/admin/requests?id=${id}`, stranger.token)).body.requests).toEqual([])
  expect((await get(`/admin/requests/${id}`, stranger.token)).status).toBe(404)
  expect((await get('/admin/requests/all', stranger.token)).status).toBe(403)
})

test('a payer that moved is found by “fell back”, with the reason', async () => {
  const env = { OPENAI_API_KEY: createFakeKey('openai') }
  const server = await startInProcess({ fake, env })
  const caller = await server.createCaller()
  const reply = await ask(server, CHAT_DIALECTS[0]!, caller.apiKey)
  expect(reply.headers.get('x-uniroute-billed-to')).toBe('server')
  await server.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
  const { body } = await server.call('GET', '/admin/requests?fell_back=true&billed_to=server', { token: caller.token })
  expect(body.requests).toMatchObject([{ fallback: 'no_key', billed_to: 'server', provider_key_id: null }])
  await server.close()
})

test('the overview tells the last days by payer and the last requests whole, one’s own only', async () => {
  const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  const stranger = await uniroute.createCaller()
  const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }] }
  const ids: string[] = []
  for (let call = 0; call < 6; call++) {
    const reply = await uniroute.call('POST', '/v1/chat/completions', { token: caller.apiKey, body })
    ids.unshift(reply.headers.get('x-request-id')!)
  }
  await uniroute.readReceipt(caller.apiKey, ids[0]!)
  const path = '/admin/overview?time_zone=Asia/Kathmandu'
  const told = (await uniroute.call('GET', path, { token: caller.token })).body
  expect(overviewSchema.parse(told)).toEqual(told)
  expect(told.days).toMatchObject([{ day: told.to, requests: 6, errors: 0 }])
  expect(told.payers).toMatchObject([{ day: told.to, billed_to: 'user', requests: 6 }])
  expect(Date.parse(told.to) - Date.parse(told.from)).toBe(13 * 86_400_000)
  expect(told.recent.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 5))
  expect(told.recent[0].attempts).toMatchObject([{ billed_to: 'user' }])
  expect((await uniroute.call('GET', path, { token: stranger.token })).body).toMatchObject({ days: [], recent: [] })
})
