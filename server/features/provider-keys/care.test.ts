// Keys are looked after: checked for free once a day by one instance, looked at again after a rejection, and their
// owners told what changed, each occasion once.
import { afterEach, expect, test, vi } from 'vitest'
import { describeOnEachDatabase, type OpenDatabase } from '../../../test/support/databases.ts'
import { addPlainUser } from '../../../test/support/plain-users.ts'
import type { Database } from '../../database/database.ts'
import { systemClock } from '../../kernel/clock.ts'
import { createLog } from '../../kernel/log.ts'
import { createNotifications } from '../notifications/notifications.ts'
import { setUp } from './testing.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
afterEach(() => {
  vi.restoreAllMocks()
})

interface Answer {
  valid: boolean
  status: 'active' | 'invalid' | 'unreachable'
  models?: string[]
}
const works = (...models: string[]): Answer => ({ valid: true, status: 'active', models })
const REJECTED: Answer = { valid: false, status: 'invalid' }

async function begin(open: OpenDatabase) {
  const database = await open()
  const answers: { next: Answer } = { next: works('a', 'b') }
  const asked: string[] = []
  const log = createLog({ level: 'silent' })
  const publicUrl = (): string => 'http://localhost:8084'
  const notifications = createNotifications({ database, clock: systemClock, log, publicUrl })
  const rooms = setUp(database, {
    notify: notifications.notify,
    testKey: async ({ provider }) => {
      asked.push(provider)
      return { latencyMs: 1, message: '', ...answers.next }
    },
  })
  const userId = await addPlainUser(database)
  const actor = { userId, ip: null }
  const told = async () => {
    const rows = await database.query.selectFrom('notifications').selectAll().orderBy('id').execute()
    return rows.map(({ kind, details }) => [kind, (JSON.parse(details) as { message: string }).message])
  }
  return { ...rooms, database, answers, asked, userId, actor, told }
}

const statuses = async (database: Database): Promise<string[]> =>
  (await database.query.selectFrom('user_provider_keys').select('status').orderBy('position').execute()).map(
    ({ status }) => status,
  )

describeOnEachDatabase('the care of keys', (open) => {
  test('checks each key once a day, and none that is off or expired', async () => {
    const { keys, actor, asked, time } = await begin(open)
    await keys.addProviderKey(actor, { provider: 'openai', api_key: 'sk-canary-care-one' })
    await keys.addProviderKey(actor, { provider: 'openai', api_key: 'sk-canary-care-two', is_active: false })
    await keys.care.runOnce()
    await keys.care.runOnce()
    expect(asked).toHaveLength(1)
    time.now += DAY + 1
    await keys.care.runOnce()
    expect(asked).toHaveLength(2)
  })

  test('looks at a rejected key again after 1, 6 and 24 hours, and tells when it died and when it is back', async () => {
    const { keys, actor, asked, time, answers, database, told } = await begin(open)
    await keys.addProviderKey(actor, { provider: 'openai', api_key: 'sk-canary-care-one', label: 'Work' })
    answers.next = REJECTED
    await keys.care.runOnce()
    expect(await statuses(database)).toEqual(['invalid'])
    for (const [hours, expected] of [
      [0.9, 1],
      [0.2, 2],
      [5, 2],
      [1.1, 3],
      [23, 3],
    ] as const) {
      time.now += hours * HOUR
      await keys.care.runOnce()
      expect(asked).toHaveLength(expected)
    }
    answers.next = works('a')
    time.now += 2 * HOUR
    await keys.care.runOnce()
    expect(await statuses(database)).toEqual(['active'])
    expect(await told()).toEqual([
      ['key_rejected', expect.stringMatching(/^Your key "Work" for openai \(ends -one\) was rejected/)],
      ['key_recovered', expect.stringContaining('works again')],
    ])
    expect(JSON.stringify(await told())).not.toContain('canary')
  })

  test('tells which models a key lost, and remembers its list through a failed check', async () => {
    const { keys, actor, time, answers, told } = await begin(open)
    await keys.addProviderKey(actor, { provider: 'openai', api_key: 'sk-canary-care-one' })
    await keys.care.runOnce()
    answers.next = { valid: false, status: 'unreachable' }
    time.now += DAY + 1
    await keys.care.runOnce()
    expect(await told()).toEqual([])
    answers.next = works('b', 'c')
    time.now += DAY + 1
    await keys.care.runOnce()
    expect(await told()).toEqual([['key_lost_models', expect.stringContaining('no longer lists a.')]])
  })

  test('warns of expiry 14 and 3 days ahead and when it happened, once each', async () => {
    const { keys, actor, time, told } = await begin(open)
    const expires_at = new Date(time.now + 20 * DAY).toISOString()
    await keys.addProviderKey(actor, { provider: 'openai', api_key: 'sk-canary-care-one', expires_at })
    const kinds: number[] = []
    for (const days of [0, 7, 5, 6, 1, 2]) {
      time.now += days * DAY
      await keys.care.runOnce()
      await keys.care.runOnce()
      kinds.push((await told()).length)
    }
    expect(kinds).toEqual([0, 1, 1, 2, 2, 3])
    expect((await told()).map(([kind]) => kind)).toEqual(['key_expiring', 'key_expiring', 'key_expired'])
  })

  test('is one instance’s work at a time', async () => {
    const first = await begin(open)
    await first.keys.addProviderKey(first.actor, { provider: 'openai', api_key: 'sk-canary-care-one' })
    const second = setUp(await open({ sameAs: first.database }), {
      testKey: () => expect.fail('the other instance leads'),
    })
    await first.keys.care.runOnce()
    first.time.now += DAY + 1
    second.time.now = first.time.now
    await second.keys.care.runOnce()
    await first.keys.close()
    await expect(second.keys.care.runOnce()).resolves.toBeUndefined()
    expect(first.asked).toHaveLength(1)
  })

  test('what traffic finds is told as well', async () => {
    const { keys, actor, userId, told } = await begin(open)
    await keys.addProviderKey(actor, { provider: 'openai', api_key: 'sk-canary-care-one' })
    const [record] = await keys.chainFor(userId)
    keys.markStatus(record!, 'exhausted', 'insufficient_quota')
    await keys.flush()
    keys.markStatus((await keys.chainFor(userId))[0]!, 'active', null)
    await keys.flush()
    expect((await told()).map(([kind]) => kind)).toEqual(['key_exhausted', 'key_recovered'])
  })
})
