// Sessions: beginning, refreshing, checking and ending a sign-in.
// Invariants: an access token counts only while its session stands and is used now and then, its user is active and no
// credential changed since it was made, asked on every request from a memory that drops what changes; a refresh token
// is replaced when it is used, but not twice within a short grace, in which the one before it gives the same: tabs
// refresh together, and what a page asked before it was left may arrive after what the next one asked; an old one shown
// later ends the session, since somebody copied it.
import type { Kysely } from 'kysely'
import type { Schema } from '../../database/schema.ts'
import type { Principal } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createUlid } from '../../kernel/ids.ts'
import { createTaggedCache } from '../../kernel/tagged-cache.ts'
import type { AccessClaims } from './access-token.ts'
import type { AccountsContext, Origin } from './context.ts'
import { createRefreshTokens } from './refresh-token.ts'
import type { SessionRow, SessionState } from './session-store.ts'
import type { UserRow } from './user-store.ts'

const SESSION_LIFETIME_MS = 30 * 86_400_000
const SESSION_IDLE_MS = 7 * 86_400_000
/** Two tabs that refresh together, an answer that was lost on the way, or a call that was overtaken there. */
const REFRESH_GRACE_MS = 30_000
/** In the place of an id: what is held of all sessions may be wrong. */
export const EVERYBODY = '*'
const MAX_CACHED = 20_000
/** With a query, a session ended on another instance is noticed within five seconds. */
const FRESH_MS = 3_000

/** A session and what its owner is handed: the access token, and the refresh token for the cookie. */
export interface SignedIn {
  readonly user: UserRow
  readonly token: string
  readonly tokenExpiresAt: number
  readonly refreshToken: string
  readonly refreshExpiresAt: number
  /** They must add a second factor before anything else. */
  readonly lacksFactor: boolean
}

/** A session that is written but whose transaction may not have ended. */
export interface BegunSession {
  readonly id: string
  readonly refreshToken: string
  readonly expiresAt: number
}

export interface SignInProof {
  readonly method: SessionRow['method']
  /** In milliseconds; null: nobody knows, so it is not recent. */
  readonly authenticatedAt: number | null
}

export interface Sessions {
  /** `proof`: how they showed who they are, by default with their password just now. */
  begin(user: UserRow, origin: Origin, query: Kysely<Schema>, proof?: SignInProof): Promise<BegunSession>
  issue(user: UserRow, begun: BegunSession): Promise<SignedIn>
  refresh(presented: string | undefined, ip: string): Promise<SignedIn>
  /** `mayLackFactor`: what is asked for is open to those who still have to add a second factor. */
  authenticate(token: string, options: { mayLackFactor: boolean }): Promise<Principal>
  /** The same for a token that was accepted a while ago: its own end no longer counts, that of its session does. */
  recheck(token: string): Promise<Principal>
  /** Ends the session of a refresh token; anything else is ignored. */
  end(presented: string | undefined, ip: string): Promise<void>
  list(userId: string): Promise<SessionRow[]>
  /** `actorId`: who ended it, where that is not the user. */
  revoke(userId: string, sessionId: string, by: { ip: string; actorId?: string }): Promise<void>
  /** Drops what is held about a user or a session, or about EVERYBODY. */
  invalidate(id: string): void
}

interface Held {
  readonly principal: Principal
  readonly generation: number
  readonly expiresAt: number
  readonly stands: boolean
  readonly lacksFactor: boolean
}

export function createSessions(context: AccountsContext, key: Uint8Array): Sessions {
  const { clock, audit, users, sessions, tokens } = context
  const { sessionIdleMs: idleMs = SESSION_IDLE_MS } = context.settings
  const refreshTokens = createRefreshTokens(key)
  const held = createTaggedCache<string, Held | null>({
    load: async (id) => holdState(await sessions.findState(id), idleMs),
    tags: (value) => (value ? [value.principal.userId, value.principal.sessionId!, EVERYBODY] : []),
    max: MAX_CACHED,
    freshMs: FRESH_MS,
    clock,
  })

  async function issue(user: UserRow, begun: BegunSession): Promise<SignedIn> {
    const { token, expiresAt } = await tokens.sign({ userId: user.id, sessionId: begun.id, generation: user.auth_gen })
    return {
      user,
      token,
      tokenExpiresAt: expiresAt,
      refreshToken: begun.refreshToken,
      refreshExpiresAt: begun.expiresAt,
      lacksFactor: (await held.get(begun.id))?.lacksFactor ?? false,
    }
  }

  async function end(row: SessionRow, ip: string, action: string, actorId = row.user_id): Promise<void> {
    if (!(await sessions.revoke(row.id, row.user_id, clock.now()))) return
    context.changed(row.id)
    await audit.record({
      actorType: 'user',
      actorId,
      ip,
      action,
      targetType: 'session',
      targetId: row.id,
      details: {},
    })
  }

  async function findPrincipal(claims: AccessClaims, mayLackFactor: boolean): Promise<Principal> {
    const state = await held.get(claims.sessionId)
    if (
      !state ||
      !state.stands ||
      state.principal.userId !== claims.userId ||
      state.generation !== claims.generation ||
      state.expiresAt <= clock.now()
    ) {
      throw new GatewayError('session_expired')
    }
    if (state.lacksFactor && !mayLackFactor) throw new GatewayError('second_factor_not_set_up')
    return state.principal
  }

  return {
    async begin(user, origin, query, proof) {
      const now = clock.now()
      const { method, authenticatedAt } = proof ?? { method: 'password', authenticatedAt: now }
      const id = createUlid(now)
      const refreshToken = refreshTokens.create(id)
      const expiresAt = now + SESSION_LIFETIME_MS
      await sessions.insert(
        {
          id,
          user_id: user.id,
          refresh_hash: refreshToken.digest,
          previous_hash: null,
          rotated_at: null,
          authenticated_at: Math.min(authenticatedAt ?? 0, now),
          user_agent: origin.userAgent,
          ip: origin.ip,
          created_at: now,
          last_used_at: now,
          expires_at: expiresAt,
          revoked_at: null,
          method,
        },
        query,
      )
      return { id, refreshToken: refreshToken.text, expiresAt }
    },
    issue,

    async refresh(presented, ip) {
      const token = presented === undefined ? undefined : refreshTokens.parse(presented)
      const row = token && (await sessions.find(token.sessionId))
      const now = clock.now()
      if (!token || !row || row.revoked_at !== null || row.expires_at <= now) throw new GatewayError('session_expired')
      if (row.last_used_at + idleMs <= now) throw new GatewayError('session_expired')
      const user = await users.findById(row.user_id)
      if (!user?.is_active) throw new GatewayError('session_expired')

      const isYoung = row.rotated_at !== null && now - row.rotated_at <= REFRESH_GRACE_MS
      if (row.refresh_hash === token.digest && isYoung) {
        return issue(user, { id: row.id, refreshToken: token.text, expiresAt: row.expires_at })
      }
      const next = refreshTokens.successorOf(token)
      const rotated =
        row.refresh_hash === token.digest &&
        (await sessions.rotate({ id: row.id, from: token.digest, to: next.digest, ip, now }))
      if (!rotated) {
        // Somebody was faster, now or a moment ago. Within the grace the answer is the same as theirs.
        const current = await sessions.find(row.id)
        if (!current || current.revoked_at !== null) throw new GatewayError('session_expired')
        const isGrace = current.refresh_hash === next.digest && now - (current.rotated_at ?? now) <= REFRESH_GRACE_MS
        if (!isGrace) {
          await end(current, ip, 'session.reuse-detected')
          throw new GatewayError('session_expired')
        }
      }
      return issue(user, { id: row.id, refreshToken: next.text, expiresAt: row.expires_at })
    },

    authenticate: async (token, { mayLackFactor }) => findPrincipal(await tokens.verify(token), mayLackFactor),
    recheck: async (token) => findPrincipal(await tokens.verify(token, { evenIfOver: true }), false),

    async end(presented, ip) {
      const token = presented === undefined ? undefined : refreshTokens.parse(presented)
      const row = token && (await sessions.find(token.sessionId))
      if (row) await end(row, ip, 'session.ended')
    },
    list: (userId) => sessions.listLive(userId, clock.now(), clock.now() - idleMs),
    async revoke(userId, sessionId, { ip, actorId }) {
      const row = await sessions.find(sessionId)
      if (!row || row.user_id !== userId || row.revoked_at !== null) {
        throw new GatewayError('not_found', { message: 'There is no such session.' })
      }
      await end(row, ip, 'session.revoked', actorId)
    },
    invalidate: (id) => held.dropTag(id),
  }
}

function holdState(state: SessionState | null, idleMs: number): Held | null {
  if (!state) return null
  return Object.freeze({
    principal: Object.freeze({
      kind: 'session',
      userId: state.userId,
      role: state.role,
      sessionId: state.id,
      apiKeyId: null,
      teamId: null,
      authenticatedAt: state.authenticatedAt,
    }),
    generation: state.generation,
    expiresAt: Math.min(state.expiresAt, state.lastUsedAt + idleMs),
    stands: state.isActive && state.revokedAt === null,
    lacksFactor: state.lacksFactor,
  })
}
