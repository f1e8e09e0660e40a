// Which models can hold a conversation, and which one to begin with where nobody chose.
import type { ReachableModel } from '../../../../contract/catalog.ts'
import type { Payer } from '../../../../contract/common.ts'

const PAYERS: readonly Payer[] = ['user', 'team', 'server']

/** What is unknown may well talk. */
export function canTalk({ output_modalities: output }: ReachableModel): boolean {
  return output === null || output.includes('text')
}

/** By one's own key before others', then the cheapest whose price is known: a first question should cost little. */
export function chooseModel(models: readonly ReachableModel[]): string {
  const rank = (one: ReachableModel): readonly number[] => [
    PAYERS.indexOf(one.billed_to),
    one.output_modalities === null ? 1 : 0,
    one.price?.output ?? Number.POSITIVE_INFINITY,
  ]
  return models.filter(canTalk).toSorted((one, other) => compare(rank(one), rank(other)))[0]?.id ?? ''
}

function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, index) => value !== other[index])
  return at === -1 ? 0 : one[at]! < other[at]! ? -1 : 1
}
