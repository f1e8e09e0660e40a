// API keys over HTTP, on both databases: rotating, ending and using them.
import { expect, test } from 'vitest'
import { newApiKeySchema } from '../../../contract/api-keys.ts'
import { useAccountRooms } from '../../../test/support/account-rooms.ts'
import { type ApiKeyHolder, useApiKeyHolder } from '../../../test/support/api-key-holder.ts'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { generateApiKey } from './key-format.ts'

const openRooms = useAccountRooms()
const start = useApiKeyHolder()
const REFUSED = { code: 'invalid_api_key', status: 401 }
const bare = (id: string) => id.slice(3)

describeOnEachDatabase('rotating an API key', (open) => {
  const rotate = async (rooms: ApiKeyHolder, id: string, body: object = {}) =>
    rooms.send('POST', `/auth/api-keys/${id}/rotate`, {
      token: rooms.user.token,
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
    expect(await rooms.ask(answer.body.key)).toMatchObject({ keyId: bare(made.id), rateLimits: [{ most: 5 }] })
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
    const here = await openRooms(database, { key })
    const there = await openRooms(database, { key, clock: here.clock })
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
