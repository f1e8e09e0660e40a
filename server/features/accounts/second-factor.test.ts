// The second factor over HTTP, on both databases: added, asked for, worn out, taken away.
import { expect, test } from 'vitest'
import { begunFactorSchema, recoveryCodesSchema, secondFactorSchema } from '../../../contract/second-factor.ts'
import { type AccountRooms, START, useAccountRooms } from '../../../test/support/account-rooms.ts'
import { fromBase32 } from '../../../test/support/base32.ts'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { codeAt } from './totp.ts'

const start = useAccountRooms()
const PERSON = { email: 'anna@example.org', password: 'a person of this server' }

/** What the app shows at this moment of the rooms. */
const codeNow = (rooms: AccountRooms, secret: string): string =>
  codeAt(fromBase32(secret), Math.floor(rooms.clock.now() / 30_000))
const signIn = (rooms: AccountRooms, fields: object = {}) =>
  rooms.send('POST', '/auth/login', { body: { ...PERSON, ...fields } })

async function addFactor(rooms: AccountRooms, token: string): Promise<{ secret: string; codes: string[] }> {
  const begun = await rooms.send('POST', '/auth/second-factor', { token, body: { password: PERSON.password } })
  expect(begun.status).toBe(201)
  expect(begunFactorSchema.parse(begun.body)).toEqual(begun.body)
  const { secret } = begun.body
  const body = { code: codeNow(rooms, secret) }
  const confirmed = await rooms.send('POST', '/auth/second-factor/confirm', { token, body })
  expect(recoveryCodesSchema.parse(confirmed.body)).toEqual(confirmed.body)
  return { secret, codes: confirmed.body.recovery_codes }
}

describeOnEachDatabase('a second factor', (open) => {
  test('is asked for once it is confirmed; a code works once, and the password alone no longer', async () => {
    const rooms = await start(await open())
    const { token } = await rooms.makeUser(PERSON.email, PERSON.password)
    const begun = await rooms.send('POST', '/auth/second-factor', { token, body: { password: PERSON.password } })
    expect((await signIn(rooms)).status).toBe(200)
    const wrong = await rooms.send('POST', '/auth/second-factor/confirm', { token, body: { code: '000000' } })
    expect([wrong.status, wrong.body.code]).toEqual([403, 'invalid_second_factor'])
    // A second beginning makes the first one void.
    const { secret } = await addFactor(rooms, token)
    expect(secret).not.toBe(begun.body.secret)
    const told = (await rooms.send('GET', '/auth/second-factor', { token })).body
    expect(secondFactorSchema.parse(told)).toEqual({
      confirmed_at: new Date(START).toISOString(),
      recovery_codes_left: 10,
    })
    expect((await signIn(rooms)).body.code).toBe('second_factor_required')
    // The code that confirmed is used up; the next one works, once.
    const asked = async () => {
      const { status, body } = await signIn(rooms, { code: codeNow(rooms, secret) })
      return status === 200 ? 200 : body.code
    }
    expect(await asked()).toBe('invalid_second_factor')
    rooms.clock.advance(30_000)
    expect([await asked(), await asked()]).toEqual([200, 'invalid_second_factor'])
    // A wrong password is told as always, whatever the code.
    rooms.clock.advance(3_600_000)
    const guess = await signIn(rooms, { password: 'not the password', code: codeNow(rooms, secret) })
    expect(guess.body.code).toBe('invalid_credentials')
    const rows = JSON.stringify(await rooms.database.query.selectFrom('second_factors').selectAll().execute())
    expect(rows).not.toContain(secret)
    expect(rows).not.toContain(fromBase32(secret).toString('base64url'))
  })

  test('recovery codes stand in for it, once each; new ones end the old ones; a hash of 120 bits tells nobody', async () => {
    const rooms = await start(await open())
    const { token } = await rooms.makeUser(PERSON.email, PERSON.password)
    const { codes } = await addFactor(rooms, token)
    expect(new Set(codes).size).toBe(10)
    expect(codes[0]).toMatch(/^[a-z2-7]{6}(?:-[a-z2-7]{6}){3}$/)
    const used = await signIn(rooms, { code: ` ${codes[0]!.toUpperCase()} ` })
    expect(used.status).toBe(200)
    expect((await signIn(rooms, { code: codes[0]! })).body.code).toBe('invalid_second_factor')
    expect((await rooms.send('GET', '/auth/second-factor', { token })).body.recovery_codes_left).toBe(9)
    const path = '/auth/second-factor/recovery-codes'
    const refused = await rooms.send('POST', path, { token, body: { password: 'not the password' } })
    expect([refused.status, refused.body.code]).toEqual([403, 'invalid_credentials'])
    const renewed = await rooms.send('POST', path, { token, body: { password: PERSON.password } })
    expect((await signIn(rooms, { code: codes[1]! })).body.code).toBe('invalid_second_factor')
    expect((await signIn(rooms, { code: renewed.body.recovery_codes[0] })).status).toBe(200)
    const stored = await rooms.database.query.selectFrom('recovery_codes').selectAll().execute()
    expect(JSON.stringify(stored)).not.toContain(renewed.body.recovery_codes[1])
  })

  test('is taken away with the password, or by an administrator; nobody else’s code helps', async () => {
    const rooms = await start(await open())
    const { token, id } = await rooms.makeUser(PERSON.email, PERSON.password)
    const other = await rooms.makeUser('ben@example.org', PERSON.password)
    await addFactor(rooms, token)
    const ofOther = await addFactor(rooms, other.token)
    expect((await signIn(rooms, { code: ofOther.codes[0]! })).body.code).toBe('invalid_second_factor')
    const again = await rooms.send('POST', '/auth/second-factor', { token, body: { password: PERSON.password } })
    expect([again.status, again.body.code]).toEqual([409, 'second_factor_exists'])
    const path = `/admin/users/${id}/second-factor`
    expect((await rooms.send('DELETE', path, { token: other.token })).status).toBe(403)
    expect((await rooms.send('DELETE', path, { token: await rooms.login() })).status).toBe(200)
    expect((await signIn(rooms)).status).toBe(200)
    const gone = await rooms.send('POST', '/auth/second-factor/remove', { token, body: { password: PERSON.password } })
    expect(gone.status).toBe(404)
    const removed = await rooms.send('POST', '/auth/second-factor/remove', {
      token: other.token,
      body: { password: PERSON.password },
    })
    expect(removed.status).toBe(200)
    const audit = await rooms.database.query.selectFrom('audit_log').select('action').execute()
    const actions = audit.map(({ action }) => action).filter((action) => action.includes('second-factor'))
    expect(actions.toSorted()).toEqual([
      'user.second-factor-added',
      'user.second-factor-added',
      'user.second-factor-removed',
      'user.second-factor-removed',
    ])
  })
})
