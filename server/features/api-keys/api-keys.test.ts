// API keys over HTTP, on both databases: making, knowing and changing them.
import { expect, test } from 'vitest'
import { apiKeyListSchema, apiKeySchema, newApiKeySchema } from '../../../contract/api-keys.ts'
import { useApiKeyHolder } from '../../../test/support/api-key-holder.ts'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { digestApiKey, generateApiKey } from './key-format.ts'

const start = useApiKeyHolder()
const REFUSED = { code: 'invalid_api_key', status: 401 }
const bare = (id: string) => id.slice(3)

describeOnEachDatabase('an API key', (open) => {
  test('is shown once, kept as a hash only, and known by its text', async () => {
    const rooms = await start(open)
    const made = await rooms.make()
    expect(newApiKeySchema.parse(made)).toEqual(made)
    expect(made).toMatchObject({
      prefix: 'ur_',
      last4: made.key.slice(-4),
      is_active: true,
      version: 1,
      fallback: 'allow',
    })
    const list = await rooms.send('GET', '/auth/api-keys', { token: rooms.user.token })
    expect(apiKeyListSchema.parse(list.body)).toEqual(list.body)
    const { key: _key, ...shown } = made
    expect(list.body.keys).toEqual([shown])
    const stored = await rooms.database.query.selectFrom('api_keys').selectAll().execute()
    expect(stored[0]!.key_hash).toBe(digestApiKey(made.key))
    const audit = await rooms.database.query.selectFrom('audit_log').selectAll().execute()
    expect(JSON.stringify([stored, list.body, audit, rooms.logged])).not.toContain(made.key.slice(3, 40))
    expect(await rooms.ask(made.key)).toMatchObject({ keyId: bare(made.id), name: 'laptop' })
  })

  test('carries all its limits to the data plane', async () => {
    const rooms = await start(open)
    const expires_at = new Date(rooms.clock.now() + 3_600_000).toISOString()
    const fields = {
      expires_at,
      rate_limit_per_minute: 60,
      rate_limit_per_day: 1000,
      token_limit_per_minute: 50_000,
      token_limit_per_day: 900_000,
      budget: { usd: 12.34, period: 'month' },
      allowed_models: ['gpt-5', 'claude-*', 'gpt-5'],
      allowed_payers: ['user', 'server'],
      fallback: ['no_key'],
    }
    const made = await rooms.make(fields)
    expect(made).toMatchObject({ ...fields, allowed_models: ['gpt-5', 'claude-*'] })
    expect(made.budget_use).toEqual({ spent_usd_micros: 0, resets_at: '2026-12-01T00:00:00.000Z' })
    expect((await rooms.make()).budget_use).toBeNull()
    await rooms.send('PUT', '/auth/profile', { token: rooms.user.token, body: { fallback: 'never' } })
    const { allowedModels, allowedPayers, ...context } = await rooms.ask(made.key)
    expect([...allowedModels]).toEqual(['gpt-5', 'claude-*'])
    expect([...allowedPayers]).toEqual(['user', 'server'])
    expect(context).toEqual({
      principal: {
        kind: 'api-key',
        userId: rooms.user.id,
        role: 'user',
        sessionId: null,
        apiKeyId: bare(made.id),
        teamId: null,
        authenticatedAt: null,
      },
      keyId: bare(made.id),
      name: 'laptop',
      fallback: ['no_key'],
      accountFallback: 'never',
      budgets: [{ kind: 'api-key', id: bare(made.id), usdNanos: 12_340_000_000, period: 'month' }],
      rateLimits: [
        { counts: 'requests', per: 'minute', most: 60 },
        { counts: 'requests', per: 'day', most: 1000 },
        { counts: 'tokens', per: 'minute', most: 50_000 },
        { counts: 'tokens', per: 'day', most: 900_000 },
      ].map((limit) => ({
        ...limit,
        kind: 'api-key',
        name: `api-key ${bare(made.id)} ${limit.counts} ${limit.per}`,
      })),
      expiresAt: Date.parse(expires_at),
    })
    const row = await rooms.database.query.selectFrom('api_keys').select('budget_usd_nanos').executeTakeFirstOrThrow()
    expect(row.budget_usd_nanos).toBe(12_340_000_000)
  })

  test('gives a context that nothing can change', async () => {
    const rooms = await start(open)
    const { key } = await rooms.make({ allowed_models: ['m'], allowed_payers: ['user'], fallback: ['no_key'] })
    const context = await rooms.ask(key)
    for (const change of [
      () => (context.name = 'x'),
      () => (context.principal.role = 'admin'),
      () => context.allowedModels.add('x'),
      () => context.allowedModels.delete('m'),
      () => context.allowedPayers.clear(),
      () => context.fallback.push('outage'),
    ]) {
      expect(change).toThrow(TypeError)
    }
    expect(context.allowedModels.has('m')).toBe(true)
  })

  test('is looked up once, then known from memory, also without a promise', async () => {
    const rooms = await start(open)
    const { key } = await rooms.make()
    expect(rooms.authenticator.peekApiKey(key)).toBeUndefined()
    const context = await rooms.ask(key)
    expect(rooms.authenticator.peekApiKey(key)).toBe(context)
    expect(await rooms.ask(key)).toBe(context)
    rooms.clock.advance(5_000)
    expect(rooms.authenticator.peekApiKey(key)).toBeUndefined()
  })

  test('that was never issued, is malformed or belongs elsewhere is refused; nothing but a digest reaches the database', async () => {
    const rooms = await start(open)
    const { key } = await rooms.make()
    const texts = [
      '',
      'ur_',
      generateApiKey(),
      key.slice(0, -1),
      `${key}x`,
      key.toUpperCase(),
      "ur_' OR 1=1",
      digestApiKey(key),
    ]
    for (const text of texts) expect(await rooms.ask(text), text).toMatchObject(REFUSED)
    expect(rooms.authenticator.peekApiKey('ur_x')).toBeUndefined()
  })

  test('stops at its expiry, from memory and from the database', async () => {
    const rooms = await start(open)
    const { key } = await rooms.make({ expires_at: new Date(rooms.clock.now() + 2_000).toISOString() })
    expect(await rooms.ask(key)).toMatchObject({ name: 'laptop' })
    rooms.clock.advance(1_999)
    expect(rooms.authenticator.peekApiKey(key)).toBeDefined()
    rooms.clock.advance(1)
    expect(rooms.authenticator.peekApiKey(key)).toBeUndefined()
    expect(await rooms.ask(key)).toMatchObject({ ...REFUSED, publicMessage: expect.stringContaining('expired') })
    rooms.clock.advance(10_000)
    expect(await rooms.ask(key)).toMatchObject(REFUSED)
  })

  test('an expiry with an offset is the same moment in UTC', async () => {
    const rooms = await start(open)
    const made = await rooms.make({ expires_at: '2099-12-31T14:00:00+02:00' })
    expect(made).toMatchObject({ expires_at: '2099-12-31T12:00:00.000Z' })
  })

  test('with an expiry in the past cannot be made', async () => {
    const rooms = await start(open)
    for (const expires_at of [new Date(rooms.clock.now()).toISOString(), 'tomorrow', '2026-13-01T00:00:00Z']) {
      const body = { name: 'x', expires_at }
      expect((await rooms.send('POST', '/auth/api-keys', { token: rooms.user.token, body })).status).toBe(400)
    }
  })

  test('a change of nothing leaves the version, and still compares it', async () => {
    const rooms = await start(open)
    const made = await rooms.make()
    const { version, updated_at } = made
    rooms.clock.advance(1_000)
    for (const body of [{}, { version }]) {
      const answer = await rooms.patch(made.id, body)
      expect(answer).toMatchObject({ status: 200, body: { version, updated_at } })
    }
    expect((await rooms.patch(made.id, { version: version + 1 })).status).toBe(409)
    await rooms.send('DELETE', `/auth/api-keys/${made.id}`, { token: rooms.user.token })
    expect((await rooms.patch(made.id, {})).status).toBe(404)
  })

  test('accepts no field it does not know and no limit that is none', async () => {
    const rooms = await start(open)
    for (const extra of [
      { user_id: 'x' },
      { role: 'admin' },
      { key: 'ur_mine' },
      { rate_limit_per_minute: 0 },
      { rate_limit_per_day: 1.5 },
      { allowed_models: [] },
      { allowed_payers: ['nobody'] },
      { budget: { usd: -1, period: 'day' } },
      { fallback: ['gold'] },
      { name: 'a\u0000b' },
    ]) {
      const answer = await rooms.send('POST', '/auth/api-keys', {
        token: rooms.user.token,
        body: { name: 'x', ...extra },
      })
      expect(answer, JSON.stringify(extra)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    }
  })
})

describeOnEachDatabase('changing an API key', (open) => {
  test('changes what is sent and nothing else; null takes a limit away; the next request sees it', async () => {
    const rooms = await start(open)
    const made = await rooms.make({
      rate_limit_per_minute: 5,
      allowed_models: ['m'],
      budget: { usd: 1, period: 'day' },
    })
    await rooms.ask(made.key)
    const first = await rooms.patch(made.id, { name: 'renamed', fallback: 'never' })
    expect(first.status).toBe(200)
    expect(apiKeySchema.parse(first.body)).toEqual(first.body)
    expect(first.body).toMatchObject({
      name: 'renamed',
      rate_limit_per_minute: 5,
      allowed_models: ['m'],
      fallback: 'never',
      version: 2,
    })
    expect(await rooms.ask(made.key)).toMatchObject({ name: 'renamed', fallback: 'never' })
    const second = await rooms.patch(made.id, { rate_limit_per_minute: null, allowed_models: null, budget: null })
    expect(second.body).toMatchObject({
      name: 'renamed',
      rate_limit_per_minute: null,
      allowed_models: null,
      budget: null,
      version: 3,
    })
    expect(await rooms.ask(made.key)).toMatchObject({ rateLimits: null, budgets: [], allowedModels: null })
  })

  test('with an old version is refused, and of two at the same moment one wins', async () => {
    const rooms = await start(open)
    const { id } = await rooms.make()
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => rooms.patch(id, { name, version: 1 })))
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 409, 409])
    expect(answers.find((answer) => answer.status === 409).body.code).toBe('version_conflict')
    expect((await rooms.patch(id, { name: 'd', version: 2 })).status).toBe(200)
  })

  test('of somebody else is impossible, in every way', async () => {
    const rooms = await start(open)
    const made = await rooms.make()
    const thief = await rooms.makeUser('thief@example.org')
    const calls: [string, string, object?][] = [
      ['PATCH', '', { name: 'mine' }],
      ['POST', '/rotate', {}],
      ['DELETE', ''],
    ]
    for (const token of [thief.token, await rooms.login()]) {
      for (const [method, path, body] of calls) {
        const answer = await rooms.send(method, `/auth/api-keys/${made.id}${path}`, { token, body })
        expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } })
      }
      expect((await rooms.send('GET', '/auth/api-keys?revoked=true', { token })).body.keys).toEqual([])
    }
    expect(await rooms.ask(made.key)).toMatchObject({ name: 'laptop' })
    for (const id of ['x', bare(made.id), `pk_${bare(made.id)}`, 'ak_x']) {
      expect((await rooms.patch(id, { name: 'x' })).status).toBe(404)
    }
  })
})
