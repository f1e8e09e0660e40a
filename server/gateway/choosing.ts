// In which order the targets of a choice are tried for one request: by the order that is set, and within a conversation
// the one that served it before goes first.
import type { TargetOrder } from '../../contract/routing.ts'
import type { ModelTarget } from '../catalog/choices.ts'
import type { Prices } from '../catalog/prices.ts'
import type { RequestHeaders } from '../http/route.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Operation } from '../protocols/protocol.ts'
import type { RequestFacts } from '../protocols/request-facts.ts'
import { createConversations, isContinued, nameConversation } from './conversations.ts'
import { createLatencies } from './latencies.ts'
import { orderTargets } from './strategies.ts'

export interface ChosenFor {
  readonly userId: string
  readonly requestId: string
  readonly headers: RequestHeaders
  readonly streamed: boolean
  readonly promptTokens: number
  /** Most output tokens asked for, if said. */
  readonly maxOutput: number | null
  readonly facts: () => RequestFacts
  /** In [0, 1). */
  readonly chance: number
}

/** Of an exchange, what is remembered of it. */
export interface Served {
  readonly provider: { readonly id: string }
  readonly model: string
  readonly streamed: boolean
  readonly operation: Pick<Operation, 'task'>
  readonly conversation: string | null
}

export interface Choosing {
  order(order: TargetOrder, targets: readonly ModelTarget[], request: ChosenFor): readonly ModelTarget[]
  /** Under which name a conversation is remembered. */
  conversationOf(request: ChosenFor): string
  /** `firstByteMs` of the call that served it. */
  noteServed(served: Served, firstByteMs: number | null): void
}

/** Clients allow for far more output than they get; prices are compared for this much at most. */
const USUAL_OUTPUT = 1_000

export function createChoosing({ prices, clock }: { prices: Prices; clock: Clock }): Choosing {
  const latencies = createLatencies({ clock })
  const conversations = createConversations({ clock })

  const conversationOf = ({ userId, headers, facts, requestId }: ChosenFor): string =>
    nameConversation(userId, headers, facts(), requestId)

  function costOf({ provider, model }: ModelTarget, { promptTokens, maxOutput }: ChosenFor): number | null {
    const none = { cacheRead: null, cacheWrite: null, cacheWrite1h: null, reasoning: null, searches: null }
    const output = Math.min(maxOutput ?? USUAL_OUTPUT, USUAL_OUTPUT)
    return prices.priceUsage({ provider, model, usage: { ...none, input: promptTokens, output } }).usdNanos
  }

  return {
    conversationOf,
    order(order, targets, request) {
      if (order === 'priority' || targets.length === 1) return targets
      const conversation = conversationOf(request)
      const ordered = orderTargets(order, targets, {
        costOf: (target) => costOf(target, request),
        latencyOf: ({ provider, model }) => latencies.medianOf(provider, model, request.streamed),
        conversation,
        chance: request.chance,
      })
      const before = isContinued(request.headers, request.facts()) ? conversations.recall(conversation) : null
      const isBefore = ({ provider, model }: ModelTarget) => `${provider}/${model}` === before
      return before === null ? ordered : [...ordered.filter(isBefore), ...ordered.filter((one) => !isBefore(one))]
    },
    noteServed({ provider, model, streamed, operation, conversation }, firstByteMs) {
      if (firstByteMs !== null && operation.task === 'generate') {
        latencies.note(provider.id, model, streamed, firstByteMs)
      }
      if (conversation !== null) conversations.remember(conversation, `${provider.id}/${model}`)
    },
  }
}
