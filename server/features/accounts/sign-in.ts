// Signing in with a password, changing it, and resetting it by a link that an administrator made or a mail brought.
// Invariants: an unknown address, a wrong password, an account without password and one switched off get the same
// answer after the same work; a changed password ends every other session at once; a session begins only if the
// account is still as it was when the password was checked.
import { GatewayError } from '../../kernel/errors.ts'
import { createUlid } from '../../kernel/ids.ts'
import { digestCode, generateCode } from './code-store.ts'
import { linkTo, passwordRulesOf, type AccountsContext, type Origin } from './context.ts'
import { createIdentityStore } from './identity-store.ts'
import { writeNewAccountMail, writeNoPasswordMail, writePasswordChangedMail, writeResetMail } from './mails.ts'
import { assertAcceptablePassword } from './password-rules.ts'
import { createPasswordProof } from './prove-password.ts'
import type { SecondFactor } from './second-factor.ts'
import type { Sessions, SignedIn } from './sessions.ts'
import type { UserRow } from './user-store.ts'

const RESET_LIFETIME_MS = 24 * 3_600_000
/** Anybody may have a link mailed to anybody's mailbox, so it does not lie there for long. */
const MAILED_RESET_LIFETIME_MS = 3_600_000

export interface SignIn {
  /** `code`: of the second factor, where the account has one. */
  login(credentials: { email: string; password: string; code?: string | undefined }, origin: Origin): Promise<SignedIn>
  /** Answers with a new access token for the session that asked. */
  changePassword(
    caller: { userId: string; sessionId: string },
    passwords: { current: string; next: string },
    ip: string,
  ): Promise<{ user: UserRow; token: string; tokenExpiresAt: number }>
  /** A link with which a user chooses a new password; it replaces any earlier one. */
  makeResetLink(
    userId: string,
    by: { actorId: string | null; ip: string | null },
  ): Promise<{ url: string; expiresAt: number }>
  /** The link with which a new user chooses the first password; mailed too, where this server sends mail. */
  makeFirstLink(
    userId: string,
    by: { actorId: string; ip: string },
  ): Promise<{ url: string; expiresAt: number; mailed: boolean }>
  /**
   * Has a link mailed to the account with this address, if there is one and it is switched on; whoever has no password
   * and signs in with the provider is told so instead, since a mail opens no second door. Returns at once, whether
   * or not: what is found out, is found out later. False where this server sends no mail.
   */
  requestResetMail(email: string, ip: string): boolean
  resetPassword(code: string, password: string, ip: string): Promise<void>
  /** A password that somebody else chose, for example the operator; ends every session. */
  setPassword(userId: string, password: string, by: { actorId: string | null; ip: string | null }): Promise<void>
}

export function createSignIn(
  context: AccountsContext,
  sessionService: Sessions,
  secondFactor: Pick<SecondFactor, 'check'>,
): SignIn {
  const { database, clock, audit, settings, users, sessions, codes, passwords, tokens, throttle, mail, provider } =
    context
  const prove = createPasswordProof(context)
  const identities = createIdentityStore(database)

  async function issueResetCode(
    userId: string,
    { actorId, ip }: { actorId: string | null; ip: string | null },
    kind: { lifetimeMs: number; replaces: boolean },
  ): Promise<{ url: string; expiresAt: number }> {
    const now = clock.now()
    const expiresAt = now + kind.lifetimeMs
    const code = generateCode()
    await database.transaction(async (tx) => {
      if (kind.replaces) await codes.discard(userId, 'reset', tx)
      await codes.insert(
        {
          id: createUlid(now),
          code_hash: digestCode(code),
          purpose: 'reset',
          user_id: userId,
          email: null,
          created_by: actorId,
          created_at: now,
          expires_at: expiresAt,
          used_at: null,
        },
        tx,
      )
      await audit.record(
        {
          actorType: actorId === null ? 'system' : 'user',
          actorId,
          ip,
          action: 'user.reset-link-made',
          targetType: 'user',
          targetId: userId,
          details: {},
        },
        tx,
      )
    })
    return { url: linkTo(settings.publicUrl(), 'reset', code), expiresAt }
  }

  async function getUser(userId: string): Promise<UserRow> {
    const user = await users.findById(userId)
    if (!user) throw new GatewayError('not_found', { message: 'There is no such user.' })
    return user
  }

  function tellPasswordChanged(userId: string): void {
    mail?.sendLater(async () => {
      const user = await users.findById(userId)
      return user?.is_active ? writePasswordChangedMail({ to: user.email, publicUrl: settings.publicUrl() }) : null
    })
  }

  function noteFailure(
    error: unknown,
    { email, ip, userId }: { email: string; ip: string; userId: string | null },
  ): void {
    if (!(error instanceof GatewayError)) return
    const throttled = error.code === 'too_many_attempts'
    const guessed = error.code === 'invalid_credentials' || error.code === 'invalid_second_factor'
    if (throttled || guessed) context.failedSignIns.note({ email, ip, userId, throttled })
  }

  return {
    async login({ email, password, code }, origin) {
      let user: UserRow | undefined
      try {
        await throttle.countSignIn(email, origin.ip, () => sessions.wasOpenedFrom(email, origin.ip))
        user = await users.findByEmail(email)
        const matches = await passwords.verify(password, user?.is_active ? user.password_hash : null)
        if (!user || !matches) throw new GatewayError('invalid_credentials')
        await secondFactor.check(user.id, code)
      } catch (error) {
        noteFailure(error, { email, ip: origin.ip, userId: user?.id ?? null })
        throw error
      }

      const begun = await database.transaction(async (tx) => {
        const unchanged = await users.markSignedIn(user.id, user.auth_gen, clock.now(), tx)
        if (!unchanged) throw new GatewayError('invalid_credentials')
        const session = await sessionService.begin(user, origin, tx)
        await audit.record(
          {
            actorType: 'user',
            actorId: user.id,
            ip: origin.ip,
            action: 'session.begun',
            targetType: 'session',
            targetId: session.id,
            details: {},
          },
          tx,
        )
        return session
      })
      throttle.settleSignIn(email, origin.ip)
      return sessionService.issue({ ...user, last_login_at: clock.now() }, begun)
    },

    async changePassword({ userId, sessionId }, { current, next }, ip) {
      const person = await users.findById(userId)
      if (!person) throw new GatewayError('session_expired')
      assertAcceptablePassword(next, passwordRulesOf(settings), { person, field: 'new_password' })
      const user = await prove({ userId, ip }, current)
      const passwordHash = await passwords.hash(next)
      const now = clock.now()
      await database.transaction(async (tx) => {
        if (!(await users.setPassword(userId, passwordHash, now, tx, user.auth_gen))) {
          throw new GatewayError('session_expired')
        }
        await sessions.revokeAll(userId, sessionId, now, tx)
        await sessions.markAuthenticated(sessionId, now, tx)
        await codes.discard(userId, 'reset', tx)
        await audit.record(
          {
            actorType: 'user',
            actorId: userId,
            ip,
            action: 'user.password-changed',
            targetType: 'user',
            targetId: userId,
            details: {},
          },
          tx,
        )
      })
      context.changed(userId)
      tellPasswordChanged(userId)
      const { token, expiresAt } = await tokens.sign({ userId, sessionId, generation: user.auth_gen + 1 })
      return { user: { ...user, updated_at: now }, token, tokenExpiresAt: expiresAt }
    },

    async makeResetLink(userId, by) {
      await getUser(userId)
      return issueResetCode(userId, by, { lifetimeMs: RESET_LIFETIME_MS, replaces: true })
    },

    async makeFirstLink(userId, by) {
      const { email } = await getUser(userId)
      const link = await issueResetCode(userId, by, { lifetimeMs: RESET_LIFETIME_MS, replaces: true })
      mail?.sendLater(async () => writeNewAccountMail({ to: email, ...link }))
      return { ...link, mailed: mail !== undefined }
    },

    requestResetMail(email, ip) {
      throttle.countReset(ip)
      if (!mail) return false
      mail.sendLater(async () => {
        const user = await users.findByEmail(email)
        if (!user?.is_active || !throttle.admitLinkMail(email)) return null
        if (
          provider &&
          user.password_hash === null &&
          (await identities.opens(user.id, database.query, provider.issuer))
        ) {
          return writeNoPasswordMail({ to: user.email, provider: provider.name, publicUrl: settings.publicUrl() })
        }
        // Links made before go on working: a stranger who asks must not spoil what an administrator handed out.
        const kind = { lifetimeMs: MAILED_RESET_LIFETIME_MS, replaces: false }
        return writeResetMail({ to: user.email, ...(await issueResetCode(user.id, { actorId: null, ip }, kind)) })
      })
      return true
    },

    async resetPassword(code, password, ip) {
      throttle.countReset(ip)
      const found = await codes.findUsable(code, 'reset', clock.now())
      if (!found?.user_id) throw new GatewayError('invalid_reset_code')
      const userId = found.user_id
      assertAcceptablePassword(password, passwordRulesOf(settings), { person: await getUser(userId) })
      const passwordHash = await passwords.hash(password)
      const now = clock.now()
      await database.transaction(async (tx) => {
        if (!(await codes.use(found.id, now, tx))) throw new GatewayError('invalid_reset_code')
        await users.setPassword(userId, passwordHash, now, tx)
        await sessions.revokeAll(userId, null, now, tx)
        await codes.discard(userId, 'reset', tx)
        await audit.record(
          {
            actorType: 'user',
            actorId: userId,
            ip,
            action: 'user.password-reset',
            targetType: 'user',
            targetId: userId,
            details: {},
          },
          tx,
        )
      })
      context.changed(userId)
      tellPasswordChanged(userId)
    },

    async setPassword(userId, password, { actorId, ip }) {
      assertAcceptablePassword(password, passwordRulesOf(settings), { person: await getUser(userId) })
      const passwordHash = await passwords.hash(password)
      const now = clock.now()
      await database.transaction(async (tx) => {
        await users.setPassword(userId, passwordHash, now, tx)
        await sessions.revokeAll(userId, null, now, tx)
        await codes.discard(userId, 'reset', tx)
        await audit.record(
          {
            actorType: actorId === null ? 'system' : 'user',
            actorId,
            ip,
            action: 'user.password-set',
            targetType: 'user',
            targetId: userId,
            details: {},
          },
          tx,
        )
      })
      context.changed(userId)
    },
  }
}
