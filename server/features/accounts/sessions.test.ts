// Signing in, refreshing, signing out and the changes that end sessions, over HTTP, on both databases.
import { expect, test } from 'vitest'
import { ADMIN, type AccountRooms, useAccountRooms, type RoomOptions } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase, type OpenDatabase } from '../../../test/support/databases.ts'
import { sessionAnswerSchema } from '../../../contract/accounts.ts'

const openRooms = useAccountRooms()

const start = async (open: OpenDatabase, options?: RoomOptions): Promise<AccountRooms> =>
  openRooms(await open(), options)

const login = (rooms: AccountRooms, email = ADMIN.email, password = ADMIN.password) =>
  rooms.send('POST', '/auth/login', { body: { email, password } })
const profile = (rooms: AccountRooms, token: string) => rooms.send('GET', '/auth/profile', { token })
const refresh = (rooms: AccountRooms, cookie: string | undefined, headers: Record<string, string> = {}) =>
  rooms.send('POST', '/auth/refresh', { cookie, headers })

describeOnEachDatabase('signing in', (open) => {
  test('the right password gives a token that opens the profile, and a cookie no script can read', async () => {
    const rooms = await start(open)
    const answer = await login(rooms)
    expect(answer.status).toBe(200)
    expect(sessionAnswerSchema.parse(answer.body)).toEqual(answer.body)
    expect(Date.parse(answer.body.expires_at)).toBe(rooms.clock.now() + 15 * 60_000)
    expect(answer.setCookie).toMatch(/^uniroute_refresh=[^;]+; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/)
    expect((await profile(rooms, answer.body.token)).body.user).toMatchObject({ email: ADMIN.email, role: 'admin' })
    expect(JSON.stringify(answer.body)).not.toContain(answer.cookie!.split('=')[1])
  })

  test('over https the cookie is bound to the host', async () => {
    const rooms = await start(open)
    const answer = await rooms.send('POST', '/auth/login', {
      body: { email: ADMIN.email, password: ADMIN.password },
      headers: { 'x-forwarded-proto': 'https' },
    })
    expect(answer.setCookie).toMatch(/^__Host-uniroute_refresh=[^;]+;.*; Secure$/)
  })

  test('the address may be typed in any case', async () => {
    expect((await login(await start(open), ' ADMIN@Example.ORG ')).status).toBe(200)
  })

  test('a wrong password, an unknown address, an account without password and one switched off get one answer', async () => {
    const rooms = await start(open)
    const token = await rooms.login()
    const off = await rooms.makeUser('off@example.org')
    await rooms.send('PATCH', `/admin/users/${off.id}`, { token, body: { is_active: false } })
    await rooms.send('POST', '/admin/users', { token, body: { email: 'nopass@example.org' } })
    const answers = await Promise.all([
      login(rooms, ADMIN.email, 'wrong password'),
      login(rooms, 'nobody@example.org', 'wrong password'),
      login(rooms, 'nopass@example.org', 'wrong password'),
      login(rooms, off.email, off.password),
    ])
    for (const answer of answers) {
      expect(answer.status).toBe(401)
      expect(answer.body).toEqual(answers[0]!.body)
      expect(answer.setCookie).toBeUndefined()
    }
    expect(answers[0]!.body.code).toBe('invalid_credentials')
  })

  test('guessing ends in 429 with Retry-After, also for an address that does not exist', async () => {
    const rooms = await start(open)
    for (const email of [ADMIN.email, 'nobody@example.org']) {
      const statuses: number[] = []
      for (let i = 0; i < 11; i++) statuses.push((await login(rooms, email, 'wrong password')).status)
      expect(statuses).toEqual([...Array<number>(10).fill(401), 429])
    }
    const refused = await login(rooms)
    expect(refused.body.code).toBe('too_many_attempts')
    rooms.clock.advance(Number(refused.headers.get('retry-after')) * 1000)
    expect((await login(rooms)).status).toBe(200)
  })

  test('unknown and malformed fields are refused without repeating them', async () => {
    const rooms = await start(open)
    const answer = await rooms.send('POST', '/auth/login', {
      body: { email: 'x', password: 'hunter2-hunter2', role: 'admin' },
    })
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    expect(JSON.stringify(answer.body)).not.toContain('hunter2')
  })

  test('neither passwords nor tokens reach the database or the log', async () => {
    const rooms = await start(open)
    const { body, cookie } = await login(rooms)
    await refresh(rooms, cookie)
    const tables = ['users', 'sessions', 'audit_log', 'one_time_codes'] as const
    const stored = await Promise.all(
      tables.map((table) => rooms.database.query.selectFrom(table).selectAll().execute()),
    )
    const everything = JSON.stringify([stored, rooms.logged])
    for (const secret of [ADMIN.password, body.token, ...cookie!.split('=')[1]!.split('.').slice(1)]) {
      expect(everything).not.toContain(secret)
    }
  })
})

describeOnEachDatabase('refreshing', (open) => {
  test('each refresh gives a new token and a new cookie that work', async () => {
    const rooms = await start(open)
    let { cookie, body } = await login(rooms)
    for (let i = 0; i < 3; i++) {
      rooms.clock.advance(20 * 60_000)
      expect((await profile(rooms, body.token)).body.code).toBe('session_expired')
      const next = await refresh(rooms, cookie)
      expect(next.status).toBe(200)
      expect(next.cookie).not.toBe(cookie)
      expect((await profile(rooms, next.body.token)).status).toBe(200)
      ;({ cookie, body } = next)
    }
  })

  test('two tabs that refresh together both stay signed in, with the same next cookie', async () => {
    const rooms = await start(open)
    const { cookie } = await login(rooms)
    const tabs = await Promise.all([refresh(rooms, cookie), refresh(rooms, cookie), refresh(rooms, cookie)])
    expect(tabs.map((tab) => tab.status)).toEqual([200, 200, 200])
    expect(new Set(tabs.map((tab) => tab.cookie)).size).toBe(1)
    rooms.clock.advance(29_000)
    const late = await refresh(rooms, cookie)
    expect(late.cookie).toBe(tabs[0]!.cookie)
    rooms.clock.advance(60_000)
    expect((await refresh(rooms, late.cookie)).status).toBe(200)
  })

  test('a refresh that arrives after those of the next pages is forgiven too, and sets nothing back', async () => {
    const rooms = await start(open)
    const { cookie } = await login(rooms)
    const next = await refresh(rooms, cookie)
    for (let page = 0; page < 3; page++) expect((await refresh(rooms, next.cookie)).cookie).toBe(next.cookie)
    const overtaken = await refresh(rooms, cookie)
    expect([overtaken.status, overtaken.cookie]).toEqual([200, next.cookie])
    expect((await profile(rooms, overtaken.body.token)).status).toBe(200)
    rooms.clock.advance(31_000)
    expect((await refresh(rooms, next.cookie)).cookie).not.toBe(next.cookie)
  })

  test('an old cookie after the grace ends the session for whoever holds it', async () => {
    const rooms = await start(open)
    const { cookie } = await login(rooms)
    const next = await refresh(rooms, cookie)
    rooms.clock.advance(31_000)
    expect((await refresh(rooms, cookie)).body.code).toBe('session_expired')
    expect((await refresh(rooms, next.cookie)).status).toBe(401)
    expect((await profile(rooms, next.body.token)).status).toBe(401)
    const actions = await rooms.database.query.selectFrom('audit_log').select('action').execute()
    expect(actions.map((row) => row.action)).toContain('session.reuse-detected')
  })

  test('a cookie from long ago ends the session too, even when it is not the last but one', async () => {
    const rooms = await start(open)
    const first = await login(rooms)
    const second = await refresh(rooms, first.cookie)
    rooms.clock.advance(31_000)
    const third = await refresh(rooms, second.cookie)
    expect(third.cookie).not.toBe(second.cookie)
    expect((await refresh(rooms, first.cookie)).status).toBe(401)
    expect((await refresh(rooms, third.cookie)).status).toBe(401)
  })

  test('a guessed cookie is refused and ends nobody’s session', async () => {
    const rooms = await start(open)
    const { cookie, body } = await login(rooms)
    const [id, secret, seal] = cookie!.split('=')[1]!.split('.')
    const guesses = [
      '',
      'x',
      'a.b.c',
      `${id}.${'A'.repeat(43)}.${seal}`,
      `${id}.${secret}.${'A'.repeat(22)}`,
      `01ARZ3NDEKTSV4RRFFQ69G5FAV.${secret}.${seal}`,
    ]
    for (const guess of guesses) expect((await refresh(rooms, `uniroute_refresh=${guess}`)).status).toBe(401)
    expect((await refresh(rooms, undefined)).status).toBe(401)
    expect((await profile(rooms, body.token)).status).toBe(200)
    expect((await refresh(rooms, cookie)).status).toBe(200)
  })

  test('a page of another site can neither refresh nor sign out', async () => {
    const rooms = await start(open)
    const { cookie, body } = await login(rooms)
    const foreign = { origin: 'https://evil.example' }
    expect((await refresh(rooms, cookie, foreign)).status).toBe(403)
    expect((await rooms.send('POST', '/auth/logout', { cookie, headers: foreign })).status).toBe(403)
    expect((await profile(rooms, body.token)).status).toBe(200)
  })

  test('a session ends after thirty days however often it is refreshed', async () => {
    const rooms = await start(open)
    let { cookie } = await login(rooms)
    for (let day = 0; day < 29; day++) {
      rooms.clock.advance(86_400_000)
      cookie = (await refresh(rooms, cookie)).cookie
    }
    rooms.clock.advance(86_400_000)
    expect((await refresh(rooms, cookie)).body.code).toBe('session_expired')
  })

  test('a session that nobody used for a week is over, its stream too, and is not listed any more', async () => {
    const rooms = await start(open)
    const [left, used] = [await login(rooms), await login(rooms)]
    rooms.clock.advance(6 * 86_400_000)
    const next = await refresh(rooms, used.cookie)
    rooms.clock.advance(86_400_000)
    expect((await refresh(rooms, left.cookie)).body.code).toBe('session_expired')
    await expect(rooms.authenticator.recheck(left.body.token)).rejects.toMatchObject({ code: 'session_expired' })
    await rooms.authenticator.recheck(next.body.token)
    const renewed = await refresh(rooms, next.cookie)
    const list = await rooms.send('GET', '/auth/sessions', { token: renewed.body.token })
    expect(list.body.sessions.map(({ current }: { current: boolean }) => current)).toEqual([true])
  })

  test('how long that may be is the operator’s', async () => {
    const rooms = await start(open, { settings: { sessionIdleMs: 20 * 60_000 } })
    const { cookie } = await login(rooms)
    rooms.clock.advance(19 * 60_000)
    const next = await refresh(rooms, cookie)
    rooms.clock.advance(20 * 60_000)
    expect((await refresh(rooms, next.cookie)).body.code).toBe('session_expired')
  })

  test('tokens and cookies of another installation are refused', async () => {
    const database = await open()
    const [here, elsewhere] = [await openRooms(database), await openRooms(database)]
    const { cookie, body } = await login(elsewhere)
    expect((await profile(here, body.token)).body.code).toBe('unauthenticated')
    expect((await refresh(here, cookie)).status).toBe(401)
    expect((await refresh(elsewhere, cookie)).status).toBe(200)
  })
})

describeOnEachDatabase('ending sessions', (open) => {
  test('signing out ends this session at once, clears the cookie, and may be repeated', async () => {
    const rooms = await start(open)
    const [here, there] = [await login(rooms), await login(rooms)]
    const answer = await rooms.send('POST', '/auth/logout', { cookie: here.cookie })
    expect(answer.status).toBe(200)
    expect(answer.setCookie).toContain('Max-Age=0')
    expect((await profile(rooms, here.body.token)).body.code).toBe('session_expired')
    expect((await refresh(rooms, here.cookie)).status).toBe(401)
    expect((await profile(rooms, there.body.token)).status).toBe(200)
    expect((await rooms.send('POST', '/auth/logout', { cookie: here.cookie })).status).toBe(200)
    expect((await rooms.send('POST', '/auth/logout')).status).toBe(200)
  })

  test('who was let in before stays in past the token’s own end, until the session ends', async () => {
    const rooms = await start(open)
    const { body, cookie } = await login(rooms)
    rooms.clock.advance(20 * 60_000)
    expect((await profile(rooms, body.token)).body.code).toBe('session_expired')
    await rooms.authenticator.recheck(body.token)
    await expect(rooms.authenticator.recheck(`${body.token.slice(0, -4)}AAAA`)).rejects.toMatchObject({
      code: 'unauthenticated',
    })
    await rooms.send('POST', '/auth/logout', { cookie })
    await expect(rooms.authenticator.recheck(body.token)).rejects.toMatchObject({ code: 'session_expired' })
  })

  test('one’s sessions are listed, and one of them can be ended; nobody else’s can', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const other = await login(rooms, user.email, user.password)
    const list = await rooms.send('GET', '/auth/sessions', { token: user.token })
    expect(list.body.sessions).toHaveLength(2)
    const mine = list.body.sessions.find((session: any) => session.current)
    const theirs = list.body.sessions.find((session: any) => !session.current)
    expect(mine.id).toMatch(/^sess_/)
    const admin = await rooms.login()
    expect((await rooms.send('DELETE', `/auth/sessions/${theirs.id}`, { token: admin })).status).toBe(404)
    expect((await rooms.send('DELETE', `/auth/sessions/${theirs.id}`, { token: user.token })).status).toBe(200)
    expect((await profile(rooms, other.body.token)).status).toBe(401)
    expect((await profile(rooms, user.token)).status).toBe(200)
    for (const id of ['x', 'sess_x', `sess_${'0'.repeat(26)}`, theirs.id]) {
      expect((await rooms.send('DELETE', `/auth/sessions/${id}`, { token: user.token })).status).toBe(404)
    }
  })

  test('ending a session wants a sign-in of the last ten minutes', async () => {
    const rooms = await start(open)
    const [here, there] = [await login(rooms), await login(rooms)]
    const { sessions } = (await rooms.send('GET', '/auth/sessions', { token: here.body.token })).body
    const other = sessions.find((session: any) => !session.current)
    rooms.clock.advance(10 * 60_000)
    const refused = await rooms.send('DELETE', `/auth/sessions/${other.id}`, { token: here.body.token })
    expect(refused).toMatchObject({ status: 403, body: { code: 'reauthentication_required' } })
    expect((await profile(rooms, there.body.token)).status).toBe(200)
    const again = await login(rooms)
    const ended = await rooms.send('DELETE', `/auth/sessions/${other.id}`, { token: again.body.token })
    expect(ended.status).toBe(200)
  })

  test('a new password ends every other session at once, keeps this one, and the old password is dead', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const [here, there] = [await login(rooms, user.email, user.password), await login(rooms, user.email, user.password)]
    const body = { current_password: user.password, new_password: 'an entirely new one' }
    const changed = await rooms.send('PUT', '/auth/profile/password', { token: here.body.token, body })
    expect(changed.status).toBe(200)
    expect((await profile(rooms, there.body.token)).status).toBe(401)
    expect((await refresh(rooms, there.cookie)).status).toBe(401)
    expect((await profile(rooms, here.body.token)).status).toBe(401)
    expect((await profile(rooms, changed.body.token)).status).toBe(200)
    expect((await refresh(rooms, here.cookie)).status).toBe(200)
    expect((await login(rooms, user.email, user.password)).status).toBe(401)
    expect((await login(rooms, user.email, 'an entirely new one')).status).toBe(200)
  })

  test('the wrong current password changes nothing, does not look like a lost session, and cannot be guessed', async () => {
    const rooms = await start(open)
    const user = await rooms.makeUser('a@example.org')
    const attempt = (current_password: string) =>
      rooms.send('PUT', '/auth/profile/password', {
        token: user.token,
        body: { current_password, new_password: 'an entirely new one' },
      })
    expect(await attempt('wrong')).toMatchObject({ status: 403, body: { code: 'invalid_credentials' } })
    for (let i = 0; i < 9; i++) await attempt('wrong')
    expect((await attempt(user.password)).status).toBe(429)
    expect((await profile(rooms, user.token)).status).toBe(200)
  })

  test('another instance on the same database notices within five seconds, and at once when told', async () => {
    const database = await open()
    const key = new Uint8Array(32).fill(7)
    const here = await openRooms(database, { key })
    const there = await openRooms(database, { key, clock: here.clock })
    for (const told of [false, true]) {
      const { body, cookie } = await login(here)
      expect((await profile(there, body.token)).status).toBe(200)
      const before = here.announced.length
      await here.send('POST', '/auth/logout', { cookie })
      const announced = here.announced.slice(before)
      expect(announced).toHaveLength(1)
      if (told) there.accounts.invalidate(announced[0]!)
      else here.clock.advance(5_000)
      expect((await profile(there, body.token)).status).toBe(401)
    }
  })

  test('while the database is away, known sessions are served from memory for a minute and no longer', async () => {
    const rooms = await start(open)
    const { body } = await login(rooms)
    await rooms.authenticator.authenticate({ kind: 'session', token: body.token })
    await rooms.database.close()
    rooms.clock.advance(50_000)
    expect(await rooms.authenticator.authenticate({ kind: 'session', token: body.token })).toMatchObject({
      role: 'admin',
    })
    rooms.clock.advance(11_000)
    await expect(rooms.authenticator.authenticate({ kind: 'session', token: body.token })).rejects.toThrow()
  })
})
