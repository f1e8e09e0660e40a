// The rooms of accounts and API keys on a real database behind the real HTTP server, with a clock that tests move.
import { randomBytes } from 'node:crypto'
import { afterEach } from 'vitest'
import type { Database } from '../../server/database/database.ts'
import { createAccounts, type Accounts } from '../../server/features/accounts/accounts.ts'
import { createAuthenticate, type Authenticator } from '../../server/features/accounts/authenticate.ts'
import type { AccountSettings } from '../../server/features/accounts/context.ts'
import type { OidcSettings } from '../../server/features/accounts/oidc-provider.ts'
import { createApiKeys, type ApiKeys } from '../../server/features/api-keys/api-keys.ts'
import { createAudit, type Audit } from '../../server/features/audit/audit.ts'
import { Secret } from '../../server/kernel/secret.ts'
import { createFetchThrough } from '../../server/upstream/fetch-through.ts'
import { createUpstream } from '../../server/upstream/create-upstream.ts'
import { silentLog } from './databases.ts'
import { startTestHttp } from './http-server.ts'

export const ADMIN = { email: 'admin@example.org', password: 'the first administrator' }
export const START = Date.UTC(2026, 10, 22, 12)

export interface MovableClock {
  now(): number
  monotonic(): number
  advance(milliseconds: number): void
}

export function createMovableClock(start = START): MovableClock {
  let passed = 0
  return {
    now: () => start + passed,
    monotonic: () => passed,
    advance(milliseconds) {
      passed += milliseconds
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: any
  /** The refresh cookie that was set, as a browser would send it back. */
  readonly cookie: string | undefined
  readonly setCookie: string | undefined
}

export interface SendOptions {
  readonly token?: string
  readonly body?: unknown
  readonly cookie?: string | undefined
  readonly ip?: string
  readonly headers?: Record<string, string>
}

export interface AccountRooms {
  readonly database: Database
  readonly clock: MovableClock
  readonly audit: Audit
  readonly accounts: Accounts
  readonly apiKeys: ApiKeys
  readonly authenticator: Authenticator
  /** What the rooms announced for other instances. */
  readonly announced: string[]
  readonly logged: string[]
  send(method: string, path: string, options?: SendOptions): Promise<Answer>
  /** Signs in and gives the token. */
  login(email?: string, password?: string): Promise<string>
  /** Makes a user through the administrator; gives token and id. */
  makeUser(email: string, password?: string): Promise<{ id: string; token: string; email: string; password: string }>
  close(): Promise<void>
}

export interface RoomOptions {
  readonly settings?: Partial<AccountSettings>
  readonly clock?: MovableClock
  readonly key?: Uint8Array
  readonly oidc?: OidcSettings
  /** false leaves the instance without an administrator. */
  readonly admin?: boolean
}

/** `openAccountRooms` whose rooms are closed after each test of the file. */
export function useAccountRooms(): typeof openAccountRooms {
  const opened: AccountRooms[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((rooms) => rooms.close()))
  })
  return async (database, options) => {
    const rooms = await openAccountRooms(database, options)
    opened.push(rooms)
    return rooms
  }
}

async function openAccountRooms(database: Database, options: RoomOptions = {}): Promise<AccountRooms> {
  const clock = options.clock ?? createMovableClock()
  const audit = createAudit({ database, clock })
  const announced: string[] = []
  const announce = (id: string): void => {
    announced.push(id)
    accounts.invalidate(id)
    apiKeys.invalidate(id)
  }
  let url = ''
  const settings: AccountSettings = {
    registration: 'open',
    passwordMinLength: 8,
    environmentAdmin: false,
    publicUrl: () => url,
    ...options.settings,
  }
  const key = options.key ?? randomBytes(32)
  const upstream = createUpstream()
  const oidc = options.oidc && { settings: options.oidc, fetch: createFetchThrough(upstream) }
  const accounts = createAccounts({ database, clock, audit, log: silentLog, key, settings, announce, oidc })
  const apiKeys = createApiKeys({
    database,
    clock,
    audit,
    announce,
    // There are no teams in these rooms.
    isTeamMember: async () => false,
    // Nor does anybody spend anything.
    readSpent: async () => 0,
  })
  const authenticator = createAuthenticate({ accounts, apiKeys })
  const http = await startTestHttp({
    routes: [...accounts.routes, ...apiKeys.routes],
    authenticate: authenticator.authenticate,
    isTrustedProxy: (ip: string) => ip === '127.0.0.1',
    publicUrl: () => url,
    clock,
  })
  url = http.url
  if (options.admin !== false) {
    await accounts.ensureEnvironmentAdmin({ email: ADMIN.email, password: new Secret(ADMIN.password) })
  }

  async function send(method: string, path: string, sent: SendOptions = {}): Promise<Answer> {
    const response = await fetch(http.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(sent.token === undefined ? {} : { authorization: `Bearer ${sent.token}` }),
        ...(sent.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(sent.cookie === undefined ? {} : { cookie: sent.cookie }),
        ...(sent.ip === undefined ? {} : { 'x-forwarded-for': sent.ip }),
        ...sent.headers,
      },
      ...(sent.body === undefined ? {} : { body: JSON.stringify(sent.body) }),
    })
    const text = await response.text()
    const setCookie = response.headers.getSetCookie()[0]
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
      setCookie,
      cookie: setCookie?.split(';')[0],
    }
  }

  // Checking a password is costly on purpose: the administrator signs in again only where the last session is over.
  let adminToken: string | undefined
  async function sendAsAdmin(method: string, path: string, body: unknown): Promise<Answer> {
    if (adminToken !== undefined) {
      const answer = await send(method, path, { token: adminToken, body })
      if (answer.status !== 401 && answer.body?.code !== 'reauthentication_required') return answer
    }
    adminToken = await login()
    return send(method, path, { token: adminToken, body })
  }

  async function login(email = ADMIN.email, password = ADMIN.password): Promise<string> {
    const answer = await send('POST', '/auth/login', { body: { email, password } })
    if (answer.status !== 200) throw new Error(`Sign-in answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    return answer.body.token
  }

  return {
    database,
    clock,
    audit,
    accounts,
    apiKeys,
    authenticator,
    announced,
    logged: http.logged,
    send,
    login,
    async makeUser(email, password = 'a person of this server') {
      const made = await sendAsAdmin('POST', '/admin/users', { email, password })
      if (made.status !== 201) throw new Error(`Making a user answered ${made.status}: ${JSON.stringify(made.body)}`)
      return { id: made.body.user.id, email, password, token: await login(email, password) }
    },
    async close() {
      const closed = new Promise<void>((resolve) => void http.http.server.close(() => resolve()))
      http.http.server.closeAllConnections()
      await closed
      await apiKeys.close()
      await upstream.close()
    },
  }
}
