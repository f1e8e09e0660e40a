// What owners can do with their keys, on both databases, and what others cannot.
import { describe, expect, test } from 'vitest'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { addPlainUser } from '../../../test/support/plain-users.ts'
import { editProviderKeyBodySchema } from '../../../contract/provider-keys.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { parsePublicId } from '../../kernel/ids.ts'
import { revealSecret } from '../../kernel/secret.ts'
import { beginRoom, readAudit, readRows as rows, setUp } from './testing.ts'

const KEY = 'sk-proj-canary-2f7a1c0b9a11d4e5Q7xA'
const OTHER_KEY = 'sk-canary-8e1c44d09b7f5a3206eeW2bC'

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => 'nothing was thrown',
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof GatewayError)) return String(error)
  for (const secret of [KEY, OTHER_KEY])
    expect(`${error.message} ${JSON.stringify(error.details)}`).not.toContain(secret)
  return error.code
}

async function openOnly(keys: ReturnType<typeof setUp>['keys'], userId: string): Promise<string[]> {
  return (await keys.chainFor(userId)).map((record) => revealSecret(keys.openCredential(record)))
}

describeOnEachDatabase('provider keys', (open) => {
  const begin = async (more?: Parameters<typeof setUp>[1]) => beginRoom(await open(), more)

  describe('adding', () => {
    test('answers the metadata and nothing else', async () => {
      const { keys, actor } = await begin()
      const key = await keys.addProviderKey(actor, { provider: 'openai', api_key: `  ${KEY}\n`, label: 'Work' })
      expect(key).toEqual({
        id: expect.stringMatching(/^pk_[0-9A-Z]{26}$/),
        provider: 'openai',
        base_url: null,
        label: 'Work',
        is_active: true,
        position: 1,
        prefix: 'sk-proj-',
        last4: 'Q7xA',
        fingerprint: expect.stringMatching(/^[0-9a-f]{8}$/),
        status: 'active',
        status_reason: null,
        held_models: [],
        held_models_more: 0,
        disabled_at: null,
        last_tested_at: null,
        last_test_ms: null,
        last_used_at: null,
        expires_at: null,
        fallback: 'allow',
        allowed_models: null,
        cap: null,
        cap_use: null,
        key_version: 1,
        version: 1,
        shared_with: [],
        created_at: '2027-01-15T08:00:00.000Z',
        updated_at: '2027-01-15T08:00:00.000Z',
      })
    })

    test('keeps the key sealed, bound to owner, provider and row, and audits what it is bound to', async () => {
      const { database, keys, actor, userId } = await begin()
      const { id } = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
      const [row] = await rows(database)
      expect(row!.api_key_encrypted).toMatch(/^ur1\.[0-9a-f]{16}\.[\w-]{80}\.[\w-]+$/)
      expect(row!.fingerprint).toMatch(/^[0-9a-f]{32}$/)
      expect(JSON.stringify(row)).not.toContain(KEY.slice(8))
      expect(await openOnly(keys, userId)).toEqual([KEY])
      expect(await readAudit(database)).toEqual([
        {
          action: 'key.added',
          details: {
            owner_type: 'user',
            owner_id: userId,
            provider: 'openai',
            origin: '',
            record_id: parsePublicId('pk', id),
            key_version: 1,
            label: '',
          },
        },
      ])
    })

    test('the same secret again is told by its label; another user may have it too', async () => {
      const { database, keys, actor } = await begin()
      await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY, label: 'Work account' })
      const again = keys.addProviderKey(actor, { provider: 'openai', api_key: `${KEY} ` })
      await expect(again).rejects.toMatchObject({ code: 'provider_key_exists', status: 409 })
      await expect(again).rejects.toThrow('already saved as "Work account"')
      await keys.addProviderKey(actor, { provider: 'anthropic', api_key: KEY })
      const other = await addPlainUser(database)
      await keys.addProviderKey({ userId: other, ip: null }, { provider: 'openai', api_key: KEY })
      const prints = (await rows(database)).map(({ fingerprint }) => fingerprint)
      expect(new Set(prints).size).toBe(3)
    })

    test('several keys of one provider stand in order, and settings come along', async () => {
      const { keys, actor } = await begin()
      const first = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
      const second = await keys.addProviderKey(actor, {
        provider: 'openai',
        api_key: OTHER_KEY,
        position: 1,
        is_active: false,
        expires_at: '2030-01-01T00:00:00.000Z',
        fallback: ['outage'],
        allowed_models: ['gpt-x'],
      })
      expect(second).toMatchObject({
        position: 1,
        is_active: false,
        status: 'disabled',
        expires_at: '2030-01-01T00:00:00.000Z',
        fallback: ['outage'],
        allowed_models: ['gpt-x'],
      })
      expect((await keys.listProviderKeys(actor.userId)).map(({ id, position }) => ({ id, position }))).toEqual([
        { id: second.id, position: 1 },
        { id: first.id, position: 2 },
      ])
      expect((await keys.getProviderKey(actor.userId, 'openai')).id).toBe(second.id)
    })

    test('many at once get positions 1 to n', async () => {
      const { database, keys, actor } = await begin()
      const other = setUp(await open({ sameAs: database }))
      const adding = Array.from({ length: 8 }, (_, i) =>
        (i % 2 ? keys : other.keys).addProviderKey(actor, { provider: 'openai', api_key: `${KEY}${i}` }),
      )
      await Promise.all(adding)
      expect((await rows(database)).map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    })

    test('a provider that is not here is 404, and names are lower case', async () => {
      const { keys, actor } = await begin()
      for (const provider of ['OpenAI', 'nobody', 'custom', '__proto__']) {
        expect(await codeOf(keys.addProviderKey(actor, { provider, api_key: KEY }))).toBe('unknown_provider')
        expect(await codeOf(keys.updateProviderKey(actor, provider, { api_key: KEY }))).toBe('unknown_provider')
      }
    })

    test('a base URL needs the operator, the provider custom and https', async () => {
      const base_url = 'https://llm.example.test:8443/v1/'
      const off = await begin()
      for (const provider of ['openai', 'custom']) {
        const adding = off.keys.addProviderKey(off.actor, { provider, api_key: KEY, base_url })
        expect(await codeOf(adding)).toBe('base_url_not_allowed')
      }
      const { keys, actor, database, userId } = await begin({ allowUserBaseUrls: true })
      expect(await codeOf(keys.addProviderKey(actor, { provider: 'openai', api_key: KEY, base_url }))).toBe(
        'validation_failed',
      )
      expect(await codeOf(keys.addProviderKey(actor, { provider: 'custom', api_key: KEY }))).toBe('validation_failed')
      const key = await keys.addProviderKey(actor, { provider: 'custom', api_key: KEY, base_url })
      expect(key.base_url).toBe('https://llm.example.test:8443/v1')
      expect((await readAudit(database))[0]!.details['origin']).toBe('https://llm.example.test:8443')
      expect(await openOnly(keys, userId)).toEqual([KEY])
    })
  })

  describe('replacing', () => {
    test('keeps id, label and place, counts the version, clears states, destroys the old secret', async () => {
      const { database, keys, actor, userId, time } = await begin()
      const before = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY, label: 'Work' })
      const [record] = await keys.chainFor(userId)
      keys.markStatus(record!, 'invalid', 'rejected')
      await keys.flush()
      time.now += 1000
      const { created, key } = await keys.updateProviderKey(actor, 'openai', { api_key: OTHER_KEY })
      expect(created).toBe(false)
      expect(key).toMatchObject({
        id: before.id,
        label: 'Work',
        position: 1,
        key_version: 2,
        version: 2,
        last4: 'W2bC',
      })
      expect(key).toMatchObject({ prefix: 'sk-', status: 'active', status_reason: null })
      expect(key.fingerprint).not.toBe(before.fingerprint)
      expect(await openOnly(keys, userId)).toEqual([OTHER_KEY])
      expect(await rows(database)).toMatchObject([{ status: 'untested', worked_at: null }])
    })

    test('creates the first key of a provider, by name only', async () => {
      const { keys, actor, userId } = await begin()
      const { created, key } = await keys.updateProviderKey(actor, 'anthropic', { api_key: KEY })
      expect({ created, key }).toMatchObject({ created: true, key: { provider: 'anthropic', key_version: 1 } })
      expect(await openOnly(keys, userId)).toEqual([KEY])
      const unknown = keys.updateProviderKey(actor, 'pk_01J8ZC4Q6T9V2X5B7N0M3K1H4G', { api_key: OTHER_KEY })
      expect(await codeOf(unknown)).toBe('not_found')
    })

    test('with the secret of another of one’s keys is refused, with its own it is not', async () => {
      const { keys, actor } = await begin()
      const first = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
      await keys.addProviderKey(actor, { provider: 'openai', api_key: OTHER_KEY })
      expect(await codeOf(keys.updateProviderKey(actor, first.id, { api_key: OTHER_KEY }))).toBe('provider_key_exists')
      expect((await keys.updateProviderKey(actor, first.id, { api_key: KEY })).key.key_version).toBe(2)
    })

    test('moves a base URL only together with the secret', async () => {
      const { keys, actor, userId } = await begin({ allowUserBaseUrls: true })
      await keys.addProviderKey(actor, { provider: 'custom', api_key: KEY, base_url: 'https://one.example.test/v1' })
      const kept = await keys.updateProviderKey(actor, 'custom', { api_key: OTHER_KEY })
      expect(kept.key.base_url).toBe('https://one.example.test/v1')
      const moved = await keys.updateProviderKey(actor, 'custom', {
        api_key: KEY,
        base_url: 'https://two.example.test',
      })
      expect(moved.key.base_url).toBe('https://two.example.test')
      expect(await openOnly(keys, userId)).toEqual([KEY])
    })

    test('at once by several leaves one readable key', async () => {
      const { database, keys, actor, userId } = await begin()
      const other = setUp(await open({ sameAs: database }))
      await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
      for (let round = 0; round < 5; round++) {
        const given = [`${KEY}-${round}-a`, `${KEY}-${round}-b`]
        const outcomes = await Promise.allSettled([
          keys.updateProviderKey(actor, 'openai', { api_key: given[0]! }),
          other.keys.updateProviderKey(actor, 'openai', { api_key: given[1]! }),
        ])
        expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
        keys.invalidate(userId)
        const opened = await openOnly(keys, userId)
        expect(opened).toHaveLength(1)
        expect(given).toContain(opened[0])
      }
      expect(await rows(database)).toMatchObject([{ key_version: 11, version: 11 }])
    })

    test('at once on a provider without a key leaves one readable key', async () => {
      const { database, keys, actor, userId } = await begin()
      const other = setUp(await open({ sameAs: database }))
      const outcomes = await Promise.all([
        keys.updateProviderKey(actor, 'openai', { api_key: KEY }),
        other.keys.updateProviderKey(actor, 'openai', { api_key: OTHER_KEY }),
      ])
      expect(outcomes.map(({ created }) => created).toSorted()).toEqual([false, true])
      keys.invalidate(userId)
      expect([[KEY], [OTHER_KEY]]).toContainEqual(await openOnly(keys, userId))
    })
  })

  describe('editing', () => {
    test('changes what was sent, counts the version, audits before and after', async () => {
      const { database, keys, actor, userId } = await begin()
      const { id } = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY, label: 'Old' })
      const input = {
        label: 'New',
        is_active: false,
        fallback: 'never' as const,
        cap: { usd: 20, period: 'month' as const },
      }
      const key = await keys.editProviderKey(actor, id, { ...input, version: 1 })
      expect(key).toMatchObject({
        label: 'New',
        is_active: false,
        status: 'disabled',
        fallback: 'never',
        version: 2,
        key_version: 1,
      })
      expect((await readAudit(database)).at(-1)).toMatchObject({
        action: 'key.edited',
        details: { changes: { label: { from: 'Old', to: 'New' }, fallback: { from: 'allow', to: 'never' } } },
      })
      expect(await rows(database)).toMatchObject([{ cap_usd_nanos: 20_000_000_000, cap_period: 'month' }])
      // `never` binds also while the key is off, so the gateway still sees it.
      expect(await keys.chainFor(userId)).toMatchObject([{ fallback: 'never', isActive: false }])
      expect(await openOnly(keys, userId)).toEqual([KEY])
    })

    test('with an old version is a conflict that changes nothing', async () => {
      const { keys, actor } = await begin()
      const { id } = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
      await keys.editProviderKey(actor, id, { label: 'One', version: 1 })
      expect(await codeOf(keys.editProviderKey(actor, id, { label: 'Two', version: 1 }))).toBe('version_conflict')
      expect(await keys.getProviderKey(actor.userId, id)).toMatchObject({ label: 'One', version: 2 })
    })

    test('without a field changes nothing, but still compares the version', async () => {
      const { database, keys, actor, time } = await begin()
      const { id } = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
      const [before, entries] = [await rows(database), (await readAudit(database)).length]
      time.now += 1_000
      expect(await keys.editProviderKey(actor, id, {})).toMatchObject({ version: 1 })
      expect(await keys.editProviderKey(actor, id, { version: 1 })).toMatchObject({ version: 1 })
      expect(await codeOf(keys.editProviderKey(actor, id, { version: 2 }))).toBe('version_conflict')
      expect([await rows(database), (await readAudit(database)).length]).toEqual([before, entries])
    })

    test('of two at once with the same version one wins', async () => {
      const { database, keys, actor } = await begin()
      const other = setUp(await open({ sameAs: database }))
      const { id } = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
      const outcomes = await Promise.allSettled([
        keys.editProviderKey(actor, id, { label: 'One', version: 1 }),
        other.keys.editProviderKey(actor, id, { label: 'Two', version: 1 }),
      ])
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    })

    test('moves a key to a place, and beyond the end to the end', async () => {
      const { keys, actor, userId } = await begin()
      const ids: string[] = []
      for (const letter of 'abc') {
        ids.push((await keys.addProviderKey(actor, { provider: 'openai', api_key: `${KEY}${letter}` })).id)
      }
      const [a, b, c] = ids as [string, string, string]
      await keys.addProviderKey(actor, { provider: 'anthropic', api_key: KEY })
      const order = async () =>
        (await keys.listProviderKeys(userId)).filter((key) => key.provider === 'openai').map(({ id }) => id)
      await keys.editProviderKey(actor, c, { position: 1 })
      expect(await order()).toEqual([c, a, b])
      await keys.editProviderKey(actor, c, { position: 2 })
      expect(await order()).toEqual([a, c, b])
      await keys.editProviderKey(actor, a, { position: 99 })
      expect(await order()).toEqual([c, b, a])
      await keys.deleteProviderKey(actor, c)
      expect((await keys.listProviderKeys(userId)).map(({ provider, position }) => [provider, position])).toEqual([
        ['anthropic', 1],
        ['openai', 1],
        ['openai', 2],
      ])
    })

    test('has no field that could carry a secret', () => {
      for (const field of ['api_key', 'base_url', 'provider', 'api_key_encrypted', 'status', 'user_id', 'kid']) {
        expect(editProviderKeyBodySchema.safeParse({ [field]: 'x' }).success).toBe(false)
      }
    })

    test('an expiry in the past shows as expired', async () => {
      const { keys, actor } = await begin()
      const { id } = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
      expect(await keys.editProviderKey(actor, id, { expires_at: '2020-01-01T00:00:00.000Z' })).toMatchObject({
        status: 'expired',
      })
      expect(await keys.editProviderKey(actor, id, { expires_at: null })).toMatchObject({ status: 'active' })
    })
  })

  describe('deleting', () => {
    test('removes the row and audits it; again it is 404', async () => {
      const { database, keys, actor, userId, audit } = await begin()
      const { id } = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
      expect(await keys.chainFor(userId)).toHaveLength(1)
      expect(await keys.deleteProviderKey(actor, 'openai')).toEqual({ provider: 'openai' })
      expect(await rows(database)).toEqual([])
      expect(await keys.chainFor(userId)).toEqual([])
      const actions = (await readAudit(database)).map(({ action }) => action)
      // PostgreSQL promises no physical erasure, so none is claimed.
      expect(actions).toEqual(['key.added', 'key.deleted', ...(database.kind === 'sqlite' ? ['key.shredded'] : [])])
      expect((await audit.verify()).ok).toBe(true)
      expect(await codeOf(keys.deleteProviderKey(actor, 'openai'))).toBe('not_found')
      expect(await codeOf(keys.deleteProviderKey(actor, id))).toBe('not_found')
    })

    test('needs no readable key', async () => {
      const { database, keys, actor } = await begin()
      await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
      await database.query.updateTable('user_provider_keys').set({ api_key_encrypted: 'damaged' }).execute()
      await keys.updateProviderKey(actor, 'openai', { api_key: OTHER_KEY })
      await database.query.updateTable('user_provider_keys').set({ api_key_encrypted: 'damaged' }).execute()
      await keys.deleteProviderKey(actor, 'openai')
      expect(await rows(database)).toEqual([])
    })
  })

  test('another tenant’s key is one that does not exist, in every call', async () => {
    const { database, keys, actor } = await begin()
    const { id } = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
    const before = await rows(database)
    const stranger = await addPlainUser(database)
    const asStranger = { userId: stranger, ip: null }
    for (const ref of [id, 'openai', 'pk_nonsense', 'pk_01J8ZC4Q6T9V2X5B7N0M3K1H4G']) {
      expect(await codeOf(keys.getProviderKey(stranger, ref))).toBe('not_found')
      expect(await codeOf(keys.editProviderKey(asStranger, ref, { label: 'mine' }))).toBe('not_found')
      expect(await codeOf(keys.deleteProviderKey(asStranger, ref))).toBe('not_found')
      expect(await codeOf(keys.testProviderKey(stranger, ref))).toBe('not_found')
      expect(await codeOf(keys.previewImpact(stranger, ref))).toBe('not_found')
      if (ref !== 'openai') {
        expect(await codeOf(keys.updateProviderKey(asStranger, ref, { api_key: OTHER_KEY }))).toBe('not_found')
      }
    }
    expect(await keys.listProviderKeys(stranger)).toEqual([])
    expect(await keys.chainFor(stranger)).toEqual([])
    expect(await rows(database)).toEqual(before)
  })

  test('the impact counts the last seven days by API key and asks what would serve instead', async () => {
    const asked: unknown[] = []
    const { database, keys, actor, userId, time } = await begin({
      explain: async (input) => {
        asked.push([input.requestedModel, input.model])
        return input.model === 'gpt-x'
          ? { decision: 'serve', billedTo: 'server', providerKeyId: null, code: null, otherModel: null }
          : { decision: 'refuse', billedTo: null, providerKeyId: null, code: 'no_usable_key', otherModel: null }
      },
    })
    const { id } = await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
    const day = 86_400_000
    const request = (index: number, apiKeyId: string | null, model: string, age: number) => ({
      id: `r${index}`,
      created_at: time.now - age,
      user_id: userId,
      api_key_id: apiKeyId,
      operation: 'chat',
      requested_model: `openai/${model}`,
      model,
      client_dialect: 'openai-chat',
      status: 200,
      outcome: 'done',
      streamed: false,
      provider_key_id: parsePublicId('pk', id)!,
      warnings: '[]',
      attempts: 1,
      cost_source: 'unknown',
      duration_ms: 1,
    })
    await database.insertMany([
      {
        table: 'requests',
        rows: [
          request(1, 'K1', 'gpt-x', day),
          request(2, 'K1', 'gpt-x', 2 * day),
          request(3, 'K1', 'gpt-y', 2 * day),
          request(4, null, 'gpt-x', 3 * day),
          request(5, 'K1', 'gpt-x', 8 * day),
          { ...request(6, 'K2', 'gpt-x', day), user_id: 'a-borrower' },
          { ...request(7, 'K2', 'gpt-x', 2 * day), user_id: 'a-borrower' },
        ],
      },
    ])
    expect(await keys.previewImpact(userId, 'openai')).toEqual({
      from: new Date(time.now - 7 * day).toISOString(),
      to: new Date(time.now).toISOString(),
      requests: 4,
      borrowed: {
        requests: 2,
        people: 1,
        instead: [{ decision: 'serve', billed_to: 'server', provider_key_id: null, code: null, requests: 2 }],
      },
      api_keys: [
        { id: 'ak_K1', name: null, requests: 3, last_used_at: new Date(time.now - day).toISOString() },
        { id: null, name: null, requests: 1, last_used_at: new Date(time.now - 3 * day).toISOString() },
      ],
      instead: [
        { decision: 'serve', billed_to: 'server', provider_key_id: null, code: null, requests: 3 },
        { decision: 'refuse', billed_to: null, provider_key_id: null, code: 'no_usable_key', requests: 1 },
      ],
    })
    expect(asked).toHaveLength(4)
    expect(asked).toContainEqual(['openai/gpt-y', 'gpt-y'])
  })

  test('the routes answer with the statuses of the contract', async () => {
    const { keys, userId } = await begin()
    const call = async (method: string, path: string, body?: unknown, params: object = {}) => {
      const route = keys.routes.find((one) => one.method === method && one.path === path)!
      const principal = { userId, kind: 'session', role: 'user' }
      return route.handle({ principal, body, params, query: {}, ip: '192.0.2.7' } as never)
    }
    const root = '/admin/provider-keys'
    const added = await call('POST', root, { provider: 'openai', api_key: KEY })
    expect(added).toMatchObject({
      status: 201,
      body: { message: expect.any(String), provider: 'openai', key: { position: 1 } },
    })
    expect(await call('GET', root)).toMatchObject({ status: 200, body: { keys: [{ provider: 'openai' }] } })
    const ref = { ref: 'openai' }
    expect(await call('PUT', `${root}/:ref`, { api_key: OTHER_KEY }, ref)).toMatchObject({ status: 200 })
    expect(await call('PUT', `${root}/:ref`, { api_key: KEY }, { ref: 'anthropic' })).toMatchObject({ status: 201 })
    expect(await call('PATCH', `${root}/:ref`, { label: 'x' }, ref)).toMatchObject({
      status: 200,
      body: { key: { label: 'x' } },
    })
    expect(await call('POST', `${root}/:ref/test`, undefined, ref)).toMatchObject({
      status: 200,
      body: { valid: true },
    })
    expect(await call('POST', `${root}/test`, { provider: 'openai', api_key: KEY })).toMatchObject({ status: 200 })
    expect(await call('GET', `${root}/:ref/impact`, undefined, ref)).toMatchObject({
      status: 200,
      body: { instead: null },
    })
    expect(await call('DELETE', `${root}/:ref`, undefined, ref)).toMatchObject({
      status: 200,
      body: { provider: 'openai' },
    })
    for (const route of keys.routes) {
      expect(route).toMatchObject({ credential: 'session', role: 'user', plane: 'control' })
      for (const { schema } of Object.values(route.answers)) expect(schema).toBeDefined()
    }
    for (const [route, reply] of [[0, added]] as const) {
      keys.routes[route]!.answers[201]!.schema!.parse(reply.body)
    }
  })
})
