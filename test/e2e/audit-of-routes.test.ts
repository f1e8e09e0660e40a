// Everything that changes who may do what, whose key pays, or what is stored, stands in the audit log: each address
// that changes something is called for real, in one story, and its entry looked for. An address that is in none of the
// lists below fails the test.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeAdminKey, createFakeKey, createFakePassword, listFakeSecrets } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { AUDIT_KINDS } from '../../web/src/features/audit/auditKinds.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Json, Reply, User } from '../support/uniroute-client.ts'

let fake: FakeProvider
let app: InProcessApp
let admin: string
let ada: User
let bob: User
beforeAll(async () => {
  fake = await startFakeProvider()
  app = await startInProcess({ fake, env: { REGISTRATION: 'invite' } })
  admin = await app.login()
  ada = await app.createUser()
  bob = await app.createUser()
})
afterAll(async () => {
  await app?.close()
  await fake?.close()
})

/** Changes nothing that anybody would have to answer for. */
const QUIET: Readonly<Record<string, string>> = {
  'POST /auth/refresh': 'goes on with a session; a token shown twice is session.reuse-detected (sessions.test.ts)',
  'POST /auth/reset-request': 'sends a mail, or none; the link in it is user.reset-link-made',
  'POST /admin/provider-keys/test': 'asks the provider whether a key works, and keeps nothing',
  'POST /admin/provider-keys/:ref/test': 'asks the provider whether a key works; its state is no act of anybody’s',
  'POST /admin/server-keys/:provider/test': 'asks the provider whether a key works, and keeps nothing',
  'POST /admin/notifications/read': 'what one has read',
}

/** Asked for where it can be brought about. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'POST /auth/setup': 'registration.test.ts: setup.completed',
  'POST /auth/second-factor': 'makes a secret that counts for nothing until it is confirmed',
  'POST /auth/second-factor/confirm': 'second-factor.test.ts',
  'POST /auth/second-factor/recovery-codes': 'user.recovery-codes-made, in second-factor.ts',
  'POST /auth/second-factor/remove': 'second-factor.test.ts',
  'DELETE /admin/users/:id/second-factor': 'second-factor.test.ts',
  'POST /auth/oidc/prove': 'begins a proof that counts for nothing until it comes back: session.proved, in oidc.ts',
  'POST /auth/oidc/link': 'begins a link that counts for nothing until it comes back: identity.linked, in oidc.ts',
  'POST /admin/encryption/rotate': 'vault-rotation.test.ts: each step is in the audit log',
}

interface Act {
  readonly route: string
  readonly does: () => Promise<Reply>
  readonly action: string
  /** Nobody is signed in. */
  readonly isOpen?: true
  readonly status?: number
}

const known: Record<string, string> = {}
/** Keeps ids and codes of an answer for the acts to come. */
const note = async (reply: Promise<Reply>, pick: (body: Json) => Record<string, string>): Promise<Reply> => {
  const { body } = await reply
  Object.assign(known, pick(body))
  return reply
}

const as = (token: string, method: string, path: string, body?: object): Promise<Reply> =>
  app.call(method, path, { token, ...(body && { body }) })
const mine = (method: string, path: string, body?: object) => as(ada.token, method, path, body)
const byAdmin = (method: string, path: string, body?: object) => as(admin, method, path, body)
const today = () => new Date().toISOString().slice(0, 10)

// size: one row for each address.
function story(): Act[] {
  const act = (route: string, action: string, does: Act['does'], more: Partial<Act> = {}): Act => ({
    route,
    action,
    does,
    ...more,
  })
  const [chosen, next] = [createFakePassword(), createFakePassword()]
  return [
    act('POST /admin/invites', 'invite.made', () =>
      note(byAdmin('POST', '/admin/invites', {}), (body) => ({
        invite: body.code ?? body.invite?.code ?? body.url.split('#')[1],
      })),
    ),
    act(
      'POST /auth/register',
      'user.registered',
      () =>
        app.call('POST', '/auth/register', {
          body: { email: 'eve@example.com', password: createFakePassword(), invite: known['invite'] },
        }),
      { isOpen: true },
    ),
    act('POST /admin/users', 'user.created', () =>
      note(byAdmin('POST', '/admin/users', { email: 'dan@example.com' }), (body) => ({ dan: body.user.id })),
    ),
    act('PATCH /admin/users/:id', 'user.changed', () =>
      byAdmin('PATCH', `/admin/users/${known['dan']}`, { name: 'Dan', budget: { usd: 1, period: 'day' } }),
    ),
    act('POST /admin/users/:id/reset-link', 'user.reset-link-made', () =>
      note(byAdmin('POST', `/admin/users/${known['dan']}/reset-link`, {}), (body) => ({
        reset: (body.url ?? body.reset_link.url).split('#')[1],
      })),
    ),
    act(
      'POST /auth/reset',
      'user.password-reset',
      () => app.call('POST', '/auth/reset', { body: { code: known['reset'], password: chosen } }),
      { isOpen: true },
    ),
    act(
      'POST /auth/login',
      'session.begun',
      async () => {
        const reply = await app.call('POST', '/auth/login', { body: { email: 'dan@example.com', password: chosen } })
        known['cookie'] = reply.headers.getSetCookie()[0]!.split(';')[0]!
        return reply
      },
      { isOpen: true },
    ),
    act(
      'POST /auth/logout',
      'session.ended',
      () => app.call('POST', '/auth/logout', { headers: { cookie: known['cookie']!, origin: app.url }, body: {} }),
      { isOpen: true },
    ),
    act('PUT /auth/profile', 'user.changed', () => mine('PUT', '/auth/profile', { fallback: ['outage'] })),
    act(
      'PUT /auth/profile/password',
      'user.password-refused',
      () => mine('PUT', '/auth/profile/password', { current_password: 'wrong', new_password: next }),
      { status: 403 },
    ),
    act('PUT /auth/profile/password', 'user.password-changed', async () => {
      const reply = await mine('PUT', '/auth/profile/password', { current_password: ada.password, new_password: next })
      ada = { ...ada, token: reply.body.token, password: next }
      return reply
    }),
    act('DELETE /auth/sessions/:id', 'session.revoked', async () => {
      await app.login(ada.email, ada.password)
      const { sessions } = (await mine('GET', '/auth/sessions')).body
      return mine('DELETE', `/auth/sessions/${sessions.find((one: Json) => !one.current).id}`)
    }),
    act('DELETE /admin/users/:id/sessions/:session_id', 'session.revoked', async () => {
      await app.login(bob.email, bob.password)
      const [last] = (await byAdmin('GET', `/admin/users/${bob.id}/sessions`)).body.sessions
      return byAdmin('DELETE', `/admin/users/${bob.id}/sessions/${last.id}`)
    }),
    act('POST /auth/api-keys', 'api-key.created', () =>
      note(mine('POST', '/auth/api-keys', { name: 'one' }), ({ id }) => ({ apiKey: id })),
    ),
    act('PATCH /auth/api-keys/:id', 'api-key.changed', () =>
      mine('PATCH', `/auth/api-keys/${known['apiKey']}`, { fallback: 'never' }),
    ),
    act('POST /auth/api-keys/:id/rotate', 'api-key.rotated', () =>
      mine('POST', `/auth/api-keys/${known['apiKey']}/rotate`, {}),
    ),
    act('DELETE /auth/api-keys/:id', 'api-key.revoked', () => mine('DELETE', `/auth/api-keys/${known['apiKey']}`)),
    act('POST /admin/provider-keys', 'key.added', () =>
      note(
        mine('POST', '/admin/provider-keys', { provider: 'openai', api_key: createFakeKey('openai') }),
        ({ key }) => ({
          key: key.id,
        }),
      ),
    ),
    act('PUT /admin/provider-keys/:ref', 'key.replaced', () =>
      mine('PUT', `/admin/provider-keys/${known['key']}`, { api_key: createFakeKey('openai') }),
    ),
    act('PATCH /admin/provider-keys/:ref', 'key.edited', () =>
      mine('PATCH', `/admin/provider-keys/${known['key']}`, { cap: { usd: 1, period: 'day' } }),
    ),
    act('POST /admin/teams', 'team.created', () =>
      note(mine('POST', '/admin/teams', { name: 'Ours' }), ({ id }) => ({ team: id })),
    ),
    act('PATCH /admin/teams/:id', 'team.changed', () => mine('PATCH', `/admin/teams/${known['team']}`, { name: 'Us' })),
    act('POST /admin/teams/:id/invites', 'team.invited', () =>
      note(mine('POST', `/admin/teams/${known['team']}/invites`, {}), ({ code }) => ({ code })),
    ),
    act('POST /admin/teams/join', 'team.joined', () =>
      as(bob.token, 'POST', '/admin/teams/join', { code: known['code'] }),
    ),
    act('DELETE /admin/teams/:id/invites/:invite_id', 'team.invite-withdrawn', async () => {
      const { id } = (await mine('POST', `/admin/teams/${known['team']}/invites`, {})).body
      return mine('DELETE', `/admin/teams/${known['team']}/invites/${id}`)
    }),
    act('PUT /admin/teams/:id/members/:user_id', 'team.role-changed', () =>
      mine('PUT', `/admin/teams/${known['team']}/members/${bob.id}`, { role: 'admin' }),
    ),
    act('POST /admin/leases', 'lease.created', () =>
      note(mine('POST', '/admin/leases', { provider_key: 'openai', team_id: known['team'] }), ({ id }) => ({
        lease: id,
      })),
    ),
    act('PATCH /admin/leases/:id', 'lease.changed', () =>
      mine('PATCH', `/admin/leases/${known['lease']}`, { cap: { usd: 1, period: 'day' } }),
    ),
    act('DELETE /admin/leases/:id', 'lease.ended', () => mine('DELETE', `/admin/leases/${known['lease']}`)),
    act('DELETE /admin/teams/:id/members/:user_id', 'team.member-removed', () =>
      mine('DELETE', `/admin/teams/${known['team']}/members/${bob.id}`),
    ),
    act('DELETE /admin/teams/:id', 'team.deleted', () => mine('DELETE', `/admin/teams/${known['team']}`)),
    act('DELETE /admin/provider-keys/:ref', 'key.deleted', () =>
      mine('DELETE', `/admin/provider-keys/${known['key']}`),
    ),
    act('POST /admin/reconcile', 'usage.reconciled', () =>
      mine('POST', '/admin/reconcile', {
        provider: 'openai',
        admin_key: createFakeAdminKey('openai'),
        from: today(),
        to: today(),
      }),
    ),
    act(
      'POST /admin/reconcile',
      'usage.reconcile-refused',
      () =>
        mine('POST', '/admin/reconcile', {
          provider: 'openai',
          admin_key: createFakeAdminKey('openai'),
          from: today(),
          to: today(),
          keys: 'server',
        }),
      { status: 403 },
    ),
    ...(['/admin/aliases', '/admin/catalog/aliases'] as const).flatMap((path) => {
      const call = path === '/admin/aliases' ? mine : byAdmin
      return [
        act(`PUT ${path}/*name`, 'alias.saved', () => call('PUT', `${path}/fast`, { target: 'openai/gpt-4o' })),
        act(`DELETE ${path}/*name`, 'alias.removed', () => call('DELETE', `${path}/fast`)),
      ]
    }),
    act('PUT /admin/catalog/overrides/:provider/*model', 'model-override.saved', () =>
      byAdmin('PUT', '/admin/catalog/overrides/openai/gpt-4o', { enabled: false }),
    ),
    act('DELETE /admin/catalog/overrides/:provider/*model', 'model-override.removed', () =>
      byAdmin('DELETE', '/admin/catalog/overrides/openai/gpt-4o'),
    ),
    act('PUT /admin/sign-in', 'sign-in-rules.changed', () =>
      byAdmin('PUT', '/admin/sign-in', { require_second_factor: 'none' }),
    ),
    act('PUT /admin/routing', 'routing.saved', () => mine('PUT', '/admin/routing', { strategy: 'cost', rules: [] })),
    act('DELETE /admin/routing', 'routing.removed', () => mine('DELETE', '/admin/routing')),
    act('PUT /admin/routing/default', 'routing.saved', () =>
      byAdmin('PUT', '/admin/routing/default', { strategy: 'cost', rules: [], locked: true }),
    ),
    act('POST /auth/profile/delete', 'user.deleted', () =>
      as(bob.token, 'POST', '/auth/profile/delete', { password: bob.password }),
    ),
    act('GET /admin/audit/export', 'audit.exported', () => byAdmin('GET', '/admin/audit/export')),
  ]
}

const tail = () => app.database.query.selectFrom('audit_log').selectAll().orderBy('sequence', 'desc').limit(5).execute()

test('every address that changes something has a place in the lists', () => {
  const told = new Set([...Object.keys(QUIET), ...Object.keys(ELSEWHERE), ...story().map(({ route }) => route)])
  const changing = app.app.routes
    .filter(({ plane, method }) => plane === 'control' && method !== 'GET')
    .map(({ method, path }) => `${method} ${path}`)
  expect(changing.filter((route) => !told.has(route))).toEqual([])
  expect(changing.length).toBeGreaterThan(40)
})

test('each act is an entry: who, what, to what, from where, and no secret', { timeout: 120_000 }, async () => {
  const wrong: string[] = []
  for (const { route, does, action, isOpen, status } of story()) {
    const before = (await tail())[0]?.sequence ?? 0
    const reply = await does()
    if (status === undefined ? reply.status >= 300 : reply.status !== status) {
      wrong.push(`${route}: answered ${reply.status} ${reply.text.slice(0, 200)}`)
      continue
    }
    const entry = (await tail()).find((one) => Number(one.sequence) > Number(before) && one.action === action)
    if (!entry) wrong.push(`${route}: no entry ${action}`)
    else if (entry.ip === null) wrong.push(`${route}: ${action} from nowhere`)
    else if (!isOpen && entry.actor_id === null) wrong.push(`${route}: ${action} by nobody`)
  }
  expect(wrong).toEqual([])
  const entries = await app.database.query.selectFrom('audit_log').selectAll().execute()
  // The dashboard filters by the beginnings of their names, so it has to know them all.
  const kinds = new Set(entries.map(({ action }) => action.split('.')[0]!))
  expect([...kinds].filter((kind) => !(AUDIT_KINDS as readonly string[]).includes(kind))).toEqual([])
  const text = JSON.stringify(entries)
  for (const secret of listFakeSecrets()) expect(text).not.toContain(secret.slice(-12))
})
