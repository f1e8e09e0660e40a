// A second factor demanded by the rules of the server, over HTTP, on both databases.
import { expect, test } from 'vitest'
import { signInRulesSchema } from '../../../contract/sign-in-rules.ts'
import { ADMIN, type AccountRooms, useAccountRooms } from '../../../test/support/account-rooms.ts'
import { fromBase32 } from '../../../test/support/base32.ts'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { codeAt } from './totp.ts'

const start = useAccountRooms()
const PERSON = { email: 'anna@example.org', password: 'a person of this server' }
/** What those who lack a second factor may do: nothing but add one, see who they are, and leave. */
const OPEN_TO_THEM = [
  'GET /auth/profile',
  'GET /auth/second-factor',
  'POST /auth/second-factor',
  'POST /auth/second-factor/confirm',
]

const demand = (rooms: AccountRooms, token: string, rule: string) =>
  rooms.send('PUT', '/admin/sign-in', { token, body: { require_second_factor: rule } })
const profile = (rooms: AccountRooms, token: string) => rooms.send('GET', '/auth/sessions', { token })
const refused = { status: 403, body: { code: 'second_factor_not_set_up' } }

async function addFactor(rooms: AccountRooms, token: string, password: string): Promise<void> {
  const begun = await rooms.send('POST', '/auth/second-factor', { token, body: { password } })
  const code = codeAt(fromBase32(begun.body.secret), Math.floor(rooms.clock.now() / 30_000))
  expect((await rooms.send('POST', '/auth/second-factor/confirm', { token, body: { code } })).status).toBe(200)
}

/** Of everybody who signs in; the administrator has a second factor. */
async function startStrict(rooms: AccountRooms, rule = 'everyone') {
  const user = await rooms.makeUser(PERSON.email, PERSON.password)
  const admin = await rooms.login()
  await addFactor(rooms, admin, ADMIN.password)
  expect(await demand(rooms, admin, rule)).toMatchObject({ status: 200, body: { require_second_factor: rule } })
  return { user, admin }
}

describeOnEachDatabase('a second factor that is demanded', (open) => {
  test('whoever has none can do nothing but add one: no route of a session is open, none is forgotten', async () => {
    const rooms = await start(await open())
    const { user } = await startStrict(rooms)
    const answer = await rooms.send('POST', '/auth/login', { body: PERSON })
    expect(answer).toMatchObject({ status: 200, body: { must_add_second_factor: true } })
    const routes = [...rooms.accounts.routes, ...rooms.apiKeys.routes].filter((route) => route.credential === 'session')
    expect(routes.length).toBeGreaterThan(25)
    const open_: string[] = []
    for (const { method, path } of routes) {
      const sent = await rooms.send(method, path.replaceAll(/:\w+/g, user.id), {
        token: answer.body.token,
        ...(method === 'GET' ? {} : { body: {} }),
      })
      if (sent.body?.code !== 'second_factor_not_set_up') open_.push(`${method} ${path}`)
    }
    expect(open_.toSorted()).toEqual(OPEN_TO_THEM)
    await expect(
      rooms.authenticator.authenticateCaller({ kind: 'session', token: answer.body.token }),
    ).rejects.toMatchObject({ code: 'second_factor_not_set_up' })
    await expect(rooms.authenticator.recheck(answer.body.token)).rejects.toMatchObject({
      code: 'second_factor_not_set_up',
    })

    await addFactor(rooms, answer.body.token, PERSON.password)
    expect((await profile(rooms, answer.body.token)).status).toBe(200)
    const refreshed = await rooms.send('POST', '/auth/refresh', { cookie: answer.cookie })
    expect(refreshed.status).toBe(200)
    expect(refreshed.body).not.toHaveProperty('must_add_second_factor')
  })

  test('it holds for those who are signed in already, from the next request on, and ends with the rule', async () => {
    const rooms = await start(await open())
    const user = await rooms.makeUser(PERSON.email, PERSON.password)
    const admin = await rooms.login()
    await addFactor(rooms, admin, ADMIN.password)
    expect((await profile(rooms, user.token)).status).toBe(200)
    await demand(rooms, admin, 'everyone')
    expect(await profile(rooms, user.token)).toMatchObject(refused)
    await demand(rooms, admin, 'none')
    expect((await profile(rooms, user.token)).status).toBe(200)
  })

  test('of administrators only: users are spared until they become one', async () => {
    const rooms = await start(await open())
    const { user, admin } = await startStrict(rooms, 'admins')
    expect((await profile(rooms, user.token)).status).toBe(200)
    await rooms.send('PATCH', `/admin/users/${user.id}`, { token: admin, body: { role: 'admin' } })
    expect(await profile(rooms, user.token)).toMatchObject(refused)
  })

  test('it is demanded again where it was taken away', async () => {
    const rooms = await start(await open())
    const { user, admin } = await startStrict(rooms)
    await addFactor(rooms, user.token, PERSON.password)
    expect((await profile(rooms, user.token)).status).toBe(200)
    await rooms.send('DELETE', `/admin/users/${user.id}/second-factor`, { token: admin })
    expect(await profile(rooms, user.token)).toMatchObject(refused)
  })

  test('one that was begun and not confirmed does not count', async () => {
    const rooms = await start(await open())
    const { user } = await startStrict(rooms)
    await rooms.send('POST', '/auth/second-factor', { token: user.token, body: { password: PERSON.password } })
    expect(await profile(rooms, user.token)).toMatchObject(refused)
  })

  test('keys that exist go on serving: they are proofs of their own', async () => {
    const rooms = await start(await open())
    const user = await rooms.makeUser(PERSON.email, PERSON.password)
    const made = await rooms.send('POST', '/auth/api-keys', { token: user.token, body: { name: 'a program' } })
    expect(made.status).toBe(201)
    const admin = await rooms.login()
    await demand(rooms, admin, 'everyone')
    expect(await rooms.authenticator.authenticate({ kind: 'api-key', key: made.body.key })).toMatchObject({
      userId: user.id,
    })
    expect(await rooms.send('POST', '/auth/api-keys', { token: user.token, body: { name: 'one more' } })).toMatchObject(
      refused,
    )
  })

  test('the rule is set by administrators who signed in lately, and by whom is in the audit log', async () => {
    const rooms = await start(await open())
    const user = await rooms.makeUser(PERSON.email, PERSON.password)
    const admin = await rooms.login()
    const told = (await rooms.send('GET', '/admin/sign-in', { token: admin })).body
    expect(signInRulesSchema.parse(told)).toEqual({ require_second_factor: 'none' })
    expect((await demand(rooms, user.token, 'everyone')).body.code).toBe('forbidden')
    expect((await demand(rooms, admin, 'some')).body.code).toBe('validation_failed')
    rooms.clock.advance(10 * 60_000)
    expect((await demand(rooms, admin, 'none')).body.code).toBe('reauthentication_required')
    const again = await rooms.login()
    expect((await demand(rooms, again, 'admins')).status).toBe(200)
    const entries = await rooms.database.query
      .selectFrom('audit_log')
      .select(['actor_id', 'details'])
      .where('action', '=', 'sign-in-rules.changed')
      .execute()
    expect(entries).toHaveLength(1)
    expect(JSON.parse(entries[0]!.details)).toEqual({
      changes: { require_second_factor: { from: 'none', to: 'admins' } },
    })
    expect(rooms.announced).toContain('*')
  })

  test('a rule that nobody can read is the strictest', async () => {
    const rooms = await start(await open())
    const user = await rooms.makeUser(PERSON.email, PERSON.password)
    await rooms.database.query
      .insertInto('settings')
      .values({ name: 'require_second_factor', value: 'damaged', updated_at: 1, updated_by: null })
      .execute()
    rooms.clock.advance(5_000)
    expect(await profile(rooms, user.token)).toMatchObject(refused)
  })
})
