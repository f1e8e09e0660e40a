// What must not happen between the check of a password and the beginning of a session.
import { expect, test } from 'vitest'
import { createMovableClock } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase, type OpenDatabase, silentLog } from '../../../test/support/databases.ts'
import { createAudit } from '../audit/audit.ts'
import { createAccessTokens } from './access-token.ts'
import { createCodeStore } from './code-store.ts'
import type { AccountsContext } from './context.ts'
import { createFailedSignIns } from './failed-sign-ins.ts'
import { insertUser } from './new-user.ts'
import { createPasswords } from './password.ts'
import { createSecondFactor } from './second-factor.ts'
import { createSessionStore } from './session-store.ts'
import { createSessions } from './sessions.ts'
import { createSignIn } from './sign-in.ts'
import { createThrottle } from './throttle.ts'
import { createUserStore } from './user-store.ts'

const KEY = new Uint8Array(32).fill(7)
const CREDENTIALS = { email: 'a@example.org', password: 'a person of this server' }
const ORIGIN = { ip: '192.0.2.1', userAgent: 'test' }

/** The real parts, with one step put in right after each check of a password. */
async function start(open: OpenDatabase, afterCheck: (context: AccountsContext, userId: string) => Promise<unknown>) {
  const database = await open()
  const clock = createMovableClock()
  const audit = createAudit({ database, clock })
  const real = createPasswords()
  const context: AccountsContext = {
    database,
    clock,
    audit,
    settings: {
      registration: 'closed',
      passwordMinLength: 8,
      environmentAdmin: false,
      publicUrl: () => 'http://localhost:8084',
    },
    users: createUserStore(database),
    sessions: createSessionStore(database),
    codes: createCodeStore(database),
    passwords: {
      hash: (password) => real.hash(password),
      async verify(password, stored) {
        const matches = await real.verify(password, stored)
        await afterCheck(context, user.id)
        return matches
      },
    },
    tokens: createAccessTokens({ key: KEY, clock }),
    mail: undefined,
    throttle: createThrottle({ clock }),
    failedSignIns: createFailedSignIns({ database, audit, log: silentLog }),
    provider: null,
    changed: () => undefined,
  }
  const passwordHash = await real.hash(CREDENTIALS.password)
  const user = await insertUser(
    context,
    { email: CREDENTIALS.email, name: 'a', role: 'user', passwordHash },
    database.query,
  )
  const signIn = createSignIn(context, createSessions(context, KEY), createSecondFactor(context, KEY))
  const countSessions = async () => (await context.sessions.listLive(user.id, clock.now(), 0)).length
  return { signIn, countSessions, user }
}

describeOnEachDatabase('a sign-in', (open) => {
  test('begins a session where nothing comes between', async () => {
    const { signIn, countSessions } = await start(open, async () => undefined)
    expect(await signIn.login(CREDENTIALS, ORIGIN)).toMatchObject({ token: expect.any(String) })
    expect(await countSessions()).toBe(1)
  })

  test('begins none where the password was changed after its check', async () => {
    const { signIn, countSessions } = await start(open, (context, id) =>
      context.users.setPassword(id, 'another hash', context.clock.now(), context.database.query),
    )
    await expect(signIn.login(CREDENTIALS, ORIGIN)).rejects.toMatchObject({ code: 'invalid_credentials' })
    expect(await countSessions()).toBe(0)
  })

  test('begins none where the account was switched off after the check', async () => {
    const { signIn, countSessions } = await start(open, (context, id) =>
      context.users.update(id, { isActive: false }, context.clock.now()),
    )
    await expect(signIn.login(CREDENTIALS, ORIGIN)).rejects.toMatchObject({ code: 'invalid_credentials' })
    expect(await countSessions()).toBe(0)
  })

  test('a change of password that was overtaken by another changes nothing', async () => {
    const { signIn, user } = await start(open, (context, id) =>
      context.users.setPassword(id, 'another hash', context.clock.now(), context.database.query),
    )
    const change = signIn.changePassword(
      { userId: user.id, sessionId: '01ARZ3NDEKTSV4RRFFQ69G5FAV' },
      { current: CREDENTIALS.password, next: 'an entirely new one' },
      ORIGIN.ip,
    )
    await expect(change).rejects.toMatchObject({ code: 'session_expired' })
  })
})
