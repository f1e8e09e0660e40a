import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { SignJWT, UnsecuredJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { createUlid, createUuid } from '../../kernel/ids.ts'
import { createAccessTokens } from './access-token.ts'

const START = Date.UTC(2026, 10, 22, 12)
const key = randomBytes(32)
const claims = { userId: createUuid(), sessionId: createUlid(START), generation: 3 }

function open(at = START, withKey: Uint8Array = key) {
  return createAccessTokens({ key: withKey, clock: { now: () => at, monotonic: () => at } })
}

function forge(
  change: (jwt: SignJWT) => SignJWT,
  header: object = {},
  payload: object = {},
  withKey: Uint8Array = key,
) {
  const jwt = new SignJWT({ sid: claims.sessionId, gen: 3, ...payload })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT', ...header })
    .setSubject(claims.userId)
    .setIssuer('uniroute')
    .setAudience('uniroute')
    .setIssuedAt(START / 1000)
    .setExpirationTime(START / 1000 + 900)
  return change(jwt).sign(withKey)
}

describe('access tokens', () => {
  test('a token gives back who it was made for, for fifteen minutes and a minute of leeway', async () => {
    const { token, expiresAt } = await open().sign(claims)
    expect(expiresAt).toBe(START + 15 * 60_000)
    expect(await open().verify(token)).toEqual(claims)
    expect(await open(START + 15 * 60_000 + 59_000).verify(token)).toEqual(claims)
    await expect(open(START + 16 * 60_000 + 1000).verify(token)).rejects.toMatchObject({ code: 'session_expired' })
    expect(await open(START - 50_000).verify(token)).toEqual(claims)
  })

  test('the reference forgery is accepted unchanged, so each refusal below is for its own reason', async () => {
    expect(await open().verify(await forge((jwt) => jwt))).toEqual(claims)
  })

  test.each<[string, () => Promise<string> | string]>([
    ['another key', () => forge((jwt) => jwt, {}, {}, randomBytes(32))],
    ['another algorithm of the same key', () => forge((jwt) => jwt, { alg: 'HS512' }, {}, randomBytes(64))],
    [
      'no signature',
      () =>
        new UnsecuredJWT({ sid: claims.sessionId, gen: 3 })
          .setSubject(claims.userId)
          .setIssuer('uniroute')
          .setAudience('uniroute')
          .setExpirationTime('1h')
          .encode(),
    ],
    ['another type', () => forge((jwt) => jwt, { typ: 'at+jwt' })],
    ['another issuer', () => forge((jwt) => jwt.setIssuer('else'))],
    ['another audience', () => forge((jwt) => jwt.setAudience('else'))],
    ['no session', () => forge((jwt) => jwt, {}, { sid: undefined })],
    ['a session that is no id', () => forge((jwt) => jwt, {}, { sid: "x' OR '1'='1" })],
    ['a generation that is no number', () => forge((jwt) => jwt, {}, { gen: '3' })],
    ['a user that is no id', () => forge((jwt) => jwt.setSubject('admin'))],
    ['a birth in the future', () => forge((jwt) => jwt.setIssuedAt(START / 1000 + 600))],
    ['an unknown critical header', () => forge((jwt) => jwt, { crit: ['x'], x: 1 }).catch(() => 'a.b.c')],
    ['no token at all', () => ''],
  ])('%s is refused', async (_name, make) => {
    await expect(open().verify(await make())).rejects.toMatchObject({ code: 'unauthenticated', status: 401 })
  })

  test('a token that claims a long life is still refused when it is old', async () => {
    const token = await forge((jwt) => jwt.setExpirationTime(START / 1000 + 86_400))
    await expect(open(START + 3_600_000).verify(token)).rejects.toMatchObject({ status: 401 })
  })

  test('a token that is over still says who let themselves in where that is asked; no forgery does', async () => {
    const long = START + 30 * 86_400_000
    const { token } = await open().sign(claims)
    expect(await open(long).verify(token, { evenIfOver: true })).toEqual(claims)
    await expect(open(long, randomBytes(32)).verify(token, { evenIfOver: true })).rejects.toMatchObject({
      code: 'unauthenticated',
    })
    for (const text of ['', 'a.b.c', 'not a token']) {
      await expect(open(long).verify(text, { evenIfOver: true })).rejects.toMatchObject({ code: 'unauthenticated' })
    }
  })

  test('any text is refused as unauthenticated, never as a fault of ours', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.array(fc.base64String(), { maxLength: 5 }).map((parts) => parts.join('.')),
        ),
        async (text) => {
          await expect(open().verify(text)).rejects.toMatchObject({ code: 'unauthenticated' })
        },
      ),
    )
  })
})
