// The gateway's side: keys from memory, opened per attempt, failing closed; states that land on the right secret only.
import { describe, expect, test } from 'vitest'
import { sql } from 'kysely'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import { addPlainUser } from '../../../test/support/plain-users.ts'
import type { Database } from '../../database/database.ts'
import { createLog } from '../../kernel/log.ts'
import { revealSecret } from '../../kernel/secret.ts'
import { VaultError } from '../../vault/vault-error.ts'
import { createKeyStates } from './key-states.ts'
import type { ProviderKeyRecord } from './record.ts'
import { createProviderKeyStore } from './store.ts'
import { createTestVault, MASTER, NEXT_MASTER, readAudit, setUp } from './testing.ts'

const KEYS = ['sk-canary-one-2f7a1c0b9a11d4e5', 'sk-canary-two-8e1c44d09b7f5a32'] as const

const rows = (database: Database) =>
  database.query.selectFrom('user_provider_keys').selectAll().orderBy('position').execute()

describeOnEachDatabase('the keys a request may use', (open) => {
  async function begin(more: Parameters<typeof setUp>[1] = {}) {
    const database = await open()
    const userId = await addPlainUser(database)
    const room = setUp(database, more)
    for (const api_key of KEYS) await room.keys.addProviderKey({ userId, ip: null }, { provider: 'openai', api_key })
    const [first, second] = (await room.keys.chainFor(userId)) as [ProviderKeyRecord, ProviderKeyRecord]
    return { database, userId, first, second, ...room }
  }

  /** How opening fails. */
  function refusal(keys: ReturnType<typeof setUp>['keys'], record: ProviderKeyRecord): unknown {
    try {
      keys.openCredential(record)
    } catch (error) {
      return error
    }
    return 'opened'
  }

  async function reload(room: {
    keys: ReturnType<typeof setUp>['keys']
    userId: string
  }): Promise<ProviderKeyRecord[]> {
    room.keys.invalidate(room.userId)
    return [...(await room.keys.chainFor(room.userId))]
  }

  describe('a key that does not open', () => {
    test('a ciphertext moved to another row opens in neither', async () => {
      const { database, keys, userId, first, second } = await begin()
      await database.query
        .updateTable('user_provider_keys')
        .set({ api_key_encrypted: second.sealed })
        .where('id', '=', first.id)
        .execute()
      await database.query
        .updateTable('user_provider_keys')
        .set({ api_key_encrypted: first.sealed })
        .where('id', '=', second.id)
        .execute()
      for (const record of await reload({ keys, userId })) {
        expect(refusal(keys, record)).toMatchObject({ code: 'provider_key_unreadable', status: 503 })
      }
      await keys.flush()
      expect(await rows(database)).toMatchObject(
        [first, second].map(({ id }) => ({ id, status: 'undecryptable', status_reason: 'ciphertext_corrupt' })),
      )
      const entries = (await readAudit(database)).filter(({ action }) => action === 'key.unreadable')
      expect(entries.map(({ details }) => details)).toMatchObject(
        [first, second].map(({ id }) => ({ record_id: id, reason: 'ciphertext_corrupt', key_version: 1 })),
      )
    })

    test.each([
      [
        'user',
        (database: Database, stranger: string) =>
          sql`UPDATE user_provider_keys SET user_id = ${stranger}`.execute(database.query),
      ],
      [
        'provider',
        (database: Database) => sql`UPDATE user_provider_keys SET provider = 'anthropic'`.execute(database.query),
      ],
      [
        'host',
        (database: Database) =>
          sql`UPDATE user_provider_keys SET base_url = 'https://evil.example'`.execute(database.query),
      ],
      [
        'unreadable host',
        (database: Database) => sql`UPDATE user_provider_keys SET base_url = 'evil'`.execute(database.query),
      ],
      ['version', (database: Database) => sql`UPDATE user_provider_keys SET key_version = 2`.execute(database.query)],
    ])('a row given to another %s does not open', async (name, move) => {
      const { database, keys, userId } = await begin()
      const stranger = await addPlainUser(database)
      await move(database, stranger)
      const owner = name === 'user' ? stranger : userId
      for (const record of await reload({ keys, userId: owner })) {
        expect(refusal(keys, record)).toMatchObject({ code: 'provider_key_unreadable' })
      }
    })

    test('fails closed, tells the record and no secret, and concerns that key alone', async () => {
      const { database, keys, userId, first } = await begin()
      await database.query
        .updateTable('user_provider_keys')
        .set({ api_key_encrypted: 'AAAA' })
        .where('id', '=', first.id)
        .execute()
      const [broken, sound] = await reload({ keys, userId })
      const error = refusal(keys, broken!) as Error
      expect(error.cause).toBeInstanceOf(VaultError)
      expect(JSON.stringify([error.message, error.cause])).not.toMatch(/AAAA|canary/)
      expect(revealSecret(keys.openCredential(sound!))).toBe(KEYS[1])
      expect(await keys.chainFor(userId)).toMatchObject([{ status: 'undecryptable' }, { status: 'untested' }])
    })

    test('is audited once, however often it is tried', async () => {
      const { database, keys, first } = await begin({ vault: createTestVault() })
      const damaged = { ...first, sealed: 'damaged' }
      for (let i = 0; i < 3; i++) {
        refusal(keys, damaged)
        await keys.flush()
      }
      expect((await readAudit(database)).filter(({ action }) => action === 'key.unreadable')).toHaveLength(1)
    })

    test('for want of its secret opens again when that is back', async () => {
      const { database, userId } = await begin()
      const without = setUp(database, { vault: createTestVault(NEXT_MASTER) })
      const [record] = await without.keys.chainFor(userId)
      expect(refusal(without.keys, record!)).toMatchObject({ code: 'provider_key_unreadable' })
      await without.keys.flush()
      expect((await rows(database))[0]).toMatchObject({ status: 'undecryptable', status_reason: 'kek_unknown' })

      const back = setUp(database, { vault: createTestVault(NEXT_MASTER, [MASTER]) })
      const [again] = await back.keys.chainFor(userId)
      expect(again!.status).toBe('undecryptable')
      expect(revealSecret(back.keys.openCredential(again!))).toBe(KEYS[0])
      await back.keys.flush()
      expect((await rows(database))[0]).toMatchObject({ status: 'untested', status_reason: null })
    })

    test('is mended by a new secret', async () => {
      const { database, keys, userId, first } = await begin()
      refusal(keys, { ...first, sealed: 'damaged' })
      await keys.flush()
      await keys.updateProviderKey({ userId, ip: null }, 'openai', { api_key: 'sk-canary-three' })
      expect((await rows(database))[0]).toMatchObject({ status: 'untested', status_reason: null, key_version: 2 })
      expect(revealSecret(keys.openCredential((await keys.chainFor(userId))[0]!))).toBe('sk-canary-three')
    })
  })

  describe('states', () => {
    test('are seen by the next request at once and in the database soon', async () => {
      const { database, keys, userId, first, time } = await begin()
      keys.markStatus(first, 'invalid', 'rejected')
      expect(await keys.chainFor(userId)).toMatchObject([
        { status: 'invalid', statusReason: 'rejected', statusAt: time.now },
        { status: 'untested' },
      ])
      await expect
        .poll(async () => (await rows(database))[0])
        .toMatchObject({ status: 'invalid', status_reason: 'rejected' })
      await keys.flush()
      expect((await keys.chainFor(userId))[0]).toMatchObject({ status: 'invalid' })
    })

    test('that are written while keys are being read are not overlooked by who reads them', async () => {
      const { database, userId, first, audit, time } = await begin()
      const store = createProviderKeyStore(database)
      const [isRead, mayArrive] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const states = createKeyStates({
        // What is read is on its way for as long as the test likes.
        store: {
          ...store,
          async list(...args) {
            const found = await store.list(...args)
            isRead.resolve()
            await mayArrive.promise
            return found
          },
        },
        vault: createTestVault(),
        clock: { now: () => time.now, monotonic: () => time.now },
        log: createLog({ level: 'silent' }),
        audit,
      })
      states.markStatus(first, 'invalid', 'rejected')
      const chain = states.chainFor(userId)
      await isRead.promise
      await states.flush()
      mayArrive.resolve()
      expect((await chain)[0]).toMatchObject({ status: 'invalid', statusReason: 'rejected' })
      await states.close()
    })

    test('never land on a secret that was replaced meanwhile', async () => {
      const { database, keys, userId, first } = await begin()
      await keys.updateProviderKey({ userId, ip: null }, 'openai', { api_key: 'sk-canary-three' })
      keys.markStatus(first, 'invalid', 'rejected')
      expect((await keys.chainFor(userId))[0]).toMatchObject({ status: 'untested', keyVersion: 2 })
      await keys.flush()
      expect((await rows(database))[0]).toMatchObject({ status: 'untested', key_version: 2 })
    })

    test('`active` dates the first success, and a repeat writes nothing', async () => {
      const { database, keys, userId, first, time } = await begin()
      keys.markStatus(first, 'active', null)
      await keys.flush()
      const workedAt = time.now
      time.now += 5_000
      const [record] = await keys.chainFor(userId)
      expect(record).toMatchObject({ status: 'active', workedAt })
      keys.markStatus(record!, 'active', null)
      await keys.flush()
      expect((await rows(database))[0]).toMatchObject({ status: 'active', worked_at: workedAt, status_at: workedAt })
    })

    test('keep the time they were entered', async () => {
      const { database, keys, userId, first, time } = await begin()
      const died = time.now
      keys.markStatus(first, 'invalid', 'rejected')
      await keys.flush()
      time.now += 3_600_000
      const stale = { ...(await reload({ keys, userId }))[0]!, status: 'active' as const }
      keys.markStatus(stale, 'invalid', 'rejected')
      await keys.flush()
      expect((await rows(database))[0]).toMatchObject({ status: 'invalid', status_at: died })
    })

    test('of a key set aside again are kept with the longer pause, and a success ends it', async () => {
      const { database, keys, userId, first, time } = await begin()
      const died = time.now
      const hour = 3_600_000
      keys.markStatus(first, 'invalid', 'rejected', { probe: { at: died + hour, afterMs: hour } })
      await keys.flush()
      time.now += hour
      const [again] = await reload({ keys, userId })
      expect(again!.probe).toEqual({ at: died + hour, afterMs: hour })
      const probe = { at: time.now + 6 * hour, afterMs: 6 * hour }
      keys.markStatus(again!, 'invalid', 'rejected', { probe })
      expect((await keys.chainFor(userId))[0]!.probe).toEqual({ at: time.now + 6 * hour, afterMs: 6 * hour })
      await keys.flush()
      const [longer] = await reload({ keys, userId })
      expect(longer).toMatchObject({ status: 'invalid', probe: { afterMs: 6 * hour } })
      expect((await rows(database))[0]).toMatchObject({ status_at: died })
      keys.markStatus(longer!, 'active', null)
      await keys.flush()
      expect((await reload({ keys, userId }))[0]).toMatchObject({ status: 'active', probe: null })
    })

    test('of calls that began before the pause lengthen it on no instance, and end it on none', async () => {
      const { database, keys, userId, first, time } = await begin()
      const minute = 60_000
      const begunAt = time.now
      time.now += 1_000
      keys.markStatus(first, 'exhausted', 'quota', {
        probe: { at: time.now + 10 * minute, afterMs: 10 * minute },
        begunAt,
      })
      await keys.flush()
      const entered = (await rows(database))[0]!
      // Another instance knows the key as it was, and hears of its failure a little later.
      time.now += 2_000
      const other = setUp(await open({ sameAs: database })).keys
      other.markStatus(first, 'exhausted', 'quota', {
        probe: { at: time.now + 20 * minute, afterMs: 20 * minute },
        begunAt,
      })
      other.markStatus(first, 'active', null, { begunAt })
      await other.flush()
      expect((await rows(database))[0]).toEqual({ ...entered, worked_at: null })
      const [record] = await reload({ keys, userId })
      keys.markStatus(record!, 'active', null, { begunAt })
      expect((await keys.chainFor(userId))[0]).toMatchObject({ status: 'exhausted', workedAt: time.now })
      await keys.flush()
      expect((await rows(database))[0]).toEqual({ ...entered, worked_at: time.now })
      await other.close()
    })

    test('whose pause is over are probed by one instance; a probe that told nothing is the next one’s', async () => {
      const { database, keys, userId, first, time } = await begin()
      const minute = 60_000
      keys.markStatus(first, 'exhausted', 'quota', { probe: { at: time.now + 10 * minute, afterMs: 10 * minute } })
      await keys.flush()
      time.now += 10 * minute
      const [due] = await reload({ keys, userId })
      const other = setUp(await open({ sameAs: database })).keys
      const until = time.now + minute
      expect([await keys.claimProbe(due!, until), await other.claimProbe(due!, until)]).toEqual([true, false])
      expect((await reload({ keys, userId }))[0]!.probe).toEqual({ at: until, afterMs: 10 * minute })
      keys.releaseProbe(due!, until)
      await keys.flush()
      const [released] = await reload({ keys, userId })
      expect(released!.probe).toEqual({ at: time.now, afterMs: 10 * minute })
      expect(await other.claimProbe(released!, until)).toBe(true)
      await other.close()
    })

    test('of models reach other instances, end by themselves, and are not those of the next secret', async () => {
      const { database, keys, userId, first, time } = await begin()
      keys.markModel(first, { model: 'gpt-a', status: 'cooling', until: time.now + 1_000 })
      keys.markModel(first, { model: 'gpt-b', status: 'restricted', until: time.now + 60_000 })
      await keys.flush()
      const other = setUp(database)
      const seen = async (now: number) => {
        other.time.now = now
        other.keys.invalidate(userId)
        return (await other.keys.chainFor(userId)).map(({ models }) => models.map(({ model }) => model).sort())
      }
      expect(await seen(time.now)).toEqual([['gpt-a', 'gpt-b'], []])
      expect(await seen(time.now + 1_000)).toEqual([['gpt-b'], []])
      await keys.updateProviderKey({ userId, ip: null }, 'openai', { api_key: 'sk-canary-three' })
      expect(await seen(time.now)).toEqual([[], []])
    })

    test('of models are bounded per key, whatever names clients invent', async () => {
      const { database, keys, first, time } = await begin()
      for (let index = 0; index < 300; index++) {
        keys.markModel(first, { model: `m${index}`, status: 'cooling', until: time.now + 60_000 })
      }
      await keys.flush()
      const { length } = await database.query.selectFrom('key_model_states').selectAll().execute()
      expect(length).toBe(256)
    })

    test('of a deleted key write nothing and break nothing', async () => {
      const { database, keys, userId, first, second } = await begin()
      await keys.deleteProviderKey({ userId, ip: null }, 'openai')
      keys.markStatus(first, 'invalid', 'rejected')
      keys.markStatus(second, 'exhausted', 'quota')
      await keys.flush()
      expect(await rows(database)).toMatchObject([{ id: second.id, status: 'exhausted' }])
    })
  })

  test('the chain comes from memory until something changes', async () => {
    const { database, keys, userId, first, time } = await begin()
    await database.query.updateTable('user_provider_keys').set({ label: 'behind our back' }).execute()
    expect((await keys.chainFor(userId))[0]!.label).toBe('')
    await keys.editProviderKey({ userId, ip: null }, 'openai', { fallback: 'never' })
    expect((await keys.chainFor(userId))[0]).toMatchObject({
      id: first.id,
      label: 'behind our back',
      fallback: 'never',
    })
    await database.query.updateTable('user_provider_keys').set({ label: 'again' }).execute()
    time.now += 5_001
    expect((await keys.chainFor(userId))[0]!.label).toBe('again')
  })

  test('a last use is written in the background, latest wins', async () => {
    const { database, keys, first, time } = await begin()
    keys.openCredential(first)
    time.now += 1_000
    keys.openCredential(first)
    expect((await rows(database))[0]!.last_used_at).toBeNull()
    await keys.flush()
    expect(await rows(database)).toMatchObject([{ last_used_at: time.now, version: 1 }, { last_used_at: null }])
  })

  test('closing writes what is left', async () => {
    const { database, keys, first } = await begin()
    keys.openCredential(first)
    keys.markStatus(first, 'active', null)
    await keys.close()
    expect((await rows(database))[0]).toMatchObject({ status: 'active', last_used_at: expect.any(Number) })
  })
})
