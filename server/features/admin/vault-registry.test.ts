// The registry and the list of instances on both databases, and the rule which master key an instance seals under.
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { describeOnEachDatabase, silentLog } from '../../../test/support/databases.ts'
import { Secret } from '../../kernel/secret.ts'
import { createKeyring } from '../../vault/keyring.ts'
import { createVaultInstance } from './vault-instance.ts'
import { createVaultRegistry, SEALED_TABLES } from './vault-registry.ts'

const one = new Secret('one-master-secret-b7c1e2f4a9d04c53')
const two = new Secret('two-master-secret-04e5b6a7c8d9f1e2')

describeOnEachDatabase('the registry of master keys', (open, kind) => {
  test('names every table that holds sealed values', async () => {
    const database = await open()
    const columns =
      kind === 'sqlite'
        ? sql<{ table: string; column: string }>`
            SELECT m.name AS "table", c.name AS "column" FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`
        : sql<{ table: string; column: string }>`
            SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns WHERE table_schema = 'public'`
    const { rows } = await columns.execute(database.query)
    const withKid = rows.filter(({ column }) => column === 'kid').map(({ table }) => table)
    expect(withKid.toSorted()).toEqual(['key_registry', ...SEALED_TABLES.map(({ table }) => table)].toSorted())
    const sealed = rows.filter(({ column }) => /seal|encrypt|cipher/.test(column))
    expect(sealed.map(({ table, column }) => `${table}.${column}`).toSorted()).toEqual(
      SEALED_TABLES.map(({ table, sealed: column }) => `${table}.${column}`).toSorted(),
    )
  })

  test('counts uses by adding, so that instances do not overwrite each other', async () => {
    const database = await open()
    const registry = createVaultRegistry(database)
    await registry.alone((tx) => registry.addKey(tx, { kid: '0123456789abcdef', state: 'active', check: 'c', now: 1 }))
    await Promise.all([3, 4, 5].map((count) => registry.addWraps(new Map([['0123456789abcdef', count]]))))
    expect((await registry.read()).keys).toMatchObject([{ wraps: 12, state: 'active' }])
  })

  test('registers one after the other: of two first instances only one finds no key', async () => {
    const database = await open()
    const other = await open({ sameAs: database })
    const found = await Promise.all(
      [database, other].map((source, index) => {
        const registry = createVaultRegistry(source)
        return registry.alone(async (tx) => {
          const { keys } = await registry.read(tx)
          await registry.addKey(tx, { kid: `${index}`.repeat(16), state: 'decrypt', check: 'c', now: 1 })
          return keys.length
        })
      }),
    )
    expect(found.toSorted()).toEqual([0, 1])
  })

  test('an instance seals under its own key only while every living one has it', async () => {
    const database = await open()
    const registry = createVaultRegistry(database)
    const keyring = createKeyring(two, [one])
    const [newKid, oldKid] = keyring.kids as [string, string]
    await registry.alone((tx) => registry.addKey(tx, { kid: oldKid, state: 'active', check: 'c', now: 1 }))
    await registry.announce({ id: 'behind', activeKid: oldKid, kids: [oldKid] })
    const instance = createVaultInstance({ registry, keyring, instanceId: 'ahead', log: silentLog, heartbeatMs: 20 })
    await instance.start()
    expect(instance.chooseSealingKid()).toBe(oldKid)
    expect((await registry.listAlive()).find(({ id }) => id === 'ahead')).toMatchObject({ activeKid: oldKid })

    // Killed without a word: half a minute later it no longer counts.
    await database.query
      .updateTable('vault_instances')
      .set((column) => ({ seen_at: column('seen_at', '-', 30_001) }))
      .where('id', '=', 'behind')
      .execute()
    await expect.poll(() => instance.chooseSealingKid()).toBe(newKid)
    await expect
      .poll(async () => (await registry.listAlive()).map(({ id, activeKid, kids }) => ({ id, activeKid, kids })))
      .toEqual([{ id: 'ahead', activeKid: newKid, kids: [newKid, oldKid] }])
    await instance.stop()
    expect(await registry.listAlive()).toEqual([])
  })

  test('an instance writes its uses with the next heartbeat and when it stops', async () => {
    const database = await open()
    const registry = createVaultRegistry(database)
    const keyring = createKeyring(one, [])
    const kid = keyring.configuredKid
    await registry.alone((tx) => registry.addKey(tx, { kid, state: 'active', check: 'c', now: 1 }))
    await registry.addWraps(new Map([[kid, 10]]))
    const instance = createVaultInstance({ registry, keyring, instanceId: 'only', log: silentLog, heartbeatMs: 20 })
    await instance.start()
    expect([instance.countWrap(kid), instance.countWrap(kid)]).toEqual([10, 11])
    await expect.poll(async () => (await registry.read()).keys[0]?.wraps).toBe(12)
    await expect.poll(() => instance.countWrap(kid)).toBeGreaterThanOrEqual(12)
    await instance.stop()
    expect((await registry.read()).keys[0]!.wraps).toBeGreaterThanOrEqual(13)
  })
})
