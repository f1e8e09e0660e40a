// A recent sign-in, for those who sign in with a provider: only what the provider says of when counts, and whoever has
// no password gets to everything that asks for a recent sign-in by signing in there once more.
import { expect, test } from 'vitest'
import { ADMIN, type AccountRooms, type Answer } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { type OidcScene, refreshOf, signIn, useOidcScenes } from '../../../test/support/oidc-scene.ts'

const HOUR_MS = 3_600_000
const start = useOidcScenes()

/** Signs in with the provider; the token of the session. */
async function enter(scene: OidcScene): Promise<string> {
  const cookie = refreshOf(await signIn(scene))
  return (await scene.rooms.send('POST', '/auth/refresh', { cookie })).body.token
}

/** Asks for something that wants a recent sign-in and, where it was one, finds no such session. */
const tryIt = (rooms: AccountRooms, token: string): Promise<Answer> =>
  rooms.send('DELETE', '/auth/sessions/sess_01ARZ3NDEKTSV4RRFFQ69G5FAV', { token })
const REFUSED = { status: 403, body: { code: 'reauthentication_required' } }

/** Signs in there once more; `bend` is what somebody at the browser may do to the address. */
async function prove(scene: OidcScene, token: string, bend = (url: URL): URL => url): Promise<URL> {
  const { rooms, issuer } = scene
  const begun = await rooms.send('POST', '/auth/oidc/prove', { token, body: { next: '/usage' } })
  expect(begun.status).toBe(200)
  const back = await issuer.visit(bend(new URL(begun.body.url)).href)
  const answer = await rooms.send('GET', `/auth/oidc/callback?${back}`, { cookie: begun.cookie })
  // The session is the same one; nothing of it is handed out anew.
  expect(refreshOf(answer)).toBeUndefined()
  return new URL(answer.headers.get('location')!)
}

const withoutWishes = (url: URL): URL => {
  url.searchParams.delete('prompt')
  url.searchParams.delete('max_age')
  return url
}

describeOnEachDatabase('a recent sign-in with a provider', (open) => {
  test('is the one at the provider: an old session there, or one of unknown age, is not recent', async () => {
    const scene = await start(open)
    scene.issuer.signedInAt = Date.now() - HOUR_MS
    for (const tellsWhen of ['always', 'never'] as const) {
      scene.issuer.tellsWhen = tellsWhen
      expect(await tryIt(scene.rooms, await enter(scene))).toMatchObject(REFUSED)
    }
    scene.issuer.tellsWhen = 'always'
    scene.issuer.signedInAt = Date.now()
    expect((await tryIt(scene.rooms, await enter(scene))).status).toBe(404)
  })

  test('is had by signing in there once more, for this session, and one goes on where one was', async () => {
    const scene = await start(open)
    const [token, other] = [await enter(scene), await enter(scene)]
    expect(await tryIt(scene.rooms, token)).toMatchObject(REFUSED)
    const way = await prove(scene, token)
    expect(way.pathname + way.search).toBe('/sign-in?from=provider&next=%2Fusage')
    expect((await tryIt(scene.rooms, token)).status).toBe(404)
    expect(await tryIt(scene.rooms, other)).toMatchObject(REFUSED)
    const audit = await scene.rooms.database.query.selectFrom('audit_log').select('action').execute()
    expect(audit.filter(({ action }) => action === 'session.proved')).toHaveLength(1)
  })

  test('is not had by taking the wish for a fresh sign-in out of the address, nor where the provider is silent', async () => {
    const scene = await start(open)
    scene.issuer.tellsWhen = 'always'
    scene.issuer.signedInAt = Date.now() - HOUR_MS
    const token = await enter(scene)
    const way = await prove(scene, token, withoutWishes)
    expect(way.pathname + way.search).toBe('/settings/profile?failed=stale&next=%2Fusage')
    scene.issuer.tellsWhen = 'never'
    expect((await prove(scene, token)).searchParams.get('failed')).toBe('stale')
    for (const authTime of ['now', -1, {}, null]) {
      scene.issuer.bend = (claims) => ({ ...claims, auth_time: authTime })
      expect((await prove(scene, token)).searchParams.get('failed')).toMatch(/^(?:stale|refused)$/)
    }
    // A time to come is no longer recent than now.
    scene.issuer.bend = (claims) => ({ ...claims, auth_time: Math.floor((Date.now() + 24 * HOUR_MS) / 1000) })
    await prove(scene, token)
    const sessions = await scene.rooms.database.query.selectFrom('sessions').select('authenticated_at').execute()
    for (const { authenticated_at: at } of sessions) expect(at).toBeLessThanOrEqual(Date.now())
  })

  test('of somebody else there counts for nothing', async () => {
    const scene = await start(open)
    const token = await enter(scene)
    scene.issuer.person = { sub: 'somebody-else', email: 'else@example.org', email_verified: true }
    expect((await prove(scene, token)).searchParams.get('failed')).toBe('another')
    // Nor of somebody who has an account of their own.
    await enter(scene)
    expect((await prove(scene, token)).searchParams.get('failed')).toBe('another')
    expect(await tryIt(scene.rooms, token)).toMatchObject(REFUSED)
  })

  test('brings no session back that ended meanwhile', async () => {
    const scene = await start(open)
    const { rooms, issuer } = scene
    const cookie = refreshOf(await signIn(scene))
    const refreshed = await rooms.send('POST', '/auth/refresh', { cookie })
    const { token } = refreshed.body
    const begun = await rooms.send('POST', '/auth/oidc/prove', { token, body: {} })
    const back = await issuer.visit(begun.body.url)
    await rooms.send('POST', '/auth/logout', { cookie: refreshOf(refreshed) })
    const answer = await rooms.send('GET', `/auth/oidc/callback?${back}`, { cookie: begun.cookie })
    expect(answer.headers.get('location')).toContain('failed=expired')
    expect((await rooms.send('GET', '/auth/profile', { token })).status).toBe(401)
  })

  test('is what an administrator without a password does to accounts with', async () => {
    const scene = await start(open)
    const { rooms } = scene
    const token = await enter(scene)
    const { id } = (await rooms.send('GET', '/auth/profile', { token })).body.user
    await rooms.send('PATCH', `/admin/users/${id}`, { token: await rooms.login(), body: { role: 'admin' } })
    const make = (): Promise<Answer> =>
      rooms.send('POST', '/admin/users', { token, body: { email: 'new@example.org' } })
    expect(await make()).toMatchObject(REFUSED)
    await prove(scene, token)
    expect((await make()).status).toBe(201)
  })

  test('stands for the password of whoever has none and deletes the account, and for nobody else’s', async () => {
    const scene = await start(open)
    const { rooms } = scene
    const token = await enter(scene)
    expect((await rooms.send('GET', '/auth/profile', { token })).body.user.has_password).toBe(false)
    const remove = (by: string, body: object): Promise<Answer> =>
      rooms.send('POST', '/auth/profile/delete', { token: by, body })
    expect(await remove(token, {})).toMatchObject(REFUSED)
    expect((await remove(token, { password: 'a guess of mine' })).status).toBe(403)
    await prove(scene, token)
    expect((await remove(token, {})).status).toBe(200)
    expect((await rooms.send('GET', '/auth/profile', { token })).status).toBe(401)
    // Whoever has one gives it, however recent the sign-in is.
    const admin = await rooms.login(ADMIN.email)
    expect((await rooms.send('GET', '/auth/profile', { token: admin })).body.user.has_password).toBe(true)
    expect(await remove(admin, {})).toMatchObject({ status: 403, body: { code: 'invalid_credentials' } })
  })
})
