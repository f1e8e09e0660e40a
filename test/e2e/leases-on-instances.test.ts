// A key is shared and taken back at one of two instances on one PostgreSQL database, without Redis between them: the
// other follows within five seconds, and the borrower is told why it no longer serves.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { describePostgres } from '../support/databases.ts'
import { startInstances, type Instances } from '../support/instances.ts'
import type { Json } from '../support/uniroute-client.ts'
import type { UniRoute } from '../support/uniroute-process.ts'

/** Five seconds are promised; `npm run drill:revocation` measures them, here a busy machine may take longer. */
const WITHIN = { timeout: 20_000, interval: 50 }

describePostgres('a key shared over two instances', () => {
  let instances: Instances
  let here: UniRoute
  let there: UniRoute
  beforeAll(async () => {
    instances = await startInstances({ count: 2 })
    ;[here, there] = instances.servers as [UniRoute, UniRoute]
  })
  afterAll(async () => {
    expect((await instances?.stop()) ?? []).toEqual([])
  })

  const ask = (server: UniRoute, apiKey: string) =>
    server.call('POST', '/v1/chat/completions', {
      token: apiKey,
      body: { model: 'gpt-4o', max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }] },
    })
  async function manage(server: UniRoute, who: { token: string }, how: string, body?: object): Promise<Json> {
    const [method, path] = how.split(' ') as [string, string]
    const reply = await server.call(method, path, { token: who.token, ...(body && { body }) })
    expect([reply.status, reply.text]).toEqual([expect.toBeOneOf([200, 201]), expect.any(String)])
    return reply.body
  }

  test('unsharing acts at once here and within five seconds there, and each says why', async () => {
    const secret = createFakeKey('openai')
    const owner = await here.createCaller({ keys: { openai: secret } })
    const member = await here.createCaller()
    const { id: team } = await manage(here, owner, 'POST /admin/teams', { name: 'Data' })
    const { code } = await manage(here, owner, `POST /admin/teams/${team}/invites`, {})
    await manage(there, member, 'POST /admin/teams/join', { code })
    const share = async (): Promise<string> =>
      (await manage(here, owner, 'POST /admin/leases', { provider_key: 'openai', team_id: team })).id
    const status = async (server: UniRoute): Promise<number> => (await ask(server, member.apiKey)).status
    const endedAt = async (server: UniRoute): Promise<Json[]> =>
      (await manage(server, member, 'GET /admin/leases')).ended

    const lease = await share()
    await expect.poll(() => status(there), WITHIN).toBe(200)
    const served = await ask(there, member.apiKey)
    expect(served.headers.get('x-uniroute-billed-to')).toBe('team')
    expect(await endedAt(there)).toEqual([])
    await manage(here, owner, `DELETE /admin/leases/${lease}`)
    expect(await status(here)).toBe(403)
    await expect.poll(() => status(there), WITHIN).toBe(403)
    for (const server of [here, there]) {
      expect(await endedAt(server)).toEqual([
        {
          id: lease,
          provider: 'openai',
          last4: secret.slice(-4),
          owner: { id: owner.id, email: owner.email, name: expect.any(String) },
          team: { id: team, name: 'Data' },
          reason: 'unshared',
          ended_at: expect.any(String),
        },
      ])
    }
    // Nobody who could not use it learns of it, nor its owner.
    expect(await manage(there, owner, 'GET /admin/leases')).toEqual({ lent: [], borrowed: [], ended: [] })

    // Shared again, it is no ended one; whoever leaves takes theirs along.
    await share()
    await expect.poll(() => status(there), WITHIN).toBe(200)
    expect(await endedAt(there)).toEqual([])
    await manage(here, owner, `PUT /admin/teams/${team}/members/${member.id}`, { role: 'owner' })
    // What was asked reaches the ledger within a second.
    const preview = () => manage(there, owner, `GET /admin/teams/${team}/members/${owner.id}/impact`)
    await expect.poll(preview, WITHIN).toMatchObject({
      lent: { keys: 1, people: 1, instead: [{ decision: 'refuse', billed_to: null, code: 'no_usable_key' }] },
      borrowed: { keys: 0, requests: 0, people: 0, instead: [] },
      api_keys: 0,
    })
    await manage(here, owner, `DELETE /admin/teams/${team}/members/${owner.id}`)
    expect(await status(here)).toBe(403)
    await expect.poll(() => status(there), WITHIN).toBe(403)
    expect(await endedAt(there)).toMatchObject([{ reason: 'owner_left', last4: secret.slice(-4) }])
  })
})
