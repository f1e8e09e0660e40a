// What an answer repeats of its request: SDKs and agents read their own settings back from it. Nothing is stored here,
// and the answer says so.
import type { ChatRequest } from '../canonical.ts'
import { createLossReport, type ResponseEncoding } from '../codec.ts'
import { OWN } from './media.ts'
import { encodeTextConfig } from './request-encode.ts'
import { encodeBuiltins, encodeToolChoice, encodeTools } from './tools.ts'

type Wire = Record<string, unknown>

export function describeAnswer(encoding: ResponseEncoding, id: string): Wire {
  const { request } = encoding
  const own = request.extensions[OWN] ?? {}
  const instructions = request.instructions.filter(({ forThisCall }) => forThisCall).map(({ text }) => text)
  return {
    id,
    object: 'response',
    created_at: encoding.created,
    status: 'in_progress',
    background: false,
    completed_at: null,
    error: null,
    incomplete_details: null,
    instructions: instructions.length > 0 ? instructions.join('\n\n') : null,
    max_output_tokens: request.maxOutput ?? null,
    max_tool_calls: own['max_tool_calls'] ?? null,
    model: encoding.requestedModel,
    output: [],
    parallel_tool_calls: request.parallel ?? true,
    previous_response_id: own['previous_response_id'] ?? null,
    prompt_cache_key: request.cacheKey ?? null,
    reasoning: {
      effort: request.reasoning?.effort ?? null,
      summary: own['reasoning_summary'] ?? (request.reasoning?.visible ? 'auto' : null),
    },
    safety_identifier: request.userId ?? null,
    service_tier: request.tier ?? 'auto',
    store: false,
    temperature: request.sampling.temperature ?? null,
    text: { format: { type: 'text' }, ...(encodeTextConfig(request)['text'] as Wire | undefined) },
    tool_choice: own['tool_choice'] ?? echoChoice(request),
    tools: echoTools(request),
    top_logprobs: request.logprobs?.top ?? 0,
    top_p: request.sampling.topP ?? null,
    truncation: own['truncation'] ?? 'disabled',
    usage: null,
    user: null,
    metadata: own['metadata'] ?? {},
  }
}

function echoTools(request: ChatRequest): unknown[] {
  const here = request.tools.filter(({ declaredAt }) => declaredAt === undefined)
  const own = request.builtins.filter(({ protocol, declaredAt }) => protocol === OWN && declaredAt === undefined)
  const builtins = encodeBuiltins({ ...request, builtins: own }, createLossReport())
  return [...encodeTools(here, (name) => name, true), ...builtins.map(({ raw }) => raw)]
}

function echoChoice(request: ChatRequest): unknown {
  return request.toolChoice ? encodeToolChoice(request.toolChoice, request, (name) => name) : 'auto'
}
