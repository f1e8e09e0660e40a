// What a person can reach, described: limits, prices and aliases beside each model, with what administrators say of it
// in front of what the provider lists, and that in front of the built-in data.
import type { ReachableModel } from '../../../contract/catalog.ts'
import type { Payer } from '../../../contract/common.ts'
import { findModalities, type Modality } from '../../catalog/modalities.ts'
import type { Overrides } from '../../catalog/overrides.ts'
import type { Prices, ShownPrice } from '../../catalog/prices.ts'
import { cleanModelName, createProfiles } from '../../catalog/profiles.ts'
import { toPublicId } from '../../kernel/ids.ts'
import { asCount, asObject, type JsonObject } from '../../protocols/read.ts'
import type { Providers } from '../../providers/registry.ts'

/** A model, or an alias of one, as one of the person's keys reached it. */
export interface ListedForPerson {
  readonly id: string
  readonly provider: string
  /** As the provider knows it. */
  readonly model: string
  readonly displayName: string
  /** The provider's own entry. */
  readonly raw: JsonObject
  readonly isAlias: boolean
  readonly payer: Payer
  /** Bare id; null for the server's key. */
  readonly providerKeyId: string | null
}

export function createReachableModels(tools: {
  providers: Pick<Providers, 'get'>
  prices: Prices
  overrides: Overrides
}): (listed: readonly ListedForPerson[]) => ReachableModel[] {
  const { providers, prices, overrides } = tools
  const profiles = createProfiles(overrides)

  function describe(entry: ListedForPerson, aliases: readonly string[]): ReachableModel {
    const { id, provider: providerId, model, displayName, raw, payer, providerKeyId } = entry
    const provider = providers.get(providerId)
    const override = overrides.find(providerId, model)
    const modalities = findModalities(cleanModelName(model))
    const price = prices.showPrice(providerId, model)
    const known = provider && profiles.knows(providerId, model)
    return {
      id,
      provider: providerId,
      provider_name: provider?.name ?? providerId,
      model,
      display_name: displayName,
      context_window: override?.contextWindow ?? readContext(raw) ?? prices.listedContextWindow(providerId, model),
      max_output:
        override?.facts.maxOutput ??
        readMaxOutput(raw) ??
        (known ? profiles.profileOf(providerId, model, provider.chatDialect).maxOutput : null),
      input_modalities: copy(override?.inputModalities ?? modalities?.input),
      output_modalities: copy(override?.outputModalities ?? modalities?.output),
      price: price && describePrice(price),
      price_source: price?.source ?? 'unknown',
      price_version: price?.version ?? null,
      aliases: [...aliases],
      billed_to: payer,
      provider_key_id: providerKeyId === null ? null : toPublicId('pk', providerKeyId),
    }
  }

  return (listed) => {
    const groups = new Map<string, { entry: ListedForPerson; aliases: string[] }>()
    for (const entry of listed) {
      const name = `${entry.provider}/${entry.model}`
      const group = groups.get(name) ?? { entry, aliases: [] }
      if (entry.isAlias) group.aliases.push(entry.id)
      else group.entry = entry
      groups.set(name, group)
    }
    return [...groups.values()]
      .map(({ entry, aliases }) => describe(entry, aliases))
      .toSorted((a, b) => compare(a.provider, b.provider) || compare(a.model, b.model))
  }
}

function copy(words: readonly Modality[] | undefined): Modality[] | null {
  return words ? [...words] : null
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function describePrice(price: ShownPrice): NonNullable<ReachableModel['price']> {
  const { input, output, cacheRead, cacheWrite, cacheWrite1h, tiered } = price
  return { input, output, cache_read: cacheRead, cache_write: cacheWrite, cache_write_1h: cacheWrite1h, tiered }
}

/** The limits as Google, OpenRouter, Groq, Mistral, vLLM and Anthropic name them in their lists. */
function readContext(raw: JsonObject): number | null {
  const names = ['inputTokenLimit', 'context_length', 'context_window', 'max_context_length', 'max_model_len']
  return firstCount([...names, 'max_input_tokens'].map((name) => raw[name]))
}

function readMaxOutput(raw: JsonObject): number | null {
  const ofRouter = asObject(raw['top_provider'])?.['max_completion_tokens']
  return firstCount([raw['outputTokenLimit'], raw['max_completion_tokens'], raw['max_output_tokens'], ofRouter])
}

function firstCount(values: readonly unknown[]): number | null {
  for (const value of values) {
    const count = asCount(value)
    if (count !== null && count > 0) return count
  }
  return null
}
