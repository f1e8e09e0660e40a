// A client's request as the middle model. Fields only this dialect has go along as extensions.
import {
  EFFORTS,
  type Builtin,
  type ChatRequest,
  type Effort,
  type Format,
  type ReasoningWish,
  type Sampling,
} from '../canonical.ts'
import { CannotCross, type LossReport, type RequestDecoding } from '../codec.ts'
import { asCount, asObject, asText, asWord, seedOf, type JsonObject } from '../read.ts'
import { checkShape } from '../shape.ts'
import { reportUnread } from '../unread.ts'
import { decodeMessages } from './messages-decode.ts'
import { messagesOf } from './mixed-shapes.ts'
import { asBoolean, asList, asNumber, CHAT, compact, isEmpty, restOf, fieldNames } from './names.ts'
import { CHAT_REQUEST } from './request-shape.ts'
import { readToolChoice, readTools } from './tools-decode.ts'

const KNOWN_FIELDS = fieldNames(
  'model messages stream stream_options tools functions tool_choice function_call parallel_tool_calls',
  'response_format reasoning_effort reasoning thinking enable_thinking thinking_budget',
  'include_reasoning temperature top_p top_k frequency_penalty presence_penalty logit_bias stop',
  'max_completion_tokens max_tokens n logprobs top_logprobs seed verbosity prompt_cache_key',
  'service_tier user safety_identifier web_search_options input instructions system text',
  'max_output_tokens stop_sequences include',
)

export function decodeChatRequest(
  body: JsonObject,
  decoding: RequestDecoding & { model: string; stream: boolean },
): ChatRequest {
  checkShape(body, CHAT_REQUEST)
  reportUnread(body, CHAT_REQUEST, decoding.losses)
  const conversation = decodeMessages(messagesOf(body), decoding)
  const { tools, builtins } = readTools(body)
  const options = body['web_search_options']
  const search: Builtin[] = asObject(options)
    ? [{ protocol: CHAT, kind: 'web_search', name: 'web_search', raw: { web_search_options: options } }]
    : []
  const { choice, parallel } = readToolChoice(body)
  const legacy = asList(body['functions']).length > 0
  if (legacy && asList(body['tools']).length > 0) {
    throw new CannotCross('functions', '`tools` and the older `functions` exclude each other. Send one.', 'bad_request')
  }
  const optional = {
    toolChoice: choice,
    // The older form knows one call per answer.
    parallel: legacy ? false : (asBoolean(body['parallel_tool_calls']) ?? parallel),
    format: readFormat(body),
    reasoning: readReasoning(body),
    maxOutput:
      asCount(body['max_completion_tokens']) ??
      asCount(body['max_tokens']) ??
      asCount(body['max_output_tokens']) ??
      undefined,
    n: asCount(body['n']) ?? undefined,
    logprobs: readLogprobs(body, decoding.losses),
    seed: seedOf(body['seed']),
    verbosity: readVerbosity(body),
    cacheKey: asWord(body['prompt_cache_key']) ?? undefined,
    tier: asWord(body['service_tier']) ?? undefined,
    userId: asWord(body['safety_identifier']) ?? asWord(body['user']) ?? undefined,
    legacyCalls: legacy ? true : undefined,
  }
  return {
    model: decoding.model,
    stream: decoding.stream,
    streamUsage: asObject(body['stream_options'])?.['include_usage'] === true,
    ...conversation,
    tools,
    builtins: [...search, ...builtins],
    sampling: readSampling(body),
    stop: readStop(body['stop'] ?? body['stop_sequences']),
    origin: CHAT,
    extensions: readExtensions(body),
    ...(compact(optional) as Partial<ChatRequest>),
  }
}

function readFormat(body: JsonObject): Format | undefined {
  const format = asObject(body['response_format']) ?? asObject(asObject(body['text'])?.['format'])
  switch (format?.['type']) {
    case 'text':
      return { kind: 'text' }
    // Some servers take a schema beside it.
    case 'json_object':
      return asObject(format['schema']) ? { kind: 'json_schema', schema: format['schema'] } : { kind: 'json_object' }
    case 'json_schema': {
      const inner = asObject(format['json_schema']) ?? format
      const { schema } = inner
      const fields = {
        name: asText(inner['name']) ?? undefined,
        description: asText(inner['description']) ?? undefined,
        strict: asBoolean(inner['strict']),
      }
      return { kind: 'json_schema', schema: schema ?? {}, ...(compact(fields) as { name?: string }) }
    }
    default:
      return undefined
  }
}

function readReasoning(body: JsonObject): ReasoningWish | undefined {
  const reasoning = asObject(body['reasoning'])
  const thinking = asObject(body['thinking'])
  const off = reasoning?.['enabled'] === false || thinking?.['type'] === 'disabled' || body['enable_thinking'] === false
  const effort = readEffort(body['reasoning_effort']) ?? readEffort(reasoning?.['effort']) ?? (off ? 'none' : undefined)
  const budget =
    asCount(reasoning?.['max_tokens']) ?? asCount(thinking?.['budget_tokens']) ?? asCount(body['thinking_budget'])
  const on =
    reasoning?.['enabled'] === true ||
    body['enable_thinking'] === true ||
    thinking?.['type'] === 'enabled' ||
    thinking?.['type'] === 'adaptive' ||
    thinking?.['type'] === 'auto'
  const include = asBoolean(body['include_reasoning'])
  const visible = include ?? (reasoning ? reasoning['exclude'] !== true : undefined)
  const wish = {
    effort,
    budget: budget ?? undefined,
    adaptive: on && budget === null ? true : undefined,
    visible,
  }
  const said = compact(wish)
  return isEmpty(said) ? undefined : (said as ReasoningWish)
}

function readEffort(value: unknown): Effort | undefined {
  return EFFORTS.find((effort) => effort === value)
}

function readSampling(body: JsonObject): Sampling {
  const bias = asObject(body['logit_bias'])
  return compact({
    temperature: asNumber(body['temperature']),
    topP: asNumber(body['top_p']),
    topK: asNumber(body['top_k']),
    frequencyPenalty: asNumber(body['frequency_penalty']),
    presencePenalty: asNumber(body['presence_penalty']),
    logitBias: bias && !isEmpty(bias) ? bias : undefined,
  }) as Sampling
}

function readStop(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value]
  return asList(value).filter((stop): stop is string => typeof stop === 'string' && stop !== '')
}

function readLogprobs(body: JsonObject, losses: LossReport): ChatRequest['logprobs'] {
  const top = asCount(body['top_logprobs'])
  if (body['logprobs'] !== true) {
    if (top !== null && top > 0) losses.drop('logprobs', '`top_logprobs` says something beside `logprobs` only')
    return undefined
  }
  return top === null ? {} : { top }
}

function readVerbosity(body: JsonObject): ChatRequest['verbosity'] {
  const value = body['verbosity'] ?? asObject(body['text'])?.['verbosity']
  return value === 'low' || value === 'medium' || value === 'high' ? value : undefined
}

function readExtensions(body: JsonObject): ChatRequest['extensions'] {
  const fields = restOf(body, KNOWN_FIELDS)
  // What is the default anyway is no wish.
  if (fields['store'] === false) delete fields['store']
  if (asList(fields['modalities']).every((modality) => modality === 'text')) delete fields['modalities']
  const stream = restOf(asObject(body['stream_options']), new Set(['include_usage']))
  if (!isEmpty(stream)) fields['stream_options'] = stream
  const thinking = restOf(asObject(body['thinking']), new Set(['type', 'budget_tokens']))
  if (!isEmpty(thinking)) fields['thinking'] = thinking
  const reasoning = restOf(asObject(body['reasoning']), new Set(['effort', 'max_tokens', 'enabled', 'exclude']))
  // Whoever shows thoughts shows them in a way of its own.
  if (reasoning['summary'] === 'auto') delete reasoning['summary']
  if (!isEmpty(reasoning)) fields['reasoning'] = reasoning
  if (asWord(body['safety_identifier']) !== null && asWord(body['user']) !== null) fields['user'] = body['user']
  // A form of the answer that only some servers know.
  if (asObject(body['response_format']) && !readFormat(body)) fields['response_format'] = body['response_format']
  for (const field of ['reasoning_effort', 'verbosity'] as const) {
    const value = asText(body[field])
    const known = field === 'verbosity' ? readVerbosity(body) : readEffort(value)
    if (value !== null && known === undefined) fields[field] = value
  }
  return isEmpty(fields) ? {} : { [CHAT]: fields }
}
