// Changing the master key on both databases: with traffic, with two instances, with crashes, there and back.
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { describeOnEachDatabase, silentLog } from '../../../test/support/databases.ts'
import {
  kidOf,
  openAll,
  plainKeyOf,
  recordOf,
  startVaultInstance,
  storeSealedKeys,
  type TestInstance,
} from '../../../test/support/vault-instances.ts'
import type { Database } from '../../database/database.ts'
import { systemClock } from '../../kernel/clock.ts'
import { revealSecret, Secret } from '../../kernel/secret.ts'
import { createAudit } from '../audit/audit.ts'
import { createVaultRotation } from './vault-rotation.ts'
import { createRotationStore } from './vault-rotation-store.ts'
import { SEALED_TABLES, type VaultRegistry } from './vault-registry.ts'

const OLD = 'b5f1c0de9a47382e6d10fb94c7a2e853'
const NEW = '1c8e40b7f9d25a63e07b94d1c6f83a52'
const [OLD_KID, NEW_KID] = [kidOf(OLD), kidOf(NEW)]
const BY = { userId: null, ip: null }

const stateOf = async ({ rotation }: TestInstance): Promise<string> => (await rotation.readStatus()).rotation.state
const untilState = (instance: TestInstance, state: string): Promise<void> =>
  expect.poll(() => stateOf(instance), { timeout: 20_000, interval: 20 }).toBe(state)

const kidsOf = async (database: Database): Promise<string[]> => {
  const rows = await database.query.selectFrom('user_provider_keys').select('kid').distinct().execute()
  return rows.map(({ kid }) => kid).toSorted()
}

/** As if so much time had passed since the job last did something. */
const letPass = async (database: Database, milliseconds: number): Promise<void> => {
  await database.query
    .updateTable('vault_rotation')
    .set((column) => ({ progressed_at: column('progressed_at', '-', milliseconds) }))
    .execute()
}

/** An installation with keys sealed under OLD, ready to move to NEW. */
async function prepare(database: Database, count: number): Promise<TestInstance> {
  const first = await startVaultInstance(database, { current: OLD })
  await storeSealedKeys(database, first.booted.vault, count)
  await first.stop()
  return startVaultInstance(database, { current: NEW, old: [OLD] })
}

describeOnEachDatabase('a change of the master key', (open, kind) => {
  test('moves every value, the vault’s own included, byte for byte but the wrap', async () => {
    const database = await open()
    const instance = await prepare(database, 450)
    const readAll = () =>
      database.query
        .selectFrom('user_provider_keys')
        .select(['id', 'api_key_encrypted', 'version', 'key_version', 'updated_at'])
        .orderBy('id')
        .execute()
    const before = await readAll()
    const { changed, rotation } = await instance.rotation.rotate({}, BY)
    expect(changed).toBe(true)
    expect(rotation).toMatchObject({ from: OLD_KID, to: NEW_KID, total: 451, failed: 0 })
    await untilState(instance, 'done')

    const after = await readAll()
    for (const [index, row] of after.entries()) {
      const [was, is] = [before[index]!, row].map(({ api_key_encrypted: text }) => text.split('.'))
      expect(is![1]).toBe(NEW_KID)
      expect(is![2]).not.toBe(was![2])
      expect(is![3]).toBe(was![3])
      expect({ ...row, api_key_encrypted: '' }).toEqual({ ...before[index], api_key_encrypted: '' })
    }
    expect(await openAll(database, instance.booted.vault)).toBe(450)
    const status = await instance.rotation.readStatus()
    expect(status).toMatchObject({
      backend: 'local',
      active: { kid: NEW_KID },
      keys: expect.arrayContaining([
        { kid: OLD_KID, state: 'decrypt', in_ring: true, dependents: 0, wraps: expect.any(Number) },
        // The key of fingerprints is one more.
        { kid: NEW_KID, state: 'active', in_ring: true, dependents: 451, wraps: 451 },
      ]),
      rotation: { state: 'done', total: 451, done: 451, failed: 0, running: false, finished_at: expect.any(String) },
      failures: [],
      instances: [{ id: instance.booted.instanceId, active_kid: NEW_KID, kids: [NEW_KID, OLD_KID] }],
    })
    // Nothing more to do: the same answer again, and no new run.
    expect(await instance.rotation.rotate({}, BY)).toMatchObject({ changed: false, rotation: { state: 'done' } })
    await instance.stop()
    // The old secret is needed no more.
    await letPass(database, 60_001)
    const last = await startVaultInstance(database, { current: NEW })
    expect(await last.rotation.rotate({ action: 'retire', kid: OLD_KID }, BY)).toMatchObject({ changed: true })
    expect(await openAll(database, last.booted.vault)).toBe(450)
    await last.stop()
  })

  test('while it runs every value opens at every instant, and a replaced key stays replaced', async () => {
    const database = await open()
    const instance = await prepare(database, 2_000)
    const { vault } = instance.booted
    const rows = await database.query.selectFrom('user_provider_keys').select(['id', 'user_id']).execute()
    const replaced = new Map<string, string>()
    await instance.rotation.rotate({}, BY)
    let reads = 0
    // A reader and a writer beside the job, until it is done.
    const reader = async (): Promise<void> => {
      for (;;) {
        if ((await stateOf(instance)) === 'done') return
        reads++
        await openAll(database, vault)
      }
    }
    const writer = async (): Promise<void> => {
      for (const { id, user_id } of rows.filter((_, index) => index % 40 === 0)) {
        const record = { ...recordOf(user_id, id), keyVersion: 2 }
        const { sealed, kid } = vault.seal({ ...record, keyVersion: 1 }, new Secret(`sk-replaced-${id}`))
        await database.query
          .updateTable('user_provider_keys')
          .set({ api_key_encrypted: sealed, kid })
          .where('id', '=', id)
          .execute()
        replaced.set(id, `sk-replaced-${id}`)
      }
    }
    await Promise.all([reader(), writer()])
    expect(reads).toBeGreaterThan(0)
    expect(await kidsOf(database)).toEqual([NEW_KID])
    const now = await database.query.selectFrom('user_provider_keys').selectAll().execute()
    for (const row of now) {
      const plain = revealSecret(vault.open(recordOf(row.user_id, row.id), row.api_key_encrypted, row.kid))
      expect(plain).toBe(replaced.get(row.id) ?? plainKeyOf(row.id))
    }
    await instance.stop()
  })

  test('a value that was replaced after it was read is left alone', async () => {
    const database = await open()
    const instance = await prepare(database, 3)
    await instance.rotation.close()
    const store = createRotationStore(database)
    await instance.booted.registry.alone((tx) => store.begin(tx, { from: OLD_KID, to: NEW_KID }))
    const lease = (await store.takeLease('test'))!
    const pass = (await store.beginPass(lease, 1))!
    const [table] = SEALED_TABLES
    const batch = await store.readBatch(table, NEW_KID, '')
    const rows = batch.map(({ id, sealed }) => ({ id, before: sealed, after: `moved ${id}` }))
    await database.query
      .updateTable('user_provider_keys')
      .set({ api_key_encrypted: 'somebody else’s' })
      .where('id', '=', batch[1]!.id)
      .execute()
    expect(await store.writeBatch({ lease, run: 1, pass, table, to: NEW_KID, rows, failures: [] })).toBe(2)
    const left = await store.readBatch(table, NEW_KID, '')
    expect(left).toMatchObject([{ id: batch[1]!.id, sealed: 'somebody else’s', kid: OLD_KID }])
    await instance.booted.stop()
  })

  test('what cannot be moved is listed and skipped, and moves when it is repaired', async () => {
    const database = await open()
    const instance = await prepare(database, 250)
    const [victim, other] = await database.query
      .selectFrom('user_provider_keys')
      .select(['id', 'api_key_encrypted'])
      .orderBy('id')
      .limit(2)
      .execute()
    const damage = (id: string, set: object) =>
      database.query.updateTable('user_provider_keys').set(set).where('id', '=', id).execute()
    const [format, kid, wrapped, data] = victim!.api_key_encrypted.split('.')
    const turned = wrapped!.startsWith('A') ? 'B' : 'A'
    await damage(victim!.id, { api_key_encrypted: [format, kid, turned + wrapped!.slice(1), data].join('.') })
    await damage(other!.id, { kid: 'not a kid' })
    await instance.rotation.rotate({}, BY)
    await untilState(instance, 'done_with_failures')
    const status = await instance.rotation.readStatus()
    expect(status.rotation).toMatchObject({ total: 251, done: 249, failed: 2 })
    expect(status.failures.toSorted((a, b) => a.record_id.localeCompare(b.record_id))).toEqual([
      { record_id: victim!.id, reason: 'ciphertext_corrupt' },
      { record_id: other!.id, reason: 'ciphertext_corrupt' },
    ])
    await letPass(database, 60_001)
    await expect(instance.rotation.rotate({ action: 'retire', kid: OLD_KID }, BY)).rejects.toMatchObject({
      code: 'kid_in_use',
      status: 409,
      message: expect.stringContaining('1 value is'),
    })
    await damage(victim!.id, { api_key_encrypted: victim!.api_key_encrypted })
    await damage(other!.id, { kid: OLD_KID })
    await instance.rotation.rotate({}, BY)
    await untilState(instance, 'done')
    expect((await instance.rotation.readStatus()).failures).toEqual([])
    expect(await openAll(database, instance.booted.vault)).toBe(250)
    await instance.stop()
  })

  test('one instance without the new secret: refused, and named; nothing changes', async () => {
    const database = await open()
    const instance = await prepare(database, 5)
    const behind = await startVaultInstance(await open({ sameAs: database }), { current: OLD })
    await expect(instance.rotation.rotate({}, BY)).rejects.toMatchObject({
      code: 'rotation_not_ready',
      status: 409,
      message: expect.stringContaining(behind.booted.instanceId),
    })
    expect(await instance.rotation.readStatus()).toMatchObject({
      active: { kid: OLD_KID },
      rotation: { state: 'idle' },
    })
    await expect(instance.rotation.rotate({ kid: '0123456789abcdef' }, BY)).rejects.toMatchObject({
      code: 'rotation_not_ready',
    })
    await behind.stop()
    await instance.stop()
  })

  test('an instance that comes up at the very moment takes the change back', async () => {
    const database = await open()
    const { booted, rotation, stop } = await prepare(database, 5)
    await rotation.close()
    // Announced between the first look and the second, after its own check of the registry.
    let comesUp = true
    const registry: VaultRegistry = {
      ...booted.registry,
      async alone(work) {
        const result = await booted.registry.alone(work)
        if (comesUp) await booted.registry.announce({ id: 'late', activeKid: OLD_KID, kids: [OLD_KID] })
        comesUp = false
        return result
      },
    }
    const audit = createAudit({ database, clock: systemClock })
    const raced = createVaultRotation({
      database,
      booted: { ...booted, registry },
      audit,
      clock: systemClock,
      log: silentLog,
    })
    await expect(raced.rotate({}, BY)).rejects.toMatchObject({
      code: 'rotation_not_ready',
      message: expect.stringContaining('late'),
    })
    expect(await raced.readStatus()).toMatchObject({ active: { kid: OLD_KID }, rotation: { state: 'paused', done: 0 } })
    await booted.registry.remove('late')
    expect(await raced.rotate({}, BY)).toMatchObject({ changed: true })
    await expect.poll(async () => (await raced.readStatus()).rotation.state, { timeout: 20_000 }).toBe('done')
    await raced.close()
    await stop()
  })

  test('waits while an instance still seals under the old key, and goes on when it does not', async () => {
    const database = await open()
    const instance = await prepare(database, 300)
    // Has both, and is not yet switched over.
    const other = await open({ sameAs: database })
    const slow = await startVaultInstance(other, { current: OLD, old: [NEW] })
    await instance.rotation.rotate({}, BY)
    await untilState(instance, 'waiting_for_instances')
    await expect.poll(async () => (await instance.rotation.readStatus()).rotation.running).toBe(true)
    expect((await instance.rotation.readStatus()).rotation.done).toBe(0)
    expect(slow.booted.vault.sealingKid).toBe(OLD_KID)
    await slow.stop()
    const switched = await startVaultInstance(other, { current: NEW, old: [OLD] })
    await untilState(instance, 'done')
    expect(await kidsOf(database)).toEqual([NEW_KID])
    await switched.stop()
    await instance.stop()
  })

  test('an instance that comes up without the new active key is stopped at its start', async () => {
    const database = await open()
    const instance = await prepare(database, 1)
    await instance.rotation.rotate({}, BY)
    await untilState(instance, 'done')
    await expect(startVaultInstance(await open({ sameAs: database }), { current: OLD })).rejects.toMatchObject({
      exitCode: 78,
      message: expect.stringContaining(`secret for kid ${NEW_KID} missing`),
    })
    await instance.stop()
  })

  test('pauses between batches, and goes on where it was', async () => {
    const database = await open()
    const instance = await prepare(database, 3_000)
    await instance.rotation.rotate({}, BY)
    await expect
      .poll(async () => (await instance.rotation.readStatus()).rotation.done, { interval: 5 })
      .toBeGreaterThan(0)
    expect(await instance.rotation.rotate({ action: 'pause' }, BY)).toMatchObject({ changed: true })
    const paused = (await instance.rotation.readStatus()).rotation
    expect(paused).toMatchObject({ state: 'paused', total: 3_001 })
    expect(paused.done).toBeLessThan(3_001)
    expect(await instance.rotation.rotate({ action: 'pause' }, BY)).toMatchObject({ changed: false })
    await new Promise((resolve) => setTimeout(resolve, 200))
    const later = (await instance.rotation.readStatus()).rotation
    // One batch may have been on its way.
    expect(later.done - paused.done).toBeLessThanOrEqual(200)
    expect(await instance.rotation.rotate({}, BY)).toMatchObject({ changed: true })
    await untilState(instance, 'done')
    expect((await instance.rotation.readStatus()).rotation).toMatchObject({ total: 3_001, done: 3_001 })
    await instance.stop()
  })

  test('there, back, and there again', async () => {
    const database = await open()
    const there = await prepare(database, 600)
    await there.rotation.rotate({}, BY)
    await expect.poll(async () => (await there.rotation.readStatus()).rotation.done, { interval: 5 }).toBeGreaterThan(0)
    // In the middle of it the operator exchanges the secrets again.
    await there.stop()
    const back = await startVaultInstance(database, { current: OLD, old: [NEW] })
    expect(await back.rotation.rotate({}, BY)).toMatchObject({
      changed: true,
      rotation: { from: NEW_KID, to: OLD_KID },
    })
    await untilState(back, 'done')
    expect(await kidsOf(database)).toEqual([OLD_KID])
    await back.stop()
    const again = await startVaultInstance(database, { current: NEW, old: [OLD] })
    await again.rotation.rotate({}, BY)
    await untilState(again, 'done')
    expect(await openAll(database, again.booted.vault)).toBe(600)
    await again.stop()
  })

  test('an old key is retired only when nothing needs it', async () => {
    const database = await open()
    const instance = await prepare(database, 10)
    const retire = (kid: string) => instance.rotation.rotate({ action: 'retire', kid }, BY)
    await expect(retire(OLD_KID)).rejects.toMatchObject({
      code: 'kid_in_use',
      message: expect.stringContaining('active'),
    })
    await instance.rotation.rotate({}, BY)
    await untilState(instance, 'done')
    await expect(retire(NEW_KID)).rejects.toMatchObject({ code: 'kid_in_use' })
    // A minute for what others hold in memory.
    await expect(retire(OLD_KID)).rejects.toMatchObject({
      code: 'kid_in_use',
      message: expect.stringContaining('memory'),
    })
    await letPass(database, 60_001)
    const slow = await startVaultInstance(await open({ sameAs: database }), { current: OLD, old: [NEW] })
    await expect(retire(OLD_KID)).rejects.toMatchObject({
      code: 'kid_in_use',
      message: expect.stringContaining(slow.booted.instanceId),
    })
    await slow.stop()
    await expect(retire('0123456789abcdef')).rejects.toMatchObject({ code: 'not_found' })
    expect(await retire(OLD_KID)).toMatchObject({ changed: true })
    expect(await retire(OLD_KID)).toMatchObject({ changed: false })
    await expect(instance.rotation.rotate({ kid: OLD_KID }, BY)).rejects.toMatchObject({ code: 'rotation_not_ready' })
    await instance.stop()
    // What was retired seals nothing any more, and what is needed must be there.
    await expect(startVaultInstance(database, { current: OLD, old: [NEW] })).rejects.toMatchObject({ exitCode: 78 })
    await expect(startVaultInstance(database, { current: OLD })).rejects.toMatchObject({
      message: expect.stringContaining(`secret for kid ${NEW_KID} missing; 10 keys depend on it`),
    })
  })

  test('the work of an instance that died is taken over when its lease is over', async () => {
    const database = await open()
    const dead = await prepare(database, 400)
    await dead.rotation.close()
    // Longer than an instance takes to come up, on a slow machine too.
    const store = createRotationStore(database, { leaseMs: 3_000 })
    await dead.booted.registry.alone(async (tx) => {
      await dead.booted.registry.activate(tx, NEW_KID)
      await store.begin(tx, { from: OLD_KID, to: NEW_KID })
    })
    const lease = (await store.takeLease('the dead one'))!
    const survivor = await startVaultInstance(await open({ sameAs: database }), { current: NEW, old: [OLD] })
    expect(await store.takeLease('another')).toBeUndefined()
    await untilState(survivor, 'done')
    // The dead one comes back and finds that it leads no more.
    expect(await store.keepLease(lease, 1)).toBe(false)
    await survivor.stop()
    await dead.booted.stop()
  })

  test('asked twice at once, one run begins; asked again while it goes on, it goes on', async () => {
    const database = await open()
    const instance = await prepare(database, 1)
    await instance.rotation.close()
    const store = createRotationStore(database)
    const begin = (): Promise<boolean> =>
      instance.booted.registry.alone(async (tx) => {
        await instance.booted.registry.activate(tx, NEW_KID)
        return store.begin(tx, { from: OLD_KID, to: NEW_KID })
      })
    expect((await Promise.all([begin(), begin()])).toSorted()).toEqual([false, true])
    const { run } = (await store.read())!
    expect(await begin()).toBe(false)
    expect((await store.read())!.run).toBe(run)
    await instance.booted.stop()
  })

  test('two instances do not both work, and the figures stay exact', async () => {
    const database = await open()
    const first = await prepare(database, 2_000)
    const second = await startVaultInstance(await open({ sameAs: database }), { current: NEW, old: [OLD] })
    await Promise.all([first.rotation.rotate({}, BY), second.rotation.rotate({}, BY)])
    for (let state = ''; state !== 'done';) {
      const now = (await second.rotation.readStatus()).rotation
      // What is done and what is left are of one moment.
      expect(now.total).toBe(2_001)
      state = now.state
    }
    expect((await first.rotation.readStatus()).rotation).toMatchObject({ total: 2_001, done: 2_001 })
    const { fence } = await database.query.selectFrom('vault_jobs').select('fence').executeTakeFirstOrThrow()
    expect(fence).toBeGreaterThanOrEqual(1)
    await second.stop()
    await first.stop()
  })

  if (kind === 'postgres') {
    test('values that somebody holds are left for the next pass, without waiting for them', async () => {
      const database = await open()
      const instance = await prepare(database, 50)
      const other = await open({ sameAs: database })
      const { id } = await database.query
        .selectFrom('user_provider_keys')
        .select('id')
        .limit(1)
        .executeTakeFirstOrThrow()
      let released = false
      const holding = other.transaction(async (tx) => {
        await tx.selectFrom('user_provider_keys').select('id').where('id', '=', id).forUpdate().execute()
        await instance.rotation.rotate({}, BY)
        await expect.poll(async () => (await instance.rotation.readStatus()).rotation.done).toBe(50)
        expect(await stateOf(instance)).toBe('running')
        released = true
      })
      await holding
      expect(released).toBe(true)
      await untilState(instance, 'done')
      expect(await kidsOf(database)).toEqual([NEW_KID])
      await instance.stop()
    })
  }

  test('a key that was used too often is warned about until nothing needs it, and takes no more than is safe', async () => {
    const database = await open()
    const instance = await prepare(database, 5)
    const use = (kid: string, wraps: number) =>
      database.query.updateTable('key_registry').set({ wraps }).where('kid', '=', kid).execute()
    const warnings = async () => (await instance.rotation.readStatus()).warnings.map(({ code }) => code)
    expect(await warnings()).toEqual([])
    await use(OLD_KID, 2 ** 31)
    expect(await warnings()).toEqual(['wraps_high'])
    await use(NEW_KID, 2 ** 32 - 5)
    await expect(instance.rotation.rotate({}, BY)).rejects.toMatchObject({ code: 'rotation_not_ready' })
    await use(NEW_KID, 0)
    await instance.rotation.rotate({}, BY)
    await untilState(instance, 'done')
    await letPass(database, 60_001)
    await instance.rotation.rotate({ action: 'retire', kid: OLD_KID }, BY)
    expect(await warnings()).toEqual([])
    await instance.stop()
  })

  test('each step is in the audit log', async () => {
    const database = await open()
    const instance = await prepare(database, 2)
    await instance.rotation.rotate({}, BY)
    await untilState(instance, 'done')
    await letPass(database, 60_001)
    await instance.rotation.rotate({ action: 'retire', kid: OLD_KID }, BY)
    const { rows } = await sql<{ action: string; target_id: string }>`
      SELECT action, target_id FROM audit_log ORDER BY sequence`.execute(database.query)
    expect(rows).toEqual([
      { action: 'encryption.rotation-started', target_id: NEW_KID },
      { action: 'encryption.rotation-finished', target_id: NEW_KID },
      { action: 'encryption.key-retired', target_id: OLD_KID },
    ])
    await instance.stop()
  })
})
