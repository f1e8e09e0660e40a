import { expect, test } from 'vitest'
import { createMovableClock } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase, type OpenDatabase } from '../../../test/support/databases.ts'
import { createUlid } from '../../kernel/ids.ts'
import { NO_LIMITS } from '../../kernel/limits.ts'
import { digestApiKey, generateApiKey } from './key-format.ts'
import { createKeyMemory } from './key-memory.ts'
import { createApiKeyStore } from './store.ts'

const OWNER = '11111111-1111-4111-8111-111111111111'

/** A memory over a database that holds these keys. */
async function start(open: OpenDatabase, keys: readonly string[], max?: number) {
  const database = await open()
  const clock = createMovableClock()
  const now = clock.now()
  const user = {
    id: OWNER,
    email: 'a@example.org',
    name: 'a',
    password_hash: null,
    role: 'user',
    is_active: true,
  } as const
  await database.query
    .insertInto('users')
    .values({ ...user, fallback: '"allow"', auth_gen: 1, last_login_at: null, created_at: now, updated_at: now })
    .execute()
  const store = createApiKeyStore(database)
  const nothing = { previous_hash: null, previous_expires_at: null, expires_at: null, rate_limit_per_minute: null }
  const unlimited = { ...NO_LIMITS, allowed_models: null }
  await database.transaction(async (tx) => {
    for (const key of keys) {
      const row = { id: createUlid(now), user_id: OWNER, team_id: null, name: 'laptop', key_hash: digestApiKey(key) }
      const rest = { allowed_payers: null, fallback: '"allow"', version: 1, last_used_at: null, created_at: now }
      await store.insert(
        { ...row, ...nothing, ...unlimited, ...rest, last4: key.slice(-4), is_active: true, updated_at: now },
        tx,
      )
    }
  })
  const memory = createKeyMemory({ store, clock, ...(max === undefined ? {} : { max }) })
  return { memory, database, clock }
}

const REFUSED = { code: 'invalid_api_key' }

describeOnEachDatabase('the memory of API keys', (open) => {
  test('a malformed key costs no query: it is refused even without a database', async () => {
    const { memory, database } = await start(open, [])
    await database.close()
    for (const text of ['', 'ur_', `ur_${'A'.repeat(49)}`, 'x'.repeat(10_000)]) {
      await expect(memory.authenticate(text)).rejects.toMatchObject(REFUSED)
    }
    await expect(memory.authenticate(generateApiKey())).rejects.not.toMatchObject(REFUSED)
  })

  test('a key that is none is remembered as such for a moment only', async () => {
    const { memory, database, clock } = await start(open, [])
    const wrong = generateApiKey()
    await expect(memory.authenticate(wrong)).rejects.toMatchObject(REFUSED)
    await database.close()
    clock.advance(1_999)
    await expect(memory.authenticate(wrong)).rejects.toMatchObject(REFUSED)
    clock.advance(1)
    await expect(memory.authenticate(wrong)).rejects.not.toMatchObject(REFUSED)
  })

  test('a copy is believed for 3 s only, so that a running answer is cut within 5 s of a revocation elsewhere', async () => {
    const key = generateApiKey()
    const { memory, database, clock } = await start(open, [key])
    await memory.authenticate(key)
    clock.advance(2_999)
    expect(memory.peek(key)).toBeDefined()
    await database.query.updateTable('api_keys').set({ is_active: false }).execute()
    clock.advance(1)
    expect(memory.peek(key)).toBeUndefined()
    await expect(memory.authenticate(key)).rejects.toMatchObject(REFUSED)
  })

  test('a flood of well-formed guesses stays bounded and pushes out at most one real key', async () => {
    const real = Array.from({ length: 20 }, generateApiKey)
    const { memory } = await start(open, real, 20)
    for (const key of real) await memory.authenticate(key)
    for (let i = 0; i < 2_200; i++) await expect(memory.authenticate(generateApiKey())).rejects.toMatchObject(REFUSED)
    expect(memory.size).toBeLessThanOrEqual(20 + 2_000)
    expect(real.filter((key) => memory.peek(key) !== undefined).length).toBeGreaterThanOrEqual(19)
  })

  test('says why a known key is refused, and of a strange one only that it is none', async () => {
    const key = generateApiKey()
    const { memory, database, clock } = await start(open, [key])
    const message = (): Promise<string> =>
      memory.authenticate(key).then(
        () => 'accepted',
        (error: { publicMessage: string }) => error.publicMessage,
      )
    const set = async (table: 'api_keys' | 'users', values: object): Promise<string> => {
      await database.query.updateTable(table).set(values).execute()
      clock.advance(3_000)
      return message()
    }
    expect(await message()).toBe('accepted')
    const off = 'The account of this UniRoute API key is switched off. Ask an administrator.'
    expect(await set('users', { is_active: false })).toBe(off)
    expect(await set('users', { is_active: true })).toBe('accepted')
    const revoked = 'This UniRoute API key was revoked. Create a new one.'
    expect(await set('api_keys', { is_active: false })).toBe(revoked)
    const expired = 'This UniRoute API key has expired. Create a new one, or move its expiry date.'
    const ends = { is_active: true, expires_at: clock.now() + 4_000 }
    expect(await set('api_keys', ends)).toBe('accepted')
    expect(memory.peek(key)).toBeDefined()
    clock.advance(999)
    expect(await message()).toBe('accepted')
    clock.advance(1)
    expect(memory.peek(key)).toBeUndefined()
    expect(await message()).toBe(expired)
    const strange = await memory
      .authenticate(generateApiKey())
      .catch((error: { publicMessage: string }) => error.publicMessage)
    const malformed = await memory.authenticate('ur_').catch((error: { publicMessage: string }) => error.publicMessage)
    expect(strange).toBe(malformed)
    expect([revoked, expired, off]).not.toContain(strange)
  })

  test('what is held is dropped with the key or its user, and nothing with another', async () => {
    const key = generateApiKey()
    const { memory } = await start(open, [key])
    const { keyId } = await memory.authenticate(key)
    for (const id of [keyId, OWNER]) {
      await memory.authenticate(key)
      memory.invalidate('somebody else')
      expect(memory.peek(key)).toBeDefined()
      memory.invalidate(id)
      expect(memory.peek(key)).toBeUndefined()
    }
  })

  test('a key that was refused is looked up again as soon as anything changed', async () => {
    const key = generateApiKey()
    const { memory, database } = await start(open, [key])
    await database.query.updateTable('api_keys').set({ is_active: false }).execute()
    await expect(memory.authenticate(key)).rejects.toMatchObject(REFUSED)
    expect(memory.peek(key)).toBeUndefined()
    expect(memory.size).toBe(1)
    await database.query.updateTable('api_keys').set({ is_active: true }).execute()
    await expect(memory.authenticate(key)).rejects.toMatchObject(REFUSED)
    memory.invalidate('anything')
    expect(memory.size).toBe(0)
    expect(await memory.authenticate(key)).toMatchObject({ name: 'laptop' })
    expect(memory.peek('ur_')).toBeUndefined()
  })
})
