// How accounts come to be: registration (closed, by invitation, open), invitations, and the first administrator, by a
// one-time code printed at start or from the environment. Where registration is open and mail is sent, whoever
// registers gets an invitation by mail, so that no account exists whose address was never confirmed.
// Invariants: the set-up code is stored nowhere, works once and for an hour, at every instance, and never once an
// administrator exists; of two people who set up at the same moment one becomes the administrator; an invitation makes
// one account.
import { GatewayError } from '../../kernel/errors.ts'
import { createUlid } from '../../kernel/ids.ts'
import { revealSecret, type Secret } from '../../kernel/secret.ts'
import type { Letter } from '../../upstream/mail.ts'
import { digestCode, generateCode } from './code-store.ts'
import { linkTo, passwordRulesOf, type AccountsContext, type Origin } from './context.ts'
import { writeConfirmationMail, writeInviteMail } from './mails.ts'
import { insertUser } from './new-user.ts'
import { assertAcceptablePassword, findPasswordFault } from './password-rules.ts'
import type { Sessions, SignedIn } from './sessions.ts'
import type { SetupCodes } from './setup-code.ts'
import type { UserRow } from './user-store.ts'

const CONFIRMATION_LIFETIME_MS = 24 * 3_600_000
/** The first administrator's password opens everything. */
const SETUP_PASSWORD_MIN_LENGTH = 15

export interface NewAccount {
  readonly email: string
  readonly password: string
  readonly name?: string | undefined
}

export interface Registration {
  /** null: the address has to be confirmed first, and a link to do so is on its way. */
  register(
    account: Omit<NewAccount, 'password'> & { password?: string | undefined; invite?: string | undefined },
    ip: string,
  ): Promise<UserRow | null>
  invite(
    invitation: { email: string | undefined; lifetimeMs: number },
    by: { actorId: string; ip: string },
  ): Promise<{ id: string; code: string; url: string; expiresAt: number; mailed: boolean }>
  /** Is there no administrator yet? Throws `not_found` where the set-up page is off. */
  isSetupNeeded(): Promise<boolean>
  /** A fresh code, to be printed at start; null where an administrator exists or the set-up page is off. */
  issueSetupCode(): Promise<string | null>
  setUp(code: string, account: NewAccount, origin: Origin): Promise<SignedIn>
  /** Makes UNIROUTE_ADMIN_* the first administrator; does nothing once one exists. */
  ensureEnvironmentAdmin(account: {
    email: string
    password: Secret
  }): Promise<{ created: boolean; warning: string | null }>
}

export function createRegistration(
  context: AccountsContext,
  sessionService: Sessions,
  setupCodes: SetupCodes,
): Registration {
  const { database, clock, audit, settings, users, codes, passwords, throttle, mail } = context
  // Administrators never vanish (the last one cannot be removed), so a yes stays a yes.
  let adminSeen = false

  async function hasAdmin(): Promise<boolean> {
    adminSeen ||= await users.hasAdmin()
    return adminSeen
  }

  async function findInvite(code: string | undefined, email: string): Promise<string | null> {
    if (code === undefined) {
      if (settings.registration === 'open') return null
      throw new GatewayError('invalid_invite', {
        message: 'Registration is by invitation on this server. Ask its administrator for one.',
      })
    }
    const found = await codes.findUsable(code, 'invite', clock.now())
    if (!found || (found.email !== null && found.email !== email)) throw new GatewayError('invalid_invite')
    return found.id
  }

  /** `actorId` null: somebody who is nobody yet asked for it. */
  async function makeInvite(invite: {
    email: string | undefined
    lifetimeMs: number
    actorId: string | null
    ip: string
  }): Promise<{ id: string; code: string; url: string; expiresAt: number }> {
    const { email = null, lifetimeMs, actorId, ip } = invite
    const now = clock.now()
    const id = createUlid(now)
    const code = generateCode()
    const expiresAt = now + lifetimeMs
    await database.transaction(async (tx) => {
      await codes.insert(
        {
          id,
          code_hash: digestCode(code),
          purpose: 'invite',
          user_id: null,
          email,
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
          action: actorId === null ? 'invite.confirmation-sent' : 'invite.made',
          targetType: 'invite',
          targetId: id,
          details: { email },
        },
        tx,
      )
    })
    return { id, code, url: linkTo(settings.publicUrl(), 'register', code), expiresAt }
  }

  async function writeConfirmation(email: string, ip: string): Promise<Letter | null> {
    if (!throttle.admitLinkMail(email)) return null
    const { url, expiresAt } = await makeInvite({ email, lifetimeMs: CONFIRMATION_LIFETIME_MS, actorId: null, ip })
    return writeConfirmationMail({ to: email, url, expiresAt })
  }

  return {
    async register({ email, password, name, invite }, ip) {
      if (settings.registration === 'closed') throw new GatewayError('registration_closed')
      throttle.countRegister(ip)
      if (mail && settings.registration === 'open' && invite === undefined) {
        if (await users.findByEmail(email)) throw new GatewayError('email_taken')
        mail.sendLater(() => writeConfirmation(email, ip))
        return null
      }
      if (password === undefined) throw missingPassword()
      assertAcceptablePassword(password, passwordRulesOf(settings), { person: { email, name } })
      const inviteId = await findInvite(invite, email)
      if (await users.findByEmail(email)) throw new GatewayError('email_taken')
      const passwordHash = await passwords.hash(password)
      return database.transaction(async (tx) => {
        if (inviteId !== null && !(await codes.use(inviteId, clock.now(), tx))) throw new GatewayError('invalid_invite')
        const user = await insertUser(context, { email, name, role: 'user', passwordHash }, tx)
        await audit.record(
          {
            actorType: 'user',
            actorId: user.id,
            ip,
            action: 'user.registered',
            targetType: 'user',
            targetId: user.id,
            details: { invite: inviteId },
          },
          tx,
        )
        return user
      })
    },

    async invite({ email, lifetimeMs }, { actorId, ip }) {
      if (settings.registration === 'closed') {
        throw new GatewayError('conflict', {
          message: 'Invitations need REGISTRATION=invite or open. Create the user directly instead.',
        })
      }
      const made = await makeInvite({ email, lifetimeMs, actorId, ip })
      const { url, expiresAt } = made
      const mailed = mail !== undefined && email !== undefined
      if (mailed) mail.sendLater(async () => writeInviteMail({ to: email, url, expiresAt }))
      return { ...made, mailed }
    },

    async isSetupNeeded() {
      if (settings.environmentAdmin) throw new GatewayError('not_found')
      return !(await hasAdmin())
    },

    async issueSetupCode() {
      return settings.environmentAdmin || (await hasAdmin()) ? null : setupCodes.issue()
    },

    async setUp(code, { email, password, name }, origin) {
      if (settings.environmentAdmin) throw new GatewayError('not_found')
      throttle.countSetup(origin.ip)
      if (await hasAdmin()) throw new GatewayError('setup_done')
      if (!setupCodes.isGood(code)) throw new GatewayError('invalid_setup_code')
      const minLength = Math.max(SETUP_PASSWORD_MIN_LENGTH, settings.passwordMinLength)
      const rules = { ...passwordRulesOf(settings), minLength }
      assertAcceptablePassword(password, rules, { person: { email, name } })
      const passwordHash = await passwords.hash(password)
      const done = await database.transaction(async (tx) => {
        await users.lockFirstAdmin(tx)
        if (await users.hasAdmin(tx)) throw new GatewayError('setup_done')
        const user = await insertUser(context, { email, name, role: 'admin', passwordHash }, tx)
        const begun = await sessionService.begin(user, origin, tx)
        await audit.record(
          {
            actorType: 'user',
            actorId: user.id,
            ip: origin.ip,
            action: 'setup.completed',
            targetType: 'user',
            targetId: user.id,
            details: {},
          },
          tx,
        )
        return { user, begun }
      })
      return sessionService.issue(done.user, done.begun)
    },

    async ensureEnvironmentAdmin({ email, password }) {
      if (await hasAdmin()) return { created: false, warning: null }
      const text = revealSecret(password)
      const fault = findPasswordFault(text, passwordRulesOf(settings), { email })
      // Too short is refused; a common one is the operator's to answer for, and said.
      if ([...text].length < settings.passwordMinLength || [...text].length > 256) {
        throw new GatewayError('validation_failed', { message: `UNIROUTE_ADMIN_PASSWORD: ${fault}` })
      }
      const passwordHash = await passwords.hash(text)
      const created = await database.transaction(async (tx) => {
        await users.lockFirstAdmin(tx)
        if (await users.hasAdmin(tx)) return false
        if (await users.findByEmail(email, tx)) {
          throw new GatewayError('email_taken', {
            message: 'UNIROUTE_ADMIN_EMAIL is the address of a user who is no administrator. Use another address.',
          })
        }
        const user = await insertUser(context, { email, name: undefined, role: 'admin', passwordHash }, tx)
        await audit.record(
          {
            actorType: 'system',
            actorId: null,
            ip: null,
            action: 'setup.completed',
            targetType: 'user',
            targetId: user.id,
            details: { from: 'environment' },
          },
          tx,
        )
        return true
      })
      return { created, warning: created && fault ? `UNIROUTE_ADMIN_PASSWORD: ${fault}` : null }
    },
  }
}

function missingPassword(): GatewayError {
  const details = [{ path: 'password', message: 'Choose a password.' }]
  return new GatewayError('validation_failed', { message: 'password: Choose a password.', details })
}
