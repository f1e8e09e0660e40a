// Routing settings as requests use them: from memory, loaded again every few seconds, so that a change on another
// instance is seen within five; on this one it holds from the next request on.
// Invariant: a request asks the database at most once per few seconds and user, and not at all for users where nobody
// has settings of their own.
import { createModelNames } from '../../catalog/model-names.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createFreshCache } from '../../kernel/fresh-cache.ts'
import type { Providers } from '../../providers/registry.ts'
import { BUILT_IN, type RoutingSettings } from './rules.ts'
import { compileSettings, readStoredSettings } from './settings.ts'
import type { RoutingOwner, RoutingStore } from './store.ts'

/** With a query, a change elsewhere is seen within five seconds. */
const FRESH_MS = 4_000
const CACHED_USERS = 10_000

interface Shared {
  readonly settings: RoutingSettings
  readonly isLocked: boolean
  readonly anyOwn: boolean
}

export interface RoutingMemory {
  /** What is in force for a user. */
  settingsFor(userId: string): RoutingSettings | Promise<RoutingSettings>
  /** Loads what is held anew. */
  refresh(): Promise<void>
  /** A change was committed here: of one user's settings, or (null) of the default. */
  changed(owner: RoutingOwner): Promise<void>
  /** The same was committed on another instance. */
  forget(owner: RoutingOwner): void
}

export function createRoutingMemory(options: {
  store: Pick<RoutingStore, 'find' | 'hasOwn'>
  providers: Pick<Providers, 'has' | 'routable'>
  clock: Clock
  /** Told what changed, after the commit: for other instances. */
  announce?: (owner: RoutingOwner) => void
}): RoutingMemory {
  const { store, providers, clock, announce = () => undefined } = options
  const names = createModelNames(providers.routable)

  const compile = (row: { settings: string } | undefined): RoutingSettings | null =>
    row ? compileSettings(names, providers.has, readStoredSettings(row.settings)) : null

  const shared = createFreshCache<'all', Shared>({
    async load() {
      const [row, anyOwn] = await Promise.all([store.find(null), store.hasOwn()])
      return { settings: compile(row) ?? BUILT_IN, isLocked: row?.isLocked ?? false, anyOwn }
    },
    max: 1,
    freshMs: FRESH_MS,
    clock,
  })
  /** null: the user has none. */
  const own = createFreshCache<string, RoutingSettings | null>({
    load: async (userId) => compile(await store.find(userId)),
    max: CACHED_USERS,
    freshMs: FRESH_MS,
    clock,
  })

  async function load(userId: string): Promise<RoutingSettings> {
    const { settings, isLocked, anyOwn } = await shared.get('all')
    return isLocked || !anyOwn ? settings : ((await own.get(userId)) ?? settings)
  }

  function forget(owner: RoutingOwner): void {
    if (owner !== null) own.invalidate(owner)
    shared.invalidate('all')
  }

  return {
    settingsFor(userId) {
      const held = shared.peek('all')
      if (!held) return load(userId)
      if (held.isLocked || !held.anyOwn) return held.settings
      const mine = own.peek(userId)
      return mine === undefined ? load(userId) : (mine ?? held.settings)
    },
    async refresh() {
      await shared.get('all')
    },
    async changed(owner) {
      forget(owner)
      announce(owner)
      await shared.get('all')
    },
    forget,
  }
}
