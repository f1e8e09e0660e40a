// What becomes of a key by its owner's own test of it, on both databases: what the provider answers is what is noted.
import { expect, test } from 'vitest'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { revealSecret } from '../../kernel/secret.ts'
import { beginRoom, readRows as rows } from './testing.ts'

const KEY = 'sk-proj-canary-2f7a1c0b9a11d4e5Q7xA'

describeOnEachDatabase('a test of a key', (open) => {
  const begin = async () => beginRoom(await open())

  test('a pass shows that a key works and clears `invalid`', async () => {
    const { database, keys, actor, userId, tested, time } = await begin()
    await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
    keys.markStatus((await keys.chainFor(userId))[0]!, 'invalid', 'rejected')
    const result = await keys.testProviderKey(userId, 'openai')
    expect(result).toEqual({ valid: true, status: 'active', latency_ms: 12, models: ['gpt-x'], message: 'accepted' })
    expect(tested.keys.map(revealSecret)).toEqual([KEY])
    expect(await rows(database)).toMatchObject([
      { status: 'active', status_reason: null, last_tested_at: time.now, worked_at: time.now, last_used_at: null },
    ])
    expect((await keys.chainFor(userId))[0]).toMatchObject({ status: 'active', workedAt: time.now })
  })

  test('a pass clears no other state', async () => {
    const { database, keys, actor, userId } = await begin()
    await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
    keys.markStatus((await keys.chainFor(userId))[0]!, 'exhausted', 'quota')
    await keys.testProviderKey(userId, 'openai')
    expect(await rows(database)).toMatchObject([{ status: 'exhausted', status_reason: 'quota' }])
  })

  test('a rejection marks the key, an unreachable provider does not', async () => {
    const { database, keys, actor, userId, tested, time } = await begin()
    await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
    tested.answer = { valid: false, status: 'unreachable', latencyMs: 15_000, message: 'unreachable' }
    expect(await keys.testProviderKey(userId, 'openai')).toMatchObject({ valid: false, status: 'unreachable' })
    expect(await rows(database)).toMatchObject([{ status: 'untested', worked_at: null }])
    tested.answer = { valid: false, status: 'invalid', latencyMs: 5, message: 'rejected' }
    await keys.testProviderKey(userId, 'openai')
    const died = time.now
    time.now += 60_000
    await keys.testProviderKey(userId, 'openai')
    expect(await rows(database)).toMatchObject([{ status: 'invalid', status_at: died, last_tested_at: time.now }])
  })

  test('a rejected key that is tested again and again is looked at no later for that', async () => {
    const { database, keys, actor, userId, tested, time } = await begin()
    await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
    tested.answer = { valid: false, status: 'invalid', latencyMs: 5, message: 'rejected' }
    const hour = 3_600_000
    const due = time.now + hour
    for (let index = 0; index < 4; index++) await keys.testProviderKey(userId, 'openai')
    expect(await rows(database)).toMatchObject([{ probe_at: due, probe_after_ms: hour }])
    time.now = due
    await keys.testProviderKey(userId, 'openai')
    expect(await rows(database)).toMatchObject([{ probe_at: due + 6 * hour, probe_after_ms: 6 * hour }])
  })

  test.each(['cooling', 'restricted', 'exhausted'] as const)('%s is no pass, whatever else is said', async (status) => {
    const { database, keys, actor, userId, tested, time } = await begin()
    await keys.addProviderKey(actor, { provider: 'openai', api_key: KEY })
    keys.markStatus((await keys.chainFor(userId))[0]!, 'invalid', 'rejected')
    tested.answer = { valid: true, status, latencyMs: 5, message: 'not now' }
    await keys.testProviderKey(userId, 'openai')
    expect(await rows(database)).toMatchObject([
      { status: 'invalid', status_reason: 'rejected', last_tested_at: time.now, worked_at: null },
    ])
  })

  test('an unsaved key is tested and not stored', async () => {
    const { database, keys, tested } = await begin()
    expect(await keys.testUnsavedKey({ provider: 'openai', api_key: ` ${KEY}` })).toMatchObject({ valid: true })
    expect(tested.keys.map(revealSecret)).toEqual([KEY])
    expect(await rows(database)).toEqual([])
    await expect(keys.testUnsavedKey({ provider: 'nobody', api_key: KEY })).rejects.toMatchObject({
      code: 'unknown_provider',
    })
    const elsewhere = { provider: 'custom', api_key: KEY, base_url: 'https://x.example' }
    await expect(keys.testUnsavedKey(elsewhere)).rejects.toMatchObject({ code: 'base_url_not_allowed' })
  })
})
