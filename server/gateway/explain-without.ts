// What a user's requests would get without one of their keys: each as it was made, by the name it asked for, so that
// the other models of an alias or a rule come into question as well. Limits and what is down just now are left aside.
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { ExplainWithout, InsteadOf } from '../features/provider-keys/impact.ts'
import { GatewayError, type ErrorCode } from '../kernel/errors.ts'
import { readRequestFacts } from '../protocols/request-facts.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import type { ProtocolId } from '../protocols/protocol.ts'
import type { Provider } from '../providers/provider.ts'
import { findCandidates, providersOf, type Candidate, type CandidateTools } from './candidates.ts'
import { simulateCandidates, type ExplainedCandidate, type Simulation } from './explain.ts'
import type { PipelineTools } from './pipeline.ts'

const NOTHING_SIMULATED: Simulation = new Map()
const NO_FACTS = readRequestFacts({})

export function createExplainWithout(
  tools: CandidateTools & Pick<PipelineTools, 'planner' | 'keys'>,
  describeCaller: (userId: string, apiKeyId: string | null) => Promise<ApiKeyContext | null>,
): ExplainWithout {
  return async (asked) => {
    const caller = await describeCaller(asked.userId, asked.apiKeyId)
    if (!caller) return refused('invalid_api_key')
    const provider = tools.providers.get(asked.provider)
    if (!provider) return refused('model_not_found')
    const explained: ExplainedCandidate[] = []
    const candidates = await candidatesOf(tools, caller, provider, asked)
    const providers = providersOf(candidates)
    const planned = { providers, fallbackHeader: null, ownKeysOnly: false, without: asked.without }
    for (const candidate of candidates) {
      const request = { caller, ...candidate, ...planned }
      explained.push({
        ...candidate,
        situation: {
          weighed: await tools.planner.weighKeys(request),
          whyUnusable: (record) => tools.planner.whyUnusable(record, candidate.model),
          leftAlone: () => null,
          isLastResort: () => false,
          hindrance: () => Promise.resolve(null),
          repeats: { left: 0, clientRetries: undefined },
          opens: tools.keys.opens,
          context: { ...candidate, protocol: PROTOCOLS['openai-chat'] },
        },
      })
    }
    const end = await simulateCandidates(explained, NOTHING_SIMULATED)
    const { decision, billedTo, providerKeyId, error } = end.result
    const isOther = decision === 'serve' && (end.provider !== provider.id || end.model !== asked.model)
    return {
      decision,
      billedTo,
      providerKeyId,
      code: error?.code ?? null,
      otherModel: isOther ? { provider: end.provider, model: end.model } : null,
    }
  }
}

function refused(code: ErrorCode): Awaited<ReturnType<ExplainWithout>> {
  return { decision: 'refuse', billedTo: null, providerKeyId: null, code, otherModel: null }
}

/** Of the name as it is understood now; the model that served alone where the name means something else by now. */
async function candidatesOf(
  tools: CandidateTools,
  caller: ApiKeyContext,
  provider: Provider,
  { model, requestedModel, dialect }: InsteadOf,
): Promise<readonly Candidate[]> {
  const served: Candidate = { provider, model, answeredAs: model, skip: null }
  try {
    const { all } = await findCandidates(tools, {
      caller,
      protocol: PROTOCOLS[dialect as ProtocolId] ?? PROTOCOLS['openai-chat'],
      operation: { task: 'generate' },
      names: [requestedModel],
      headers: {},
      requestId: '',
      streamed: false,
      promptTokens: 0,
      maxOutput: null,
      facts: () => NO_FACTS,
      chance: 1,
    })
    return all.some((one) => one.provider.id === provider.id && one.model === model) ? all : [served]
  } catch (error) {
    if (error instanceof GatewayError) return [served]
    throw error
  }
}
