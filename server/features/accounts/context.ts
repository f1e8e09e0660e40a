// What the parts of this room share; built once by accounts.ts.
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Mail } from '../../upstream/mail.ts'
import type { Audit } from '../audit/audit.ts'
import type { AccessTokens } from './access-token.ts'
import type { CodeStore } from './code-store.ts'
import type { FailedSignIns } from './failed-sign-ins.ts'
import type { PasswordRules } from './password-rules.ts'
import type { Passwords } from './password.ts'
import type { SessionStore } from './session-store.ts'
import type { Throttle } from './throttle.ts'
import type { UserStore } from './user-store.ts'

export interface AccountSettings {
  readonly registration: 'closed' | 'invite' | 'open'
  readonly passwordMinLength: number
  /** In lower case; passwords made of them and little else are refused. */
  readonly passwordContextWords?: readonly string[]
  /** A session that nobody used for so long is over. */
  readonly sessionIdleMs?: number
  /** The first administrator comes from UNIROUTE_ADMIN_*, so the set-up page is off. */
  readonly environmentAdmin: boolean
  /** The only source of links; a function, since the port may be known only after listening. */
  readonly publicUrl: () => string
}

export interface AccountsContext {
  readonly database: Database
  readonly clock: Clock
  readonly audit: Audit
  readonly settings: AccountSettings
  readonly users: UserStore
  readonly sessions: SessionStore
  readonly codes: CodeStore
  readonly passwords: Passwords
  readonly tokens: AccessTokens
  readonly throttle: Throttle
  readonly failedSignIns: FailedSignIns
  /** Absent where the operator set no mail server: then links are copied by hand. */
  readonly mail: Pick<Mail, 'sendLater'> | undefined
  /** The sign-in provider of this server, where it has one. */
  readonly provider: { readonly name: string; readonly issuer: string } | null
  /** Says, after the commit, that a user or a session changed: everything held in memory about it is dropped. */
  readonly changed: (id: string) => void
}

/** Where a request comes from, as sessions and the audit log note it. */
export interface Origin {
  readonly ip: string
  readonly userAgent: string
}

/** What holds for every new password here. */
export function passwordRulesOf(settings: AccountSettings): PasswordRules {
  const { passwordMinLength, passwordContextWords, publicUrl } = settings
  return { minLength: passwordMinLength, contextWords: passwordContextWords ?? [], publicUrl: publicUrl() }
}

/** A page of the dashboard; the code stands behind `#`, which browsers send to nobody. */
export function linkTo(publicUrl: string, page: string, code: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/${page}#${code}`
}
