// The rules of teams: who is in them, who lets others in, and how one leaves.
// Invariants: a team one is not in does not exist for one; a team always has an owner; an invitation makes one member;
// whoever leaves takes along the leases of their own keys, those made to them, and the API keys they made for the team.
import type { CreateTeamInviteBody, TeamAct, TeamRole, UpdateTeamBody } from '../../../contract/teams.ts'
import type { Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { Schema, TeamInviteTable } from '../../database/schema.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createUlid } from '../../kernel/ids.ts'
import { NO_LIMITS, toLimitColumns } from '../../kernel/limits.ts'
import type { Audit } from '../audit/audit.ts'
import { describeChanges } from '../../kernel/changes.ts'
import type { Actor } from './actor.ts'
import { digestTeamCode, generateTeamCode } from './invite-code.ts'
import type { LeaseStore } from './lease-store.ts'
import { leastRole, mayInTeam } from './rights.ts'
import type { MemberRow, TeamRow, TeamStore } from './team-store.ts'

type Tx = Transaction<Schema>
type Invite = Readonly<TeamInviteTable>

export interface Memberships {
  create(actor: Actor, name: string): Promise<TeamRow>
  list(userId: string): Promise<TeamRow[]>
  describe(userId: string, teamId: string): Promise<{ team: TeamRow; members: MemberRow[]; invites: Invite[] }>
  update(actor: Actor, teamId: string, fields: UpdateTeamBody): Promise<TeamRow>
  remove(actor: Actor, teamId: string): Promise<void>
  setRole(actor: Actor, teamId: string, userId: string, role: TeamRole): Promise<void>
  /** Oneself: leaving. */
  removeMember(actor: Actor, teamId: string, userId: string): Promise<void>
  invite(actor: Actor, teamId: string, fields: CreateTeamInviteBody): Promise<{ invite: Invite; code: string }>
  withdrawInvite(actor: Actor, teamId: string, inviteId: string): Promise<void>
  join(actor: Actor, code: string): Promise<TeamRow>
}

export interface MembershipOptions {
  readonly database: Database
  readonly clock: Clock
  readonly audit: Audit
  readonly teams: TeamStore
  readonly leases: LeaseStore
  /** Revokes the API keys this user made for this team; returns their ids. */
  readonly revokeTeamKeys: (teamId: string, userId: string | null, tx: Tx) => Promise<readonly string[]>
  /** Something about who may use what changed: ids of a team, user or API key. */
  readonly changed: (ids: readonly string[]) => void
}

function assertMay(role: TeamRole, act: TeamAct): void {
  if (mayInTeam(role, act)) return
  throw new GatewayError('forbidden', { message: `Only the team's ${leastRole(act)}s may do this.` })
}

/** Whom else a change touches, and what the audit log says of it besides. */
interface Done {
  readonly ids?: readonly string[]
  readonly details?: object
}

export function createMemberships(options: MembershipOptions): Memberships {
  const { database, clock, audit, teams, leases, revokeTeamKeys, changed } = options

  /** One change of a team by a member who may, with its audit entry, all or nothing. */
  async function change(
    actor: Actor,
    teamId: string,
    act: TeamAct,
    entry: { action: string; details?: object },
    write: (tx: Tx, role: TeamRole) => Promise<Done | void>,
  ): Promise<void> {
    const ids = await database.transaction(async (tx) => {
      await teams.lock(teamId, tx)
      const role = await teams.roleOf(teamId, actor.userId, tx)
      if (role === undefined) throw noSuchTeam()
      assertMay(role, act)
      const done = await write(tx, role)
      await audit.record(
        {
          actorType: 'user',
          actorId: actor.userId,
          ip: actor.ip,
          action: entry.action,
          targetType: 'team',
          targetId: teamId,
          details: { ...entry.details, ...done?.details },
        },
        tx,
      )
      return done?.ids ?? []
    })
    changed([teamId, ...ids])
  }

  async function getTeam(userId: string, teamId: string): Promise<TeamRow> {
    const team = await teams.findOf(teamId, userId)
    if (!team) throw noSuchTeam()
    return team
  }

  /** A team without an owner could never be changed again. */
  async function assertOwnerRemains(teamId: string, without: string, tx: Tx): Promise<void> {
    const members = await teams.listMembers(teamId, tx)
    if (members.some(({ id, role }) => role === 'owner' && id !== without)) return
    throw new GatewayError('conflict', { message: 'A team needs an owner. Make somebody else one first.' })
  }

  async function targetRole(teamId: string, userId: string, tx: Tx): Promise<TeamRole> {
    const role = await teams.roleOf(teamId, userId, tx)
    if (role === undefined) throw new GatewayError('not_found', { message: 'The team has no such member.' })
    return role
  }

  return {
    async create({ userId, ip }, name) {
      const now = clock.now()
      const id = createUlid(now)
      await database.transaction(async (tx) => {
        await teams.insert({ id, name, created_by: userId, ...NO_LIMITS, created_at: now, updated_at: now }, tx)
        await teams.addMember({ teamId: id, userId, role: 'owner', now }, tx)
        const entry = { action: 'team.created', targetType: 'team', targetId: id, details: { name } }
        await audit.record({ actorType: 'user', actorId: userId, ip, ...entry }, tx)
      })
      changed([userId])
      return getTeam(userId, id)
    },

    list: (userId) => teams.listOf(userId),

    async describe(userId, teamId) {
      const team = await getTeam(userId, teamId)
      const invites = mayInTeam(team.role, 'invite') ? await teams.listInvites(teamId, clock.now()) : []
      return { team, members: await teams.listMembers(teamId), invites }
    },

    async update(actor, teamId, { name, ...limits }) {
      const columns = { ...(name === undefined ? {} : { name }), ...toLimitColumns(limits) }
      await change(actor, teamId, 'settings', { action: 'team.changed' }, async (tx) => {
        const before = await teams.find(teamId, tx)
        await teams.update(teamId, columns, clock.now(), tx)
        return { details: { changes: before ? describeChanges(before, columns) : {} } }
      })
      return getTeam(actor.userId, teamId)
    },

    async remove(actor, teamId) {
      await change(actor, teamId, 'dissolve', { action: 'team.deleted' }, async (tx) => {
        const before = await teams.find(teamId, tx)
        const members = await teams.listMembers(teamId, tx)
        await leases.endAllOf({ teamId }, clock.now(), tx)
        const ids = await revokeTeamKeys(teamId, null, tx)
        await teams.remove(teamId, tx)
        const had = members.map(({ id, role }) => ({ user_id: id, role }))
        return { ids, details: { name: before?.name, members: had, revoked_api_keys: ids } }
      })
    },

    async setRole(actor, teamId, userId, role) {
      const entry = { action: 'team.role-changed', details: { user_id: userId } }
      await change(actor, teamId, 'people', entry, async (tx, own) => {
        const before = await targetRole(teamId, userId, tx)
        // Owners alone make and unmake owners.
        if (role === 'owner' || before === 'owner') assertMay(own, 'owners')
        if (before === 'owner' && role !== 'owner') await assertOwnerRemains(teamId, userId, tx)
        await teams.setRole(teamId, userId, role, tx)
        return { details: { changes: describeChanges({ role: before }, { role }) } }
      })
    },

    async removeMember(actor, teamId, userId) {
      const isLeaving = actor.userId === userId
      const entry = { action: isLeaving ? 'team.left' : 'team.member-removed', details: { user_id: userId } }
      await change(actor, teamId, isLeaving ? 'leave' : 'people', entry, async (tx, own) => {
        const role = await targetRole(teamId, userId, tx)
        if (!isLeaving && role === 'owner') assertMay(own, 'owners')
        if (role === 'owner') await assertOwnerRemains(teamId, userId, tx)
        await leases.endAllOf({ teamId, userId }, clock.now(), tx)
        const keys = await revokeTeamKeys(teamId, userId, tx)
        await teams.removeMember(teamId, userId, tx)
        return { ids: [userId, ...keys], details: { role, revoked_api_keys: keys } }
      })
    },

    async invite(actor, teamId, { email, role, expires_in_hours: hours }) {
      const now = clock.now()
      const code = generateTeamCode()
      const invite: Invite = {
        id: createUlid(now),
        team_id: teamId,
        code_hash: digestTeamCode(code),
        email: email ?? null,
        role,
        created_by: actor.userId,
        created_at: now,
        expires_at: now + hours * 3_600_000,
      }
      const details = { invite_id: invite.id, email: invite.email, role }
      await change(actor, teamId, 'invite', { action: 'team.invited', details }, (tx) => teams.insertInvite(invite, tx))
      return { invite, code }
    },

    async withdrawInvite(actor, teamId, inviteId) {
      const details = { invite_id: inviteId }
      await change(actor, teamId, 'invite', { action: 'team.invite-withdrawn', details }, async (tx) => {
        if (await teams.removeInvite(inviteId, teamId, tx)) return
        throw new GatewayError('not_found', { message: 'The team has no such open invitation.' })
      })
    },

    async join({ userId, ip }, code) {
      const now = clock.now()
      const invite = await teams.findInvite(digestTeamCode(code), now)
      const isMeant = invite && (invite.email === null || invite.email === (await teams.emailOf(userId)))
      if (!isMeant) throw new GatewayError('invalid_invite')
      await database.transaction(async (tx) => {
        await teams.lock(invite.team_id, tx)
        if (!(await teams.removeInvite(invite.id, invite.team_id, tx))) throw new GatewayError('invalid_invite')
        const isNew = await teams.addMember({ teamId: invite.team_id, userId, role: invite.role, now }, tx)
        if (!isNew) throw new GatewayError('conflict', { message: 'You are in this team already.' })
        const details = { invite_id: invite.id, role: invite.role }
        const entry = { action: 'team.joined', targetType: 'team', targetId: invite.team_id, details }
        await audit.record({ actorType: 'user', actorId: userId, ip, ...entry }, tx)
      })
      changed([userId, invite.team_id])
      return getTeam(userId, invite.team_id)
    },
  }
}

/** A team one is not in and one that does not exist are the same. */
export function noSuchTeam(): GatewayError {
  return new GatewayError('not_found', { message: 'You are in no such team.' })
}
