// Which models fit what was asked for.
import type { ReachableModel } from '../../../../contract/catalog.ts'

/** As they stand in the address; empty is no wish. */
export interface ModelFilter {
  readonly q: string
  readonly provider: string
  readonly payer: string
  /** What goes in besides text. */
  readonly takes: string
  /** The least, in tokens. */
  readonly context: string
  readonly sort: string
}

/** What is unknown does not fit a wish, and comes last. */
export function filterModels(models: readonly ReachableModel[], filter: ModelFilter): ReachableModel[] {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean)
  const found = models.filter((model) => {
    const text = [model.id, model.model, model.display_name, model.provider_name, ...model.aliases]
      .join(' ')
      .toLowerCase()
    return (
      words.every((word) => text.includes(word)) &&
      (filter.provider === '' || model.provider === filter.provider) &&
      (filter.payer === '' || model.billed_to === filter.payer) &&
      (filter.takes === '' || model.input_modalities?.includes(filter.takes as 'image') === true) &&
      (filter.context === '' || (model.context_window ?? 0) >= Number(filter.context))
    )
  })
  if (filter.sort === 'price') return sortBy(found, ({ price }) => price?.input ?? null, 1)
  if (filter.sort === 'context') return sortBy(found, (model) => model.context_window, -1)
  return found
}

function sortBy(
  models: readonly ReachableModel[],
  read: (model: ReachableModel) => number | null,
  sign: 1 | -1,
): ReachableModel[] {
  const rank = (model: ReachableModel): number => {
    const value = read(model)
    return value === null ? Number.MAX_VALUE : sign * value
  }
  return models.toSorted((one, other) => rank(one) - rank(other))
}
