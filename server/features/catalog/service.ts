// The rules of aliases and overrides: what may be named how, written with its entry in the audit log, and in force on
// this instance before the answer is sent.
// Invariants: an alias stands for providers' models, never for another alias; what calls cost before a change stays.
import type { Alias, AliasBody, Override, OverrideBody } from '../../../contract/catalog.ts'
import { findAliasFault } from '../../catalog/aliases.ts'
import { bareModelName, createModelNames, type ModelName } from '../../catalog/model-names.ts'
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { Providers } from '../../providers/registry.ts'
import type { Audit } from '../audit/audit.ts'
import { describeAlias, toAliasRow } from './alias-shapes.ts'
import type { CatalogMemory } from './memory.ts'
import { describeOverride, toOverrideRow } from './override-shapes.ts'
import type { AliasOwner, AliasRow, CatalogStore, OverrideRow } from './store.ts'

export interface CatalogActor {
  readonly userId: string
  readonly ip: string
}

export interface CatalogService {
  /** Everybody's (owner null) or one user's, by name. */
  listAliases(owner: AliasOwner): Promise<Alias[]>
  getAlias(owner: AliasOwner, name: string): Promise<Alias>
  putAlias(owner: AliasOwner, name: string, body: AliasBody, actor: CatalogActor): Promise<Alias>
  removeAlias(owner: AliasOwner, name: string, actor: CatalogActor): Promise<void>
  listOverrides(): Promise<Override[]>
  getOverride(provider: string, model: string): Promise<Override>
  putOverride(provider: string, model: string, body: OverrideBody, actor: CatalogActor): Promise<Override>
  removeOverride(provider: string, model: string, actor: CatalogActor): Promise<void>
}

export interface CatalogServiceOptions {
  readonly database: Database
  readonly store: CatalogStore
  readonly memory: CatalogMemory
  readonly providers: Pick<Providers, 'has' | 'names' | 'routable'>
  readonly audit: Audit
  readonly clock: Clock
}

const MOST_ALIASES = 1_000
const MOST_OWN_ALIASES = 100
const MOST_OVERRIDES = 5_000

export function createCatalogService(options: CatalogServiceOptions): CatalogService {
  return { ...createAliasRules(options), ...createOverrideRules(options) }
}

type AliasRules = Pick<CatalogService, 'listAliases' | 'getAlias' | 'putAlias' | 'removeAlias'>

function createAliasRules({ database, store, memory, providers, audit, clock }: CatalogServiceOptions): AliasRules {
  const names = createModelNames(providers.routable)

  const entryFor = (owner: AliasOwner, actor: CatalogActor, action: string, name: string, details: object) => ({
    actorType: 'user' as const,
    actorId: actor.userId,
    ip: actor.ip,
    action,
    targetType: owner === null ? 'catalog-alias' : 'user-alias',
    targetId: name,
    details,
  })

  return {
    listAliases: async (owner) => (await store.listAliases(owner)).map(describeAlias),
    async getAlias(owner, name) {
      const row = await store.findAlias(owner, name)
      if (!row) throw noSuchAlias()
      return describeAlias(row)
    },
    async putAlias(owner, name, body, actor) {
      const fault = findAliasFault(name, providers.has)
      if (fault !== null) throw refuse('name', fault)
      const row = toAliasRow(names, providers.names, { name, body, at: clock.now() })
      const most = owner === null ? MOST_ALIASES : MOST_OWN_ALIASES
      await database.transaction(async (tx) => {
        const before = await store.findAlias(owner, name, tx)
        await store.putAlias(owner, row, actor.userId, tx)
        if ((await store.countAliases(owner, tx)) > most) throw tooMany('aliases', most)
        const details = { from: before ? describeChoice(before) : null, to: describeChoice(row) }
        await audit.record(entryFor(owner, actor, 'alias.saved', name, details), tx)
      })
      await memory.changed(owner)
      return describeAlias(row)
    },
    async removeAlias(owner, name, actor) {
      await database.transaction(async (tx) => {
        const before = await store.findAlias(owner, name, tx)
        if (!before || !(await store.removeAlias(owner, name, tx))) throw noSuchAlias()
        const details = { from: describeChoice(before), to: null }
        await audit.record(entryFor(owner, actor, 'alias.removed', name, details), tx)
      })
      await memory.changed(owner)
    },
  }
}

type OverrideRules = Pick<CatalogService, 'listOverrides' | 'getOverride' | 'putOverride' | 'removeOverride'>

function createOverrideRules(options: CatalogServiceOptions): OverrideRules {
  const { database, store, memory, providers, audit, clock } = options

  const entryFor = (actor: CatalogActor, action: string, { provider, model }: ModelName, details: object) => ({
    actorType: 'user' as const,
    actorId: actor.userId,
    ip: actor.ip,
    action,
    targetType: 'catalog-override',
    targetId: `${provider}/${model}`,
    details,
  })

  return {
    listOverrides: async () => (await store.listOverrides()).map(describeOverride),
    async getOverride(provider, model) {
      const row = await store.findOverride(provider, bareModelName(model))
      if (!row) throw noSuchOverride()
      return describeOverride(row)
    },
    async putOverride(provider, model, body, actor) {
      if (!providers.has(provider)) {
        throw new GatewayError('unknown_provider', {
          message: `There is no provider of that name on this server. It has: ${providers.names.join(', ')}.`,
        })
      }
      const name = { provider, model: bareModelName(model) }
      const row = toOverrideRow(name, body, { at: clock.now(), by: actor.userId })
      await database.transaction(async (tx) => {
        const before = await store.findOverride(name.provider, name.model, tx)
        await store.putOverride(row, tx)
        if ((await store.countOverrides(tx)) > MOST_OVERRIDES) throw tooMany('overrides', MOST_OVERRIDES)
        const details = { from: before ? describeFacts(before) : null, to: describeFacts(row) }
        await audit.record(entryFor(actor, 'model-override.saved', name, details), tx)
      })
      await memory.changed(null)
      return describeOverride(row)
    },
    async removeOverride(provider, model, actor) {
      const name = { provider, model: bareModelName(model) }
      await database.transaction(async (tx) => {
        const before = await store.findOverride(name.provider, name.model, tx)
        if (!before || !(await store.removeOverride(name.provider, name.model, tx))) throw noSuchOverride()
        const details = { from: describeFacts(before), to: null }
        await audit.record(entryFor(actor, 'model-override.removed', name, details), tx)
      })
      await memory.changed(null)
    },
  }
}

function describeChoice(row: AliasRow): object {
  const { target, targets, strategy } = describeAlias(row)
  return targets ? { targets, strategy } : { target }
}

function describeFacts(row: OverrideRow): object {
  const { price, profile, enabled, hidden } = describeOverride(row)
  return { price, profile, enabled, hidden }
}

function refuse(path: string, message: string): GatewayError {
  return new GatewayError('validation_failed', { message: `${path}: ${message}`, details: [{ path, message }] })
}

function noSuchAlias(): GatewayError {
  return new GatewayError('not_found', { message: 'There is no alias of that name.' })
}

function noSuchOverride(): GatewayError {
  return new GatewayError('not_found', { message: 'There is no override for that model.' })
}

function tooMany(what: string, most: number): GatewayError {
  return new GatewayError('conflict', { message: `There are ${most} ${what} already. Remove some first.` })
}
