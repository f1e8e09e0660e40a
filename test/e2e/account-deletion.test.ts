// Somebody deletes their account: told before what goes, gone at once everywhere, and what others own stays. On both
// databases, over HTTP, with requests that were served.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { accountDeletionSchema } from '../../contract/accounts.ts'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { describeOnEachDatabase } from '../support/databases.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Caller, Json, Reply, User } from '../support/uniroute-client.ts'

let fake: FakeProvider
beforeAll(async () => {
  fake = await startFakeProvider()
})
afterAll(() => fake?.close())

const as = (app: InProcessApp, who: { token: string }, method: string, path: string, body?: object): Promise<Reply> =>
  app.call(method, path, { token: who.token, ...(body && { body }) })
const ask = (app: InProcessApp, who: Caller): Promise<Reply> =>
  app.call('POST', '/v1/chat/completions', {
    token: who.apiKey,
    body: { model: 'gpt-4o', max_tokens: 20, messages: [{ role: 'user', content: 'Say hello' }] },
  })
const preview = async (app: InProcessApp, who: User): Promise<Json> =>
  accountDeletionSchema.parse((await as(app, who, 'GET', '/auth/profile/deletion')).body)
const remove = (app: InProcessApp, who: User, password = who.password): Promise<Reply> =>
  as(app, who, 'POST', '/auth/profile/delete', { password })

async function createTeam(app: InProcessApp, owner: User, name: string, ...members: User[]): Promise<string> {
  const { id } = (await as(app, owner, 'POST', '/admin/teams', { name })).body
  for (const member of members) {
    const { code } = (await as(app, owner, 'POST', `/admin/teams/${id}/invites`, {})).body
    expect((await as(app, member, 'POST', '/admin/teams/join', { code })).status).toBe(200)
  }
  return id
}

/** Every row of every table that says whose it is. */
async function tablesNaming(app: InProcessApp, userId: string): Promise<string[]> {
  const { query } = app.database
  const tables = [
    'sessions',
    'api_keys',
    'user_provider_keys',
    'team_members',
    'notifications',
    'user_aliases',
  ] as const
  const found: string[] = []
  for (const table of tables) {
    const rows = await query.selectFrom(table).select('user_id').where('user_id', '=', userId).execute()
    if (rows.length > 0) found.push(table)
  }
  return found
}

describeOnEachDatabase('an account that its owner deletes', (open) => {
  async function withApp(tell: (app: InProcessApp) => Promise<void>): Promise<void> {
    const database = await open()
    const app = await startInProcess({ fake, database })
    await tell(app).finally(() => app.close())
  }

  test('is told what goes; a wrong password changes nothing; then sessions, keys and sharing end at once', () =>
    withApp(async (app) => {
      const [owner, borrower] = [
        await app.createCaller({ keys: { openai: createFakeKey('openai') } }),
        await app.createCaller(),
      ]
      const team = await createTeam(app, owner, 'Data', borrower)
      await createTeam(app, owner, 'Alone')
      const lent = { provider_key: 'openai', team_id: team }
      expect((await as(app, owner, 'POST', '/admin/leases', lent)).status).toBe(201)
      await as(app, owner, 'PUT', `/admin/teams/${team}/members/${borrower.id}`, { role: 'owner' })
      await as(app, owner, 'PUT', '/admin/aliases/fast', { target: 'openai/gpt-4o' })
      expect([(await ask(app, owner)).status, (await ask(app, borrower)).status]).toEqual([200, 200])

      const told = await preview(app, owner)
      expect(told).toMatchObject({ obstacle: null, provider_keys: 1, shared_with: ['Data'], api_keys: 1 })
      expect(told.teams.map(({ name, outcome }: Json) => [name, outcome])).toEqual([
        ['Alone', 'dissolved'],
        ['Data', 'left'],
      ])
      const wrong = await remove(app, owner, 'not this one')
      expect([wrong.status, wrong.body.code]).toEqual([403, 'invalid_credentials'])
      expect((await ask(app, owner)).status).toBe(200)

      const elsewhere = await app.login(owner.email, owner.password)
      const done = await remove(app, owner)
      expect(done.status).toBe(200)
      expect(done.headers.getSetCookie().join()).toMatch(/Max-Age=0/i)
      expect((await ask(app, owner)).status).toBe(401)
      expect((await as(app, owner, 'GET', '/auth/profile')).status).toBe(401)
      expect((await as(app, { token: elsewhere }, 'GET', '/auth/profile')).status).toBe(401)
      const refused = await ask(app, borrower)
      expect([refused.status, refused.body.error.code]).toEqual([403, 'no_usable_key'])
      const back = await app.call('POST', '/auth/login', { body: { email: owner.email, password: owner.password } })
      expect(back.status).toBe(401)
      expect(await tablesNaming(app, owner.id)).toEqual([])
      const teams = (await as(app, borrower, 'GET', '/admin/teams')).body.teams
      expect(teams.map(({ name, members, leases }: Json) => [name, members, leases])).toEqual([['Data', 1, 0]])

      // What was done stays written, the chain unbroken; what was used stays in the ledger under the bare id.
      const entries = await app.database.query.selectFrom('audit_log').selectAll().orderBy('sequence').execute()
      const last = entries.filter(({ actor_id: actor }) => actor === owner.id).map(({ action }) => action)
      expect(last).toContain('user.password-refused')
      for (const action of ['team.left', 'team.deleted', 'key.deleted', 'api-key.revoked', 'user.deleted']) {
        expect(last, action).toContain(action)
      }
      const used = app.database.query.selectFrom('requests').select('id').where('user_id', '=', owner.id)
      await expect.poll(async () => (await used.execute()).length).toBe(2)
    }))

  test('leaves no team of others without an owner, and no server without an administrator', () =>
    withApp(async (app) => {
      const [owner, member] = [await app.createUser(), await app.createUser()]
      const team = await createTeam(app, owner, 'Data', member)
      expect((await preview(app, owner)).obstacle).toBe('team_owner')
      const refused = await remove(app, owner)
      expect([refused.status, refused.body.code]).toEqual([409, 'conflict'])
      expect(refused.body.error).toContain('"Data" needs an owner')
      expect((await as(app, owner, 'GET', '/auth/profile')).status).toBe(200)
      await as(app, owner, 'PUT', `/admin/teams/${team}/members/${member.id}`, { role: 'owner' })
      expect((await remove(app, owner)).status).toBe(200)

      const token = await app.login()
      const admin = { ...app.adminAccount, id: '', token }
      expect((await preview(app, admin)).obstacle).toBe('last_admin')
      expect((await remove(app, admin)).status).toBe(409)
      // Two administrators at the same moment: one stays.
      const promoted = await as(app, admin, 'PATCH', `/admin/users/${member.id}`, { role: 'admin' })
      expect(promoted.status).toBe(200)
      const both = await Promise.all([remove(app, admin), remove(app, member)])
      expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
      const admins = app.database.query.selectFrom('users').select('id').where('role', '=', 'admin')
      expect(await admins.execute()).toHaveLength(1)
    }))

  test('stays in the account of a key it borrowed, without a name', () =>
    withApp(async (app) => {
      const owner = await app.createCaller({ keys: { openai: createFakeKey('openai') } })
      const borrower = await app.createCaller()
      const team = await createTeam(app, owner, 'Data', borrower)
      const lease = (await as(app, owner, 'POST', '/admin/leases', { provider_key: 'openai', team_id: team })).body
      const served = await ask(app, borrower)
      expect(served.status).toBe(200)
      await app.readReceipt(borrower.apiKey, served.headers.get('x-request-id')!)
      expect((await remove(app, borrower)).status).toBe(200)
      const { borrowers } = (await as(app, owner, 'GET', `/admin/leases/${lease.id}/usage`)).body
      expect(borrowers).toMatchObject([{ user: null, requests: 1 }])
    }))
})
