// What stands beside a key's state: since when it is off, how long its test took, which models wait, and how much of
// its cap is used; on both databases.
import { expect, test } from 'vitest'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import type { ProviderKeysOptions } from './context.ts'
import { beginRoom } from './testing.ts'

const KEY = 'sk-proj-canary-4c1d8be0a97f3625Zk2R'
const OTHER_KEY = 'sk-canary-71be0d93f5a84c26eeT9wB'

describeOnEachDatabase('what is said beside a key’s state', (open) => {
  async function begin(more: Partial<ProviderKeysOptions> = {}) {
    const room = await beginRoom(await open(), more)
    const { id } = await room.keys.addProviderKey(room.actor, { provider: 'openai', api_key: KEY })
    return { ...room, id, read: () => room.keys.getProviderKey(room.userId, id) }
  }
  const at = (time: { now: number }): string => new Date(time.now).toISOString()

  test('since when it is off: from the moment it was switched off, whatever else is changed meanwhile', async () => {
    const { keys, actor, id, time, read } = await begin()
    expect((await read()).disabled_at).toBeNull()
    const since = at(time)
    await keys.editProviderKey(actor, id, { is_active: false })
    time.now += 60_000
    await keys.editProviderKey(actor, id, { label: 'Later' })
    await keys.editProviderKey(actor, id, { is_active: false })
    expect(await read()).toMatchObject({ status: 'disabled', disabled_at: since })
    await keys.editProviderKey(actor, id, { is_active: true })
    expect((await read()).disabled_at).toBeNull()
    await keys.editProviderKey(actor, id, { is_active: false })
    expect((await read()).disabled_at).toBe(at(time))
    const born = await keys.addProviderKey(actor, { provider: 'openai', api_key: OTHER_KEY, is_active: false })
    expect(born.disabled_at).toBe(at(time))
  })

  test('how long its test took, until one does not pass or the secret is another', async () => {
    const { keys, actor, id, tested, read } = await begin()
    expect((await read()).last_test_ms).toBeNull()
    await keys.testProviderKey(actor.userId, id)
    expect((await read()).last_test_ms).toBe(12)
    const passed = tested.answer
    tested.answer = { valid: false, status: 'unreachable', latencyMs: 15_000, message: 'unreachable' }
    await keys.testProviderKey(actor.userId, id)
    expect((await read()).last_test_ms).toBeNull()
    tested.answer = passed
    await keys.testProviderKey(actor.userId, id)
    await keys.updateProviderKey(actor, id, { api_key: OTHER_KEY })
    expect(await read()).toMatchObject({ last_tested_at: null, last_test_ms: null })
  })

  test('which models wait and until when, also those that another instance found', async () => {
    const { keys, actor, id, time, read } = await begin({
      readHealth: () => [
        { model: 'gpt-seen', status: 'unfit', until: 1_800_000_090_000 },
        ...Array.from({ length: 5 }, (_, index) => ({
          model: `gpt-${index}`,
          status: 'restricted' as const,
          until: 1_800_003_600_000 + index,
        })),
      ],
    })
    const [record] = await keys.chainFor(actor.userId)
    keys.markModel(record!, { model: 'gpt-written', status: 'cooling', until: time.now + 60_000 })
    await keys.flush()
    expect(await read()).toMatchObject({
      status: 'cooling',
      held_models: [4, 3, 2, 1, 0].map((index) => ({
        model: `gpt-${index}`,
        status: 'restricted',
        until: new Date(1_800_003_600_000 + index).toISOString(),
      })),
      held_models_more: 2,
    })
    // A state of the whole key stands above them.
    await keys.editProviderKey(actor, id, { is_active: false })
    expect(await read()).toMatchObject({ held_models: [], held_models_more: 0 })
  })

  test('how much of its cap is used and when that begins anew, while it works and when it is reached', async () => {
    let spent = 16_400_000_000
    const { keys, actor, id, read } = await begin({ readCap: async () => ({ spent, isFull: false }) })
    expect((await read()).cap_use).toBeNull()
    await keys.editProviderKey(actor, id, { cap: { usd: 20, period: 'month' } })
    const resets_at = '2027-02-01T00:00:00.000Z'
    expect(await read()).toMatchObject({ status: 'active', cap_use: { spent_usd_micros: 16_400_000, resets_at } })
    spent = 20_000_000_000
    expect(await read()).toMatchObject({ status: 'capped', cap_use: { spent_usd_micros: 20_000_000, resets_at } })
    await keys.editProviderKey(actor, id, { cap: { usd: 20, period: 'total' } })
    expect(await read()).toMatchObject({ status: 'capped', cap_use: { resets_at: null } })
  })
})
