// Answers that are put together for one page each: what the things behind ids are called, and for which reasons the
// server's keys may pay. Everybody reads their own alone.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { User } from '../support/uniroute-client.ts'

let uniroute: InProcessApp
let alice: User
let bob: User
beforeAll(async () => {
  const env = { SERVER_FALLBACK: 'no_key,outage', SERVER_ALLOWANCE_USD_PER_DAY: '2' }
  uniroute = await startInProcess({ env })
  alice = await uniroute.createUser()
  bob = await uniroute.createUser()
})
afterAll(() => uniroute?.close())

const read = async (path: string, { token }: { token: string }) => {
  const { status, body } = await uniroute.call('GET', path, { token })
  expect(status).toBe(200)
  return body
}

test('names: one’s own keys with what they are called, the revoked ones too, and nobody else’s', async () => {
  const { id } = await uniroute.addProviderKey(alice.token, 'openai', createFakeKey('openai'), { label: 'Work' })
  const gone = await uniroute.createApiKey(alice.token, { name: 'old-bot' })
  await uniroute.call('DELETE', `/auth/api-keys/${gone.id}`, { token: alice.token })
  const bot = await uniroute.createApiKey(alice.token, { name: 'bot', expires_at: '2030-01-31T12:00:00.000Z' })
  const names = await read('/admin/names', alice)
  expect(names.provider_keys).toEqual([{ id, provider: 'openai', label: 'Work' }])
  expect(names.api_keys).toEqual([
    { id: bot.id, name: 'bot', last4: bot.key.slice(-4), is_active: true, expires_at: '2030-01-31T12:00:00.000Z' },
    { id: gone.id, name: 'old-bot', last4: gone.key.slice(-4), is_active: false, expires_at: null },
  ])
  expect(await read('/admin/names', bob)).toEqual({ provider_keys: [], api_keys: [], people: [] })
})

test('names: the people are for administrators who ask for them', async () => {
  const admin = { token: await uniroute.login() }
  expect((await read('/admin/names', admin)).people).toEqual([])
  const { people } = await read('/admin/names?people=true', admin)
  expect(people).toContainEqual({ id: alice.id, email: alice.email, name: expect.any(String) })
  expect(people).toContainEqual({ id: bob.id, email: bob.email, name: expect.any(String) })
  expect((await read('/admin/names?people=true', alice)).people).toEqual([])
})

test('fallback: the account’s default, what is granted, the allowance, and the keys that narrow it', async () => {
  const user = await uniroute.createUser()
  const { token } = user
  expect(await read('/admin/fallback', user)).toEqual({
    fallback: 'allow',
    granted: ['no_key', 'outage'],
    allowance: (await read('/admin/allowance', user)).allowance,
    narrowed: [],
  })
  expect((await read('/admin/fallback', user)).allowance).toMatchObject({ usd: 2, spent_usd_micros: 0 })
  await uniroute.call('PUT', '/auth/profile', { token, body: { fallback: ['outage'] } })
  const all = ['no_key', 'invalid', 'outage', 'rate_limited', 'exhausted']
  // A key that is off binds all the same; one that leaves nothing out narrows nothing.
  const off = await uniroute.addProviderKey(token, 'openai', createFakeKey('openai'), {
    fallback: 'never',
    is_active: false,
  })
  await uniroute.addProviderKey(token, 'openai', createFakeKey('openai'), { fallback: all })
  const bot = await uniroute.createApiKey(token, { name: 'bot', fallback: ['no_key'] })
  const revoked = await uniroute.createApiKey(token, { name: 'old-bot', fallback: 'never' })
  await uniroute.call('DELETE', `/auth/api-keys/${revoked.id}`, { token })
  expect(await read('/admin/fallback', user)).toMatchObject({
    fallback: ['outage'],
    narrowed: [
      { kind: 'provider_key', id: off.id, name: '', fallback: 'never' },
      { kind: 'api_key', id: bot.id, name: 'bot', fallback: ['no_key'] },
    ],
  })
  expect((await read('/admin/fallback', bob)).narrowed).toEqual([])
})
