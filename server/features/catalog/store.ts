// The rows of aliases and overrides, in SQL.
import type { Kysely, Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { CatalogAliasTable, CatalogOverrideTable, Schema, UserAliasTable } from '../../database/schema.ts'

export type AliasRow = Readonly<Pick<CatalogAliasTable, 'name' | 'provider' | 'model' | 'choice' | 'updated_at'>>
export type OverrideRow = Readonly<CatalogOverrideTable>
type Tx = Transaction<Schema>

/** Whose aliases: everybody's (null), or one user's. */
export type AliasOwner = string | null

export interface CatalogStore {
  /** By name. */
  listAliases(owner: AliasOwner): Promise<AliasRow[]>
  hasUserAliases(): Promise<boolean>
  findAlias(owner: AliasOwner, name: string, tx?: Tx): Promise<AliasRow | undefined>
  countAliases(owner: AliasOwner, query: Kysely<Schema>): Promise<number>
  /** Puts a row in the place of one of the same name. */
  putAlias(owner: AliasOwner, row: AliasRow, by: string, tx: Tx): Promise<void>
  removeAlias(owner: AliasOwner, name: string, tx: Tx): Promise<boolean>
  /** By provider and model. */
  listOverrides(): Promise<OverrideRow[]>
  findOverride(provider: string, model: string, tx?: Tx): Promise<OverrideRow | undefined>
  countOverrides(query: Kysely<Schema>): Promise<number>
  putOverride(row: CatalogOverrideTable, tx: Tx): Promise<void>
  removeOverride(provider: string, model: string, tx: Tx): Promise<boolean>
}

const ALIAS_COLUMNS = ['name', 'provider', 'model', 'choice', 'updated_at'] as const

export function createCatalogStore({ query: own }: Pick<Database, 'query'>): CatalogStore {
  const shared = (query: Kysely<Schema> = own) => query.selectFrom('catalog_aliases').select(ALIAS_COLUMNS)
  const ofUser = (userId: string, query: Kysely<Schema> = own) =>
    query.selectFrom('user_aliases').select(ALIAS_COLUMNS).where('user_id', '=', userId)

  return {
    listAliases: (owner) => (owner === null ? shared().orderBy('name') : ofUser(owner).orderBy('name')).execute(),
    async hasUserAliases() {
      return (await own.selectFrom('user_aliases').select('name').limit(1).executeTakeFirst()) !== undefined
    },
    findAlias: (owner, name, tx) =>
      owner === null
        ? shared(tx).where('name', '=', name).executeTakeFirst()
        : ofUser(owner, tx).where('name', '=', name).executeTakeFirst(),
    async countAliases(owner, query) {
      const rows =
        owner === null
          ? query.selectFrom('catalog_aliases').select((select) => select.fn.countAll().as('count'))
          : query
              .selectFrom('user_aliases')
              .select((select) => select.fn.countAll().as('count'))
              .where('user_id', '=', owner)
      return Number((await rows.executeTakeFirstOrThrow()).count)
    },
    async putAlias(owner, { name, provider, model, choice, updated_at }, by, tx) {
      const values = { provider, model, choice, updated_at }
      if (owner === null) {
        const row: CatalogAliasTable = { name, ...values, updated_by: by }
        await tx
          .insertInto('catalog_aliases')
          .values(row)
          .onConflict((conflict) => conflict.column('name').doUpdateSet({ ...values, updated_by: by }))
          .execute()
        return
      }
      const row: UserAliasTable = { user_id: owner, name, ...values }
      await tx
        .insertInto('user_aliases')
        .values(row)
        .onConflict((conflict) => conflict.columns(['user_id', 'name']).doUpdateSet(values))
        .execute()
    },
    async removeAlias(owner, name, tx) {
      const result =
        owner === null
          ? await tx.deleteFrom('catalog_aliases').where('name', '=', name).executeTakeFirst()
          : await tx.deleteFrom('user_aliases').where('user_id', '=', owner).where('name', '=', name).executeTakeFirst()
      return result.numDeletedRows === 1n
    },
    listOverrides: () => own.selectFrom('catalog_overrides').selectAll().orderBy('provider').orderBy('model').execute(),
    findOverride: (provider, model, tx = undefined) =>
      (tx ?? own)
        .selectFrom('catalog_overrides')
        .selectAll()
        .where('provider', '=', provider)
        .where('model', '=', model)
        .executeTakeFirst(),
    async countOverrides(query) {
      const rows = query.selectFrom('catalog_overrides').select((select) => select.fn.countAll().as('count'))
      return Number((await rows.executeTakeFirstOrThrow()).count)
    },
    async putOverride(row, tx) {
      const { provider: _provider, model: _model, ...values } = row
      await tx
        .insertInto('catalog_overrides')
        .values(row)
        .onConflict((conflict) => conflict.columns(['provider', 'model']).doUpdateSet(values))
        .execute()
    },
    async removeOverride(provider, model, tx) {
      const result = await tx
        .deleteFrom('catalog_overrides')
        .where('provider', '=', provider)
        .where('model', '=', model)
        .executeTakeFirst()
      return result.numDeletedRows === 1n
    },
  }
}
