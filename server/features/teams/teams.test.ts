// What teams and leases keep in the database, on both databases: who may use what, what was spent under a lease, and
// that two people who act at once leave one truth.
import { expect, test } from 'vitest'
import { createMovableClock } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase, type OpenDatabase } from '../../../test/support/databases.ts'
import { createUlid, createUuid } from '../../kernel/ids.ts'
import { createAudit } from '../audit/audit.ts'
import type { ApiKeyContext } from '../api-keys/context.ts'
import type { ProviderKeyRecord } from '../provider-keys/record.ts'
import { createApiKeyStore } from '../api-keys/store.ts'
import { createDepartures } from './departure.ts'
import { createLeaseStore } from './lease-store.ts'
import { createLeases } from './leases.ts'
import { createMemberships } from './memberships.ts'
import { createTeamStore } from './team-store.ts'
import { createBorrowed } from './borrowed.ts'

const HOUR = 3_600_000

// size: a world of three people, one key and every part of the room.
async function begin(open: OpenDatabase) {
  const database = await open()
  const clock = createMovableClock()
  const audit = createAudit({ database, clock })
  const [teams, leases] = [createTeamStore(database), createLeaseStore(database)]
  const people = { lender: createUuid(), borrower: createUuid(), stranger: createUuid() }
  const keyId = createUlid(clock.now())
  const now = clock.now()
  await database.insertMany([
    {
      table: 'users',
      rows: Object.entries(people).map(([name, id]) => ({
        id,
        email: `${name}@example.test`,
        name,
        password_hash: null,
        role: 'user' as const,
        is_active: true,
        fallback: '"allow"',
        auth_gen: 1,
        last_login_at: null,
        created_at: now,
        updated_at: now,
      })),
    },
    {
      table: 'user_provider_keys',
      rows: [
        {
          id: keyId,
          user_id: people.lender,
          provider: 'openai',
          api_key_encrypted: 'ur1.',
          kid: 'k',
          key_version: 1,
          version: 1,
          is_active: true,
          label: 'Work',
          position: 1,
          prefix: 'sk-',
          last4: 'abcd',
          fingerprint: 'f',
          status: 'active',
          fallback: '"allow"',
          created_at: now,
          updated_at: now,
        },
      ],
    },
  ])
  const borrowed = createBorrowed({
    leases,
    clock,
    chainFor: async (userId) => (userId === people.lender ? [{ id: keyId, userId } as ProviderKeyRecord] : []),
  })
  const revoked: string[] = []
  const parts = {
    database,
    clock,
    audit,
    teams,
    leases,
    changed: (ids: readonly string[]) => ids.forEach((id) => borrowed.invalidate(id)),
    findOwnKey: async () => ({ id: keyId, provider: 'openai' }),
    explainInstead: async () => [],
    countTeamKeys: createApiKeyStore(database).countOfTeam,
    revokeTeamKeys: async (_team: string, userId: string | null) => {
      revoked.push(userId ?? 'everybody')
      return []
    },
  }
  const actor = (name: keyof typeof people) => ({ userId: people[name], ip: null })
  const memberships = createMemberships(parts)
  const team = await memberships.create(actor('lender'), 'Data')
  const { code } = await memberships.invite(actor('lender'), team.id, { role: 'member', expires_in_hours: 1 })
  const usable = async (name: keyof typeof people, teamId: string | null = null): Promise<string[]> => {
    const found = await borrowed.sharedFor({ principal: { userId: people[name], teamId } } as ApiKeyContext)
    return found.map(({ lease }) => lease.id)
  }
  const rooms = {
    memberships,
    room: createLeases(parts),
    departures: createDepartures(parts),
    borrowed,
    team,
    teamId: `team_${team.id}`,
    code,
  }
  return { ...rooms, database, clock, audit, actor, people, keyId, usable, revoked, leases }
}

const bare = (id: string) => id.slice(id.indexOf('_') + 1)

describeOnEachDatabase('a lease', (open) => {
  test('is usable by the members it is for, while it, its team and both memberships last', async () => {
    const { memberships, room, actor, teamId, team, code, usable, people, revoked } = await begin(open)
    const { id } = await room.create(actor('lender'), { provider_key: 'openai', team_id: teamId })
    expect(await usable('borrower')).toEqual([])
    await memberships.join(actor('borrower'), code)
    expect(await usable('borrower')).toEqual([bare(id)])
    expect(await usable('stranger')).toEqual([])
    // Its owner has the key anyway; through the team's API key it counts as shared.
    expect(await usable('lender')).toEqual([])
    expect(await usable('lender', team.id)).toEqual([bare(id)])
    expect(await usable('borrower', createUlid())).toEqual([])
    await memberships.removeMember(actor('lender'), team.id, people.borrower)
    expect(await usable('borrower')).toEqual([])
    expect(revoked).toEqual([people.borrower])
    await memberships.remove(actor('lender'), team.id)
    expect(await usable('lender', team.id)).toEqual([])
    expect(await room.list(people.lender)).toEqual({ lent: [], borrowed: [], ended: [] })
  })

  test('is told before it ends with its team, with the API keys that end too, to those who may end it', async () => {
    const { memberships, room, departures, actor, teamId, team, code, people, database, clock } = await begin(open)
    await memberships.join(actor('borrower'), code)
    await room.create(actor('lender'), { provider_key: 'openai', team_id: teamId })
    const now = clock.now()
    const key = (user_id: string, team_id: string | null) => {
      const id = createUlid(now)
      return {
        id,
        user_id,
        team_id,
        name: 'bot',
        key_hash: id,
        last4: 'abcd',
        fallback: '"allow"',
      }
    }
    await database.insertMany([
      {
        table: 'api_keys',
        rows: [
          { ...key(people.lender, team.id), is_active: true },
          { ...key(people.borrower, team.id), is_active: true },
          { ...key(people.borrower, team.id), is_active: true },
          { ...key(people.borrower, team.id), is_active: false },
          { ...key(people.borrower, null), is_active: true },
        ].map((row) => ({ ...row, version: 1, created_at: now, updated_at: now })),
      },
    ])
    const nobody = { requests: 0, people: 0, instead: [] }
    const all = await departures.ofAll(people.lender, team.id)
    expect(all).toMatchObject({ lent: { keys: 1, ...nobody }, borrowed: { keys: 0, ...nobody }, api_keys: 3 })
    const one = await departures.ofMember(people.lender, team.id, people.borrower)
    expect(one).toMatchObject({ lent: { keys: 0, ...nobody }, borrowed: { keys: 1, ...nobody }, api_keys: 2 })
    await memberships.setRole(actor('lender'), team.id, people.borrower, 'admin')
    await expect(departures.ofAll(people.borrower, team.id)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(departures.ofAll(people.stranger, team.id)).rejects.toMatchObject({ code: 'not_found' })
  })

  test('is made once for the same borrowers, by its key’s owner, and changed by the latest version only', async () => {
    const { memberships, room, actor, teamId, code, people } = await begin(open)
    await memberships.join(actor('borrower'), code)
    const body = { provider_key: 'openai', team_id: teamId }
    const both = await Promise.allSettled([room.create(actor('lender'), body), room.create(actor('lender'), body)])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const [lease] = (await room.list(people.lender)).lent
    await room.create(actor('lender'), { ...body, user_id: people.borrower })
    const cap = { usd: 5, period: 'month' as const }
    expect(await room.update(actor('lender'), bare(lease!.id), { cap, version: 1 })).toMatchObject({ cap, version: 2 })
    await expect(room.update(actor('lender'), bare(lease!.id), { cap: null, version: 1 })).rejects.toMatchObject({
      code: 'version_conflict',
    })
    await expect(room.update(actor('borrower'), bare(lease!.id), { cap: null })).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(room.end(actor('borrower'), bare(lease!.id))).rejects.toMatchObject({ code: 'forbidden' })
    await room.end(actor('lender'), bare(lease!.id))
    await room.create(actor('lender'), body)
  })

  test('that ended is told for a week, to those who could use it, with why; not while it is shared again', async () => {
    const { memberships, room, actor, teamId, team, code, people, clock } = await begin(open)
    await memberships.join(actor('borrower'), code)
    const endedOf = async (who: keyof typeof people) => (await room.list(people[who])).ended
    const share = async () => (await room.create(actor('lender'), { provider_key: 'openai', team_id: teamId })).id
    const first = await share()
    expect(await endedOf('borrower')).toEqual([])
    await room.end(actor('lender'), bare(first))
    const told = { id: first, provider: 'openai', last4: 'abcd', reason: 'unshared', team: { id: teamId } }
    expect(await endedOf('borrower')).toMatchObject([told])
    expect([await endedOf('lender'), await endedOf('stranger')]).toEqual([[], []])
    const second = await share()
    expect(await endedOf('borrower')).toEqual([])
    clock.advance(HOUR)
    await room.end(actor('lender'), bare(second))
    // Once for one key: the last.
    expect(await endedOf('borrower')).toMatchObject([{ ...told, id: second }])
    await memberships.setRole(actor('lender'), team.id, people.borrower, 'owner')
    await memberships.removeMember(actor('lender'), team.id, people.lender)
    expect(await endedOf('borrower')).toMatchObject([{ id: second, reason: 'owner_left' }])
    // Whoever came later could never use it.
    clock.advance(1)
    const late = await memberships.invite(actor('borrower'), team.id, { role: 'member', expires_in_hours: 1 })
    await memberships.join(actor('stranger'), late.code)
    expect(await endedOf('stranger')).toEqual([])
    clock.advance(7 * 24 * HOUR + 1)
    expect(await endedOf('borrower')).toEqual([])
  })

  test('knows what each borrower spent under it, and nothing of what went through the key otherwise', async () => {
    const { memberships, room, actor, teamId, code, people, database, clock, keyId } = await begin(open)
    await memberships.join(actor('borrower'), code)
    const cap = { usd: 1, period: 'day' as const }
    const { id } = await room.create(actor('lender'), { provider_key: 'openai', team_id: teamId, cap })
    const attempt = (index: number, userId: string, lease: string | null, cost: number | null, age = 0) => ({
      request_id: `r${index}`,
      attempt: 1,
      created_at: clock.now() - age,
      user_id: userId,
      provider: 'openai',
      dialect: 'openai-chat',
      provider_key_id: keyId,
      billed_to: 'team',
      outcome: 'served',
      input_tokens: 10,
      output_tokens: 5,
      cost_usd_nanos: cost,
      cost_source: cost === null ? 'unknown' : 'computed',
      duration_ms: 1,
      lease_id: lease,
    })
    await database.insertMany([
      {
        table: 'attempts',
        rows: [
          attempt(1, people.borrower, bare(id), 2_000_000),
          attempt(2, people.borrower, bare(id), null),
          attempt(3, people.borrower, bare(id), 1_000_000, 48 * HOUR),
          attempt(4, people.lender, null, 9_000_000),
        ],
      },
    ])
    const { borrowers } = await room.readUsage(people.lender, bare(id))
    expect(borrowers).toMatchObject([
      {
        user: { email: 'borrower@example.test' },
        requests: 3,
        input_tokens: 30,
        output_tokens: 15,
        cost_usd_micros: 3_000,
        unknown_cost_requests: 1,
      },
    ])
    expect((await room.readUsage(people.borrower, bare(id))).borrowers).toEqual(borrowers)
    // Of today: the cap's period.
    expect((await room.list(people.lender)).lent).toMatchObject([{ spent_usd_micros: 2_000 }])
  })
})

describeOnEachDatabase('an invitation to a team', (open) => {
  test('makes one member, however many use it at once, and none after its time', async () => {
    const { memberships, actor, team, code, clock, audit } = await begin(open)
    const both = await Promise.allSettled(
      (['borrower', 'stranger'] as const).map((name) => memberships.join(actor(name), code)),
    )
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const late = await memberships.invite(actor('lender'), team.id, { role: 'member', expires_in_hours: 1 })
    clock.advance(HOUR)
    await expect(memberships.join(actor('stranger'), late.code)).rejects.toMatchObject({ code: 'invalid_invite' })
    expect(await audit.verify()).toMatchObject({ ok: true })
  })
})
