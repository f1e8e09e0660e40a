// Who may call what, over every route of the whole app: no route answers anyone who shows nothing, the wrong kind of
// credential or a made-up one; and another tenant's object is not there, whatever one asks of it.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../server/http/route.ts'
import { createFakeKey, createFakePassword } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { walkAuthorisationMatrix } from '../support/authorisation-matrix.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Caller, Json } from '../support/uniroute-client.ts'

let fake: FakeProvider
let uniroute: InProcessApp
let owner: Caller
let stranger: Caller
beforeAll(async () => {
  fake = await startFakeProvider()
  const env = { METRICS_TOKEN }
  uniroute = await startInProcess({ fake, env })
  owner = await uniroute.createCaller({
    keys: { openai: createFakeKey('openai'), anthropic: createFakeKey('anthropic') },
  })
  // Checked now, so that the daily check does not come in the middle of a test and write down what it found.
  for (const ref of Object.values(owner.providerKeyIds).flat()) {
    const { status } = await uniroute.call('POST', `/admin/provider-keys/${ref}/test`, { token: owner.token, body: {} })
    expect(status).toBe(200)
  }
  stranger = await uniroute.createCaller()
})
afterAll(async () => {
  await uniroute?.close()
  await fake?.close()
})

const TABLES = [
  'users',
  'user_provider_keys',
  'api_keys',
  'key_registry',
  'vault_secrets',
  'attempts',
  'teams',
  'team_members',
  'leases',
]

/** What a refused request must not have changed. Whoever is let in leaves a row in `requests`, so that is not here. */
async function takePicture(): Promise<Record<string, string>> {
  const picture: Record<string, string> = {}
  for (const table of TABLES) {
    const { rows } = await sql<Json>`SELECT * FROM ${sql.table(table)}`.execute(uniroute.database.query)
    // Written in the background: when somebody came last, and how often the master key was used.
    for (const row of rows) for (const name of ['last_used_at', 'last_login_at', 'wraps']) delete row[name]
    const all = rows.map((row) => JSON.stringify(row)).sort()
    picture[table] = createHash('sha256').update(JSON.stringify(all)).digest('hex')
  }
  return picture
}

const METRICS_TOKEN = 'a-token-for-metrics-that-is-long-enough'

/** Credentials that were right: of an account of their own each, so that nothing but one fact makes them wrong. */
async function createDeadCredentials(): Promise<Record<string, string>> {
  const [revoked, expired, left, moved] = [
    await uniroute.createCaller(),
    await uniroute.createCaller(),
    await uniroute.createCaller(),
    await uniroute.createCaller(),
  ]
  await uniroute.call('DELETE', `/auth/api-keys/${revoked.apiKeyId}`, { token: revoked.token })
  const sessions = await uniroute.call('GET', '/auth/sessions', { token: revoked.token })
  await uniroute.call('DELETE', `/auth/sessions/${sessions.body.sessions[0].id}`, { token: revoked.token })
  const { query } = uniroute.database
  await query
    .updateTable('api_keys')
    .set({ expires_at: Date.now() - 1 })
    .where('user_id', '=', expired.id)
    .execute()
  const token = await uniroute.login()
  const off = await uniroute.call('PATCH', `/admin/users/${left.id}`, { token, body: { is_active: false } })
  const password = createFakePassword()
  const changed = await uniroute.call('PUT', '/auth/profile/password', {
    token: moved.token,
    body: { current_password: moved.password, new_password: password },
  })
  expect([off.status, changed.status]).toEqual([200, 200])
  return {
    'a revoked key': revoked.apiKey,
    'an expired key': expired.apiKey,
    'the key of a disabled user': left.apiKey,
    'the token of an ended session': revoked.token,
    'the token of a disabled user': left.token,
    'a token from before the password changed': moved.token,
  }
}

/** Who may come without showing anything, each for a reason. A new one belongs here or behind a credential. */
const OPEN: readonly RegExp[] = [
  /^GET \/(?:health|ready|openapi\.json|docs)$/, // nothing of anybody's
  /^POST \/auth\/(?:login|register|reset-request|reset|setup)$/, // this is where credentials come from
  /^GET \/auth\/(?:setup|options)$/, // what the page that asks for them shows
  /^GET \/auth\/oidc\/(?:begin|callback)$/, // the way to the sign-in provider and back
  /^GET \/(?:static|assets)\//, // the program of the dashboard, which is everybody's
  /^GET \/(?:setup|sign-in|register|reset|join|playground|models|routing|team|usage|requests|audit|settings\/\*page|operator\/\*page)?$/, // its one page, empty
]

/** Signing out is answered 200 to anyone: without a session there is nothing to end, and nothing is told. */
const HARMLESS = new Set(['POST /auth/logout'])

test('every route × every wrong way to come in: refused, nothing changed, nothing sent upstream', async () => {
  const signedIn = await uniroute.call('POST', '/auth/login', {
    body: { email: stranger.email, password: stranger.password },
  })
  const credentials = {
    userToken: stranger.token,
    apiKey: stranger.apiKey,
    dead: {
      ...(await createDeadCredentials()),
      'an API key in a token’s place': `${stranger.apiKey}.${stranger.token}`,
    },
    refreshCookie: signedIn.headers.getSetCookie()[0]!.split(';')[0]!,
  }
  const before = await takePicture()
  const sent = fake.requests.length
  const routes = uniroute.app.routes.filter(({ method, path }) => !HARMLESS.has(`${method} ${path}`))
  expect(routes.length).toBe(uniroute.app.routes.length - HARMLESS.size)
  const { attempts, findings } = await walkAuthorisationMatrix(uniroute.port, routes, credentials)
  expect(findings).toEqual([])
  expect(attempts).toBeGreaterThan(1_000)
  expect(fake.requests.length).toBe(sent)
  expect(await takePicture()).toEqual(before)
})

test('the token of the metrics opens nothing else', async () => {
  const others = uniroute.app.routes.filter(
    ({ credential, method, path }) => credential !== 'metrics' && !HARMLESS.has(`${method} ${path}`),
  )
  const { findings } = await walkAuthorisationMatrix(uniroute.port, others, {
    userToken: METRICS_TOKEN,
    apiKey: METRICS_TOKEN,
    dead: { 'the token of the metrics': METRICS_TOKEN },
  })
  expect(findings.filter(({ attempt }) => attempt.includes('metrics'))).toEqual([])
})

test('whatever an administrator changes about accounts, sign-in or the master key needs a recent sign-in', () => {
  const sensitive = uniroute.app.routes.filter(
    ({ method, path }) => method !== 'GET' && /^\/admin\/(?:users|invites|sign-in|encryption)\b/.test(path),
  )
  expect(sensitive.length).toBeGreaterThan(7)
  const open = sensitive.filter(({ recentSignIn }) => !recentSignIn).map(({ method, path }) => `${method} ${path}`)
  expect(open).toEqual([])
})

test('what needs no credential is listed, with its reason', () => {
  const open = uniroute.app.routes.flatMap(({ credential, method, path }) =>
    credential === 'none' ? [`${method} ${path}`] : [],
  )
  expect(open.filter((name) => !OPEN.some((pattern) => pattern.test(name)))).toEqual([])
})

test('every route lets in who it is for: a list that nobody can read is a hole as well', async () => {
  const admin = await uniroute.login()
  const readable = uniroute.app.routes.filter(
    ({ plane, method, path, credential }) =>
      plane === 'control' && method === 'GET' && credential !== 'none' && !/[:*]/.test(path),
  )
  expect(readable.length).toBeGreaterThan(20)
  for (const { path, credential, role } of readable) {
    const token = credential === 'metrics' ? METRICS_TOKEN : role === 'admin' ? admin : owner.token
    const signal = AbortSignal.timeout(20_000)
    const response = await fetch(`${uniroute.url}${path}`, {
      headers: { authorization: `Bearer ${token}` },
      signal,
    })
    // Live events have no end.
    await response.body?.cancel()
    expect([path, REFUSALS.includes(response.status)]).toEqual([path, false])
  }
})

const REFUSALS = [401, 403]

test('the matrix would see a route that lets everybody in', async () => {
  const [open] = uniroute.app.routes.filter(({ credential, path }) => credential === 'none' && path === '/health')
  const lying = { ...open, credential: 'session' } as Route
  const { findings } = await walkAuthorisationMatrix(uniroute.port, [lying], { userToken: 'x', apiKey: 'y' })
  expect(findings.length).toBeGreaterThan(10)
})

/** A body that the owner could send to the route, so that a refusal is about the object and not about the body. */
const BODIES: Readonly<Record<string, (version: number) => unknown>> = {
  'PUT /admin/provider-keys/:ref': () => ({ api_key: createFakeKey('openai') }),
  'PATCH /admin/provider-keys/:ref': (version) => ({ label: 'taken', version }),
  'POST /admin/provider-keys/:ref/test': () => ({}),
  'PATCH /auth/api-keys/:id': () => ({ name: 'taken' }),
  'POST /auth/api-keys/:id/rotate': () => ({}),
  'PATCH /admin/teams/:id': () => ({ name: 'taken' }),
  'PUT /admin/teams/:id/members/:user_id': () => ({ role: 'admin' }),
  'POST /admin/teams/:id/invites': () => ({}),
  'PATCH /admin/leases/:id': (version) => ({ cap: null, version }),
}

const countPosts = (): number => fake.requests.filter(({ method }) => method === 'POST').length

/** The path of one object; what lies below it is named by `others`. */
function fill(path: string, id: string, others: Readonly<Record<string, string>>): string {
  return path.replace(/:(\w+)/g, (_, name: string) => others[name] ?? id)
}

describe('another tenant’s object', () => {
  const objectRoutes = (): Route[] =>
    uniroute.app.routes.filter(
      ({ path, credential, role }) =>
        /:(?:ref|id|request_id|key_id)\b/.test(path) && role !== 'admin' && credential !== 'none',
    )

  test('is 404 on every route that names one, and stays as it was', async () => {
    const sent = countPosts()
    const first = await ask(uniroute, CHAT_DIALECTS[0]!, owner.apiKey)
    const requestId = first.headers.get('x-request-id')!
    await uniroute.readReceipt(owner.apiKey, requestId)
    await untilKeyIsActive()
    const keyId = owner.providerKeyIds['openai']![0]!
    const { token } = owner
    const team = (await uniroute.call('POST', '/admin/teams', { token, body: { name: 'Ours' } })).body.id
    const lease = (
      await uniroute.call('POST', '/admin/leases', { token, body: { provider_key: 'openai', team_id: team } })
    ).body.id
    const invite = (await uniroute.call('POST', `/admin/teams/${team}/invites`, { token, body: {} })).body.id
    const before = await takePicture()
    const sessions = await uniroute.call('GET', '/auth/sessions', { token: owner.token })
    const objects = [
      ['/provider-keys/', keyId],
      ['/api-keys/', owner.apiKeyId],
      ['/sessions/', sessions.body.sessions[0].id],
      ['/generations/', requestId],
      ['/requests/', requestId],
      ['/teams/', team],
      ['/leases/', lease],
    ] as const
    const tried: string[] = []
    for (const route of objectRoutes()) {
      const name = `${route.method} ${route.path}`
      const object = objects.find(([part]) => name.includes(part))![1]
      const call = (caller: Caller, id: string) =>
        uniroute.call(route.method, fill(route.path, id, { user_id: owner.id, invite_id: invite }), {
          token: route.credential === 'api-key' ? caller.apiKey : caller.token,
          ...(BODIES[name] && { body: BODIES[name](1) }),
        })
      const reply = await call(stranger, object)
      expect([name, reply.status]).toEqual([name, 404])
      // What does not exist at all is answered in the same words: nobody learns that there is one.
      const made = await call(stranger, object.replace(/.{8}$/, 'ZZZZZZZZ'))
      expect([name, made.status, without(made.text)]).toEqual([name, 404, without(reply.text)])
      tried.push(name)
    }
    expect(tried.length).toBeGreaterThanOrEqual(8)
    expect(await takePicture()).toEqual(before)
    expect(countPosts()).toBe(sent + 1)
  })

  test('the same routes answer its owner, so the 404 is about whose it is', async () => {
    const keyId = owner.providerKeyIds['anthropic']![0]!
    const impact = await uniroute.call('GET', `/admin/provider-keys/${keyId}/impact`, { token: owner.token })
    expect(impact.status).toBe(200)
    const renamed = await uniroute.call('PATCH', `/auth/api-keys/${owner.apiKeyId}`, {
      token: owner.token,
      body: { name: 'mine' },
    })
    expect(renamed.status).toBe(200)
  })

  test('lists and sums hold the caller’s own only', async () => {
    for (const path of ['/admin/provider-keys', '/auth/api-keys', '/admin/usage']) {
      const reply = await uniroute.call('GET', path, { token: stranger.token })
      expect(reply.status).toBe(200)
      expect(reply.text).not.toContain(owner.providerKeyIds['openai']![0]!)
      expect(reply.text).not.toContain(owner.apiKeyId)
    }
    // What the stranger asked for above were look-ups, and those are no use of a model.
    const { body } = await uniroute.call('GET', '/admin/usage?group_by=provider_key', { token: stranger.token })
    expect([body.groups.map((group: Json) => group.provider_key), body.total.cost_usd_micros]).toEqual([[], 0])
  })

  test('a provider’s name means one’s own key of it, never another’s', async () => {
    const reply = await uniroute.call('DELETE', '/admin/provider-keys/openai', { token: stranger.token })
    expect(reply.status).toBe(404)
  })
})

/** That a key has served is written a moment after the answer. */
async function untilKeyIsActive(): Promise<void> {
  const query = uniroute.database.query.selectFrom('user_provider_keys').select('status').where('status', '=', 'active')
  for (let tries = 0; tries < 1_000 && (await query.executeTakeFirst()) === undefined; tries++) await sleep(20)
}

/** Ids of requests differ by nature. */
const without = (text: string): string => text.replaceAll(/req_\w+/g, 'req_')
