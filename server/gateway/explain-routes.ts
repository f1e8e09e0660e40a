// The chain explained to whoever asks: `POST /v1/route/explain` for programs, and what a key's loss would mean.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { simulateSchema, type RouteExplanation, type Simulate } from '../../contract/route.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { ExplainWithout } from '../features/provider-keys/impact.ts'
import { readBody } from '../http/body.ts'
import { DATA_BODY_CAP, type RouteMatch } from '../http/route.ts'
import { GatewayError } from '../kernel/errors.ts'
import { parsePublicId, toPublicId } from '../kernel/ids.ts'
import { asObject, parseJson } from '../protocols/read.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import type { KeyFate, OwnKey, Step } from './chain.ts'
import { withCandidate, type Exchange } from './exchange.ts'
import { explainChain, simulateWalk, type Situation, type Simulation } from './explain.ts'
import { simulateCandidates, type ExplainedCandidate, type ExplainedEnd } from './explain-candidates.ts'
import { createExchange, planOf, type PipelineTools } from './pipeline.ts'
import type { PlanRequest } from './plan.ts'
import { breakerKeyOf, targetOf } from './walk.ts'

type NamedStep = Exclude<Step, { kind: 'none' }>
/** An explanation tells the rule, never its exceptions by chance. */
const NOTHING_TRIED = () => 1
const NOTHING_SIMULATED: Simulation = new Map()

/** Reads a chat body, and says which keys would be tried for it; nothing is sent. */
export async function explainRoute(
  tools: PipelineTools,
  caller: ApiKeyContext,
  received: { request: IncomingMessage; response: ServerResponse; match: RouteMatch },
): Promise<RouteExplanation> {
  const { match, request } = received
  const body = await readBody(request, { cap: DATA_BODY_CAP, budget: tools.bodyBudget, headers: match.headers })
  try {
    const endpoint = { protocol: PROTOCOLS['openai-chat'], operation: PROTOCOLS['openai-chat'].operations['chat']! }
    const [createdAt, startedAt] = [tools.clock.now(), tools.clock.monotonic()]
    const settled = { ...tools, chance: NOTHING_TRIED }
    const exchange = await createExchange(settled, endpoint, { ...received, caller, body, createdAt, startedAt })
    const simulate = readSimulate(parseJson(Buffer.concat(exchange.body).toString('utf8')))
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
    return {
      model: exchange.model,
      chain: explained.flatMap(showChain),
      ...(simulate
        ? { result: describeResult(simulateCandidates(explained, simulate), exchange.candidates.length > 1) }
        : {}),
    }
  } finally {
    body.release()
  }
}

/** The keys of a model that is passed over are passed over with it. */
function showChain({ provider, model, skip, situation }: ExplainedCandidate): RouteExplanation['chain'] {
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
  { provider, model, result }: ExplainedEnd,
  isOneOfSeveral: boolean,
): NonNullable<RouteExplanation['result']> {
  return {
    decision: result.decision,
    ...(isOneOfSeveral ? { provider, model } : {}),
    billed_to: result.billedTo,
    provider_key_id: result.providerKeyId === null ? null : toPublicId('pk', result.providerKeyId),
    fallback: result.fallback,
    status: result.status,
    code: result.code,
  }
}

function readSimulate(body: unknown): Simulation | null {
  if (body === undefined) throw new GatewayError('invalid_json')
  const wanted = asObject(body)?.['simulate']
  if (wanted === undefined) return null
  const parsed = simulateSchema.safeParse(wanted)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new GatewayError('bad_request', { message: `simulate: ${issue?.message ?? 'cannot be read'}.` })
  }
  const simulate: Simulate = parsed.data
  return new Map(Object.entries(simulate).map(([name, answer]) => [parsePublicId('pk', name) ?? name, answer]))
}

async function describeSituation(tools: PipelineTools, exchange: Exchange, plan: PlanRequest): Promise<Situation> {
  const weighed = await tools.planner.weighKeys(plan)
  const steps: NamedStep[] = [
    ...weighed.ownKeys.filter(isOpen).map(({ record }) => ({ kind: 'own', record }) as const),
    ...weighed.sharedKeys
      .filter(isOpen)
      .map(({ record, lease }) => ({ kind: 'shared', record, lease, reason: 'no_key' }) as const),
  ]
  const found = new Map<string, KeyFate>()
  for (const step of [...steps, { kind: 'server', reason: 'no_key' } as const]) {
    const fate = await hindranceOf(tools, exchange, step)
    if (fate !== null) found.set(nameOf(step), fate)
  }
  return {
    weighed,
    whyUnusable: (record) => tools.planner.whyUnusable(record, exchange.model),
    hindrance: (step) => found.get(nameOf(step)) ?? null,
    opens: tools.keys.opens,
    context: exchange,
  }
}

async function hindranceOf(tools: PipelineTools, exchange: Exchange, step: NamedStep): Promise<KeyFate | null> {
  const target = targetOf(tools, exchange, step)
  if (tools.breakers.openFor(breakerKeyOf(target)) !== null) return 'outage'
  // Held for a moment and given back: nothing is spent.
  const reserved = await tools.spending.reserve(exchange, target)
  if (typeof reserved === 'string') return reserved
  reserved.settle(0)
  return null
}

function isOpen({ fate }: OwnKey): boolean {
  return fate === null
}

function nameOf(step: NamedStep): string {
  return step.kind === 'server' ? 'server' : step.record.id
}

/** What a user's requests for a model would get without one of their keys. */
export function createExplainWithout(
  tools: Pick<PipelineTools, 'planner' | 'providers' | 'keys'>,
  describeCaller: (userId: string, apiKeyId: string | null) => Promise<ApiKeyContext | null>,
): ExplainWithout {
  return async ({ userId, apiKeyId, provider: providerId, model, withoutKeyId }) => {
    const caller = await describeCaller(userId, apiKeyId)
    if (!caller) return { decision: 'refuse', billedTo: null, providerKeyId: null, code: 'invalid_api_key' }
    const provider = tools.providers.get(providerId)
    if (!provider) return { decision: 'refuse', billedTo: null, providerKeyId: null, code: 'model_not_found' }
    const weighed = await tools.planner.weighKeys({
      caller,
      provider,
      model,
      fallbackHeader: null,
      ownKeysOnly: false,
      withoutKey: withoutKeyId,
    })
    const { decision, billedTo, providerKeyId, code } = simulateWalk(
      {
        weighed,
        whyUnusable: (record) => tools.planner.whyUnusable(record, model),
        hindrance: () => null,
        opens: tools.keys.opens,
        context: { provider, model, protocol: PROTOCOLS['openai-chat'] },
      },
      NOTHING_SIMULATED,
    )
    return { decision, billedTo, providerKeyId, code }
  }
}
