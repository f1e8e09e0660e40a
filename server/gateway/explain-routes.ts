// The chain explained to whoever asks: `POST /v1/route/explain`, with a chat body of any dialect. What limits a caller is
// held against it as well: taken for a moment and given back, so that nothing is spent.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RouteExplanation } from '../../contract/route.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import { RateLimitError } from '../features/limits/limits.ts'
import { readBody } from '../http/body.ts'
import { DATA_BODY_CAP, type RouteMatch } from '../http/route.ts'
import { GatewayError } from '../kernel/errors.ts'
import { toPublicId } from '../kernel/ids.ts'
import { estimateUse } from './admission.ts'
import type { OwnKey, Step } from './chain.ts'
import { encodeDataError } from './data-errors.ts'
import { withCandidate, type Exchange } from './exchange.ts'
import { explainChain, refuse, type Hindrance, type Situation } from './explain.ts'
import { simulateCandidates, type ExplainedCandidate, type ExplainedEnd } from './explain-candidates.ts'
import { readExplainRequest } from './explain-request.ts'
import { createExchange, planOf, type PipelineTools } from './pipeline.ts'
import type { PlanRequest } from './plan.ts'
import { breakerKeyOf, targetOf } from './walk.ts'

type NamedStep = Exclude<Step, { kind: 'none' }>
/** An explanation tells the rule, never its exceptions by chance. */
const NOTHING_TRIED = () => 1

/** Reads a chat body, and says which keys would be tried for it; nothing is sent. */
export async function explainRoute(
  tools: PipelineTools,
  caller: ApiKeyContext,
  received: { request: IncomingMessage; response: ServerResponse; match: RouteMatch },
): Promise<RouteExplanation> {
  const { match, request } = received
  const sent = await readBody(request, { cap: DATA_BODY_CAP, budget: tools.bodyBudget, headers: match.headers })
  try {
    const { endpoint, pathModel, simulation, body } = readExplainRequest(Buffer.concat(sent.chunks), match.headers)
    const params = pathModel === null ? match.params : { ...match.params, model: pathModel }
    const exchange = await createExchange({ ...tools, chance: NOTHING_TRIED }, endpoint, {
      ...received,
      match: { ...match, params },
      caller,
      body: { ...sent, chunks: [body], length: body.length },
      createdAt: tools.clock.now(),
      startedAt: tools.clock.monotonic(),
    })
    const limit = await findFullLimit(tools, exchange)
    const explained = await explainCandidates(tools, exchange)
    const result = simulation && (limit ?? simulateCandidates(explained, simulation))
    return {
      model: exchange.model,
      chain: explained.flatMap((one) => showChain(one, limit)),
      ...(result && { result: describeResult(exchange, result) }),
    }
  } finally {
    sent.release()
  }
}

async function explainCandidates(tools: PipelineTools, exchange: Exchange): Promise<ExplainedCandidate[]> {
  const explained: ExplainedCandidate[] = []
  let refused: GatewayError | null = null
  for (const candidate of exchange.candidates) {
    const own = withCandidate(exchange, candidate)
    try {
      explained.push({ ...candidate, situation: await describeSituation(tools, own, planOf(tools, own)) })
    } catch (error) {
      // The key that the request names is another provider's.
      if (!(error instanceof GatewayError) || error.code !== 'no_usable_key') throw error
      refused ??= error
    }
  }
  if (refused && explained.length === 0) throw refused
  return explained
}

/** The caller's own limit on tokens, where it has no room for this request: then no key is asked. */
async function findFullLimit(tools: PipelineTools, exchange: Exchange): Promise<ExplainedEnd | null> {
  const limits = exchange.caller.rateLimits?.filter(({ counts }) => counts === 'tokens') ?? []
  if (limits.length === 0) return null
  const admitted = await tools.limits.admit(limits)
  try {
    const { input, output } = estimateUse(exchange)
    await admitted.takeTokens(input + output)
    return null
  } catch (error) {
    if (!(error instanceof RateLimitError)) throw error
    return { provider: exchange.provider.id, model: exchange.model, result: refuse(error, 0) }
  } finally {
    admitted.settle()
  }
}

/** The keys of a model that is passed over are passed over with it. */
function showChain(
  { provider, model, skip: passedOver, situation }: ExplainedCandidate,
  limit: ExplainedEnd | null,
): RouteExplanation['chain'] {
  const skip = limit?.result.error?.code ?? passedOver
  return explainChain(situation).map(({ record, billedTo, decision, reason }) => ({
    provider: provider.id,
    model,
    provider_key_id: record === null ? null : toPublicId('pk', record.id),
    billed_to: billedTo,
    decision: skip === null ? decision : 'skip',
    reason: skip ?? reason,
  }))
}

function describeResult(
  exchange: Exchange,
  { provider, model, result }: ExplainedEnd,
): NonNullable<RouteExplanation['result']> {
  const { error } = result
  return {
    decision: result.decision,
    ...(exchange.candidates.length > 1 ? { provider, model } : {}),
    billed_to: result.billedTo,
    provider_key_id: result.providerKeyId === null ? null : toPublicId('pk', result.providerKeyId),
    fallback: result.fallback,
    status: error === null ? 200 : encodeDataError(exchange.protocol, error, exchange.id).status,
    code: error?.code ?? null,
  }
}

async function describeSituation(tools: PipelineTools, exchange: Exchange, plan: PlanRequest): Promise<Situation> {
  const weighed = await tools.planner.weighKeys(plan)
  const steps: NamedStep[] = [
    ...weighed.ownKeys.filter(isOpen).map(({ record }) => ({ kind: 'own', record }) as const),
    ...weighed.sharedKeys
      .filter(isOpen)
      .map(({ record, lease }) => ({ kind: 'shared', record, lease, reason: 'no_key' }) as const),
  ]
  const found = new Map<string, Hindrance>()
  for (const step of [...steps, { kind: 'server', reason: 'no_key' } as const]) {
    const hindrance = await hindranceOf(tools, exchange, step)
    if (hindrance !== null) found.set(nameOf(step), hindrance)
  }
  return {
    weighed,
    whyUnusable: (record) => tools.planner.whyUnusable(record, exchange.model),
    hindrance: (step) => found.get(nameOf(step)) ?? null,
    opens: tools.keys.opens,
    context: exchange,
  }
}

async function hindranceOf(tools: PipelineTools, exchange: Exchange, step: NamedStep): Promise<Hindrance | null> {
  const target = targetOf(tools, exchange, step)
  if (tools.breakers.openFor(breakerKeyOf(target)) !== null) return 'outage'
  try {
    const reserved = await tools.spending.reserve(exchange, target)
    if (typeof reserved === 'string') return reserved
    reserved.settle(0)
    return null
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'budget_exceeded') return error
    throw error
  }
}

function isOpen({ fate }: OwnKey): boolean {
  return fate === null
}

function nameOf(step: NamedStep): string {
  return step.kind === 'server' ? 'server' : step.record.id
}
