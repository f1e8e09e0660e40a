// Of what a caller's keys reach, what a model list shows: aliases beside the models they stand for, nothing an
// administrator hid or switched off, nothing the caller's key may not use. Pure.
import type { Payer } from '../../contract/common.ts'
import type { AliasTable } from '../catalog/aliases.ts'
import { isAllowedModel, type ModelName, type ModelNames } from '../catalog/model-names.ts'
import type { Overrides } from '../catalog/overrides.ts'
import type { ProtocolId } from '../protocols/protocol.ts'
import type { JsonObject } from '../protocols/read.ts'

export interface ListedModel {
  /** As a client asks for it: bare where the bare name leads to this provider, else `provider/model`. */
  readonly id: string
  readonly provider: string
  /** As the provider knows it. */
  readonly model: string
  readonly displayName: string
  /** Seconds since the epoch; 0 where unknown. */
  readonly created: number
  readonly ownedBy: string
  /** The provider's own entry, in the words of its own dialects. */
  readonly raw: JsonObject
  readonly dialects: ReadonlySet<ProtocolId>
}

/** A model, or a name that stands for one, with whose key reached it. */
export interface ReachedModel extends ListedModel {
  readonly isAlias: boolean
  readonly payer: Payer
  /** Bare id; null for the server's key. */
  readonly providerKeyId: string | null
}

/** What one key lists of its provider. */
export interface ReachedList {
  readonly provider: string
  readonly models: readonly ListedModel[]
  readonly payer: Payer
  readonly providerKeyId: string | null
  /** Lists of allowed models that bind the key; null allows all. */
  readonly allowed: readonly (readonly string[] | null)[]
}

export interface ListRules {
  readonly names: ModelNames
  /** Those that hold for the caller. */
  readonly aliases: AliasTable
  readonly overrides: Overrides
  /** Of the caller's API key; null allows all. */
  readonly allowedModels: ReadonlySet<string> | null
}

/** Aliases first, so that they stand on the first page; then list by list. */
export function showModels(lists: readonly ReachedList[], rules: ListRules): ReachedModel[] {
  const reached = new Map(lists.map((list) => [list.provider, list]))
  const aliases = [...rules.aliases].flatMap(([name, { provider, model, choice }]) => {
    // Of several targets, the first that can be reached.
    for (const target of choice?.targets ?? [{ provider, model }]) {
      const list = reached.get(target.provider)
      if (list && mayServe(list, target, rules)) return [showAlias(list, name, target)]
    }
    return []
  })
  const models = lists.flatMap((list) =>
    list.models
      .filter((model) => mayServe(list, model, rules) && !isHidden(model, rules))
      .map((model) => showModel(list, model, rules)),
  )
  return [...aliases, ...models]
}

function mayServe({ allowed }: ReachedList, wanted: ModelName, rules: ListRules): boolean {
  const { names, overrides, allowedModels } = rules
  if (overrides.find(wanted.provider, wanted.model)?.isEnabled === false) return false
  return [...allowed, allowedModels].every((list) => isAllowedModel(names, list, wanted))
}

function isHidden({ provider, model }: ModelName, { overrides }: ListRules): boolean {
  return overrides.find(provider, model)?.isHidden === true
}

/** An alias is listed also where the provider does not list its model: some list only part of what they serve. */
function showAlias({ models, payer, providerKeyId }: ReachedList, name: string, target: ModelName): ReachedModel {
  const listed = models.find(({ model }) => model === target.model)
  const unlisted = { created: 0, ownedBy: target.provider, raw: {}, dialects: new Set<ProtocolId>() }
  const { provider, model } = target
  return { ...unlisted, ...listed, provider, model, id: name, displayName: name, isAlias: true, payer, providerKeyId }
}

/** A model whose bare name is an alias of another one is asked for by its full name. */
function showModel({ payer, providerKeyId }: ReachedList, listed: ListedModel, rules: ListRules): ReachedModel {
  const { id, provider, model, displayName } = listed
  return {
    ...listed,
    id: rules.aliases.has(id) ? `${provider}/${model}` : id,
    displayName: rules.overrides.find(provider, model)?.displayName ?? displayName,
    isAlias: false,
    payer,
    providerKeyId,
  }
}
