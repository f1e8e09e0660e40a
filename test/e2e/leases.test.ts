// A shared key: its borrowers use it and never see it, its owner pays and says how much, how long and for which models,
// and the account of it names everybody. What ends here ends with the next request.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import type { Caller, Json } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const MODEL = 'gpt-4o'
const QUESTION = { model: MODEL, max_tokens: 50, messages: [{ role: 'user', content: 'Hi' }] }

let fake: FakeProvider
let uniroute: UniRoute
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})
afterEach(() => {
  expect(fake.violations()).toEqual([])
})

const ask = (apiKey: string, body: object = {}) =>
  uniroute.call('POST', '/v1/chat/completions', { token: apiKey, body: { ...QUESTION, ...body } })

/** Calls a management address and expects that status. */
async function manage(
  who: { token: string },
  method: string,
  path: string,
  status: number,
  body?: object,
): Promise<Json> {
  const reply = await uniroute.call(method, path, { token: who.token, ...(body && { body }) })
  expect([reply.status, reply.text]).toEqual([status, expect.any(String)])
  return reply.body
}

interface Team {
  readonly id: string
  readonly owner: Caller
  readonly member: Caller
  readonly secret: string
}

async function invite(teamId: string, by: { token: string }, fields: object = {}): Promise<string> {
  return (await manage(by, 'POST', `/admin/teams/${teamId}/invites`, 201, fields)).code
}

/** An owner with a key at OpenAI, and a member without any. */
async function makeTeam(): Promise<Team> {
  const secret = createFakeKey('openai')
  const owner = await uniroute.createCaller({ keys: { openai: secret } })
  const member = await uniroute.createCaller()
  const { id } = await manage(owner, 'POST', '/admin/teams', 201, { name: 'Data' })
  await manage(member, 'POST', '/admin/teams/join', 200, { code: await invite(id, owner) })
  return { id, owner, member, secret }
}

const share = (team: Team, terms: object = {}): Promise<Json> =>
  manage(team.owner, 'POST', '/admin/leases', 201, { provider_key: 'openai', team_id: team.id, ...terms })

describe('a shared key', () => {
  test('serves the member, is billed to the team, and shows no more than its last characters', async () => {
    const team = await makeTeam()
    const keyId = team.owner.providerKeyIds['openai']![0]!
    expect((await ask(team.member.apiKey)).status).toBe(403)
    await share(team, { allowed_models: ['gpt-4o*'] })

    const reply = await ask(team.member.apiKey)
    expect(reply.status).toBe(200)
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'x-uniroute-billed-to': 'team',
      'x-uniroute-key': keyId,
      'x-uniroute-fallback': 'no_key',
    })
    expect(fake.requestsOf(team.secret)).toHaveLength(1)
    const receipt = await uniroute.readReceipt(team.member.apiKey, reply.headers.get('x-request-id')!)
    expect(receipt).toMatchObject({ billed_to: 'team', provider_key_id: keyId })

    const { borrowed, lent } = await manage(team.member, 'GET', '/admin/leases', 200)
    expect(lent).toEqual([])
    expect(borrowed[0].provider_key).toEqual({
      id: keyId,
      provider: 'openai',
      label: null,
      last4: team.secret.slice(-4),
    })
    for (const path of ['', '/impact', '/usage']) {
      const { status } = await uniroute.call('GET', `/admin/provider-keys/${keyId}${path}`, {
        token: team.member.token,
      })
      expect([404, 405]).toContain(status)
    }
    const { keys } = await manage(team.owner, 'GET', '/admin/provider-keys', 200)
    expect(keys[0].shared_with).toEqual(['Data'])
    // Before it goes, its owner sees that others live on it.
    const impact = await manage(team.owner, 'GET', `/admin/provider-keys/${keyId}/impact`, 200)
    const nothing = [{ decision: 'refuse', billed_to: null, code: 'no_usable_key', requests: 1 }]
    expect(impact).toMatchObject({ requests: 0, api_keys: [] })
    expect(impact.borrowed).toMatchObject({ requests: 1, people: 1, instead: nothing })
    expect((await ask(team.member.apiKey, { model: 'gpt-5' })).status).toBe(403)
    expect((await ask(team.owner.apiKey)).headers.get('x-uniroute-billed-to')).toBe('user')
  })

  test('before it is taken back, whoever may do so sees what its borrowers would use instead; then they do', async () => {
    const team = await makeTeam()
    const lease = await share(team)
    const reply = await ask(team.member.apiKey)
    await uniroute.readReceipt(team.member.apiKey, reply.headers.get('x-request-id')!)
    expect((await ask(team.owner.apiKey)).status).toBe(200)
    const path = `/admin/leases/${lease.id}/impact`
    const nothing = { decision: 'refuse', billed_to: null, provider_key_id: null, code: 'no_usable_key', requests: 1 }
    // The owner's own requests are none of the lease's.
    expect(await manage(team.owner, 'GET', path, 200)).toMatchObject({ requests: 1, people: 1, instead: [nothing] })
    // Whoever may not end it learns nothing of what others have.
    await manage(team.member, 'GET', path, 403)
    const own = await uniroute.addProviderKey(team.member.token, 'openai', createFakeKey('openai'))
    const theirs = { ...nothing, decision: 'serve', billed_to: 'user', code: null }
    expect((await manage(team.owner, 'GET', path, 200)).instead).toEqual([theirs])
    await manage(team.owner, 'DELETE', `/admin/leases/${lease.id}`, 200)
    const after = await ask(team.member.apiKey)
    expect([after.headers.get('x-uniroute-billed-to'), after.headers.get('x-uniroute-key')]).toEqual(['user', own.id])
    await manage(team.owner, 'GET', path, 404)
  })

  test('is told to its borrower nowhere but by its last four characters', async () => {
    const team = await makeTeam()
    const from = uniroute.recorded.length
    await share(team)
    const reply = await ask(team.member.apiKey)
    const receipt = await uniroute.readReceipt(team.member.apiKey, reply.headers.get('x-request-id')!)
    await uniroute.call('POST', '/v1/route/explain', { token: team.member.apiKey, body: { ...QUESTION, simulate: {} } })
    const { id: teamKeyId } = await uniroute.createApiKey(team.member.token, { name: 'team', team_id: team.id })
    for (const path of [
      '/admin/leases',
      '/admin/teams',
      `/admin/teams/${team.id}`,
      '/admin/provider-keys',
      `/admin/provider-keys/${receipt.provider_key_id}`,
      `/admin/provider-keys/${receipt.provider_key_id}/usage`,
      '/admin/usage?group_by=provider_key',
      '/admin/requests',
      '/admin/notifications',
      '/auth/api-keys',
      `/auth/api-keys/${teamKeyId}`,
      '/v1/models',
    ]) {
      const token = path.startsWith('/v1') ? team.member.apiKey : team.member.token
      await uniroute.call('GET', path, { token })
    }
    // Rejected by the provider from now on: errors name it as well.
    fake.behave(team.secret, () => 'invalid')
    const rejected = await ask(team.member.apiKey)
    expect([rejected.status, rejected.body.error.message]).toEqual([
      424,
      expect.stringContaining(`(ends ${team.secret.slice(-4)})`),
    ])
    const seen = uniroute.recorded.slice(from).map(({ text }) => text)
    expect(seen.length).toBeGreaterThan(15)
    expect(seen.join('\n')).toContain(team.secret.slice(-4))
    // Of what stands behind the vendor's public prefix, no five characters in a row.
    const own = team.secret.replace(/^sk-(?:proj-)?/, '')
    const pieces = Array.from({ length: own.length - 4 }, (_, at) => own.slice(at, at + 5))
    expect(pieces.filter((piece) => seen.some((text) => text.includes(piece)))).toEqual([])
  })

  test('is stopped at its cap, its expiry and its end, each with the next request', async () => {
    const team = await makeTeam()
    const lease = await share(team)
    expect((await ask(team.member.apiKey)).status).toBe(200)
    const change = (fields: object) => manage(team.owner, 'PATCH', `/admin/leases/${lease.id}`, 200, fields)

    await change({ cap: { usd: 0.000_001, period: 'day' } })
    const capped = await ask(team.member.apiKey)
    expect([capped.status, capped.body.error.code]).toEqual([402, 'own_cap_reached'])
    expect(capped.body.error.message).toContain('shared key')
    await change({ cap: null })
    expect((await ask(team.member.apiKey)).status).toBe(200)

    const end = Date.now() + 3_000
    await change({ expires_at: new Date(end).toISOString() })
    while (Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50))
    expect((await ask(team.member.apiKey)).body.error.code).toBe('no_usable_key')
    await change({ expires_at: null })
    expect((await ask(team.member.apiKey)).status).toBe(200)

    await manage(team.owner, 'DELETE', `/admin/leases/${lease.id}`, 200)
    expect((await ask(team.member.apiKey)).body.error.code).toBe('no_usable_key')
  })

  test('ends with the next request, a hundred times', async () => {
    const team = await makeTeam()
    const statuses: number[] = []
    for (let round = 0; round < 100; round++) {
      const { id } = await share(team)
      statuses.push((await ask(team.member.apiKey)).status)
      await manage(team.owner, 'DELETE', `/admin/leases/${id}`, 200)
      statuses.push((await ask(team.member.apiKey)).status)
    }
    expect(statuses).toEqual(Array.from({ length: 100 }, () => [200, 403]).flat())
  })

  test('shared with one member serves that member only, and its owner reads who spent what', async () => {
    const team = await makeTeam()
    const other = await uniroute.createCaller()
    await manage(other, 'POST', '/admin/teams/join', 200, {
      code: await invite(team.id, team.owner, { role: 'admin' }),
    })
    const own = await share(team, { user_id: team.member.id })
    expect((await ask(team.member.apiKey)).status).toBe(200)
    expect((await ask(other.apiKey)).status).toBe(403)
    const whole = await share(team)
    expect((await ask(other.apiKey)).status).toBe(200)
    expect((await ask(other.apiKey)).status).toBe(200)

    const ledgerOf = (who: { token: string }): Promise<Json> =>
      manage(who, 'GET', `/admin/leases/${own.id}/usage`, 200).then(({ borrowers }) => borrowers)
    await vi.waitUntil(async () => (await ledgerOf(team.owner)).length === 1)
    const [row] = await ledgerOf(team.owner)
    await vi.waitUntil(async () => {
      const { borrowers } = await manage(team.owner, 'GET', `/admin/leases/${whole.id}/usage`, 200)
      return borrowers.length === 1 && borrowers[0].user.email === other.email && borrowers[0].requests === 2
    })
    expect(row).toMatchObject({ user: { email: team.member.email }, requests: 1, unknown_cost_requests: 0 })
    expect(row.cost_usd_micros).toBeGreaterThan(0)
    expect(row.input_tokens).toBeGreaterThan(0)
    const { lent } = await manage(team.owner, 'GET', '/admin/leases', 200)
    expect(lent.find((lease: Json) => lease.id === own.id).spent_usd_micros).toBe(row.cost_usd_micros)
    // A stranger learns not even that it exists.
    await manage(await uniroute.createUser(), 'GET', `/admin/leases/${own.id}/usage`, 404)
  })

  test('two hundred requests at once against its cap spend no more than the cap', async () => {
    const team = await makeTeam()
    const lease = await share(team, { cap: { usd: 0.02, period: 'total' } })
    const replies = await Promise.all(Array.from({ length: 200 }, () => ask(team.member.apiKey, { max_tokens: 200 })))
    const served = replies.filter(({ status }) => status === 200).length
    expect(served).toBeGreaterThan(0)
    expect(served).toBeLessThan(200)
    expect(replies.filter(({ status }) => status === 402)).toHaveLength(200 - served)
    const spent = await vi.waitUntil(async () => {
      const { borrowers } = await manage(team.owner, 'GET', `/admin/leases/${lease.id}/usage`, 200)
      return borrowers[0]?.requests === served ? borrowers[0].cost_usd_micros : undefined
    })
    expect(spent).toBeLessThanOrEqual(20_000)
  })
})

describe('a team', () => {
  test('is joined by invitation: once, by whom it is meant for, and not after it was taken back', async () => {
    const { id, owner, member } = await makeTeam()
    const guest = await uniroute.createUser()
    const refused = { code: 'invalid_invite' }
    const meant = await invite(id, owner, { email: guest.email })
    const stranger = await uniroute.createUser()
    expect(await manage(stranger, 'POST', '/admin/teams/join', 403, { code: meant })).toMatchObject(refused)
    await manage(guest, 'POST', '/admin/teams/join', 200, { code: meant })
    expect(await manage(stranger, 'POST', '/admin/teams/join', 403, { code: meant })).toMatchObject(refused)

    await invite(id, owner)
    const { invites } = await manage(owner, 'GET', `/admin/teams/${id}`, 200)
    expect(invites).toHaveLength(1)
    expect(JSON.stringify(invites)).not.toContain('code')
    await manage(owner, 'DELETE', `/admin/teams/${id}/invites/${invites[0].id}`, 200)
    expect((await manage(owner, 'GET', `/admin/teams/${id}`, 200)).invites).toEqual([])
    expect((await manage(member, 'GET', `/admin/teams/${id}`, 200)).members).toHaveLength(3)
  })

  test('lets its members do what their role says, and strangers nothing', async () => {
    const team = await makeTeam()
    const { id, owner, member } = team
    const path = `/admin/teams/${id}`
    for (const [method, suffix, body] of [
      ['PATCH', '', { name: 'X' }],
      ['DELETE', '', undefined],
      ['POST', '/invites', {}],
      ['PUT', `/members/${member.id}`, { role: 'owner' }],
      ['DELETE', `/members/${owner.id}`, undefined],
    ] as const) {
      await manage(member, method, path + suffix, 403, body)
      await manage(await uniroute.createUser(), method, path + suffix, 404, body)
    }
    await manage(owner, 'DELETE', `${path}/members/${owner.id}`, 409)
    await manage(owner, 'PUT', `${path}/members/${member.id}`, 200, { role: 'admin' })
    await manage(member, 'PUT', `${path}/members/${member.id}`, 403, { role: 'owner' })
    await manage(member, 'PATCH', path, 200, { name: 'Research' })
    await manage(owner, 'PUT', `${path}/members/${member.id}`, 200, { role: 'owner' })
    await manage(owner, 'DELETE', `${path}/members/${owner.id}`, 200)
    await manage(owner, 'GET', path, 404)
  })

  test('takes with a leaving member what they lent, what they borrowed and the team’s keys they made', async () => {
    const team = await makeTeam()
    await share(team)
    const { key: teamKey } = await uniroute.createApiKey(team.member.token, { name: 'team', team_id: team.id })
    expect((await ask(teamKey)).headers.get('x-uniroute-billed-to')).toBe('team')
    await manage(team.owner, 'DELETE', `/admin/teams/${team.id}/members/${team.member.id}`, 200)
    expect((await ask(teamKey)).status).toBe(401)
    expect((await ask(team.member.apiKey)).status).toBe(403)
    expect((await manage(team.member, 'GET', '/admin/leases', 200)).borrowed).toEqual([])
    await manage(team.member, 'POST', '/auth/api-keys', 404, { name: 'again', team_id: team.id })
  })

  test('has API keys that read the receipts of what the team’s keys asked for, and none of their maker’s other requests', async () => {
    const team = await makeTeam()
    await share(team)
    const [one, two] = await Promise.all(
      ['one', 'two'].map((name) => uniroute.createApiKey(team.member.token, { name, team_id: team.id })),
    )
    const idOf = async (apiKey: string) => (await ask(apiKey)).headers.get('x-request-id')!
    const receiptStatus = async (apiKey: string, id: string) =>
      (await uniroute.call('GET', `/v1/generations/${id}`, { token: apiKey })).status
    const byTeamKey = await idOf(one!.key)
    // Borrowed from the team, but with a key of their own.
    const byOwnKey = await idOf(team.member.apiKey)
    expect(await receiptStatus(two!.key, byTeamKey)).toBe(200)
    expect(await receiptStatus(team.member.apiKey, byTeamKey)).toBe(200)
    expect(await receiptStatus(team.member.apiKey, byOwnKey)).toBe(200)
    expect(await receiptStatus(one!.key, byOwnKey)).toBe(404)
  })

  test('has API keys that use what is shared with it, and none of their maker’s own', async () => {
    const team = await makeTeam()
    const { key: teamKey } = await uniroute.createApiKey(team.owner.token, { name: 'team', team_id: team.id })
    expect((await ask(teamKey)).status).toBe(403)
    await share(team)
    // The owner's own key, through the team: it is still the owner who pays.
    expect((await ask(teamKey)).headers.get('x-uniroute-billed-to')).toBe('user')
    await manage(team.owner, 'DELETE', `/admin/teams/${team.id}`, 200)
    expect((await ask(teamKey)).status).toBe(401)
  })
})
