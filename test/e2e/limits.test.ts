// What an administrator allows a user, a team's admins their team, and a user an API key: money, requests and tokens. A
// refusal says whose limit it was and how long it holds, and every answer says how much is left.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS, expectError } from '../support/dialects.ts'
import type { Json, Reply } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const QUESTION = { model: 'gpt-4o', max_tokens: 1000, messages: [{ role: 'user', content: 'say something' }] }

let fake: FakeProvider
let uniroute: UniRoute
let admin: string
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake })
  admin = await uniroute.login()
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

const ask = (apiKey: string, body: object = QUESTION): Promise<Reply> =>
  uniroute.call('POST', '/v1/chat/completions', { headers: CHAT_DIALECTS[0]!.auth(apiKey), body })

async function manage(token: string, method: string, path: string, body?: object): Promise<Json> {
  const reply = await uniroute.call(method, path, { token, ...(body && { body }) })
  expect([reply.status, reply.text]).toEqual([expect.closeTo(200, -1), expect.any(String)])
  return reply.body
}

const createCaller = () => uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })

async function makeTeam() {
  const owner = await createCaller()
  const member = await uniroute.createCaller()
  const { id } = await manage(owner.token, 'POST', '/admin/teams', { name: 'Data' })
  const { code } = await manage(owner.token, 'POST', `/admin/teams/${id}/invites`, {})
  await manage(member.token, 'POST', '/admin/teams/join', { code })
  await manage(owner.token, 'POST', '/admin/leases', { provider_key: 'openai', team_id: id })
  return { id, owner, member }
}

describe('budgets', () => {
  test('of a user hold for every key, set and lifted by administrators alone', async () => {
    const caller = await createCaller()
    const other = await uniroute.createApiKey(caller.token)
    const budget = { usd: 0.000001, period: 'month' }
    const path = `/admin/users/${caller.id}`
    expect((await uniroute.call('PATCH', path, { token: caller.token, body: { budget } })).status).toBe(403)
    expect((await ask(caller.apiKey)).status).toBe(200)
    expect((await manage(admin, 'PATCH', path, { budget })).user).toMatchObject({ budget, rate_limit_per_day: null })
    expect((await manage(caller.token, 'GET', '/auth/profile')).user).toMatchObject({ budget })
    for (const key of [caller.apiKey, other.key]) {
      const refused = await ask(key)
      expectError('openai', refused, { status: 402, code: 'budget_exceeded', source: 'gateway' })
      expect(refused.text).toMatch(/budget of your account \(\$0\.000001 per month\).*starts again at 2.*administrator/)
    }
    await manage(admin, 'PATCH', path, { budget: null })
    expect((await ask(other.key)).status).toBe(200)
  })

  test('of a team hold for its API keys and for its leases, and say what to do', async () => {
    const { id, owner, member } = await makeTeam()
    const { key: teamKey } = await uniroute.createApiKey(member.token, { team_id: id })
    expect((await ask(teamKey)).status).toBe(200)
    expect((await ask(member.apiKey)).headers.get('x-uniroute-billed-to')).toBe('team')
    const budget = { usd: 0.000001, period: 'total' }
    const denied = await uniroute.call('PATCH', `/admin/teams/${id}`, { token: member.token, body: { budget } })
    expect(denied.status).toBe(403)
    expect(await manage(owner.token, 'PATCH', `/admin/teams/${id}`, { budget })).toMatchObject({ name: 'Data', budget })
    const refused = await ask(teamKey)
    expectError('openai', refused, { status: 402, code: 'budget_exceeded', source: 'gateway' })
    expect(refused.text).toMatch(/budget of your team \(\$0\.000001 in total\).*does not start again.*team's admins/)
    // Their own key comes first and counts elsewhere; the shared one is what the team bounds.
    expectError('openai', await ask(member.apiKey), { status: 402, code: 'own_cap_reached' })
    expect((await ask(owner.apiKey)).status).toBe(200)
    await manage(owner.token, 'PATCH', `/admin/teams/${id}`, { budget: null })
    expect((await ask(teamKey)).status).toBe(200)
    expect((await ask(member.apiKey)).status).toBe(200)
  })
})

describe('rates', () => {
  test('of a user and a team hold beside those of the API key', async () => {
    const { id, owner, member } = await makeTeam()
    await manage(admin, 'PATCH', `/admin/users/${member.id}`, { rate_limit_per_day: 3 })
    await manage(owner.token, 'PATCH', `/admin/teams/${id}`, { rate_limit_per_minute: 2 })
    const { key } = await uniroute.createApiKey(member.token, { team_id: id, rate_limit_per_minute: 50 })
    for (const left of ['1', '0']) expect((await ask(key)).headers.get('x-ratelimit-remaining-requests')).toBe(left)
    const refused = await ask(key)
    expectError('openai', refused, { status: 429, code: 'rate_limit_exceeded', source: 'gateway' })
    expect(refused.text).toMatch(/Your team has reached its limit of 2 requests per minute/)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(20)
    expect((await ask(member.apiKey)).status).toBe(200)
    expect((await ask(member.apiKey)).text).toMatch(/Your account has reached its limit of 3 requests per day/)
  })

  test('of tokens take what a call may use, and give back what it did not', async () => {
    const caller = await createCaller()
    const { key } = await uniroute.createApiKey(caller.token, { token_limit_per_day: 1_500 })
    // Each may use more than 1,000 tokens and uses a few: two at once do not fit, one after the other do.
    for (let i = 0; i < 5; i++) expect((await ask(key)).status).toBe(200)
    const slow = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'slow100') } })
    const { key: slowKey } = await uniroute.createApiKey(slow.token, { token_limit_per_day: 1_500 })
    const replies = await Promise.all([1, 2, 3].map(() => ask(slowKey, { ...QUESTION, stream: true })))
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    const refused = replies.find(({ status }) => status !== 200)!
    expectError('openai', refused, { status: 429, code: 'rate_limit_exceeded', source: 'gateway' })
    expect(refused.text).toMatch(/limit of 1500 tokens per day/)
    expect((await ask(slowKey)).status).toBe(200)
  })

  test('are told in the words of OpenAI’s clients, the tighter of ours and the provider’s', async () => {
    const caller = await createCaller()
    const { key } = await uniroute.createApiKey(caller.token, {
      rate_limit_per_minute: 60,
      token_limit_per_minute: 100_000_000,
    })
    const { headers } = await ask(key)
    expect(headers.get('x-ratelimit-limit-requests')).toBe('60')
    expect(headers.get('x-ratelimit-remaining-requests')).toBe('59')
    expect(headers.get('x-ratelimit-reset-requests')).toMatch(/^(1s|\d+ms)$/)
    expect(headers.get('x-ratelimit-limit-tokens')).toBe('100000000')
    const wide = await uniroute.createApiKey(caller.token, { rate_limit_per_minute: 1_000_000 })
    expect((await ask(wide.key)).headers.get('x-ratelimit-remaining-requests')).toBe('9999')
    const free = await ask(caller.apiKey)
    expect(free.headers.get('x-ratelimit-remaining-requests')).toBe('9999')
    expect(free.headers.get('x-ratelimit-limit-tokens')).toBeNull()
    const listed = await uniroute.call('GET', '/v1/models', { headers: CHAT_DIALECTS[0]!.auth(key) })
    expect(listed.headers.get('x-ratelimit-remaining-requests')).toBe('58')
  })

  test('are told in the words of Anthropic’s clients, also across dialects', async () => {
    const anthropic = CHAT_DIALECTS.find(({ name }) => name === 'anthropic-messages')!
    const keys = { anthropic: createFakeKey('anthropic'), openai: createFakeKey('openai') }
    const caller = await uniroute.createCaller({ keys })
    const { key } = await uniroute.createApiKey(caller.token, { rate_limit_per_minute: 60 })
    const told = async (model: string, stream: boolean) => {
      const headers = anthropic.auth(key)
      const body = { ...anthropic.body('hi', model, stream), max_tokens: 50 }
      return (await uniroute.call('POST', '/v1/messages', { headers, body })).headers
    }
    for (const [at, model] of [anthropic.model, 'gpt-4o', anthropic.model, 'gpt-4o'].entries()) {
      const headers = await told(model, at > 1)
      expect(headers.get('anthropic-ratelimit-requests-limit')).toBe('60')
      expect(headers.get('anthropic-ratelimit-requests-remaining')).toBe(String(59 - at))
      expect(headers.get('anthropic-ratelimit-requests-reset')).toMatch(/^2\d{3}-.*Z$/)
      expect(headers.get('x-ratelimit-limit-requests')).toBeNull()
    }
  })
})
