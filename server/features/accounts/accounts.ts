// Accounts: who may sign in, with what, and who they are. This room issues sessions and checks them; it knows nothing
// of API keys or providers. May import features/audit and features/limits; must not import other features.
import type { Database } from '../../database/database.ts'
import type { ControlRoute, Principal } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { FetchThrough } from '../../upstream/fetch-through.ts'
import type { Mail } from '../../upstream/mail.ts'
import type { Audit } from '../audit/audit.ts'
import { createAccessTokens } from './access-token.ts'
import { createAdminRoutes } from './admin-routes.ts'
import { createCodeStore } from './code-store.ts'
import { createFailedSignIns } from './failed-sign-ins.ts'
import type { AccountsContext, AccountSettings } from './context.ts'
import { createDeletion, type Leaving } from './deletion.ts'
import { createAttempts } from './oidc-attempt.ts'
import { createOidcProvider, type OidcSettings } from './oidc-provider.ts'
import { createOidcRoutes } from './oidc-routes.ts'
import { createOidc, type Oidc } from './oidc.ts'
import { createPasswords } from './password.ts'
import { createRegistration } from './registration.ts'
import { createAccountRoutes } from './routes.ts'
import { createFactorRoutes } from './factor-routes.ts'
import { createSecondFactor } from './second-factor.ts'
import { createSessionStore } from './session-store.ts'
import { createSessions, EVERYBODY, type Sessions } from './sessions.ts'
import { createSetupCodes } from './setup-code.ts'
import { createSignIn } from './sign-in.ts'
import { createSignInRules } from './sign-in-rules.ts'
import { createSignInRulesRoutes } from './sign-in-rules-routes.ts'
import { createThrottle } from './throttle.ts'
import { createUserStore } from './user-store.ts'
import { createUsers } from './users.ts'

export interface AccountsOptions {
  readonly database: Database
  readonly clock: Clock
  readonly audit: Audit
  readonly log: Log
  /** Derived for this purpose from JWT_SECRET; at least 32 bytes. */
  readonly key: Uint8Array
  readonly settings: AccountSettings
  readonly mail?: Pick<Mail, 'sendLater'> | undefined
  /** Absent where nobody signs in with a provider. */
  readonly oidc?: { readonly settings: OidcSettings; readonly fetch: FetchThrough } | undefined
  /** What other rooms keep of an account, in the order in which they let go of it. */
  readonly leaving?: () => readonly Leaving[]
  /** Told the id of a user or session that changed, after the commit: for other rooms and other instances. */
  readonly announce?: (id: string) => void
}

export interface Accounts {
  readonly routes: readonly ControlRoute[]
  /**
   * Who a session's access token stands for; throws `unauthenticated` or `session_expired`, and, unless
   * `mayLackFactor`, `second_factor_not_set_up` where the rules demand one that the user does not have.
   */
  authenticateSession(token: string, mayLackFactor?: boolean): Promise<Principal>
  /** The same for a token that was accepted a while ago and may be over meanwhile: does its session still stand? */
  recheckSession(token: string): Promise<Principal>
  /** A fresh set-up code to print; null where none is needed. Every instance takes it. */
  issueSetupCode(): Promise<string | null>
  /** No administrator exists yet. */
  isSetupNeeded(): Promise<boolean>
  ensureEnvironmentAdmin(account: {
    email: string
    password: Secret
  }): Promise<{ created: boolean; warning: string | null }>
  /** For the command line: a reset link for the account with this e-mail address; null if there is none. */
  makeResetLinkByEmail(email: string): Promise<{ url: string; expiresAt: number } | null>
  /** For the command line: sets a password and ends every session; false if there is no such account. */
  setPasswordByEmail(email: string, password: string): Promise<boolean>
  /** For the command line: sign-in asks for the password alone again; false if it did anyway. */
  removeSecondFactorByEmail(email: string): Promise<boolean>
  /** The first so many, by e-mail address. */
  listPeople(limit: number): Promise<{ id: string; name: string; email: string }[]>
  /** Another instance changed this user or session: drops what is held about it. */
  invalidate(id: string): void
  /** Writes what waits to be written to the audit log. */
  flush(): Promise<void>
}

export function createAccounts(options: AccountsOptions): Accounts {
  const { database, clock, audit, log, key, settings, mail, announce } = options
  const context: AccountsContext = {
    database,
    clock,
    audit,
    settings,
    users: createUserStore(database),
    sessions: createSessionStore(database),
    codes: createCodeStore(database),
    passwords: createPasswords(),
    tokens: createAccessTokens({ key, clock }),
    throttle: createThrottle({ clock }),
    mail,
    provider: options.oidc?.settings ?? null,
    failedSignIns: createFailedSignIns({ database, audit, log }),
    changed(id) {
      sessions.invalidate(id)
      announce?.(id)
    },
  }
  const sessions = createSessions(context, key)
  const secondFactor = createSecondFactor(context, key)
  const rules = createSignInRules(context, () => context.changed(EVERYBODY))
  const signIn = createSignIn(context, sessions, secondFactor)
  const oidc = createOidcWith(context, sessions, options)
  const registration = createRegistration(context, sessions, createSetupCodes(key, clock))
  const users = createUsers(context)
  const deletion = createDeletion(context, options.leaving ?? (() => []))

  return {
    routes: [
      ...createAccountRoutes({ clock, sessions, signIn, registration, users, deletion }),
      ...createFactorRoutes({ secondFactor }),
      ...createSignInRulesRoutes({ rules }),
      ...createOidcRoutes({ oidc, attempts: createAttempts(key, clock), clock, publicUrl: settings.publicUrl }),
      ...createAdminRoutes({ sessions, signIn, registration, users }),
    ],
    authenticateSession: (token, mayLackFactor = false) => sessions.authenticate(token, { mayLackFactor }),
    recheckSession: (token) => sessions.recheck(token),
    issueSetupCode: () => registration.issueSetupCode(),
    isSetupNeeded: () => registration.isSetupNeeded(),
    async listPeople(limit) {
      const { users: people } = await users.list({ limit, after: undefined })
      return people.map(({ id, name, email }) => ({ id, name, email }))
    },
    ensureEnvironmentAdmin: (account) => registration.ensureEnvironmentAdmin(account),
    async makeResetLinkByEmail(email) {
      const user = await context.users.findByEmail(email.trim().toLowerCase())
      return user ? signIn.makeResetLink(user.id, { actorId: null, ip: null }) : null
    },
    async setPasswordByEmail(email, password) {
      const user = await context.users.findByEmail(email.trim().toLowerCase())
      if (user) await signIn.setPassword(user.id, password, { actorId: null, ip: null })
      return user !== undefined
    },
    async removeSecondFactorByEmail(email) {
      const user = await context.users.findByEmail(email.trim().toLowerCase())
      return user ? secondFactor.removeFor(user.id, { actorId: null, ip: null }) : false
    },
    invalidate: (id) => sessions.invalidate(id),
    flush: () => context.failedSignIns.flush(),
  }
}

function createOidcWith(
  context: AccountsContext,
  sessions: Sessions,
  { oidc, clock, log }: AccountsOptions,
): Oidc | null {
  if (!oidc) return null
  const provider = createOidcProvider({ ...oidc, clock })
  return createOidc(context, { provider, name: oidc.settings.name, sessions, log })
}
