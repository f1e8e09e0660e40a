// An override in its three shapes: as administrators write it, as its row holds it, and as the catalogue uses it.
import {
  modelProfileSchema,
  type ModelProfileBody,
  type Override,
  type OverrideBody,
} from '../../../contract/catalog.ts'
import type { ModelFacts } from '../../catalog/model-families.ts'
import type { ModelOverride, OverriddenPrice } from '../../catalog/overrides.ts'
import type { CatalogOverrideTable } from '../../database/schema.ts'
import { parseJson } from '../../protocols/read.ts'
import type { OverrideRow } from './store.ts'

export function toOverrideRow(
  name: { provider: string; model: string },
  { price, profile = {}, enabled, hidden }: OverrideBody,
  change: { at: number; by: string },
): CatalogOverrideTable {
  return {
    ...name,
    input_price_nanos: toNanos(price?.input),
    output_price_nanos: toNanos(price?.output),
    cache_read_price_nanos: toNanos(price?.cache_read),
    cache_write_price_nanos: toNanos(price?.cache_write),
    cache_write_1h_price_nanos: toNanos(price?.cache_write_1h),
    profile: JSON.stringify(profile),
    is_enabled: enabled,
    is_hidden: hidden,
    updated_at: change.at,
    updated_by: change.by,
  }
}

export function describeOverride(row: OverrideRow): Override {
  const price = readPrice(row)
  return {
    provider: row.provider,
    model: row.model,
    price: price && {
      input: price.input / 1e9,
      output: toDollars(price.output),
      cache_read: toDollars(price.cacheRead),
      cache_write: toDollars(price.cacheWrite),
      cache_write_1h: toDollars(price.cacheWrite1h),
    },
    profile: readProfile(row),
    enabled: row.is_enabled,
    hidden: row.is_hidden,
    updated_at: new Date(row.updated_at).toISOString(),
  }
}

export function toModelOverride(row: OverrideRow): ModelOverride {
  const profile = readProfile(row)
  return {
    provider: row.provider,
    model: row.model,
    price: readPrice(row),
    facts: toFacts(profile),
    displayName: profile.display_name ?? null,
    contextWindow: profile.context_window ?? null,
    inputModalities: profile.input_modalities ?? null,
    outputModalities: profile.output_modalities ?? null,
    isEnabled: row.is_enabled,
    isHidden: row.is_hidden,
    updatedAt: row.updated_at,
  }
}

function readPrice(row: OverrideRow): OverriddenPrice | null {
  if (row.input_price_nanos === null) return null
  return {
    input: row.input_price_nanos,
    output: row.output_price_nanos,
    cacheRead: row.cache_read_price_nanos,
    cacheWrite: row.cache_write_price_nanos,
    cacheWrite1h: row.cache_write_1h_price_nanos,
  }
}

/** A profile that another release wrote and this one does not know counts as none. */
function readProfile({ profile }: OverrideRow): ModelProfileBody {
  return modelProfileSchema.safeParse(parseJson(profile)).data ?? {}
}

function toFacts(profile: ModelProfileBody): Partial<ModelFacts> {
  const facts = {
    maxOutput: profile.max_output,
    maxThinkingBudget: profile.max_thinking_budget,
    thinking: profile.thinking,
    efforts: profile.efforts,
    canDisableThinking: profile.can_disable_thinking,
    sampling: profile.sampling,
    schema: profile.schema,
    midSystem: profile.mid_system,
    imageInToolResult: profile.image_in_tool_result,
    needsThoughtSignature: profile.needs_thought_signature,
    cacheBreakpoints: profile.cache_breakpoints,
  }
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
}

/** Dollars per million tokens as nano-dollars; what is not given is null. */
function toNanos(usd: number | null | undefined): number | null {
  return usd === null || usd === undefined ? null : Math.round(usd * 1e9)
}

function toDollars(nanos: number | null): number | null {
  return nanos === null ? null : nanos / 1e9
}
