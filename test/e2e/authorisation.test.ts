// Who may call what, over every route of the whole app: no route answers anyone who shows nothing, the wrong kind of
// credential or a made-up one; and another tenant's object is not there, whatever one asks of it.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../server/http/route.ts'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
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
  const env = { METRICS_TOKEN: 'a-token-for-metrics-that-is-long-enough' }
  uniroute = await startInProcess({ fake, env })
  owner = await uniroute.createCaller({
    keys: { openai: createFakeKey('openai'), anthropic: createFakeKey('anthropic') },
  })
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
async function takePicture(): Promise<string> {
  const hash = createHash('sha256')
  for (const table of TABLES) {
    const { rows } = await sql<Json>`SELECT * FROM ${sql.table(table)}`.execute(uniroute.database.query)
    for (const row of rows) for (const name of ['last_used_at', 'last_login_at']) delete row[name]
    hash.update(`${table} ${JSON.stringify(rows.map((row) => JSON.stringify(row)).sort())}`)
  }
  return hash.digest('hex')
}

/** Signing out is answered 200 to anyone: without a session there is nothing to end, and nothing is told. */
const HARMLESS = new Set(['POST /auth/logout'])

test('every route × every wrong way to come in: refused, nothing changed, nothing sent upstream', async () => {
  const before = await takePicture()
  const sent = fake.requests.length
  const credentials = { userToken: stranger.token, apiKey: stranger.apiKey }
  const routes = uniroute.app.routes.filter(({ method, path }) => !HARMLESS.has(`${method} ${path}`))
  expect(routes.length).toBe(uniroute.app.routes.length - HARMLESS.size)
  const { attempts, findings } = await walkAuthorisationMatrix(uniroute.port, routes, credentials)
  expect(findings).toEqual([])
  expect(attempts).toBeGreaterThan(1_000)
  expect(fake.requests.length).toBe(sent)
  expect(await takePicture()).toBe(before)
})

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
    expect(await takePicture()).toBe(before)
    expect(fake.requests.filter(({ key }) => key !== '').length).toBe(1)
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
  for (let tries = 0; tries < 100 && (await query.executeTakeFirst()) === undefined; tries++) await sleep(20)
}

/** Ids of requests differ by nature. */
const without = (text: string): string => text.replaceAll(/req_\w+/g, 'req_')
