// What the audit log says of each change that bears on security or money: what it was, and what it became; never a
// secret.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { describeOnEachDatabase } from '../support/databases.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Json } from '../support/uniroute-client.ts'
import type { Database } from '../../server/database/database.ts'

describeOnEachDatabase('the audit log', (open) => {
  let database: Database
  let app: InProcessApp
  const secrets: string[] = []
  beforeEach(async () => {
    database = await open()
    const url = 'http://127.0.0.1:9'
    app = await startInProcess({ database, env: { OPENAI_BASE_URL: url, ANTHROPIC_BASE_URL: url } })
  })
  afterEach(async () => {
    await app.close()
    const rows = await database.query.selectFrom('audit_log').select('details').execute()
    for (const secret of secrets.splice(0)) expect(rows.map(({ details }) => details).join()).not.toContain(secret)
  })

  const manage = async (token: string, method: string, path: string, body?: object): Promise<Json> => {
    const reply = await app.call(method, path, { token, ...(body && { body }) })
    expect([reply.status < 300, reply.text]).toEqual([true, expect.any(String)])
    return reply.body
  }
  /** The last entry of that action. */
  const detailsOf = async (action: string): Promise<Json> => {
    const rows = database.query.selectFrom('audit_log').select('details').where('action', '=', action)
    return JSON.parse((await rows.orderBy('sequence', 'desc').limit(1).executeTakeFirstOrThrow()).details)
  }
  const changed = async (action: string): Promise<Json> => (await detailsOf(action)).changes

  test('of an API key: settings, secret, end', async () => {
    const { token } = await app.createUser()
    const { id, key } = await app.createApiKey(token, { name: 'one', rate_limit_per_minute: 10 })
    secrets.push(key)
    expect(await detailsOf('api-key.created')).toMatchObject({
      name: 'one',
      settings: { rate_limit_per_minute: 10, fallback: 'allow' },
    })
    const body = { name: 'two', rate_limit_per_minute: 20, fallback: ['outage'], budget: { usd: 5, period: 'day' } }
    await manage(token, 'PATCH', `/auth/api-keys/${id}`, body)
    expect(await changed('api-key.changed')).toEqual({
      name: { from: 'one', to: 'two' },
      rate_limit_per_minute: { from: 10, to: 20 },
      fallback: { from: 'allow', to: ['outage'] },
      budget_usd_nanos: { from: null, to: 5e9 },
      budget_period: { from: null, to: 'day' },
    })
    const rotated = await manage(token, 'POST', `/auth/api-keys/${id}/rotate`, {})
    secrets.push(rotated.key)
    expect(await changed('api-key.rotated')).toEqual({ last4: { from: key.slice(-4), to: rotated.key.slice(-4) } })
    await manage(token, 'DELETE', `/auth/api-keys/${id}`)
    expect(await detailsOf('api-key.revoked')).toMatchObject({
      name: 'two',
      last4: rotated.key.slice(-4),
      settings: { rate_limit_per_minute: 20, budget: { usd: 5, period: 'day' } },
    })
  })

  test('of a provider key: settings, secret, end', async () => {
    const { token } = await app.createUser()
    const [first, second] = [createFakeKey('openai'), createFakeKey('openai')]
    secrets.push(first, second)
    const { id } = await app.addProviderKey(token, 'openai', first, { label: 'mine' })
    await manage(token, 'PATCH', `/admin/provider-keys/${id}`, { fallback: 'never', cap: { usd: 1, period: 'month' } })
    expect(await changed('key.edited')).toMatchObject({
      fallback: { from: 'allow', to: 'never' },
      cap: { from: null, to: { usdNanos: 1e9, period: 'month' } },
    })
    await manage(token, 'PUT', `/admin/provider-keys/${id}`, { api_key: second })
    expect(await changed('key.replaced')).toMatchObject({
      keyVersion: { from: 1, to: 2 },
      fingerprint: { from: expect.stringMatching(/^[0-9a-f]+$/), to: expect.stringMatching(/^[0-9a-f]+$/) },
    })
    await manage(token, 'DELETE', `/admin/provider-keys/${id}`)
    expect(await detailsOf('key.deleted')).toMatchObject({ label: 'mine', fallback: 'never', last4: second.slice(-4) })
  })

  test('of a user: by themselves and by administrators', async () => {
    const user = await app.createUser()
    await manage(user.token, 'PUT', '/auth/profile', { fallback: ['outage'] })
    expect(await changed('user.changed')).toEqual({ fallback: { from: 'allow', to: ['outage'] } })
    const admin = await app.login()
    await manage(admin, 'PATCH', `/admin/users/${user.id}`, { role: 'admin', rate_limit_per_day: 7 })
    expect(await changed('user.changed')).toEqual({
      role: { from: 'user', to: 'admin' },
      rate_limit_per_day: { from: null, to: 7 },
    })
    await manage(admin, 'PATCH', `/admin/users/${user.id}`, { is_active: false })
    expect(await changed('user.changed')).toEqual({ is_active: { from: true, to: false } })
  })

  test('of a team, its people and its leases', async () => {
    const [owner, member] = [await app.createUser(), await app.createUser()]
    const secret = createFakeKey('openai')
    secrets.push(secret)
    await app.addProviderKey(owner.token, 'openai', secret)
    const team = await manage(owner.token, 'POST', '/admin/teams', { name: 'Data' })
    const { code } = await manage(owner.token, 'POST', `/admin/teams/${team.id}/invites`, {})
    secrets.push(code)
    await manage(member.token, 'POST', '/admin/teams/join', { code })
    await manage(owner.token, 'PATCH', `/admin/teams/${team.id}`, { name: 'Lab', rate_limit_per_day: 3 })
    expect(await changed('team.changed')).toEqual({
      name: { from: 'Data', to: 'Lab' },
      rate_limit_per_day: { from: null, to: 3 },
    })
    await manage(owner.token, 'PUT', `/admin/teams/${team.id}/members/${member.id}`, { role: 'admin' })
    expect(await detailsOf('team.role-changed')).toEqual({
      user_id: member.id,
      changes: { role: { from: 'member', to: 'admin' } },
    })
    const terms = { provider_key: 'openai', team_id: team.id, allowed_models: ['gpt-4o'] }
    const lease = await manage(owner.token, 'POST', '/admin/leases', terms)
    await manage(owner.token, 'PATCH', `/admin/leases/${lease.id}`, {
      allowed_models: null,
      cap: { usd: 2, period: 'day' },
    })
    expect(await changed('lease.changed')).toEqual({
      allowed_models: { from: ['gpt-4o'], to: null },
      cap_usd_nanos: { from: null, to: 2e9 },
      cap_period: { from: null, to: 'day' },
    })
    await manage(owner.token, 'DELETE', `/admin/leases/${lease.id}`)
    expect((await detailsOf('lease.ended')).terms).toMatchObject({ cap_usd_nanos: 2e9, cap_period: 'day' })
    await manage(owner.token, 'DELETE', `/admin/teams/${team.id}/members/${member.id}`)
    expect(await detailsOf('team.member-removed')).toMatchObject({ user_id: member.id, role: 'admin' })
    await manage(owner.token, 'DELETE', `/admin/teams/${team.id}`)
    expect(await detailsOf('team.deleted')).toMatchObject({
      name: 'Lab',
      members: [{ user_id: owner.id, role: 'owner' }],
    })
  })

  test('of routing, aliases and models', async () => {
    const admin = await app.login()
    await manage(admin, 'PUT', '/admin/routing/default', { strategy: 'cost', rules: [], locked: false })
    await manage(admin, 'PUT', '/admin/routing/default', { strategy: 'latency', rules: [], locked: true })
    expect(await detailsOf('routing.saved')).toEqual({
      from: { strategy: 'cost', rules: [], locked: false },
      to: { strategy: 'latency', rules: [], locked: true },
    })
    await manage(admin, 'PUT', '/admin/catalog/aliases/fast', { target: 'gpt-4o' })
    expect(await detailsOf('alias.saved')).toEqual({ from: null, to: { target: 'openai/gpt-4o' } })
    await manage(admin, 'PUT', '/admin/catalog/aliases/fast', { target: 'gpt-4o-mini' })
    expect(await detailsOf('alias.saved')).toMatchObject({ from: { target: 'openai/gpt-4o' } })
    await manage(admin, 'DELETE', '/admin/catalog/aliases/fast')
    expect(await detailsOf('alias.removed')).toEqual({ from: { target: 'openai/gpt-4o-mini' }, to: null })
    const place = '/admin/catalog/overrides/openai/gpt-4o'
    await manage(admin, 'PUT', place, { enabled: false })
    await manage(admin, 'PUT', place, { enabled: true, price: { input: 1, output: 2 } })
    expect(await detailsOf('model-override.saved')).toMatchObject({
      from: { enabled: false, price: null },
      to: { enabled: true, price: { input: 1, output: 2 } },
    })
    await manage(admin, 'DELETE', place)
    expect(await detailsOf('model-override.removed')).toMatchObject({ from: { enabled: true }, to: null })
  })
})
