// What the database knows of the master keys: the registry of kids, what depends on each, the instances alive, and the
// installation's own sealed secrets. SQL only; which of it is in order is judged in vault-check.ts.
// Instances are dated by the database's clock, the one clock they share.
import { sql, type Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import { databaseNow } from '../../database/now.ts'
import type { Schema } from '../../database/schema.ts'
import { isKid } from '../../vault/sealed-text.ts'

/**
 * Every table that holds sealed values, and what their wraps are bound to: the owner's type and the column of its id.
 * A test compares it with the schema, so that none escapes rotation. Each has the column `kid`; an empty one marks a
 * row that holds nothing sealed (a key taken over unreadable).
 */
export const SEALED_TABLES = [
  { table: 'user_provider_keys', id: 'id', sealed: 'api_key_encrypted', ownerType: 'user', owner: 'user_id' },
  { table: 'vault_secrets', id: 'name', sealed: 'sealed', ownerType: 'system', owner: 'name' },
] as const
export type SealedTable = (typeof SEALED_TABLES)[number]

export interface RegisteredKey {
  readonly kid: string
  readonly backend: string
  readonly state: string
  readonly check: string
  readonly wraps: number
  readonly createdAt: number
}

export interface RegistryPicture {
  readonly keys: readonly RegisteredKey[]
  /** Rows sealed under each kid, whether registered or not. */
  readonly dependents: ReadonlyMap<string, { readonly rows: number; readonly providerKeys: number }>
}

export interface VaultInstance {
  readonly id: string
  readonly activeKid: string
  readonly kids: readonly string[]
}

export interface LivingInstance extends VaultInstance {
  /** By the database's clock, epoch ms. */
  readonly seenAt: number
}

/** An instance counts as alive this long after it was last seen. */
const ALIVE_MS = 30_000
/** Rows of instances that were killed are cleared away after this. */
const FORGOTTEN_MS = 86_400_000

export interface VaultRegistry {
  /** Is there a registry at all? Not before the first migration. */
  exists(): Promise<boolean>
  read(tx?: Transaction<Schema>): Promise<RegistryPicture>
  /** Runs alone among all instances that register a kid. */
  alone<Result>(work: (tx: Transaction<Schema>) => Promise<Result>): Promise<Result>
  addKey(
    tx: Transaction<Schema>,
    key: { kid: string; state: 'active' | 'decrypt'; check: string; now: number },
  ): Promise<void>
  /** Makes a registered kid the active one; the one before opens only from now on. */
  activate(tx: Transaction<Schema>, kid: string): Promise<void>
  retire(tx: Transaction<Schema>, kid: string): Promise<void>
  addWraps(counts: ReadonlyMap<string, number>, tx?: Transaction<Schema>): Promise<void>
  readSecret(tx: Transaction<Schema>, name: string): Promise<{ kid: string; sealed: string } | undefined>
  addSecret(tx: Transaction<Schema>, secret: { name: string; kid: string; sealed: string }): Promise<void>
  /** Writes or renews an instance's row, now. */
  announce(instance: VaultInstance): Promise<void>
  listAlive(tx?: Transaction<Schema>): Promise<readonly LivingInstance[]>
  remove(instanceId: string): Promise<void>
}

export function createVaultRegistry(database: Database): VaultRegistry {
  const { query, kind } = database
  const now = databaseNow(kind)

  return {
    async exists() {
      const found =
        kind === 'sqlite'
          ? await sql`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'key_registry'`.execute(query)
          : await sql`SELECT 1 WHERE to_regclass('key_registry') IS NOT NULL`.execute(query)
      return found.rows.length > 0
    },

    async read(tx) {
      const source = tx ?? query
      const keys = await source
        .selectFrom('key_registry')
        .select(['kid', 'backend', 'state', 'check', 'wraps', 'created_at as createdAt'])
        .orderBy('created_at')
        .orderBy('kid')
        .execute()
      const dependents = new Map<string, { rows: number; providerKeys: number }>()
      for (const { table } of SEALED_TABLES) {
        const counts = await source
          .selectFrom(table)
          .select((select) => ['kid', select.fn.countAll().as('rows')])
          .groupBy('kid')
          .execute()
        for (const { kid, rows } of counts) {
          // A damaged row is not a missing key: it concerns that row alone.
          if (!isKid(kid)) continue
          const sum = dependents.get(kid) ?? { rows: 0, providerKeys: 0 }
          sum.rows += Number(rows)
          if (table === 'user_provider_keys') sum.providerKeys += Number(rows)
          dependents.set(kid, sum)
        }
      }
      return { keys, dependents }
    },

    alone(work) {
      return database.transaction(async (tx) => {
        // SQLite's transactions run one after the other anyway.
        if (kind === 'postgres') await sql`LOCK TABLE key_registry IN EXCLUSIVE MODE`.execute(tx)
        return work(tx)
      })
    },

    async addKey(tx, key) {
      await tx
        .insertInto('key_registry')
        .values({
          kid: key.kid,
          backend: 'local',
          key_ref: null,
          state: key.state,
          check: key.check,
          wraps: 0,
          created_at: key.now,
          activated_at: key.state === 'active' ? key.now : null,
          retired_at: null,
        })
        .execute()
    },

    async activate(tx, kid) {
      await tx.updateTable('key_registry').set({ state: 'decrypt' }).where('state', '=', 'active').execute()
      await tx.updateTable('key_registry').set({ state: 'active', activated_at: now }).where('kid', '=', kid).execute()
    },

    async retire(tx, kid) {
      await tx.updateTable('key_registry').set({ state: 'retired', retired_at: now }).where('kid', '=', kid).execute()
    },

    async addWraps(counts, tx) {
      for (const [kid, count] of counts) {
        await (tx ?? query)
          .updateTable('key_registry')
          .set((column) => ({ wraps: column('wraps', '+', count) }))
          .where('kid', '=', kid)
          .execute()
      }
    },

    readSecret: (tx, name) =>
      tx.selectFrom('vault_secrets').select(['kid', 'sealed']).where('name', '=', name).executeTakeFirst(),

    async addSecret(tx, secret) {
      await tx.insertInto('vault_secrets').values(secret).execute()
    },

    async announce(instance) {
      const row = { active_kid: instance.activeKid, kids: JSON.stringify(instance.kids), seen_at: now }
      await query
        .insertInto('vault_instances')
        .values({ id: instance.id, ...row })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
        .execute()
      await query
        .deleteFrom('vault_instances')
        .where('seen_at', '<', sql<number>`${now} - ${sql.lit(FORGOTTEN_MS)}`)
        .execute()
    },

    async listAlive(tx) {
      const rows = await (tx ?? query)
        .selectFrom('vault_instances')
        .select(['id', 'active_kid', 'kids', 'seen_at'])
        .orderBy('id')
        .where('seen_at', '>=', sql<number>`${now} - ${sql.lit(ALIVE_MS)}`)
        .execute()
      return rows.map((row) => ({
        id: row.id,
        activeKid: row.active_kid,
        kids: JSON.parse(row.kids) as string[],
        seenAt: row.seen_at,
      }))
    },

    async remove(instanceId) {
      await query.deleteFrom('vault_instances').where('id', '=', instanceId).execute()
    },
  }
}
