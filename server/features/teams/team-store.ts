// The rows of teams, their members and invitations, in SQL.
import type { Kysely, Transaction } from 'kysely'
import type { TeamRole } from '../../../contract/teams.ts'
import type { Database } from '../../database/database.ts'
import type { Schema, TeamInviteTable, TeamTable } from '../../database/schema.ts'
import type { LimitColumns } from '../../kernel/limits.ts'

type Query = Kysely<Schema>
type Tx = Transaction<Schema>

export interface MemberRow {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly role: TeamRole
  readonly joinedAt: number
}

/** A team as one of its members sees it. */
export interface TeamRow extends Readonly<TeamTable> {
  readonly role: TeamRole
  readonly members: number
  readonly leases: number
}

export type TeamChange = Partial<Pick<TeamTable, 'name'> & LimitColumns>

export interface TeamStore {
  insert(team: TeamTable, query: Query): Promise<void>
  update(id: string, change: TeamChange, now: number, query: Query): Promise<void>
  remove(id: string, query: Query): Promise<void>
  find(id: string, query: Query): Promise<Readonly<TeamTable> | undefined>
  listOf(userId: string, query?: Query): Promise<TeamRow[]>
  findOf(id: string, userId: string): Promise<TeamRow | undefined>
  roleOf(id: string, userId: string, query?: Query): Promise<TeamRole | undefined>
  listMembers(id: string, query?: Query): Promise<MemberRow[]>
  emailOf(userId: string): Promise<string | undefined>
  /** Nobody else changes who is in this team until the transaction ends. */
  lock(id: string, tx: Tx): Promise<void>
  /** False if they are in the team already. */
  addMember(member: { teamId: string; userId: string; role: TeamRole; now: number }, query: Query): Promise<boolean>
  setRole(id: string, userId: string, role: TeamRole, query: Query): Promise<void>
  removeMember(id: string, userId: string, query: Query): Promise<void>
  insertInvite(invite: TeamInviteTable, query: Query): Promise<void>
  listInvites(id: string, now: number): Promise<Readonly<TeamInviteTable>[]>
  findInvite(codeHash: string, now: number): Promise<Readonly<TeamInviteTable> | undefined>
  /** False if it was used or taken back meanwhile. */
  removeInvite(id: string, teamId: string, query: Query): Promise<boolean>
}

export function createTeamStore(database: Database): TeamStore {
  const { query: own, kind } = database

  const teamsOf = (userId: string, query: Query = own) =>
    query
      .selectFrom('teams')
      .innerJoin('team_members as me', 'me.team_id', 'teams.id')
      .selectAll('teams')
      .select(['me.role as role'])
      .select((select) => [
        select
          .selectFrom('team_members')
          .whereRef('team_members.team_id', '=', 'teams.id')
          .select((count) => count.fn.countAll().as('count'))
          .as('members'),
        select
          .selectFrom('leases')
          .whereRef('leases.team_id', '=', 'teams.id')
          .where('leases.ended_at', 'is', null)
          .select((count) => count.fn.countAll().as('count'))
          .as('leases'),
      ])
      .where('me.user_id', '=', userId)

  type Found = Awaited<ReturnType<ReturnType<typeof teamsOf>['execute']>>[number]
  const toTeam = (row: Found): TeamRow => ({ ...row, members: Number(row.members), leases: Number(row.leases) })

  return {
    async insert(team, query) {
      await query.insertInto('teams').values(team).execute()
    },
    find: (id, query) => query.selectFrom('teams').selectAll().where('id', '=', id).executeTakeFirst(),

    async update(id, change, now, query) {
      await query
        .updateTable('teams')
        .set({ ...change, updated_at: now })
        .where('id', '=', id)
        .execute()
    },
    async remove(id, query) {
      await query.deleteFrom('teams').where('id', '=', id).execute()
    },
    async listOf(userId, query) {
      return (await teamsOf(userId, query).orderBy('teams.name').orderBy('teams.id').execute()).map(toTeam)
    },
    async findOf(id, userId) {
      const row = await teamsOf(userId).where('teams.id', '=', id).executeTakeFirst()
      return row && toTeam(row)
    },
    async roleOf(id, userId, query = own) {
      const row = await query
        .selectFrom('team_members')
        .select('role')
        .where('team_id', '=', id)
        .where('user_id', '=', userId)
        .executeTakeFirst()
      return row?.role
    },
    listMembers(id, query = own) {
      return query
        .selectFrom('team_members')
        .innerJoin('users', 'users.id', 'team_members.user_id')
        .select(['users.id', 'users.email', 'users.name', 'team_members.role', 'team_members.joined_at as joinedAt'])
        .where('team_members.team_id', '=', id)
        .orderBy('users.email')
        .execute()
    },
    async emailOf(userId) {
      return (await own.selectFrom('users').select('email').where('id', '=', userId).executeTakeFirst())?.email
    },
    async lock(id, tx) {
      // SQLite transactions of ours are IMMEDIATE: there the whole database is ours already.
      if (kind === 'postgres') {
        await tx.selectFrom('teams').select('id').where('id', '=', id).forUpdate().execute()
      }
    },
    async addMember({ teamId, userId, role, now }, query) {
      const result = await query
        .insertInto('team_members')
        .values({ team_id: teamId, user_id: userId, role, joined_at: now })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      return result.numInsertedOrUpdatedRows === 1n
    },
    async setRole(id, userId, role, query) {
      await query
        .updateTable('team_members')
        .set({ role })
        .where('team_id', '=', id)
        .where('user_id', '=', userId)
        .execute()
    },
    async removeMember(id, userId, query) {
      await query.deleteFrom('team_members').where('team_id', '=', id).where('user_id', '=', userId).execute()
    },
    async insertInvite(invite, query) {
      await query.deleteFrom('team_invites').where('expires_at', '<', invite.created_at).execute()
      await query.insertInto('team_invites').values(invite).execute()
    },
    listInvites(id, now) {
      return own
        .selectFrom('team_invites')
        .selectAll()
        .where('team_id', '=', id)
        .where('expires_at', '>', now)
        .orderBy('created_at', 'desc')
        .execute()
    },
    findInvite(codeHash, now) {
      return own
        .selectFrom('team_invites')
        .selectAll()
        .where('code_hash', '=', codeHash)
        .where('expires_at', '>', now)
        .executeTakeFirst()
    },
    async removeInvite(id, teamId, query) {
      const result = await query
        .deleteFrom('team_invites')
        .where('id', '=', id)
        .where('team_id', '=', teamId)
        .executeTakeFirst()
      return result.numDeletedRows === 1n
    },
  }
}
