// Forgotten passwords, profiles and what administrators do with users, over HTTP, on both databases.
import { expect, test } from 'vitest'
import { sessionListSchema } from '../../../contract/accounts.ts'
import { createUserAnswerSchema, resetLinkSchema, userListSchema } from '../../../contract/admin-users.ts'
import { ADMIN, type AccountRooms, useAccountRooms, type RoomOptions } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase, type OpenDatabase } from '../../../test/support/databases.ts'

const openRooms = useAccountRooms()

const start = async (open: OpenDatabase, options?: RoomOptions): Promise<AccountRooms> =>
  openRooms(await open(), options)

const codeOf = (url: string) => url.split('#')[1]!

describeOnEachDatabase('a forgotten password', (open) => {
  test('asking says the same for every address', async () => {
    const rooms = await start(open)
    const ask = (email: string) => rooms.send('POST', '/auth/reset-request', { body: { email } })
    const [known, unknown] = [await ask(ADMIN.email), await ask('nobody@example.org')]
    expect(known.status).toBe(200)
    expect(known.body).toEqual(unknown.body)
    expect(known.body.message).toContain('uniroute reset-password')
  })

  test('the administrator’s link sets a new password once, and ends all sessions', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const token = await rooms.login()
    const link = await rooms.send('POST', `/admin/users/${user.id}/reset-link`, { token })
    expect(link.status).toBe(201)
    expect(resetLinkSchema.parse(link.body)).toEqual(link.body)
    const reset = (code: string, password = 'an entirely new one') =>
      rooms.send('POST', '/auth/reset', { body: { code, password } })
    expect((await reset(codeOf(link.body.url), 'short')).status).toBe(400)
    expect((await reset('guess')).body.code).toBe('invalid_reset_code')
    const answers = await Promise.all([reset(codeOf(link.body.url)), reset(codeOf(link.body.url))])
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 403])
    expect((await rooms.send('GET', '/auth/profile', { token: user.token })).status).toBe(401)
    expect(await rooms.login(user.email, 'an entirely new one')).toBeTypeOf('string')
    await expect(rooms.login(user.email, user.password)).rejects.toThrow('401')
  })

  test('a newer link replaces the older, and a link ends after a day; an invitation is no reset link', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const token = await rooms.login()
    const make = async () =>
      codeOf((await rooms.send('POST', `/admin/users/${user.id}/reset-link`, { token: await rooms.login() })).body.url)
    const reset = async (code: string) =>
      (await rooms.send('POST', '/auth/reset', { body: { code, password: 'an entirely new one' } })).status
    const invite = await rooms.send('POST', '/admin/invites', { token, body: {} })
    const [older, newer] = [await make(), await make()]
    expect(await reset(invite.body.code)).toBe(403)
    expect(await reset(older)).toBe(403)
    expect(await reset(newer)).toBe(200)
    const late = await make()
    rooms.clock.advance(24 * 3_600_000)
    expect(await reset(late)).toBe(403)
  })

  test('the command line can make a link without any administrator', async () => {
    const rooms = await start(open)
    const link = await rooms.accounts.makeResetLinkByEmail(' Admin@Example.org')
    const body = { code: codeOf(link!.url), password: 'an entirely new one' }
    expect((await rooms.send('POST', '/auth/reset', { body })).status).toBe(200)
    expect(await rooms.accounts.makeResetLinkByEmail('nobody@example.org')).toBeNull()
  })
})

describeOnEachDatabase('the profile', (open) => {
  test('name and fallback can be changed, nothing else', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const put = (body: object) => rooms.send('PUT', '/auth/profile', { token: user.token, body })
    expect((await put({ name: 'Ada', fallback: ['no_key', 'no_key', 'outage'] })).body.user).toMatchObject({
      name: 'Ada',
      fallback: ['no_key', 'outage'],
    })
    expect((await put({ fallback: 'never' })).body.user).toMatchObject({ name: 'Ada', fallback: 'never' })
    for (const body of [
      { role: 'admin' },
      { is_active: false },
      { email: 'x@example.org' },
      { fallback: ['gold'] },
      { name: '' },
      { name: 'a\u0000b' },
    ]) {
      expect((await put(body)).status).toBe(400)
    }
    expect((await rooms.send('GET', '/auth/profile', { token: user.token })).body.user).toMatchObject({
      role: 'user',
      email: user.email,
    })
  })
})

describeOnEachDatabase('administration of users', (open) => {
  test('plain users reach none of it', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const calls: [string, string, object?][] = [
      ['GET', '/admin/users'],
      ['POST', '/admin/users', { email: 'x@example.org' }],
      ['PATCH', `/admin/users/${user.id}`, { role: 'admin' }],
      ['POST', `/admin/users/${user.id}/reset-link`],
      ['POST', '/admin/invites', {}],
    ]
    for (const [method, path, body] of calls) {
      expect((await rooms.send(method, path, { token: user.token, body })).status, path).toBe(403)
      expect((await rooms.send(method, path, { body })).status, path).toBe(401)
    }
  })

  test('a user without password gets a link to choose one', async () => {
    const rooms = await start(open)
    const made = await rooms.send('POST', '/admin/users', {
      token: await rooms.login(),
      body: { email: 'a@example.org', role: 'admin' },
    })
    expect(made.status).toBe(201)
    expect(createUserAnswerSchema.parse(made.body)).toEqual(made.body)
    const body = { code: codeOf(made.body.reset_link.url), password: 'a person of this server' }
    expect((await rooms.send('POST', '/auth/reset', { body })).status).toBe(200)
    await rooms.login('a@example.org', body.password)
    const again = await rooms.send('POST', '/admin/users', {
      token: await rooms.login(),
      body: { email: 'A@example.org' },
    })
    expect(again).toMatchObject({ status: 409, body: { code: 'email_taken' } })
  })

  test('an administrator sees and ends the sessions of a user, by name in the audit; nobody else does', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const other = await rooms.makeUser('b@example.org')
    const token = await rooms.login()
    const path = `/admin/users/${user.id}/sessions`
    expect((await rooms.send('GET', path, { token: other.token })).status).toBe(403)
    const { sessions } = sessionListSchema.parse((await rooms.send('GET', path, { token })).body)
    expect(sessions).toMatchObject([{ current: false }])
    const end = (who: string, id = sessions[0]!.id) =>
      rooms.send('DELETE', `/admin/users/${who}/sessions/${id}`, { token })
    // A session is found below its own user only.
    expect((await end(other.id)).status).toBe(404)
    expect((await end(user.id, 'sess_made-up')).status).toBe(404)
    expect((await end(user.id)).status).toBe(200)
    expect((await rooms.send('GET', '/auth/profile', { token: user.token })).status).toBe(401)
    expect((await rooms.send('GET', path, { token })).body.sessions).toEqual([])
    const [entry] = await rooms.database.query
      .selectFrom('audit_log')
      .selectAll()
      .where('action', '=', 'session.revoked')
      .execute()
    expect(entry!.actor_id).not.toBe(user.id)
  })

  test('the list comes in pages that hold everybody once', async () => {
    const rooms = await start(open)
    for (let i = 0; i < 7; i++)
      await rooms.send('POST', '/admin/users', { token: await rooms.login(), body: { email: `u${i}@example.org` } })
    const emails: string[] = []
    let after = ''
    for (;;) {
      const page = await rooms.send('GET', `/admin/users?limit=3${after}`, { token: await rooms.login() })
      expect(userListSchema.parse(page.body)).toEqual(page.body)
      emails.push(...page.body.users.map((user: any) => user.email))
      if (page.body.next === null) break
      after = `&after=${encodeURIComponent(page.body.next)}`
    }
    expect(emails).toEqual([ADMIN.email, ...Array.from({ length: 7 }, (_, i) => `u${i}@example.org`)])
    expect(JSON.stringify(emails)).not.toContain('argon2')
  })

  test('switching an account off acts on the very next request, and on again needs a new sign-in', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const signedIn = await rooms.send('POST', '/auth/login', { body: { email: user.email, password: user.password } })
    const patch = async (body: object) =>
      rooms.send('PATCH', `/admin/users/${user.id}`, { token: await rooms.login(), body })
    expect((await rooms.send('GET', '/auth/profile', { token: user.token })).status).toBe(200)
    expect((await patch({ is_active: false })).body.user.is_active).toBe(false)
    expect((await rooms.send('GET', '/auth/profile', { token: user.token })).status).toBe(401)
    expect((await rooms.send('POST', '/auth/refresh', { cookie: signedIn.cookie })).status).toBe(401)
    await expect(rooms.login(user.email, user.password)).rejects.toThrow('401')
    expect((await patch({ is_active: true })).status).toBe(200)
    expect((await rooms.send('GET', '/auth/profile', { token: user.token })).status).toBe(401)
    expect((await rooms.send('POST', '/auth/refresh', { cookie: signedIn.cookie })).status).toBe(401)
    await rooms.login(user.email, user.password)
  })

  test('a change of role acts on the next request of a running session', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const patch = async (role: string) =>
      rooms.send('PATCH', `/admin/users/${user.id}`, { token: await rooms.login(), body: { role } })
    const look = async () => (await rooms.send('GET', '/admin/users', { token: user.token })).status
    expect(await look()).toBe(403)
    await patch('admin')
    expect(await look()).toBe(200)
    await patch('user')
    expect(await look()).toBe(403)
  })

  test('the last active administrator stays, also when two remove each other at the same moment', async () => {
    const rooms = await start(open)
    const patch = (token: string, id: string, body: object) =>
      rooms.send('PATCH', `/admin/users/${id}`, { token, body })
    const token = await rooms.login()
    const me = (await rooms.send('GET', '/auth/profile', { token })).body.user.id
    for (const body of [{ role: 'user' }, { is_active: false }, { role: 'user', name: 'x' }]) {
      expect(await patch(token, me, body)).toMatchObject({ status: 409, body: { code: 'conflict' } })
    }
    for (let round = 0; round < 5; round++) {
      const other = await rooms.makeUser(`admin${round}@example.org`)
      await patch(await rooms.login(), other.id, { role: 'admin' })
      const answers = await Promise.all([
        patch(await rooms.login(), other.id, { role: 'user' }),
        patch(other.token, me, { is_active: false }),
      ])
      expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1)
      const admins = await rooms.database.query
        .selectFrom('users')
        .select('id')
        .where('role', '=', 'admin')
        .where('is_active', '=', true)
        .execute()
      expect(admins).toHaveLength(1)
      if (admins[0]!.id !== me) {
        await patch(other.token, me, { is_active: true })
        await patch(other.token, other.id, { role: 'user' })
      }
    }
  })

  test('unknown users and ids that are none are 404; unknown fields are refused', async () => {
    const rooms = await start(open)
    const token = await rooms.login()
    for (const id of ['x', '00000000-0000-4000-8000-000000000000', "1' OR '1'='1"]) {
      expect(
        (await rooms.send('PATCH', `/admin/users/${encodeURIComponent(id)}`, { token, body: { name: 'x' } })).status,
      ).toBe(404)
      expect((await rooms.send('POST', `/admin/users/${encodeURIComponent(id)}/reset-link`, { token })).status).toBe(
        404,
      )
    }
    const user = await rooms.makeUser('a@example.org')
    for (const body of [{ password_hash: 'x' }, { email: 'b@example.org' }, { role: 'root' }]) {
      expect((await rooms.send('PATCH', `/admin/users/${user.id}`, { token, body })).status).toBe(400)
    }
  })

  test('all of it stands in the audit log, whose chain holds, without any secret', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const link = await rooms.send('POST', `/admin/users/${user.id}/reset-link`, { token: await rooms.login() })
    await rooms.send('POST', '/auth/reset', { body: { code: codeOf(link.body.url), password: 'an entirely new one' } })
    await rooms.send('PATCH', `/admin/users/${user.id}`, { token: await rooms.login(), body: { is_active: false } })
    const rows = await rooms.database.query.selectFrom('audit_log').selectAll().orderBy('sequence').execute()
    const actions = rows.map((row) => row.action)
    for (const action of [
      'setup.completed',
      'session.begun',
      'user.created',
      'user.reset-link-made',
      'user.password-reset',
      'user.changed',
    ]) {
      expect(actions).toContain(action)
    }
    const text = JSON.stringify(rows)
    for (const secret of [codeOf(link.body.url), user.password, 'an entirely new one', user.token])
      expect(text).not.toContain(secret)
    expect(await rooms.audit.verify()).toMatchObject({ ok: true, entries: rows.length })
  })
})

describeOnEachDatabase('what an administrator does with accounts', (open) => {
  test('wants a sign-in of the last ten minutes, and changes nothing without one', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const token = await rooms.login()
    rooms.clock.advance(10 * 60_000)
    const theirs = (await rooms.send('GET', `/admin/users/${user.id}/sessions`, { token })).body.sessions[0]
    const acts: [string, string, object?][] = [
      ['POST', '/admin/users', { email: 'b@example.org', role: 'admin' }],
      ['PATCH', `/admin/users/${user.id}`, { role: 'admin' }],
      ['POST', `/admin/users/${user.id}/reset-link`],
      ['DELETE', `/admin/users/${user.id}/sessions/${theirs.id}`],
      ['DELETE', `/admin/users/${user.id}/second-factor`],
      ['POST', '/admin/invites', {}],
    ]
    const tables = ['users', 'sessions', 'one_time_codes', 'audit_log'] as const
    const look = async () =>
      Promise.all(tables.map((table) => rooms.database.query.selectFrom(table).selectAll().execute()))
    const before = await look()
    for (const [method, path, body] of acts) {
      const refused = await rooms.send(method, path, { token, body })
      expect(refused, `${method} ${path}`).toMatchObject({ status: 403, body: { code: 'reauthentication_required' } })
    }
    expect(await look()).toEqual(before)
    const again = await rooms.login()
    const statuses = []
    for (const [method, path, body] of acts)
      statuses.push((await rooms.send(method, path, { token: again, body })).status)
    // Nobody has a second factor here.
    expect(statuses).toEqual([201, 200, 201, 200, 404, 201])
  })
})
