// How accounts come to be: set-up and registration, over HTTP, on both databases.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { userAnswerSchema } from '../../../contract/accounts.ts'
import { inviteSchema } from '../../../contract/admin-users.ts'
import {
  ADMIN,
  type AccountRooms,
  createMovableClock,
  useAccountRooms,
  type RoomOptions,
} from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase, type OpenDatabase } from '../../../test/support/databases.ts'
import { Secret } from '../../kernel/secret.ts'

const openRooms = useAccountRooms()

const start = async (open: OpenDatabase, options?: RoomOptions): Promise<AccountRooms> =>
  openRooms(await open(), options)

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

  test('a wrong code, a changed one, an old one and one of another installation are refused, and nobody is made', async () => {
    const rooms = await start(open, { admin: false })
    const code = (await rooms.accounts.issueSetupCode())!
    const other = (await start(open, { admin: false, clock: rooms.clock })).accounts
    const later = `${code.startsWith('A') ? 'B' : 'A'}${code.slice(1)}`
    for (const wrong of ['x', `${code}x`, code.slice(1), later, await other.issueSetupCode()]) {
      expect(await setUp(rooms, wrong)).toMatchObject({ status: 403, body: { code: 'invalid_setup_code' } })
    }
    rooms.clock.advance(3_600_000)
    expect((await setUp(rooms, code)).status).toBe(403)
    expect(await rooms.database.query.selectFrom('users').selectAll().execute()).toEqual([])
  })

  test('the code that one instance printed is good at another, and once at all of them', async () => {
    const [database, key, clock] = [await open(), randomBytes(32), createMovableClock()]
    const [one, other] = [
      await openRooms(database, { admin: false, key, clock }),
      await openRooms(database, { admin: false, key, clock }),
    ]
    const codes = [await one.accounts.issueSetupCode(), await other.accounts.issueSetupCode()]
    expect(codes[0]).not.toBe(codes[1])
    expect((await setUp(other, codes[0]!)).status).toBe(201)
    for (const rooms of [one, other]) {
      for (const code of codes) expect((await setUp(rooms, code!)).status).toBe(409)
    }
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
      await openRooms(database, { admin: false }),
      await openRooms(await open({ sameAs: database }), { admin: false }),
    ]
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
