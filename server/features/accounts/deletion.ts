// Deleting one's own account: what goes with it is told first, and goes in one transaction.
// Invariants: the password is proved again, or, where the account has none, the sign-in is recent; the last active
// administrator stays; a team others are in keeps an owner; with the row of the user go sessions, keys, aliases,
// settings and notices. What was used and what was done stay: the ledger under the bare id, the audit log as it was
// written.
import type { Transaction } from 'kysely'
import type { AccountDeletion } from '../../../contract/accounts.ts'
import type { Schema } from '../../database/schema.ts'
import { demandRecentSignIn } from '../../http/recent-sign-in.ts'
import type { Principal } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { AccountsContext } from './context.ts'
import { writeAccountDeletedMail } from './mails.ts'
import { createPasswordProof } from './prove-password.ts'

interface Caller {
  readonly userId: string
  readonly ip: string
}

/** What another room keeps of an account. */
export interface Leaving {
  describe(userId: string): Promise<Partial<Omit<AccountDeletion, 'obstacle'>>>
  /**
   * As part of the transaction; throws where something is to be settled first. What it gives is done after the commit.
   */
  letGo(caller: Caller, tx: Transaction<Schema>): Promise<() => unknown>
}

export interface DeletionProof {
  readonly password: string | undefined
  readonly principal: Principal
}

export interface Deletion {
  describe(userId: string): Promise<AccountDeletion>
  run(caller: Caller, proof: DeletionProof): Promise<void>
}

export function createDeletion(context: AccountsContext, leaving: () => readonly Leaving[]): Deletion {
  const { database, audit, users, mail } = context
  const provePassword = createPasswordProof(context)

  async function prove(caller: Caller, { password, principal }: DeletionProof): Promise<{ email: string }> {
    if (password !== undefined) return provePassword(caller, password)
    const user = await users.findById(caller.userId)
    if (!user) throw new GatewayError('session_expired')
    if (user.password_hash !== null) {
      throw new GatewayError('invalid_credentials', { status: 403, message: 'Give your current password.' })
    }
    demandRecentSignIn(principal, context.clock)
    return user
  }

  return {
    async describe(userId) {
      const parts = await Promise.all(leaving().map((room) => room.describe(userId)))
      const all = Object.assign({ provider_keys: 0, shared_with: [], api_keys: 0, teams: [] }, ...parts)
      const admins = await users.listActiveAdmins()
      const needsOwner = (all as AccountDeletion).teams.some(({ outcome }) => outcome === 'needs_owner')
      const isLastAdmin = admins.length === 1 && admins[0] === userId
      return { ...all, obstacle: isLastAdmin ? 'last_admin' : needsOwner ? 'team_owner' : null }
    },

    async run(caller, proof) {
      const { userId, ip } = caller
      const { email } = await prove(caller, proof)
      const afterwards = await database.transaction(async (tx) => {
        // In this order everywhere: administrators, then this user, then teams. Nothing of theirs can be added from
        // here.
        const admins = await users.lockActiveAdmins(tx)
        const user = await users.lock(userId, tx)
        if (!user) throw new GatewayError('session_expired')
        if (admins.length === 1 && admins[0] === userId) {
          throw new GatewayError('conflict', {
            message: 'This is the last active administrator. Make somebody else one first.',
          })
        }
        const done: (() => unknown)[] = []
        for (const room of leaving()) done.push(await room.letGo(caller, tx))
        const { role } = user
        const entry = { action: 'user.deleted', targetType: 'user', targetId: userId, details: { email, role } }
        await audit.record({ actorType: 'user', actorId: userId, ip, ...entry }, tx)
        await users.remove(userId, tx)
        return done
      })
      context.changed(userId)
      for (const act of afterwards) await act()
      mail?.sendLater(async () => writeAccountDeletedMail({ to: email, publicUrl: context.settings.publicUrl() }))
    },
  }
}
