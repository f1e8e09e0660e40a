// Goes through the models that come into question for one request, each with a chain of keys of its own, until one serves.
// Invariants: the next model is asked only where nothing was sent and what stood in the way is the credentials', the
// provider's or the missing model's, never the request's; at most three providers and six calls for all of them.
import { GatewayError, type ErrorCode } from '../kernel/errors.ts'
import { setUpstreamRequestId } from './answer-headers.ts'
import { chooseRefusal, isOneTooMany, leavesRoomForOthers } from './candidates.ts'
import type { Chain } from './chain.ts'
import { withCandidate, type Exchange } from './exchange.ts'
import { MOST_CALLS, walkChain, type WalkEnd, type WalkTools } from './walk.ts'

export interface CandidateEnd {
  /** Of the model that served, or whose refusal is told. */
  readonly exchange: Exchange
  readonly end: WalkEnd
}

export interface CandidateWalk {
  planChain(exchange: Exchange): Promise<Chain>
  /** The exchange that runs from now on. */
  onSwitch(exchange: Exchange): void
}

export async function walkCandidates(tools: WalkTools, first: Exchange, walk: CandidateWalk): Promise<CandidateEnd> {
  const candidates = first.candidates.filter(({ skip }) => skip === null)
  if (candidates.length <= 1)
    return { exchange: first, end: await walkChain(tools, first, await walk.planChain(first)) }
  const called = new Set<string>()
  const ends: CandidateEnd[] = []
  let exchange = first
  for (const [index, candidate] of candidates.entries()) {
    if (exchange.attempts >= MOST_CALLS || isOneTooMany(called, candidate.provider.id)) continue
    if (index > 0) walk.onSwitch((exchange = withCandidate(exchange, candidate)))
    const before = exchange.attempts
    const end = await walkOne(tools, exchange, walk, index === candidates.length - 1)
    if (exchange.attempts > before) called.add(candidate.provider.id)
    ends.push({ exchange, end })
    if (!leavesRoom(end) || exchange.response.headersSent || exchange.response.destroyed) break
  }
  const told = chooseEnd(ends)
  if (told.exchange !== exchange) {
    told.exchange.attempts = exchange.attempts
    // It spoke of a call to another model.
    setUpstreamRequestId(told.exchange.response, null)
  }
  return told
}

async function walkOne(tools: WalkTools, exchange: Exchange, walk: CandidateWalk, isLast: boolean): Promise<WalkEnd> {
  try {
    return await walkChain(tools, exchange, await walk.planChain(exchange), isLast)
  } catch (error) {
    // What a model's own rules refuse is the end for this model, not for the others.
    if (!(error instanceof GatewayError)) throw error
    return { kind: 'refused', error }
  }
}

function leavesRoom(end: WalkEnd): boolean {
  if (end.kind === 'relayed-error') return end.verdict === 'model_not_found'
  return end.kind === 'refused' && leavesRoomForOthers(end.error.code)
}

function chooseEnd(ends: readonly CandidateEnd[]): CandidateEnd {
  const last = ends.at(-1)!
  if (last.end.kind !== 'refused' && last.end.kind !== 'relayed-error') return last
  return ends[chooseRefusal(ends.map(({ end }) => (end.kind === 'refused' ? end.error.code : codeOf(end))))]!
}

/** A provider's own words are relayed for a missing model or a faulty request. */
function codeOf(end: WalkEnd): ErrorCode {
  return leavesRoom(end) ? 'model_not_found' : 'bad_request'
}
