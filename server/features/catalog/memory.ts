// The catalogue as requests use it: aliases and overrides from memory, loaded again every few seconds, so that a change
// on another instance is seen within five; on this one it holds from the next request on.
// Invariant: resolving a name asks the database at most once per few seconds and user, and not at all for users where
// nobody has aliases of their own.
import { createAliasTable, NO_ALIASES, resolveName, type AliasTable } from '../../catalog/aliases.ts'
import type { ResolvedModel } from '../../catalog/choices.ts'
import { createModelNames } from '../../catalog/model-names.ts'
import { createOverrides, NO_OVERRIDES, type ModelOverride, type Overrides } from '../../catalog/overrides.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createFreshCache } from '../../kernel/fresh-cache.ts'
import type { Providers } from '../../providers/registry.ts'
import { toResolvedAlias } from './alias-shapes.ts'
import { toModelOverride } from './override-shapes.ts'
import type { AliasRow, CatalogStore, OverrideRow } from './store.ts'

/** With a query, a change elsewhere is seen within five seconds. */
const FRESH_MS = 4_000
const CACHED_USERS = 10_000

interface Shared {
  readonly aliases: AliasTable
  readonly overrides: Overrides
  /** Does any user have aliases of their own? */
  readonly anyOwn: boolean
}

export interface CatalogMemory {
  /** What was loaded last; never waits. */
  readonly overrides: Overrides
  /** The provider's model (or models) a name stands for, for one user and for a client whose dialect is of `vendor`. */
  resolveModel(userId: string, name: string, vendor: string): ResolvedModel | Promise<ResolvedModel>
  /** All aliases that hold for a user; their own stand before everybody's. */
  aliasesFor(userId: string): Promise<AliasTable>
  /** Loads what is held anew. */
  refresh(): Promise<void>
  /** A change was committed here: of one user's aliases, or (null) of what holds for all. */
  changed(userId: string | null): Promise<void>
  /** The same was committed on another instance. */
  forget(userId: string | null): void
}

export function createCatalogMemory(options: {
  store: CatalogStore
  providers: Pick<Providers, 'has' | 'routable'>
  clock: Clock
  /** Told what changed, after the commit: for other instances. */
  announce?: (userId: string | null) => void
}): CatalogMemory {
  const { store, providers, clock, announce = () => undefined } = options
  const names = createModelNames(providers.routable)
  let latest: Shared = { aliases: NO_ALIASES, overrides: NO_OVERRIDES, anyOwn: false }
  let loads = 0
  let latestLoad = 0

  /** Rows that are as they were a moment ago are not read again: there may be thousands. */
  let read = new Map<string, ModelOverride>()
  function readOverrides(rows: readonly OverrideRow[]): ModelOverride[] {
    read = new Map(
      rows.map((row) => {
        const text = JSON.stringify(row)
        return [text, read.get(text) ?? toModelOverride(row)]
      }),
    )
    return [...read.values()]
  }

  const readAliases = (rows: readonly AliasRow[]): AliasTable =>
    createAliasTable(
      rows.map((row) => toResolvedAlias(row, providers.has)),
      providers.has,
    )

  const shared = createFreshCache<'all', Shared>({
    async load() {
      const load = ++loads
      const [aliases, overrides, anyOwn] = await Promise.all([
        store.listAliases(null),
        store.listOverrides(),
        store.hasUserAliases(),
      ])
      const loaded = {
        aliases: readAliases(aliases),
        overrides: createOverrides(readOverrides(overrides)),
        anyOwn,
      }
      // A slow read that began before a change must not come back over it.
      if (load > latestLoad) {
        latestLoad = load
        latest = loaded
      }
      return loaded
    },
    max: 1,
    freshMs: FRESH_MS,
    clock,
  })
  const own = createFreshCache<string, AliasTable>({
    load: async (userId) => readAliases(await store.listAliases(userId)),
    max: CACHED_USERS,
    freshMs: FRESH_MS,
    clock,
  })

  async function loadTables(userId: string): Promise<{ own: AliasTable; shared: AliasTable }> {
    const { aliases, anyOwn } = await shared.get('all')
    return { own: anyOwn ? await own.get(userId) : NO_ALIASES, shared: aliases }
  }

  function peekTables(userId: string): { own: AliasTable; shared: AliasTable } | undefined {
    const held = shared.peek('all')
    if (!held) return undefined
    const mine = held.anyOwn ? own.peek(userId) : NO_ALIASES
    return mine && { own: mine, shared: held.aliases }
  }

  function forget(userId: string | null): void {
    if (userId !== null) own.invalidate(userId)
    shared.invalidate('all')
  }

  return {
    overrides: { find: (provider, model) => latest.overrides.find(provider, model) },
    resolveModel(userId, name, vendor) {
      const tables = peekTables(userId)
      if (tables) return resolveName(names, tables, name, vendor)
      return loadTables(userId).then((loaded) => resolveName(names, loaded, name, vendor))
    },
    async aliasesFor(userId) {
      const tables = await loadTables(userId)
      return tables.own.size === 0 ? tables.shared : new Map([...tables.shared, ...tables.own])
    },
    async refresh() {
      await shared.get('all')
    },
    async changed(userId) {
      forget(userId)
      announce(userId)
      await shared.get('all')
    },
    forget,
  }
}
