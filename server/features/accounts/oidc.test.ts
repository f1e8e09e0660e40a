// Signing in with a provider, against one that is a real HTTP server, on both databases: what opens, and what must not.
import { expect, test } from 'vitest'
import { ADMIN, type AccountRooms, type Answer, useAccountRooms } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import type { Claims } from '../../../test/support/oidc-issuer.ts'
import { refreshOf, signIn, useOidcScenes } from '../../../test/support/oidc-scene.ts'

const start = useOidcScenes()
const openRooms = useAccountRooms()
const countSessions = async (rooms: AccountRooms): Promise<number> =>
  (await rooms.database.query.selectFrom('sessions').select('id').where('method', '=', 'oidc').execute()).length

describeOnEachDatabase('signing in with a provider', (open) => {
  test('makes an account where everybody may sign up, and opens the same one again, whatever its address there', async () => {
    const { rooms, issuer } = await start(open)
    const first = await signIn({ rooms, issuer })
    expect(first.way.pathname + first.way.search).toBe('/sign-in?from=provider&next=%2Fusage')
    const refreshed = await rooms.send('POST', '/auth/refresh', { cookie: refreshOf(first) })
    expect(refreshed).toMatchObject({
      status: 200,
      body: { user: { email: 'nora@example.org', name: 'Nora', role: 'user' } },
    })
    issuer.person = { ...issuer.person, email: 'nora.new@example.org' }
    const second = await signIn({ rooms, issuer })
    const again = await rooms.send('POST', '/auth/refresh', { cookie: refreshOf(second) })
    expect(again.body.user.id).toBe(refreshed.body.user.id)
    const stored = JSON.stringify(await rooms.database.query.selectFrom('audit_log').selectAll().execute())
    expect(stored).toContain('"action":"session.begun"')
    expect(stored).not.toContain(issuer.clientSecret)
  })

  test('cookies: the attempt is Lax, short and gone afterwards; the session is Strict', async () => {
    const { rooms, issuer } = await start(open)
    const begun = await rooms.send('GET', '/auth/oidc/begin')
    expect(begun.setCookie).toMatch(/^uniroute_oidc=[^;]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/)
    const asked = new URL(begun.headers.get('location')!).searchParams
    expect(asked.get('code_challenge_method')).toBe('S256')
    for (const secret of [asked.get('state')!, asked.get('nonce')!]) expect(begun.setCookie).not.toContain(secret)
    const answer = await signIn({ rooms, issuer })
    expect(answer.headers.getSetCookie()).toEqual([
      'uniroute_oidc=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax',
      expect.stringMatching(/^uniroute_refresh=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/),
    ])
  })

  const bends: [name: string, bend: (claims: Claims) => Claims][] = [
    ['the nonce of another sign-in', (claims) => ({ ...claims, nonce: 'another' })],
    ['no nonce', ({ nonce: _nonce, ...claims }) => claims],
    ['another audience', (claims) => ({ ...claims, aud: 'another-client' })],
    ['an issuer that is not ours', (claims) => ({ ...claims, iss: 'https://evil.example' })],
    ['an end in the past', (claims) => ({ ...claims, exp: Math.floor(Date.now() / 1000) - 600 })],
    ['no subject', ({ sub: _sub, ...claims }) => claims],
  ]
  test.each(bends)('an ID token with %s opens nothing', async (_name, bend) => {
    const scene = await start(open)
    scene.issuer.bend = bend
    const answer = await signIn(scene)
    expect(answer.way.searchParams.get('failed')).toBe('refused')
    expect(refreshOf(answer)).toBeUndefined()
    expect(await countSessions(scene.rooms)).toBe(0)
    scene.issuer.bend = (claims) => claims
    expect((await signIn(scene)).way.searchParams.get('from')).toBe('provider')
  })

  test.each(['none', 'stranger'] as const)('an ID token signed by %s opens nothing', async (signature) => {
    const scene = await start(open)
    scene.issuer.signature = signature
    const answer = await signIn(scene)
    expect(answer.way.searchParams.get('failed')).toBe('refused')
    expect(scene.issuer.issued).toBe(1)
    expect(await countSessions(scene.rooms)).toBe(0)
  })

  test('an answer counts once, in the browser that asked, with the state that was sent', async () => {
    const scene = await start(open)
    const { rooms, issuer } = scene
    const good = await signIn(scene)
    const replayed = await rooms.send('GET', `/auth/oidc/callback?${good.query}`, { cookie: good.sent })
    expect(replayed.headers.get('location')).toContain('failed=expired')
    // With a fresh code, even: the state was used.
    const begun = await rooms.send('GET', '/auth/oidc/begin')
    const location = new URL(begun.headers.get('location')!)
    const [one, two] = [await issuer.visit(location.href), await issuer.visit(location.href)]
    const twice = await Promise.all(
      [one, two].map((query) => rooms.send('GET', `/auth/oidc/callback?${query}`, { cookie: begun.cookie })),
    )
    expect(twice.filter((answer) => refreshOf(answer) !== undefined)).toHaveLength(1)
    // Another browser's cookie, none, a damaged one.
    const other = (await rooms.send('GET', '/auth/oidc/begin')).cookie!
    for (const cookie of [other, 'uniroute_oidc=', `${other.slice(0, -4)}AAAA`, `${other}; ${other}`]) {
      const answer = await signIn(scene, { cookie })
      expect(answer.way.searchParams.get('failed')).toMatch(/^(?:expired|refused)$/)
      expect(refreshOf(answer)).toBeUndefined()
    }
    const bent = await signIn(scene, { query: (query) => query.replace(/state=[^&]+/, 'state=made-up') })
    expect(bent.way.searchParams.get('failed')).toBe('refused')
    expect(await countSessions(rooms)).toBe(2)
  })

  test('an address that the provider did not verify makes no account and takes none over', async () => {
    const scene = await start(open)
    for (const verified of [false, undefined, 1, 'yes']) {
      scene.issuer.person = { sub: `p-${String(verified)}`, email: ADMIN.email, email_verified: verified }
      expect((await signIn(scene)).way.searchParams.get('failed')).toBe('unverified')
    }
    scene.issuer.person = { sub: 'no-address' }
    expect((await signIn(scene)).way.searchParams.get('failed')).toBe('unverified')
    expect(await countSessions(scene.rooms)).toBe(0)
  })

  test('an account that a password opens is linked by whoever is signed in to it, and by nobody else', async () => {
    const scene = await start(open)
    const { rooms, issuer } = scene
    issuer.person = { sub: 'the-admin', email: ADMIN.email, email_verified: true }
    expect((await signIn(scene)).way.searchParams.get('failed')).toBe('linkable')
    const token = await rooms.login()
    const begun = await rooms.send('POST', '/auth/oidc/link', { token })
    expect(begun.status).toBe(200)
    const back = await issuer.visit(begun.body.url)
    const linked = await rooms.send('GET', `/auth/oidc/callback?${back}`, { cookie: begun.cookie })
    expect(new URL(linked.headers.get('location')!).pathname).toBe('/settings/profile')
    expect(refreshOf(linked)).toBeUndefined()
    const answer = await signIn(scene)
    const refreshed = await rooms.send('POST', '/auth/refresh', { cookie: refreshOf(answer) })
    expect(refreshed.body.user).toMatchObject({ email: ADMIN.email, role: 'admin' })
    // Somebody else cannot have the same person.
    const other = await rooms.makeUser('other@example.org')
    const theirs = await rooms.send('POST', '/auth/oidc/link', { token: other.token })
    const taken = await rooms.send('GET', `/auth/oidc/callback?${await issuer.visit(theirs.body.url)}`, {
      cookie: theirs.cookie,
    })
    expect(taken.headers.get('location')).toContain('failed=taken')
  })

  test('an account that an administrator made without a password is opened by its verified address', async () => {
    const scene = await start(open, { settings: { registration: 'closed' } })
    const token = await scene.rooms.login()
    await scene.rooms.send('POST', '/admin/users', { token, body: { email: 'nora@example.org' } })
    expect((await signIn(scene)).way.searchParams.get('from')).toBe('provider')
  })

  test('an address that was given to somebody else does not open the account of who had it', async () => {
    const scene = await start(open)
    const { rooms, issuer } = scene
    const nora = { ...issuer.person }
    const first = await rooms.send('POST', '/auth/refresh', { cookie: refreshOf(await signIn(scene)) })
    issuer.person = { ...nora, sub: 'who-has-the-address-now' }
    const other = await signIn(scene)
    expect([other.way.searchParams.get('failed'), refreshOf(other)]).toEqual(['refused', undefined])
    issuer.person = nora
    const again = await rooms.send('POST', '/auth/refresh', { cookie: refreshOf(await signIn(scene)) })
    expect(again.body.user.id).toBe(first.body.user.id)
  })

  test('of two who have one address and come at the same moment, one gets the account', async () => {
    const bothAreThere = Promise.withResolvers<void>()
    let come = -1
    const scene = await start(async () => {
      const database = await open()
      // Each has looked whether the account is anybody's; only then either makes it theirs.
      return {
        ...database,
        async transaction(work, options) {
          if (come >= 0 && come < 2) {
            if (++come === 2) bothAreThere.resolve()
            await bothAreThere.promise
          }
          return database.transaction(work, options)
        },
      }
    })
    const { rooms, issuer } = scene
    const token = await rooms.login(ADMIN.email)
    await rooms.send('POST', '/admin/users', { token, body: { email: issuer.person.email } })
    const begin = async (sub: string) => {
      issuer.person = { ...issuer.person, sub }
      const { cookie, headers } = await rooms.send('GET', '/auth/oidc/begin')
      const back = await issuer.visit(headers.get('location')!)
      return () => rooms.send('GET', `/auth/oidc/callback?${back}`, { cookie })
    }
    const ways = [await begin('one'), await begin('another')]
    come = 0
    const answers = await Promise.all(ways.map((way) => way()))
    expect(answers.filter((answer) => refreshOf(answer) !== undefined)).toHaveLength(1)
    expect(await rooms.database.query.selectFrom('user_identities').select('subject').execute()).toHaveLength(1)
  })

  test.each(['closed', 'invite'] as const)(
    'where registration is %s nobody signs up this way',
    async (registration) => {
      const scene = await start(open, { settings: { registration } })
      expect((await signIn(scene)).way.searchParams.get('failed')).toBe('closed')
      expect(await countSessions(scene.rooms)).toBe(0)
    },
  )

  test('an account that is switched off stays shut', async () => {
    const scene = await start(open)
    await signIn(scene)
    const token = await scene.rooms.login()
    const { users } = (await scene.rooms.send('GET', '/admin/users', { token })).body
    const nora = users.find(({ email }: { email: string }) => email === 'nora@example.org')
    await scene.rooms.send('PATCH', `/admin/users/${nora.id}`, { token, body: { is_active: false } })
    expect((await signIn(scene)).way.searchParams.get('failed')).toBe('switched-off')
  })

  test('roles follow the claim where the operator says so, and never otherwise', async () => {
    const plain = await start(open)
    plain.issuer.person = { ...plain.issuer.person, realm_access: { roles: ['chiefs'] }, role: 'admin' }
    const user = await signIn(plain)
    const role = async (rooms: AccountRooms, answer: Answer): Promise<string> =>
      (await rooms.send('POST', '/auth/refresh', { cookie: refreshOf(answer) })).body.user.role
    expect(await role(plain.rooms, user)).toBe('user')
  })

  test('a claim makes an administrator and unmakes one at the next sign-in', async () => {
    const scene = await start(open, { roles: ['chiefs'] })
    const role = async (answer: Answer): Promise<string> =>
      (await scene.rooms.send('POST', '/auth/refresh', { cookie: refreshOf(answer) })).body.user.role
    scene.issuer.person = { ...scene.issuer.person, realm_access: { roles: ['chiefs'] } }
    expect(await role(await signIn(scene))).toBe('admin')
    scene.issuer.person = { ...scene.issuer.person, realm_access: { roles: ['others'] } }
    expect(await role(await signIn(scene))).toBe('user')
  })

  test('a demanded second factor is of passwords; the provider has its own', async () => {
    const scene = await start(open)
    const admin = await scene.rooms.login()
    const body = { require_second_factor: 'everyone' }
    expect((await scene.rooms.send('PUT', '/admin/sign-in', { token: admin, body })).status).toBe(200)
    const answer = await signIn(scene)
    const refreshed = await scene.rooms.send('POST', '/auth/refresh', { cookie: refreshOf(answer) })
    expect(refreshed.body).not.toHaveProperty('must_add_second_factor')
    expect((await scene.rooms.send('GET', '/auth/sessions', { token: refreshed.body.token })).status).toBe(200)
  })

  test('a provider that does not answer is told on the sign-in page, and one without settings is no address', async () => {
    const scene = await start(open)
    await scene.issuer.close()
    const begun = await scene.rooms.send('GET', '/auth/oidc/begin')
    expect(begun.headers.get('location')).toContain('/sign-in?failed=unavailable')
    const without = await openRooms(await open())
    expect((await without.send('GET', '/auth/oidc/begin')).status).toBe(404)
    expect((await without.send('GET', '/auth/oidc/callback?code=x&state=y')).status).toBe(404)
  })
})
