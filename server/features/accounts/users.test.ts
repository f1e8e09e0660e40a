// How accounts come to be and what administrators do with them, over HTTP, on both databases.
import { expect, test, afterEach } from 'vitest'
import { userAnswerSchema } from '../../../contract/accounts.ts'
import { createUserAnswerSchema, inviteSchema, resetLinkSchema, userListSchema } from '../../../contract/admin-users.ts'
import { ADMIN, openAccountRooms, type AccountRooms, type RoomOptions } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase, type OpenDatabase } from '../../../test/support/databases.ts'
import { Secret } from '../../kernel/secret.ts'

const opened: AccountRooms[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((rooms) => rooms.close()))
})

async function start(open: OpenDatabase, options?: RoomOptions): Promise<AccountRooms> {
  const rooms = await openAccountRooms(await open(), options)
  opened.push(rooms)
  return rooms
}

const FRESH = { email: 'new@example.org', password: 'a person of this server' }
const codeOf = (url: string) => url.split('#')[1]!

describeOnEachDatabase('set-up', (open) => {
  const setUp = (rooms: AccountRooms, code: string | null, changes: object = {}) =>
    rooms.send('POST', '/auth/setup', { body: { code, ...ADMIN, ...changes } })

  test('the printed code makes the first administrator once, signed in', async () => {
    const rooms = await start(open, { admin: false })
    const code = await rooms.accounts.issueSetupCode()
    expect((await rooms.send('GET', '/auth/setup')).body).toEqual({ needed: true })
    const done = await setUp(rooms, code, { name: 'Ada' })
    expect(done.status).toBe(201)
    expect(done.body.user).toMatchObject({ email: ADMIN.email, name: 'Ada', role: 'admin' })
    expect((await rooms.send('GET', '/auth/profile', { token: done.body.token })).status).toBe(200)
    expect((await rooms.send('POST', '/auth/refresh', { cookie: done.cookie })).status).toBe(200)
    expect((await rooms.send('GET', '/auth/setup')).body).toEqual({ needed: false })
    expect(await setUp(rooms, code)).toMatchObject({ status: 409, body: { code: 'setup_done' } })
    expect(await rooms.accounts.issueSetupCode()).toBeNull()
  })

  test('a wrong code, an old code and a replaced code are refused, and nobody is made', async () => {
    const rooms = await start(open, { admin: false })
    const first = await rooms.accounts.issueSetupCode()
    const second = await rooms.accounts.issueSetupCode()
    for (const code of ['x', `${second}x`, first]) {
      expect(await setUp(rooms, code)).toMatchObject({ status: 403, body: { code: 'invalid_setup_code' } })
    }
    rooms.clock.advance(3_600_000)
    expect((await setUp(rooms, second)).status).toBe(403)
    expect(await rooms.database.query.selectFrom('users').selectAll().execute()).toEqual([])
  })

  test('without any code issued no code is right', async () => {
    const rooms = await start(open, { admin: false })
    expect((await setUp(rooms, 'undefined')).status).toBe(403)
  })

  test('a refused password does not use the code up', async () => {
    const rooms = await start(open, { admin: false })
    const code = await rooms.accounts.issueSetupCode()
    const short = await setUp(rooms, code, { password: 'fourteen chars' })
    expect(short).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    expect(short.body.error).toContain('15')
    expect((await setUp(rooms, code)).status).toBe(201)
  })

  test('of several who set up at the same moment one becomes the administrator', async () => {
    const rooms = await start(open, { admin: false })
    const code = await rooms.accounts.issueSetupCode()
    const answers = await Promise.all([0, 1, 2, 3].map((i) => setUp(rooms, code, { email: `a${i}@example.org` })))
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409, 409])
    const admins = await rooms.database.query.selectFrom('users').selectAll().execute()
    expect(admins).toHaveLength(1)
  })

  test('guessing codes is slowed', async () => {
    const rooms = await start(open, { admin: false })
    const statuses = []
    for (let i = 0; i < 21; i++) statuses.push((await setUp(rooms, `guess-${i}`)).status)
    expect(statuses.at(-1)).toBe(429)
    expect(statuses.slice(0, 20).every((status) => status === 403)).toBe(true)
  })

  test('with an administrator from the environment the set-up page is off', async () => {
    const rooms = await start(open, { settings: { environmentAdmin: true } })
    expect((await rooms.send('GET', '/auth/setup')).status).toBe(404)
    expect((await setUp(rooms, 'x')).status).toBe(404)
    expect(await rooms.accounts.issueSetupCode()).toBeNull()
    expect(await rooms.login()).toBeTypeOf('string')
  })

  test('the environment makes an administrator only while there is none, and names the variable when it cannot', async () => {
    const rooms = await start(open)
    const other = { email: 'other@example.org', password: new Secret('some other password') }
    expect(await rooms.accounts.ensureEnvironmentAdmin(other)).toEqual({ created: false, warning: null })
    const empty = await start(open, { admin: false })
    await expect(
      empty.accounts.ensureEnvironmentAdmin({ email: ADMIN.email, password: new Secret('short') }),
    ).rejects.toThrow('UNIROUTE_ADMIN_PASSWORD')
    const common = await empty.accounts.ensureEnvironmentAdmin({
      email: ADMIN.email,
      password: new Secret('password123'),
    })
    expect(common).toMatchObject({ created: true, warning: expect.stringContaining('UNIROUTE_ADMIN_PASSWORD') })
  })

  test('two processes that start at the same moment make one administrator', async () => {
    const database = await open()
    const rooms = [
      await openAccountRooms(database, { admin: false }),
      await openAccountRooms(await open({ sameAs: database }), { admin: false }),
    ]
    opened.push(...rooms)
    const results = await Promise.all(
      rooms.map((room, i) =>
        room.accounts.ensureEnvironmentAdmin({ email: `a${i}@example.org`, password: new Secret(ADMIN.password) }),
      ),
    )
    expect(results.filter((result) => result.created)).toHaveLength(1)
  })
})

describeOnEachDatabase('registration', (open) => {
  const register = (rooms: AccountRooms, changes: object = {}) =>
    rooms.send('POST', '/auth/register', { body: { ...FRESH, ...changes } })

  test('open: anybody makes a plain account, which then signs in', async () => {
    const rooms = await start(open)
    const answer = await register(rooms)
    expect(answer.status).toBe(201)
    expect(userAnswerSchema.parse(answer.body)).toEqual(answer.body)
    expect(answer.body.user).toMatchObject({
      email: FRESH.email,
      name: 'new',
      role: 'user',
      is_active: true,
      fallback: 'allow',
    })
    expect(await rooms.login(FRESH.email, FRESH.password)).toBeTypeOf('string')
  })

  test('a taken address is said, in any case and also in a race', async () => {
    const rooms = await start(open)
    const answers = await Promise.all([register(rooms), register(rooms, { email: 'NEW@example.org' }), register(rooms)])
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409])
    expect(answers.find((answer) => answer.status === 409)!.body.code).toBe('email_taken')
  })

  test('nobody registers as an administrator, nor with any other field', async () => {
    const rooms = await start(open)
    for (const extra of [{ role: 'admin' }, { is_active: true }, { auth_gen: 9 }, { id: 'x' }]) {
      expect((await register(rooms, extra)).status).toBe(400)
    }
    expect(await rooms.database.query.selectFrom('users').select('email').execute()).toEqual([{ email: ADMIN.email }])
  })

  test('short and common passwords are refused with a sentence that does not repeat them', async () => {
    const rooms = await start(open)
    for (const password of ['seven77', 'Password1!']) {
      const answer = await register(rooms, { password })
      expect(answer).toMatchObject({
        status: 400,
        body: { code: 'validation_failed', details: [{ path: 'password' }] },
      })
      expect(JSON.stringify(answer.body)).not.toContain(password)
    }
  })

  test('closed: nobody, whatever they bring', async () => {
    const rooms = await start(open, { settings: { registration: 'closed' } })
    expect(await register(rooms)).toMatchObject({ status: 403, body: { code: 'registration_closed' } })
    const invite = await rooms.send('POST', '/admin/invites', { token: await rooms.login(), body: {} })
    expect(invite.status).toBe(409)
  })

  test('invite: one invitation makes one account, for its address only, while it lasts', async () => {
    const rooms = await start(open, { settings: { registration: 'invite' } })
    const token = await rooms.login()
    const make = async (body: object = {}) => (await rooms.send('POST', '/admin/invites', { token, body })).body
    const invite = await make()
    expect(inviteSchema.parse(invite)).toEqual(invite)
    expect(codeOf(invite.url)).toBe(invite.code)
    expect(await register(rooms)).toMatchObject({ status: 403, body: { code: 'invalid_invite' } })
    expect((await register(rooms, { invite: 'x' })).status).toBe(403)
    const answers = await Promise.all(
      [0, 1, 2].map((i) => register(rooms, { email: `u${i}@example.org`, invite: invite.code })),
    )
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 403, 403])

    const personal = await make({ email: 'Bob@example.org', expires_in_hours: 1 })
    expect((await register(rooms, { invite: personal.code })).status).toBe(403)
    expect((await register(rooms, { email: 'bob@example.org', invite: personal.code })).status).toBe(201)
    const late = await make({ expires_in_hours: 1 })
    rooms.clock.advance(3_600_000)
    expect((await register(rooms, { invite: late.code })).status).toBe(403)
    const stored = JSON.stringify(await rooms.database.query.selectFrom('one_time_codes').selectAll().execute())
    expect(stored).not.toContain(late.code)
  })

  test('is slowed per address', async () => {
    const rooms = await start(open)
    const statuses = []
    for (let i = 0; i < 61; i++)
      statuses.push((await register(rooms, { password: 'short', email: `u${i}@example.org` })).status)
    expect(statuses.at(-1)).toBe(429)
    expect((await rooms.send('POST', '/auth/register', { body: FRESH, ip: '198.51.100.9' })).status).toBe(201)
  })
})

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
