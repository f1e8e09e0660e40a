// Users as they see themselves (profile) and as administrators manage them.
// Invariants: whatever is switched off or demoted acts at once, sessions included; the last active administrator can
// neither be demoted nor switched off, not even by two administrators at the same moment.
import type { Transaction } from 'kysely'
import type { Schema } from '../../database/schema.ts'
import type { StoredFallback } from '../../kernel/fallback.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { isUuid } from '../../kernel/ids.ts'
import type { LimitColumns } from '../../kernel/limits.ts'
import { describeChanges } from '../../kernel/changes.ts'
import { passwordRulesOf, type AccountsContext } from './context.ts'
import { insertUser } from './new-user.ts'
import { assertAcceptablePassword } from './password-rules.ts'
import type { UserChange, UserRow } from './user-store.ts'

export interface Actor {
  readonly actorId: string
  readonly ip: string
}

export interface Users {
  get(id: string): Promise<UserRow>
  updateProfile(change: { name?: string; fallback?: StoredFallback }, by: Actor): Promise<UserRow>
  list(page: { limit: number; after: string | undefined }): Promise<{ users: UserRow[]; next: string | null }>
  /** Without a password the account opens by a reset link only. */
  create(
    user: { email: string; name: string | undefined; role: 'admin' | 'user'; password: string | undefined },
    by: Actor,
  ): Promise<UserRow>
  update(
    id: string,
    change: { role?: 'admin' | 'user'; isActive?: boolean; name?: string; limits?: Partial<LimitColumns> },
    by: Actor,
  ): Promise<UserRow>
}

export function createUsers(context: AccountsContext): Users {
  const { database, clock, audit, settings, users, sessions, passwords } = context

  async function get(id: string, tx?: Transaction<Schema>): Promise<UserRow> {
    const user = isUuid(id) ? await users.findById(id, tx) : undefined
    if (!user) throw new GatewayError('not_found', { message: 'There is no such user.' })
    return user
  }

  return {
    get: (id) => get(id),

    async updateProfile(change, { actorId, ip }) {
      const fallback = change.fallback === undefined ? undefined : JSON.stringify(withoutRepeats(change.fallback))
      const { name } = change
      const now = clock.now()
      await database.transaction(async (tx) => {
        const set = { ...(name === undefined ? {} : { name }), ...(fallback === undefined ? {} : { fallback }) }
        const before = await get(actorId, tx)
        await users.update(actorId, set, now, tx)
        await audit.record(
          {
            actorType: 'user',
            actorId,
            ip,
            action: 'user.changed',
            targetType: 'user',
            targetId: actorId,
            details: { changes: describeChanges(before, set, ['fallback']) },
          },
          tx,
        )
      })
      context.changed(actorId)
      return get(actorId)
    },

    async list({ limit, after }) {
      const rows = await users.list({ limit: limit + 1, after })
      const page = rows.slice(0, limit)
      return { users: page, next: rows.length > limit ? page.at(-1)!.email : null }
    },

    async create({ email, name, role, password }, { actorId, ip }) {
      if (password !== undefined) {
        assertAcceptablePassword(password, passwordRulesOf(settings), { person: { email, name } })
      }
      if (await users.findByEmail(email))
        throw new GatewayError('email_taken', { message: 'An account with this e-mail address exists.' })
      const passwordHash = password === undefined ? null : await passwords.hash(password)
      return database.transaction(async (tx) => {
        const user = await insertUser(context, { email, name, role, passwordHash }, tx)
        await audit.record(
          {
            actorType: 'user',
            actorId,
            ip,
            action: 'user.created',
            targetType: 'user',
            targetId: user.id,
            details: { email, role },
          },
          tx,
        )
        return user
      })
    },

    async update(id, change, { actorId, ip }) {
      await get(id)
      const now = clock.now()
      await database.transaction(async (tx) => {
        if (change.role === 'user' || change.isActive === false) {
          const admins = await users.lockActiveAdmins(tx)
          if (admins.length === 1 && admins[0] === id) {
            throw new GatewayError('conflict', {
              message: 'This is the last active administrator. Make somebody else one first.',
            })
          }
        }
        const before = await get(id, tx)
        await users.update(id, change, now, tx)
        if (change.isActive === false) {
          await users.raiseGeneration(id, tx)
          await sessions.revokeAll(id, null, now, tx)
        }
        await audit.record(
          {
            actorType: 'user',
            actorId,
            ip,
            action: 'user.changed',
            targetType: 'user',
            targetId: id,
            details: { changes: describeChanges(before, toColumns(change), ['fallback']) },
          },
          tx,
        )
      })
      context.changed(id)
      return get(id)
    },
  }
}

/** The same change as columns, in whose names it stands in the audit log. */
function toColumns({ isActive, limits, ...change }: UserChange): Partial<UserRow> {
  return { ...change, ...(isActive === undefined ? {} : { is_active: isActive }), ...limits }
}

function withoutRepeats(fallback: StoredFallback): StoredFallback {
  return typeof fallback === 'string' ? fallback : [...new Set(fallback)]
}
