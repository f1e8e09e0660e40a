// What administrators say of models, laid over the built-in data: prices, limits, peculiarities, and whether a model is
// shown or served at all. Where it is stored is nobody's business here.
import type { ModelFacts } from './model-families.ts'
import type { Modality } from './modalities.ts'
import { bareModelName } from './model-names.ts'

/** Whole nano-dollars per million tokens. */
export interface OverriddenPrice {
  readonly input: number
  /** null: the model gives no tokens out (embeddings). */
  readonly output: number | null
  /** null: as input. */
  readonly cacheRead: number | null
  readonly cacheWrite: number | null
  /** null: as the shorter one. */
  readonly cacheWrite1h: number | null
}

export interface ModelOverride {
  readonly provider: string
  /** As the provider knows it, without `models/`; with `*` at the end all that begin so. */
  readonly model: string
  /** Stands in the place of the whole listed price. */
  readonly price: OverriddenPrice | null
  /** Only what differs from the built-in facts. */
  readonly facts: Partial<ModelFacts>
  readonly displayName: string | null
  readonly contextWindow: number | null
  readonly inputModalities: readonly Modality[] | null
  readonly outputModalities: readonly Modality[] | null
  /** false: requests for it are refused. */
  readonly isEnabled: boolean
  /** true: left out of model lists, served all the same. */
  readonly isHidden: boolean
  /** Epoch ms. */
  readonly updatedAt: number
}

export interface Overrides {
  find(provider: string, model: string): ModelOverride | undefined
}

export const NO_OVERRIDES: Overrides = { find: () => undefined }

/** The most particular one holds alone: the name itself, else the longest beginning. */
export function createOverrides(all: readonly ModelOverride[]): Overrides {
  if (all.length === 0) return NO_OVERRIDES
  const exact = new Map<string, ModelOverride>()
  const beginnings = new Map<string, ModelOverride[]>()
  for (const override of all) {
    if (!override.model.endsWith('*')) {
      exact.set(`${override.provider}/${override.model}`, override)
      continue
    }
    const list = beginnings.get(override.provider) ?? []
    list.push(override)
    beginnings.set(override.provider, list)
  }
  for (const list of beginnings.values()) list.sort((a, b) => b.model.length - a.model.length)
  return {
    find(provider, model) {
      const bare = bareModelName(model)
      return (
        exact.get(`${provider}/${bare}`) ??
        beginnings.get(provider)?.find((override) => bare.startsWith(override.model.slice(0, -1)))
      )
    },
  }
}
