// A choice among models: the targets of an alias or of a routing rule, with the order in which they are to be tried.
import type { TargetOrder } from '../../contract/routing.ts'
import { bareModelName, type ModelName, type ModelNames } from './model-names.ts'

export interface ModelTarget extends ModelName {
  /** Beside the weights of the others; 1 unless said. */
  readonly weight: number
}

export interface ModelChoice {
  /** null: as the person's settings say. */
  readonly order: TargetOrder | null
  /** At least one. */
  readonly targets: readonly ModelTarget[]
}

/** What a name stands for: a model, or the first of several with all of them. */
export interface ResolvedModel extends ModelName {
  readonly choice?: ModelChoice
}

/** The model a target names, in one spelling; null where nobody can tell whose it is. */
export function readTargetName(names: ModelNames, text: string): ModelName | null {
  const { provider, model } = names.resolve(text.trim(), '')
  return provider === '' ? null : { provider, model: bareModelName(model) }
}
