// The order among the targets of a choice. Pure: prices, latencies and chance are told.
// Invariant: an order is made of the same targets, each once; nothing is added and nothing is left out.
import { createHash } from 'node:crypto'
import type { TargetOrder } from '../../contract/routing.ts'
import type { ModelTarget } from '../catalog/choices.ts'

export interface OrderFacts {
  /** What this request would cost there, nano-dollars; null where nobody knows. */
  readonly costOf: (target: ModelTarget) => number | null
  /** Recent time to the first byte, milliseconds; null where nobody was asked. */
  readonly latencyOf: (target: ModelTarget) => number | null
  /** The same for every turn of a conversation. */
  readonly conversation: string
  /** In [0, 1). */
  readonly chance: number
}

/** So often a target whose latency is unknown goes first, beside others that are known. */
export const TRIED_UNKNOWN = 0.1

export function orderTargets(
  order: TargetOrder,
  targets: readonly ModelTarget[],
  facts: OrderFacts,
): readonly ModelTarget[] {
  switch (order) {
    case 'priority':
      return targets
    case 'cost':
      return sortBy(targets, (target) => facts.costOf(target) ?? Infinity)
    case 'latency':
      return orderByLatency(targets, facts)
    case 'weighted':
      return sortBy(targets, (target) => -Math.log(shareOf(facts.conversation, target)) / target.weight)
  }
}

function orderByLatency(targets: readonly ModelTarget[], { latencyOf, chance }: OrderFacts): readonly ModelTarget[] {
  const known = targets.filter((target) => latencyOf(target) !== null)
  const unknown = targets.filter((target) => latencyOf(target) === null)
  const fastest = sortBy(known, (target) => latencyOf(target)!)
  if (chance >= TRIED_UNKNOWN || fastest.length === 0) return [...fastest, ...unknown]
  return [...unknown.slice(0, 1), ...fastest, ...unknown.slice(1)]
}

/** In (0, 1): by conversation and target alone, so that a target that goes moves no conversation of the others. */
function shareOf(conversation: string, { provider, model }: ModelTarget): number {
  const hash = createHash('sha256').update(`${conversation}\n${provider}/${model}`).digest()
  return (hash.readUIntBE(0, 6) + 1) / (2 ** 48 + 2)
}

function sortBy(targets: readonly ModelTarget[], rank: (target: ModelTarget) => number): readonly ModelTarget[] {
  return targets
    .map((target) => ({ target, at: rank(target) }))
    .toSorted((a, b) => (a.at === b.at ? 0 : a.at - b.at))
    .map(({ target }) => target)
}
