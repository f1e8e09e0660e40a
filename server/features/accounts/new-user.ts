// The row of a user who did not exist a moment ago, and its insertion.
import type { Kysely } from 'kysely'
import { isUniqueViolation } from '../../database/errors.ts'
import type { Schema } from '../../database/schema.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createUuid } from '../../kernel/ids.ts'
import { NO_LIMITS } from '../../kernel/limits.ts'
import type { AccountsContext } from './context.ts'
import type { UserRow } from './user-store.ts'

export interface NewUser {
  readonly email: string
  readonly name: string | undefined
  readonly role: 'admin' | 'user'
  readonly passwordHash: string | null
}

/** Throws `email_taken`, also when somebody registers the same address at this very moment. */
export async function insertUser(context: AccountsContext, user: NewUser, query: Kysely<Schema>): Promise<UserRow> {
  const now = context.clock.now()
  const row: UserRow = {
    id: createUuid(),
    email: user.email,
    name: user.name ?? user.email.split('@')[0]!.slice(0, 100),
    password_hash: user.passwordHash,
    role: user.role,
    is_active: true,
    fallback: JSON.stringify('allow'),
    auth_gen: 1,
    ...NO_LIMITS,
    last_login_at: null,
    created_at: now,
    updated_at: now,
  }
  try {
    await context.users.insert(row, query)
  } catch (error) {
    if (isUniqueViolation(error)) throw new GatewayError('email_taken')
    throw error
  }
  return row
}
