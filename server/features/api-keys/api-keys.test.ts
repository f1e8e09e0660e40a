// API keys from making to revoking, over HTTP and through the one authenticate, on both databases.
import { afterEach, expect, test } from 'vitest'
import { apiKeyListSchema, apiKeySchema, newApiKeySchema } from '../../../contract/api-keys.ts'
import { openAccountRooms, type AccountRooms } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase, type OpenDatabase } from '../../../test/support/databases.ts'
import { digestApiKey, generateApiKey } from './key-format.ts'

const opened: AccountRooms[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((rooms) => rooms.close()))
})

interface Started extends AccountRooms {
  readonly user: { id: string; token: string }
  make(fields?: object): Promise<any>
  patch(id: string, body: object): Promise<any>
  /** How the key fares: its context, or the error's code. */
  ask(key: string): Promise<any>
}

async function start(open: OpenDatabase): Promise<Started> {
  const rooms = await openAccountRooms(await open())
  opened.push(rooms)
  const user = await rooms.makeUser('a@example.org')
  // The clock moves past the access token's life in some tests.
  const token = async () => rooms.login(user.email, user.password)
  return {
    ...rooms,
    user,
    async make(fields = {}) {
      const made = await rooms.send('POST', '/auth/api-keys', {
        token: await token(),
        body: { name: 'laptop', ...fields },
      })
      if (made.status !== 201) throw new Error(`${made.status} ${JSON.stringify(made.body)}`)
      return made.body
    },
    patch: async (id, body) => rooms.send('PATCH', `/auth/api-keys/${id}`, { token: await token(), body }),
    ask: (key) => rooms.authenticator.authenticateApiKey(key).catch((error) => error),
  }
}

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
      budget: { usd: 12.34, period: 'month' },
      allowed_models: ['gpt-5', 'claude-*', 'gpt-5'],
      allowed_payers: ['user', 'server'],
      fallback: ['no_key'],
    }
    const made = await rooms.make(fields)
    expect(made).toMatchObject({ ...fields, allowed_models: ['gpt-5', 'claude-*'] })
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
      rateLimitPerMinute: 60,
      rateLimitPerDay: 1000,
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

  test('with an expiry in the past cannot be made', async () => {
    const rooms = await start(open)
    for (const expires_at of [new Date(rooms.clock.now()).toISOString(), 'tomorrow', '2026-13-01T00:00:00Z']) {
      const body = { name: 'x', expires_at }
      expect((await rooms.send('POST', '/auth/api-keys', { token: rooms.user.token, body })).status).toBe(400)
    }
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
    expect(await rooms.ask(made.key)).toMatchObject({ rateLimitPerMinute: null, allowedModels: null })
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

describeOnEachDatabase('rotating an API key', (open) => {
  const rotate = async (rooms: Started, id: string, body: object = {}) =>
    rooms.send('POST', `/auth/api-keys/${id}/rotate`, {
      token: await rooms.login('a@example.org', 'a person of this server'),
      body,
    })

  test('without overlap the old text ends at once, and id and limits stay', async () => {
    const rooms = await start(open)
    const made = await rooms.make({ rate_limit_per_minute: 5 })
    await rooms.ask(made.key)
    const answer = await rotate(rooms, made.id)
    expect(answer.status).toBe(200)
    expect(newApiKeySchema.parse(answer.body)).toEqual(answer.body)
    expect(answer.body).toMatchObject({ id: made.id, rate_limit_per_minute: 5, version: 2, previous_expires_at: null })
    expect(await rooms.ask(made.key)).toMatchObject(REFUSED)
    expect(await rooms.ask(answer.body.key)).toMatchObject({ keyId: bare(made.id), rateLimitPerMinute: 5 })
  })

  test('with an overlap both work until it ends, and only the new one afterwards', async () => {
    const rooms = await start(open)
    const made = await rooms.make()
    const { body } = await rotate(rooms, made.id, { overlap_seconds: 900 })
    expect(Date.parse(body.previous_expires_at)).toBe(rooms.clock.now() + 900_000)
    const old = await rooms.ask(made.key)
    expect(old).toMatchObject({ keyId: bare(made.id), expiresAt: rooms.clock.now() + 900_000 })
    expect(await rooms.ask(body.key)).toMatchObject({ keyId: bare(made.id), expiresAt: null })
    rooms.clock.advance(899_999)
    expect(await rooms.ask(made.key)).toMatchObject({ keyId: bare(made.id) })
    rooms.clock.advance(1)
    expect(rooms.authenticator.peekApiKey(made.key)).toBeUndefined()
    expect(await rooms.ask(made.key)).toMatchObject(REFUSED)
    expect(await rooms.ask(body.key)).toMatchObject({ keyId: bare(made.id) })
  })

  test('a second rotation ends the first text early, and revoking ends both', async () => {
    const rooms = await start(open)
    const made = await rooms.make()
    const second = (await rotate(rooms, made.id, { overlap_seconds: 86_400 })).body
    await rooms.ask(made.key)
    const third = (await rotate(rooms, made.id, { overlap_seconds: 86_400 })).body
    expect(await rooms.ask(made.key)).toMatchObject(REFUSED)
    expect(await rooms.ask(second.key)).toMatchObject({ keyId: bare(made.id) })
    await rooms.ask(third.key)
    await rooms.send('DELETE', `/auth/api-keys/${made.id}`, { token: rooms.user.token })
    for (const key of [made.key, second.key, third.key]) expect(await rooms.ask(key)).toMatchObject(REFUSED)
  })

  test('takes only the listed overlaps', async () => {
    const rooms = await start(open)
    const made = await rooms.make()
    for (const overlap_seconds of [1, -1, 100_000, '900', null]) {
      expect((await rotate(rooms, made.id, { overlap_seconds })).status).toBe(400)
    }
    expect(await rooms.ask(made.key)).toMatchObject({ name: 'laptop' })
  })
})

describeOnEachDatabase('ending an API key', (open) => {
  test('revoking acts on the next request, is for good, and keeps the row for the records', async () => {
    const rooms = await start(open)
    const made = await rooms.make()
    await rooms.ask(made.key)
    const revoke = () => rooms.send('DELETE', `/auth/api-keys/${made.id}`, { token: rooms.user.token })
    expect((await revoke()).status).toBe(200)
    expect(rooms.authenticator.peekApiKey(made.key)).toBeUndefined()
    expect(await rooms.ask(made.key)).toMatchObject({ ...REFUSED, publicMessage: expect.stringContaining('revoked') })
    expect((await revoke()).status).toBe(404)
    expect((await rooms.patch(made.id, { name: 'x' })).status).toBe(404)
    expect((await rooms.send('GET', '/auth/api-keys', { token: rooms.user.token })).body.keys).toEqual([])
    const all = await rooms.send('GET', '/auth/api-keys?revoked=true', { token: rooms.user.token })
    expect(all.body.keys).toMatchObject([{ id: made.id, is_active: false }])
  })

  test('switching its owner off acts on the next request, and on again too', async () => {
    const rooms = await start(open)
    const made = await rooms.make()
    await rooms.ask(made.key)
    const set = async (is_active: boolean) =>
      rooms.send('PATCH', `/admin/users/${rooms.user.id}`, { token: await rooms.login(), body: { is_active } })
    await set(false)
    expect(rooms.authenticator.peekApiKey(made.key)).toBeUndefined()
    expect(await rooms.ask(made.key)).toMatchObject(REFUSED)
    await set(true)
    expect(await rooms.ask(made.key)).toMatchObject({ name: 'laptop' })
  })

  test('another account policy acts on the next request', async () => {
    const rooms = await start(open)
    const made = await rooms.make()
    expect(await rooms.ask(made.key)).toMatchObject({ accountFallback: 'allow' })
    await rooms.send('PUT', '/auth/profile', { token: rooms.user.token, body: { fallback: ['outage'] } })
    expect(await rooms.ask(made.key)).toMatchObject({ accountFallback: ['outage'] })
  })

  test('another instance notices a revocation within five seconds, and at once when told', async () => {
    const database = await open()
    const key = new Uint8Array(32).fill(7)
    const here = await openAccountRooms(database, { key })
    const there = await openAccountRooms(database, { key, clock: here.clock })
    opened.push(here, there)
    for (const told of [false, true]) {
      const token = await here.login()
      const made = (await here.send('POST', '/auth/api-keys', { token, body: { name: 'x' } })).body
      await there.authenticator.authenticateApiKey(made.key)
      const before = here.announced.length
      await here.send('DELETE', `/auth/api-keys/${made.id}`, { token })
      if (told) for (const id of here.announced.slice(before)) there.apiKeys.invalidate(id)
      else here.clock.advance(5_000)
      await expect(there.authenticator.authenticateApiKey(made.key)).rejects.toMatchObject(REFUSED)
    }
  })

  test('a revocation that overlaps many requests lets none pass afterwards', async () => {
    const rooms = await start(open)
    for (let round = 0; round < 10; round++) {
      const made = await rooms.make()
      const asking = Array.from({ length: 5 }, () => rooms.ask(made.key))
      await rooms.send('DELETE', `/auth/api-keys/${made.id}`, { token: rooms.user.token })
      expect(rooms.authenticator.peekApiKey(made.key)).toBeUndefined()
      expect(await rooms.ask(made.key)).toMatchObject(REFUSED)
      await Promise.all(asking)
      expect(rooms.authenticator.peekApiKey(made.key)).toBeUndefined()
    }
  })

  test('while the database is away, known keys are served for a minute and no longer; unknown ones are not called wrong', async () => {
    const rooms = await start(open)
    const made = await rooms.make()
    await rooms.ask(made.key)
    await rooms.database.close()
    rooms.clock.advance(59_000)
    expect(await rooms.ask(made.key)).toMatchObject({ name: 'laptop' })
    expect((await rooms.ask(generateApiKey())).code).not.toBe('invalid_api_key')
    rooms.clock.advance(1_000)
    expect(await rooms.ask(made.key)).toBeInstanceOf(Error)
  })
})

describeOnEachDatabase('the last use of API keys', (open) => {
  test('is written in batches, never backwards, and survives an unknown key', async () => {
    const rooms = await start(open)
    const [first, second] = [await rooms.make(), await rooms.make()]
    const lastUsed = async () =>
      new Map(
        (await rooms.send('GET', '/auth/api-keys', { token: rooms.user.token })).body.keys.map((key: any) => [
          key.id,
          key.last_used_at,
        ]),
      )
    rooms.apiKeys.touch(bare(first.id))
    rooms.clock.advance(1000)
    rooms.apiKeys.touch(bare(first.id))
    rooms.apiKeys.touch('unknown')
    expect((await lastUsed()).get(first.id)).toBeNull()
    await rooms.apiKeys.flushTouches()
    const at = new Date(rooms.clock.now()).toISOString()
    expect((await lastUsed()).get(first.id)).toBe(at)
    expect((await lastUsed()).get(second.id)).toBeNull()
    rooms.clock.advance(-500)
    rooms.apiKeys.touch(bare(first.id))
    await rooms.apiKeys.close()
    expect((await lastUsed()).get(first.id)).toBe(at)
  })
})

describeOnEachDatabase('the one authenticate', (open) => {
  test('a key opens no management address, a session no model endpoint, and both are told what belongs there', async () => {
    const rooms = await start(open)
    const { key } = await rooms.make()
    const asSession = rooms.authenticator.authenticate({ kind: 'session', token: key })
    await expect(asSession).rejects.toMatchObject({
      code: 'unauthenticated',
      publicMessage: expect.stringContaining('/auth/login'),
    })
    const asKey = rooms.authenticator.authenticate({ kind: 'api-key', key: rooms.user.token })
    await expect(asKey).rejects.toMatchObject({
      code: 'invalid_api_key',
      publicMessage: expect.stringContaining('ur_'),
    })
    for (const error of [await asSession.catch(String), await asKey.catch(String)]) {
      expect(error).not.toContain(key)
      expect(error).not.toContain(rooms.user.token)
    }
    expect((await rooms.send('GET', '/auth/profile', { token: key })).status).toBe(401)
    expect(await rooms.authenticator.authenticate({ kind: 'api-key', key })).toMatchObject({ kind: 'api-key' })
    expect(await rooms.authenticator.authenticate({ kind: 'session', token: rooms.user.token })).toMatchObject({
      kind: 'session',
    })
  })
})
