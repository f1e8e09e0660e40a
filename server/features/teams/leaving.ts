// What becomes of a person's teams when their account is deleted: they leave them; one that nobody else is in is
// dissolved; one that would be left without an owner is in the way.
import type { Transaction } from 'kysely'
import type { AccountDeletion } from '../../../contract/accounts.ts'
import type { Schema } from '../../database/schema.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { toPublicId } from '../../kernel/ids.ts'
import type { Leaving } from '../accounts/deletion.ts'
import type { Actor } from './actor.ts'
import type { MembershipOptions } from './memberships.ts'
import type { TeamRow } from './team-store.ts'

type Tx = Transaction<Schema>
type Outcome = AccountDeletion['teams'][number]['outcome']

export function createLeaving(options: MembershipOptions): Leaving {
  const { clock, audit, teams, leases, revokeTeamKeys, changed } = options

  async function outcomeOf({ id, role }: TeamRow, userId: string, tx?: Tx): Promise<Outcome> {
    const others = (await teams.listMembers(id, tx)).filter((member) => member.id !== userId)
    if (others.length === 0) return 'dissolved'
    return role !== 'owner' || others.some((member) => member.role === 'owner') ? 'left' : 'needs_owner'
  }

  async function letGoOf(team: TeamRow, { userId, ip }: Actor, tx: Tx): Promise<readonly string[]> {
    const { id, name } = team
    await teams.lock(id, tx)
    const outcome = await outcomeOf(team, userId, tx)
    if (outcome === 'needs_owner') {
      throw new GatewayError('conflict', {
        message: `The team "${name}" needs an owner. Make somebody else one first, or dissolve it.`,
      })
    }
    await leases.endAllOf({ teamId: id, userId }, clock.now(), tx)
    const keys = await revokeTeamKeys(id, userId, tx)
    if (outcome === 'dissolved') await teams.remove(id, tx)
    else await teams.removeMember(id, userId, tx)
    const details =
      outcome === 'dissolved'
        ? { name, members: [{ user_id: userId, role: team.role }], revoked_api_keys: keys }
        : { user_id: userId, role: team.role, revoked_api_keys: keys }
    const action = outcome === 'dissolved' ? 'team.deleted' : 'team.left'
    const entry = { action, targetType: 'team', targetId: id, details }
    await audit.record({ actorType: 'user', actorId: userId, ip, ...entry }, tx)
    return [id, ...keys]
  }

  return {
    async describe(userId) {
      const described: AccountDeletion['teams'] = []
      for (const team of await teams.listOf(userId)) {
        const { id, name, members } = team
        described.push({ id: toPublicId('team', id), name, members, outcome: await outcomeOf(team, userId) })
      }
      return { teams: described }
    },

    async letGo(actor, tx) {
      const ids: string[] = []
      // In the order of ids, so that two who leave at once never wait for each other.
      const own = (await teams.listOf(actor.userId, tx)).toSorted((a, b) => (a.id < b.id ? -1 : 1))
      for (const team of own) ids.push(...(await letGoOf(team, actor, tx)))
      return () => changed([actor.userId, ...ids])
    },
  }
}
