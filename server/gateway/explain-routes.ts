// The chain explained to whoever asks: `POST /v1/route/explain`, with a chat body of any dialect. What limits a caller
// is held against it as well: taken for a moment and given back, so that nothing is spent.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RouteExplanation } from '../../contract/route.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import { RateLimitError } from '../features/limits/limits.ts'
import { readBody } from '../http/body.ts'
import { DATA_BODY_CAP, type RouteMatch } from '../http/route.ts'
import { GatewayError } from '../kernel/errors.ts'
import { toPublicId } from '../kernel/ids.ts'
import { estimateUse } from './admission.ts'
import { encodeDataError } from './data-errors.ts'
import { withCandidate, type Exchange, type Target } from './exchange.ts'
import {
  nameOf,
  refuse,
  simulateCandidates,
  surveyCandidates,
  type ExplainedCandidate,
  type ExplainedEnd,
  type Hindrance,
  type Situation,
  type Survey,
} from './explain.ts'
import { explainSteps } from './explain-steps.ts'
import { readExplainRequest } from './explain-request.ts'
import { createExchange, planOf, type PipelineTools } from './pipeline.ts'
import type { PlanRequest } from './plan.ts'
import type { Sent } from './reserving.ts'
import type { NamedStep } from './steps.ts'
import { breakerKeyOf, describeOpen, targetOf } from './walk.ts'

const NO_ROOM: ReadonlySet<string> = new Set(['budget_exceeded', 'price_unknown'])

/** An explanation tells the rule, never its exceptions by chance. */
const NOTHING_TRIED = () => 1

interface ExplainTools {
  /** What a call of this user with this key would be allowed; null where it would not. */
  readonly describeCaller: (userId: string, apiKeyId: string | null) => Promise<ApiKeyContext | null>
}

/** Who is signed in may ask for each API key of theirs; a key speaks for itself alone. */
async function describeAsker(
  tools: PipelineTools & ExplainTools,
  caller: ApiKeyContext,
  apiKeyId: string,
): Promise<ApiKeyContext> {
  const { kind, userId } = caller.principal
  if (kind !== 'session') {
    throw new GatewayError('bad_request', {
      message: 'Leave out api_key: the request is explained for the key it came with.',
    })
  }
  const asker = await tools.describeCaller(userId, apiKeyId)
  if (asker && (asker.expiresAt === null || asker.expiresAt > tools.clock.now())) return asker
  throw new GatewayError('not_found', { message: 'You have no such API key, or it no longer serves. Choose another.' })
}

/** Reads a chat body, and says which keys would be tried for it; nothing is sent. */
export async function explainRoute(
  tools: PipelineTools & ExplainTools,
  caller: ApiKeyContext,
  received: { request: IncomingMessage; response: ServerResponse; match: RouteMatch },
): Promise<RouteExplanation> {
  const { match, request } = received
  const sent = await readBody(request, { cap: DATA_BODY_CAP, budget: tools.bodyBudget, headers: match.headers })
  try {
    const { endpoint, pathModel, simulation, apiKeyId, body } = readExplainRequest(
      Buffer.concat(sent.chunks),
      match.headers,
    )
    const params = pathModel === null ? match.params : { ...match.params, model: pathModel }
    const exchange = await createExchange({ ...tools, chance: NOTHING_TRIED }, endpoint, {
      ...received,
      match: { ...match, params },
      caller: apiKeyId === null ? caller : await describeAsker(tools, caller, apiKeyId),
      body: { ...sent, chunks: [body], length: body.length },
      createdAt: tools.clock.now(),
      startedAt: tools.clock.monotonic(),
    })
    const limit = await findFullLimit(tools, exchange)
    const explained = await explainCandidates(tools, exchange)
    const result = simulation && (limit ?? (await simulateCandidates(explained, simulation)))
    const survey = await surveyCandidates(explained)
    return {
      model: exchange.model,
      chain: (await Promise.all(explained.map((one) => showChain(one, survey, limit)))).flat(),
      ...(result && { result: describeResult(exchange, result) }),
    }
  } finally {
    sent.release()
  }
}

async function explainCandidates(tools: PipelineTools, exchange: Exchange): Promise<ExplainedCandidate[]> {
  const explained: ExplainedCandidate[] = []
  for (const candidate of exchange.candidates) {
    const own = withCandidate(exchange, candidate)
    try {
      explained.push({ ...candidate, situation: await describeSituation(tools, own, planOf(tools, own)) })
    } catch (error) {
      // The key that the request names is another provider's.
      if (!(error instanceof GatewayError) || error.code !== 'no_usable_key') throw error
      explained.push({ ...candidate, situation: error })
    }
  }
  const [first] = explained
  if (
    first?.situation instanceof GatewayError &&
    explained.every(({ situation }) => situation instanceof GatewayError)
  ) {
    throw first.situation
  }
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
    return { provider: exchange.provider.id, model: exchange.model, result: refuse(error) }
  } finally {
    admitted.settle()
  }
}

/** The keys of a model that is passed over are passed over with it. */
async function showChain(
  candidate: ExplainedCandidate,
  survey: Survey,
  limit: ExplainedEnd | null,
): Promise<RouteExplanation['chain']> {
  const { provider, model } = candidate
  const skip = limit?.result.error?.code ?? candidate.skip
  return (await explainSteps(candidate, survey)).map(({ record, billedTo, decision, reason }) => ({
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
  const { breakers, retryBudget } = tools
  const found = new Map<string, Promise<Hindrance | null>>()
  const keyOf = (step: NamedStep) => breakerKeyOf(targetOf(tools, exchange, step))
  return {
    weighed: await tools.planner.weighKeys(plan),
    whyUnusable: (record) => tools.planner.whyUnusable(record, exchange.model),
    leftAlone: (step) => (breakers.wouldAllow(keyOf(step)) ? null : describeOpen(breakers, keyOf(step))),
    isLastResort: (step) => breakers.wouldAllowLastResort(keyOf(step)),
    hindrance(step) {
      const known = found.get(nameOf(step)) ?? hindranceOf(tools, exchange, step)
      found.set(nameOf(step), known)
      return known
    },
    opens: tools.keys.opens,
    repeats: {
      left: retryBudget.left(exchange.provider.id),
      clientRetries: exchange.match.headers['x-stainless-retry-count'],
    },
    context: exchange,
  }
}

async function hindranceOf(tools: PipelineTools, exchange: Exchange, step: NamedStep): Promise<Hindrance | null> {
  const target = targetOf(tools, exchange, step)
  const sent = writeRequest(tools, exchange, target)
  if (sent instanceof GatewayError) return sent
  try {
    const reserved = await tools.spending.reserve(exchange, target, () => sent)
    if (typeof reserved === 'string') return reserved
    reserved.settle(0)
    return null
  } catch (error) {
    if (error instanceof GatewayError && NO_ROOM.has(error.code)) return error
    throw error
  }
}

/** As it would be sent, or why it cannot be; what files must be fetched for first counts as the client wrote it. */
function writeRequest(tools: PipelineTools, exchange: Exchange, target: Target): Sent | GatewayError {
  try {
    if (tools.preparation.isNeeded(exchange, target)) return { dialect: exchange.protocol.id, body: exchange.body }
    return tools.createCarrier(exchange, target)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return error
  }
}
