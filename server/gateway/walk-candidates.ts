// Goes through the models that come into question for one request, each with a chain of keys of its own, until one
// serves.
// Invariants: the next model is asked only where nothing was sent and what stood in the way is the credentials', the
// provider's or the missing model's, never the request's.
import { GatewayError, type ErrorCode } from '../kernel/errors.ts'
import { setUpstreamRequestId } from './answer-headers.ts'
import type { Chain, Obstacle } from './chain.ts'
import { withCandidate, type Exchange } from './exchange.ts'
import { walkModels } from './steps.ts'
import { walkChain, type WalkEnd, type WalkTools } from './walk.ts'

export interface CandidateEnd {
  /** Of the model that served, or whose refusal is told. */
  readonly exchange: Exchange
  readonly end: WalkEnd
}

export interface CandidateWalk {
  /** `earlier`: what stood in the way of own keys for the models before. */
  planChain(exchange: Exchange, earlier: readonly Obstacle[]): Promise<Chain>
  /** The exchange that runs from now on. */
  onSwitch(exchange: Exchange): void
}

interface Walked {
  readonly end: CandidateEnd
  readonly obstacles: readonly Obstacle[]
}

export async function walkCandidates(tools: WalkTools, first: Exchange, walk: CandidateWalk): Promise<CandidateEnd> {
  const isOnly = first.candidates.filter(({ skip }) => skip === null).length <= 1
  if (isOnly) return { exchange: first, end: await walkChain(tools, first, await walk.planChain(first, [])) }
  let exchange = first
  const told = await walkModels<(typeof first.candidates)[number], CandidateEnd>(first.candidates, {
    calls: () => exchange.attempts,
    walkModel(candidate, { index, isLast, earlier }) {
      if (index > 0) walk.onSwitch((exchange = withCandidate(exchange, candidate)))
      return walkOne(tools, exchange, () => walk.planChain(exchange, earlier), isLast)
    },
    refusalOf: ({ end }) => refusalOf(end),
    isOver: () => exchange.response.headersSent || exchange.response.destroyed,
  })
  if (told.exchange !== exchange) {
    told.exchange.attempts = exchange.attempts
    // It spoke of a call to another model.
    setUpstreamRequestId(told.exchange.response, null)
  }
  return told
}

async function walkOne(
  tools: WalkTools,
  exchange: Exchange,
  plan: () => Promise<Chain>,
  isLast: boolean,
): Promise<Walked> {
  let chain: Chain | null = null
  try {
    chain = await plan()
    const end = await walkChain(tools, exchange, chain, isLast)
    return { end: { exchange, end }, obstacles: chain.obstacles }
  } catch (error) {
    // What a model's own rules refuse is the end for this model, not for the others.
    if (!(error instanceof GatewayError)) throw error
    return { end: { exchange, end: { kind: 'refused', error } }, obstacles: chain?.obstacles ?? [] }
  }
}

/** A provider's own words are relayed for a missing model or a faulty request. */
function refusalOf(end: WalkEnd): ErrorCode | null {
  if (end.kind === 'refused') return end.error.code
  if (end.kind !== 'relayed-error') return null
  return end.verdict === 'model_not_found' ? 'model_not_found' : 'bad_request'
}
