// The management API as people's scripts use it: set-up, sign-in, provider keys (03's contract), API keys shown once,
// nobody sees anybody else's, the open endpoints, usage.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createFakeKey, createFakePassword, randomText, rememberSecret } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import type { Json, Reply, User } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

let fake: FakeProvider
let uniroute: UniRoute
let alice: User
let bob: User
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake, serverKeys: { openai: createFakeKey('openai', 'operator') } })
  alice = await uniroute.createUser()
  bob = await uniroute.createUser()
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

const as = (user: User) => ({
  get: (path: string) => uniroute.call('GET', path, { token: user.token }),
  post: (path: string, body: object = {}) => uniroute.call('POST', path, { token: user.token, body }),
  put: (path: string, body: object) => uniroute.call('PUT', path, { token: user.token, body }),
  patch: (path: string, body: object) => uniroute.call('PATCH', path, { token: user.token, body }),
  remove: (path: string) => uniroute.call('DELETE', path, { token: user.token }),
})

function expectRefusal(reply: Reply, status: number, code: string): void {
  expect([reply.status, reply.text.slice(0, 300)]).toEqual([status, expect.any(String)])
  expect(reply.body).toMatchObject({ error: expect.any(String), code })
}

describe('the first start', () => {
  test('without an administrator it prints a set-up link, once usable, and none is made without it', async () => {
    const fresh = await startUniRoute({ admin: false })
    // Not remembered for the scan: stdout is the one place that may show it.
    const code = await vi.waitUntil(() => /^Set up: http\S+\/setup#(\S+)\n/m.exec(fresh.stdout())?.[1])
    expect((await fresh.call('GET', '/auth/setup')).body).toEqual({ needed: true })
    const account = { email: 'first@example.com', password: createFakePassword() }
    const wrong = await fresh.call('POST', '/auth/setup', { body: { code: 'wrong-code', ...account } })
    expect(wrong.status).toBe(403)
    const made = await fresh.call('POST', '/auth/setup', { body: { code, ...account } })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({ token: expect.any(String), user: { email: account.email, role: 'admin' } })
    const again = await fresh.call('POST', '/auth/setup', { body: { code, ...account, email: 'second@example.com' } })
    expectRefusal(again, 409, 'setup_done')
    expect((await fresh.call('GET', '/auth/setup')).body).toEqual({ needed: false })
    await fresh.stop()
    expect(fresh.stderr()).not.toContain(code)
    expect(fresh.scanAndRemove()).toEqual([])
  })

  test('with UNIROUTE_ADMIN_* the set-up page is off, and registration is closed', async () => {
    const body = { code: 'x', email: 'x@example.com', password: createFakePassword() }
    expect((await uniroute.call('POST', '/auth/setup', { body })).status).toBe(404)
    const { code: _code, ...registration } = body
    expectRefusal(await uniroute.call('POST', '/auth/register', { body: registration }), 403, 'registration_closed')
    expect(uniroute.stdout()).toMatch(/^UniRoute ready .*http:\/\/\S+:\d+/m)
    expect(uniroute.stdout()).not.toContain('Set up:')
  })

  test('a second start on the same data keeps everything', async () => {
    const first = await startUniRoute({ fake })
    const caller = await first.createCaller({ keys: { openai: createFakeKey('openai') } })
    expect(await first.stop()).toBe(0)
    const { dataDir, adminAccount } = first
    const second = await startUniRoute({ fake, dataDir, adminAccount })
    expect((await ask(second, CHAT_DIALECTS[0]!, caller.apiKey)).headers.get('x-uniroute-billed-to')).toBe('user')
    await second.stop()
    expect(second.scanAndRemove()).toEqual([])
    expect(first.scanAndRemove()).toEqual([])
  })
})

describe('signing in', () => {
  test('a wrong password and an unknown address are told apart by nothing', async () => {
    const attempts = [
      { email: alice.email, password: createFakePassword() },
      { email: 'nobody@example.com', password: createFakePassword() },
    ]
    const replies = []
    for (const body of attempts) replies.push(await uniroute.call('POST', '/auth/login', { body }))
    for (const reply of replies) expectRefusal(reply, 401, 'invalid_credentials')
    expect(replies[0]!.text).toBe(replies[1]!.text)
  })

  test('the session refreshes by cookie and ends with logout', async () => {
    const user = await uniroute.createUser()
    const { email, password } = user
    const login = await uniroute.call('POST', '/auth/login', { body: { email, password } })
    expect(login.body).toMatchObject({
      token: expect.any(String),
      expires_at: expect.any(String),
      user: { id: user.id },
    })
    const setCookie = login.headers.getSetCookie()[0]!
    expect(setCookie).toMatch(/HttpOnly/i)
    expect(setCookie).toMatch(/SameSite=Strict/i)
    const cookie = setCookie.split(';')[0]!
    const refreshed = await uniroute.call('POST', '/auth/refresh', { headers: { cookie, origin: uniroute.url } })
    expect(refreshed.status).toBe(200)
    const { token } = refreshed.body
    expect((await uniroute.call('GET', '/auth/profile', { token })).status).toBe(200)
    const next = refreshed.headers.getSetCookie()[0]!.split(';')[0]!
    const out = await uniroute.call('POST', '/auth/logout', { token, headers: { cookie: next, origin: uniroute.url } })
    expect(out.status).toBeLessThan(300)
    expect((await uniroute.call('GET', '/auth/profile', { token })).status).toBe(401)
  })

  test('refresh from a foreign origin is refused', async () => {
    const { email, password } = await uniroute.createUser()
    const login = await uniroute.call('POST', '/auth/login', { body: { email, password } })
    const cookie = login.headers.getSetCookie()[0]!.split(';')[0]!
    const reply = await uniroute.call('POST', '/auth/refresh', { headers: { cookie, origin: 'https://evil.example' } })
    expect(reply.status).toBe(403)
  })

  test.each(['/admin/provider-keys', '/auth/profile', '/auth/api-keys', '/admin/usage', '/admin/users'])(
    '%s needs a session: nothing, rubbish and an API key are refused',
    async (path) => {
      const { key } = await uniroute.createApiKey(alice.token)
      for (const headers of [{}, { authorization: 'Bearer rubbish' }, { authorization: `Bearer ${key}` }]) {
        expect((await uniroute.call('GET', path, { headers })).status).toBe(401)
      }
    },
  )
})

describe('provider keys', () => {
  test('add, list, replace, switch off, delete: as 03 says, and the key is in no answer', async () => {
    const me = as(await uniroute.createUser())
    const key = createFakeKey('openai')
    const added = await me.post('/admin/provider-keys', { provider: 'openai', api_key: key, label: 'mine' })
    expect(added.status).toBe(201)
    expect(added.body).toMatchObject({ message: expect.any(String), provider: 'openai' })
    expect(added.body.key).toMatchObject({
      id: expect.stringMatching(/^pk_/),
      provider: 'openai',
      label: 'mine',
      is_active: true,
      prefix: 'sk-proj-',
      last4: key.slice(-4),
      fingerprint: expect.stringMatching(/^[0-9a-f]{8}$/),
      status: 'active',
      fallback: 'allow',
      key_version: 1,
      created_at: expect.stringMatching(/Z$/),
    })
    const METADATA =
      'id provider base_url label is_active position prefix last4 fingerprint status status_reason last_tested_at ' +
      'last_used_at expires_at fallback allowed_models key_version version shared_with created_at updated_at'
    expect(Object.keys(added.body.key)).toEqual(expect.arrayContaining(METADATA.split(' ')))
    expectRefusal(
      await me.post('/admin/provider-keys', { provider: 'openai', api_key: key }),
      409,
      'provider_key_exists',
    )

    const { id, version } = added.body.key
    const listed = await me.get('/admin/provider-keys')
    expect(listed.body.keys).toEqual([added.body.key])

    const replaced = await me.put('/admin/provider-keys/openai', { api_key: createFakeKey('openai') })
    expect(replaced.status).toBe(200)
    const after = (await me.get('/admin/provider-keys')).body.keys[0]
    expect(after).toMatchObject({ id, key_version: 2 })
    expectRefusal(await me.patch(`/admin/provider-keys/${id}`, { label: 'x', version }), 409, 'version_conflict')
    const off = await me.patch(`/admin/provider-keys/${id}`, { is_active: false, version: after.version })
    expect(off.status).toBe(200)
    expect((await me.get('/admin/provider-keys')).body.keys[0].is_active).toBe(false)
    expect((await me.remove(`/admin/provider-keys/${id}`)).status).toBe(200)
    expect((await me.get('/admin/provider-keys')).body.keys).toEqual([])
  })

  test('PUT on a provider without a key makes one', async () => {
    const me = as(await uniroute.createUser())
    expect((await me.put('/admin/provider-keys/anthropic', { api_key: createFakeKey('anthropic') })).status).toBe(201)
  })

  test('several keys have an order', async () => {
    const me = as(await uniroute.createUser())
    for (const label of ['one', 'two', 'three']) {
      await me.post('/admin/provider-keys', { provider: 'google', api_key: createFakeKey('google'), label })
    }
    const { keys } = (await me.get('/admin/provider-keys')).body
    expect(keys.map((key: Json) => key.label)).toEqual(['one', 'two', 'three'])
    const last = keys[2]
    await me.patch(`/admin/provider-keys/${last.id}`, { position: keys[0].position, version: last.version })
    const reordered = (await me.get('/admin/provider-keys')).body.keys
    expect(reordered.map((key: Json) => key.label)).toEqual(['three', 'one', 'two'])
  })

  test.each([
    ['ok', { valid: true, status: 'active' }],
    ['invalid', { valid: false, status: 'invalid' }],
    ['ratelimit', { status: 'cooling' }],
    ['down503', { valid: false, status: 'unreachable' }],
  ])('the test of a key that is %s says so, by the model list alone', async (scenario, expected) => {
    const me = as(await uniroute.createUser())
    for (const vendor of ['openai', 'anthropic', 'google'] as const) {
      const api_key = createFakeKey(vendor, scenario)
      const { id } = (await me.post('/admin/provider-keys', { provider: vendor, api_key })).body.key
      const saved = await me.post(`/admin/provider-keys/${id}/test`)
      expect([vendor, saved.status]).toEqual([vendor, 200])
      expect(saved.body).toMatchObject({ ...expected, latency_ms: expect.any(Number), message: expect.any(String) })
      const unsaved = await me.post('/admin/provider-keys/test', { provider: vendor, api_key })
      expect([unsaved.status, unsaved.body]).toMatchObject([200, expected])
      expect(new Set(fake.requestsOf(api_key).map((call) => call.operation))).toEqual(new Set(['models']))
    }
  })

  test('what cannot be is refused with a sentence, and no secret is repeated', async () => {
    const me = as(alice)
    const api_key = createFakeKey('openai')
    expect((await me.post('/admin/provider-keys', { provider: 'nonesuch', api_key })).status).toBe(404)
    const base = { provider: 'openai', api_key, base_url: 'https://example.com' }
    expectRefusal(await me.post('/admin/provider-keys', base), 400, 'base_url_not_allowed')
    expect((await me.post('/admin/provider-keys', { provider: 'openai' })).status).toBe(400)
    expect((await me.post('/admin/provider-keys', { provider: 'openai', api_key: '' })).status).toBe(400)
    expect((await me.post('/admin/provider-keys', { provider: 'openai', api_key, is_admin: true })).status).toBe(400)
    expect((await me.post('/admin/provider-keys', { provider: 'openai', api_key: `${api_key}\nx` })).status).toBe(400)
    expect((await me.get('/admin/provider-keys/pk_00000000000000000000000000/impact')).status).toBe(404)
    expect((await me.patch('/admin/provider-keys/openai', { api_key })).status).toBeGreaterThanOrEqual(400)
  })

  test("nobody sees, changes, tests or deletes another's key", async () => {
    const { id } = await uniroute.addProviderKey(alice.token, 'openai', createFakeKey('openai'))
    const other = as(bob)
    expect((await other.get('/admin/provider-keys')).body.keys).toEqual([])
    const attempts = [
      await other.put(`/admin/provider-keys/${id}`, { api_key: createFakeKey('openai') }),
      await other.patch(`/admin/provider-keys/${id}`, { label: 'stolen', version: 1 }),
      await other.post(`/admin/provider-keys/${id}/test`),
      await other.get(`/admin/provider-keys/${id}/impact`),
      await other.remove(`/admin/provider-keys/${id}`),
    ]
    expect(attempts.map((reply) => reply.status)).toEqual([404, 404, 404, 404, 404])
    // Not even the administrator: the list is everyone's own.
    const admin = await uniroute.login()
    expect((await uniroute.call('GET', '/admin/provider-keys', { token: admin })).body.keys).toEqual([])
    expect((await as(alice).get('/admin/provider-keys')).body.keys).toHaveLength(1)
  })
})

describe('API keys', () => {
  test('shown once, listed without the key, revoked at once', async () => {
    const me = as(alice)
    const made = await me.post('/auth/api-keys', { name: 'laptop' })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      id: expect.stringMatching(/^ak_/),
      key: expect.stringMatching(/^ur_[0-9A-Za-z]{49}$/),
    })
    const listed = await me.get('/auth/api-keys')
    expect(listed.text).not.toContain(made.body.key)
    expect(listed.text).toContain(made.body.id)
    expect((await ask(uniroute, CHAT_DIALECTS[0]!, made.body.key)).status).toBe(200)
    expect((await me.remove(`/auth/api-keys/${made.body.id}`)).status).toBeLessThan(300)
    expect((await ask(uniroute, CHAT_DIALECTS[0]!, made.body.key)).status).toBe(401)
  })

  test('expiry, allowed models and the limit per minute are kept', async () => {
    const me = as(alice)
    const end = Date.now() + 4_000
    const expired = await me.post('/auth/api-keys', { name: 'short', expires_at: new Date(end).toISOString() })
    expect(expired.status).toBe(201)
    const narrow = await me.post('/auth/api-keys', { name: 'narrow', allowed_models: ['gpt-4o-mini'] })
    expect((await ask(uniroute, CHAT_DIALECTS[0]!, narrow.body.key)).status).toBe(403)
    expect((await ask(uniroute, CHAT_DIALECTS[0]!, narrow.body.key, { model: 'gpt-4o-mini' })).status).toBe(200)
    const slow = await me.post('/auth/api-keys', { name: 'slow', rate_limit_per_minute: 2 })
    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push((await ask(uniroute, CHAT_DIALECTS[0]!, slow.body.key)).status)
    expect(statuses).toEqual([200, 200, 429])
    while (Date.now() <= end) await new Promise((resolve) => setTimeout(resolve, 50))
    expect((await ask(uniroute, CHAT_DIALECTS[0]!, expired.body.key)).status).toBe(401)
  })

  test("nobody sees or deletes another's", async () => {
    const { id } = await uniroute.createApiKey(alice.token)
    expect((await as(bob).get('/auth/api-keys')).text).not.toContain(id)
    expect((await as(bob).remove(`/auth/api-keys/${id}`)).status).toBe(404)
  })

  test('rotation: the new one works at once, the old one for the chosen overlap', async () => {
    const { id, key } = await uniroute.createApiKey(alice.token)
    const rotated = await as(alice).post(`/auth/api-keys/${id}/rotate`)
    expect(rotated.status).toBeLessThan(300)
    expect(rotated.body.key).not.toBe(key)
    expect((await ask(uniroute, CHAT_DIALECTS[0]!, rotated.body.key)).status).toBe(200)
  })
})

describe('open endpoints', () => {
  test('/health, /ready, /openapi.json, /docs and HEAD / answer without a credential', async () => {
    for (const path of ['/health', '/ready', '/openapi.json', '/docs', '/']) {
      expect([path, (await uniroute.call('GET', path)).status]).toEqual([path, 200])
    }
    expect((await uniroute.call('HEAD', '/')).status).toBe(200)
    expect((await uniroute.call('OPTIONS', '/v1/chat/completions')).status).toBe(204)
    const { body } = await uniroute.call('GET', '/openapi.json')
    expect(body.openapi).toMatch(/^3\.1/)
    for (const path of ['/admin/provider-keys', '/auth/login', '/auth/api-keys', '/admin/usage']) {
      expect(Object.keys(body.paths)).toContain(path)
    }
  })

  test('/metrics is open on loopback, or asks for METRICS_TOKEN', async () => {
    const open = await uniroute.call('GET', '/metrics')
    expect(open.status).toBe(200)
    expect(open.text).toMatch(/^# HELP /m)
    const token = rememberSecret(`metrics-CANARY${randomText(24)}`)
    const guarded = await startUniRoute({ env: { METRICS_TOKEN: token } })
    expect((await guarded.call('GET', '/metrics')).status).toBe(401)
    expect((await guarded.call('GET', '/metrics', { token })).status).toBe(200)
    await guarded.stop()
    expect(guarded.scanAndRemove()).toEqual([])
  })
})

describe('usage', () => {
  test("one's own by day, provider and payer; everyone's for administrators only", async () => {
    const caller = await uniroute.createCaller({ keys: { anthropic: createFakeKey('anthropic') } })
    const mine = await ask(uniroute, CHAT_DIALECTS[2]!, caller.apiKey)
    await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey)
    await uniroute.readReceipt(caller.apiKey, mine.headers.get('x-request-id')!)
    const path = '/admin/usage?group_by=provider,billed_to'
    let groups: Json[] = []
    for (let attempt = 0; attempt < 400 && groups.length < 2; attempt++) {
      groups = (await as(caller).get(path)).body.groups
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(groups).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ provider: 'anthropic', billed_to: 'user', requests: 1 }),
        expect.objectContaining({ provider: 'openai', billed_to: 'server', requests: 1 }),
      ]),
    )
    const own = groups.find((group) => group.provider === 'anthropic')
    expect(own.input_tokens).toBe(mine.body.usage.input_tokens)
    expect(own.output_tokens).toBe(mine.body.usage.output_tokens)
    expect((await as(caller).get('/admin/usage/all')).status).toBe(403)
    const token = await uniroute.login()
    const all = await uniroute.call('GET', '/admin/usage/all?group_by=user', { token })
    expect(all.status).toBe(200)
    expect(all.body.total.requests).toBeGreaterThanOrEqual(2)
  })

  test('looking at lists and receipts, found or not, is no use of a model', async () => {
    const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
    const read = (path: string) => uniroute.call('GET', path, { token: caller.apiKey })
    const missing = await read('/v1/generations/req_01J00000000000000000000000')
    expect(missing.status).toBe(404)
    expect((await read('/v1/models')).status).toBe(200)
    const reply = await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey)
    await uniroute.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
    // They have rows and receipts all the same.
    const receipt = await uniroute.readReceipt(caller.apiKey, missing.headers.get('x-request-id')!)
    expect(receipt).toMatchObject({ status: 404, attempts: [] })
    expect((await as(caller).get('/admin/usage')).body.total).toMatchObject({ requests: 1, errors: 0 })
  })

  test("a receipt is its owner's alone", async () => {
    const [caller, other] = [await uniroute.createCaller(), await uniroute.createCaller()]
    const reply = await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey)
    const id = reply.headers.get('x-request-id')!
    const receipt = await uniroute.readReceipt(caller.apiKey, id)
    expect(receipt).toMatchObject({ id, cost: { source: expect.any(String) }, dialects: { client: 'openai-chat' } })
    expect((await uniroute.call('GET', `/v1/generations/${id}`, { token: other.apiKey })).status).toBe(404)
  })
})
