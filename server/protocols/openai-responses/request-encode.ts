// The middle model as a Responses request. Nothing is stored at the provider unless a client of this dialect wants it,
// so reasoning state is asked for in sealed form and travels through the client.
import type { ChatRequest, Extras } from '../canonical.ts'
import { CannotCross, type Codec, type RequestEncoding } from '../codec.ts'
import { effortOf, nearestEffort } from '../effort.ts'
import { reportForeignFields, tellSummaries } from '../foreign.ts'
import { forcedBuiltin, refuseEmptyChoice } from '../tool-choice.ts'
import { inlineTextFiles } from '../text-files.ts'
import { withoutSecondResults } from '../tool-results.ts'
import { createToolNames, type ToolNames } from '../tool-names.ts'
import { OWN } from './media.ts'
import { SEALED_REASONING, TEXT_LOGPROBS } from './request-decode.ts'
import { encodeInput } from './request-input.ts'
import { carriedTools, toolKey } from './request-items.ts'
import { encodeBuiltins, encodeToolChoice, encodeTools } from './tools.ts'

type RequestEncoder = Codec['encodeRequest']
type Body = Record<string, unknown>

/** Fields Chat Completions has under the same name with the same meaning. */
const SHARED_WITH_CHAT = ['metadata', 'store', 'prompt_cache_retention', 'prompt_cache_options', 'moderation']
const LEAST_OUTPUT = 16
const TIERS: Readonly<Record<string, string>> = { standard: 'default', standard_only: 'default' }
const KNOWN_TIERS = new Set(['auto', 'default', 'flex', 'priority', 'fast', 'scale'])

export const encodeRequest: RequestEncoder = (request, encoding) => {
  const ours = request.extensions[OWN] !== undefined
  const { shared, foreign } = splitExtensions(request.extensions)
  reportForeignFields({ ...request, extensions: foreign }, OWN, encoding.losses)
  refuseEmptyChoice(request, OWN)
  refuseOrDrop(request, encoding)
  const names = createToolNames(
    request.tools.filter(({ namespace }) => namespace === undefined),
    encoding.hash8,
  )
  const tools = encodeAllTools(request, names, ours, encoding)
  const body: Body = {
    model: encoding.profile.model,
    ...encodeInput(asInput(request, encoding), tools.inside, names, encoding),
    ...(encoding.stream ? { stream: true } : {}),
    ...(tools.front.length > 0 ? { tools: tools.front } : {}),
    ...encodeChoices(request, names, ours, tools.count > 0),
    ...encodeTextConfig(request),
    ...encodeReasoningWish(request, encoding),
    ...encodeSampling(request, encoding),
    ...encodeLimits(request, encoding),
    ...encodeInclude(request, ours, encoding),
    ...(request.cacheKey === undefined ? {} : { prompt_cache_key: request.cacheKey }),
    ...encodeTier(request, ours, encoding),
    ...(request.userId === undefined ? {} : { safety_identifier: request.userId }),
    ...(ours ? {} : { store: false }),
    ...shared,
    ...ownFields(request.extensions[OWN]),
  }
  return { body, toolNames: names.known, enforceStop: request.stop }
}

function asInput(request: ChatRequest, { losses }: RequestEncoding): ChatRequest {
  const items = tellSummaries(withoutSecondResults(request.items, losses), OWN, losses)
  return { ...request, items: request.extensions[OWN] ? items : inlineTextFiles(items) }
}

function splitExtensions(extensions: Extras): { shared: Body; foreign: Extras } {
  const chat = extensions['openai-chat']
  if (!chat) return { shared: {}, foreign: extensions }
  const entries = Object.entries(chat)
  const isShared = ([field, value]: [string, unknown]): boolean =>
    SHARED_WITH_CHAT.includes(field) && value !== null && value !== undefined
  return {
    shared: Object.fromEntries(entries.filter(isShared)),
    foreign: { ...extensions, 'openai-chat': Object.fromEntries(entries.filter((entry) => !isShared(entry))) },
  }
}

/** What the dialect has no field for. */
function refuseOrDrop(request: ChatRequest, { losses }: RequestEncoding): void {
  if (request.n !== undefined && request.n > 1) {
    throw new CannotCross('n', 'The model asked for gives one answer per request. Send the request several times.')
  }
  if (request.maxOutput === 0) {
    throw new CannotCross('max_tokens', 'The model asked for cannot answer in 0 tokens. Ask for at least 16.')
  }
  if (request.seed !== undefined) losses.drop('seed', 'the provider takes no seed')
  const { topK, frequencyPenalty, presencePenalty, logitBias } = request.sampling
  if (topK !== undefined) losses.drop('top_k', 'the provider does not take it', topK)
  if (frequencyPenalty !== undefined)
    losses.drop('frequency_penalty', 'the provider does not take it', frequencyPenalty)
  if (presencePenalty !== undefined) losses.drop('presence_penalty', 'the provider does not take it', presencePenalty)
  if (logitBias !== undefined) losses.drop('logit_bias', 'the provider does not take it')
  if (request.tools.some(({ cache }) => cache)) losses.drop('cache_control', 'tools take no cache breakpoint')
}

interface AllTools {
  readonly front: Body[]
  /** By the index of the item they are declared before. */
  readonly inside: ReadonlyMap<number, Body[]>
  readonly count: number
}

function encodeAllTools(request: ChatRequest, names: ToolNames, ours: boolean, { losses }: RequestEncoding): AllTools {
  const carried = carriedTools(request.items)
  const inside = new Map<number, Body[]>()
  const wireName = (name: string): string => names.wireName(name)
  const at = (place: number): Body[] => {
    const found = inside.get(place) ?? []
    inside.set(place, found)
    return found
  }
  const byPlace = Map.groupBy(request.tools, ({ declaredAt }) => declaredAt)
  for (const [place, declared] of byPlace) {
    if (place === undefined) continue
    const tools = declared.filter(({ name, namespace }) => !carried.has(toolKey(name, namespace)))
    for (const tool of encodeTools(tools, wireName, ours)) at(place).push(tool)
  }
  const front: Body[] = [...encodeTools(byPlace.get(undefined) ?? [], wireName, ours)]
  const builtins = encodeBuiltins(request, losses)
  for (const { raw, declaredAt } of builtins) {
    if (declaredAt === undefined) front.push({ ...raw })
    else at(declaredAt).push({ ...raw })
  }
  return { front, inside, count: request.tools.length + builtins.length }
}

function encodeChoices(request: ChatRequest, names: ToolNames, ours: boolean, hasTools: boolean): Body {
  const { toolChoice, parallel } = request
  if (!ours && !hasTools) return {}
  return {
    ...(toolChoice ? { tool_choice: chosen(request, toolChoice, names) } : {}),
    ...(parallel === undefined || (!ours && toolChoice?.mode === 'none') ? {} : { parallel_tool_calls: parallel }),
  }
}

// Another dialect names a search of the provider like a function; here it is named by its type.
function chosen(request: ChatRequest, choice: NonNullable<ChatRequest['toolChoice']>, names: ToolNames): unknown {
  const builtin = forcedBuiltin(request)
  if (!builtin || builtin.protocol === OWN) return encodeToolChoice(choice, request, (name) => names.wireName(name))
  if (request.tools.length === 0) return 'required'
  return { type: 'allowed_tools', mode: 'required', tools: [{ type: 'web_search' }] }
}

export function encodeTextConfig(request: ChatRequest): Body {
  const { format, verbosity } = request
  const own = fieldsUnder(request.extensions[OWN], 'text_')
  const text = {
    ...(format ? { format: encodeFormat(format) } : {}),
    ...(verbosity === undefined ? {} : { verbosity }),
    ...own,
  }
  return Object.keys(text).length > 0 ? { text } : {}
}

function encodeFormat(format: NonNullable<ChatRequest['format']>): Body {
  if (format.kind !== 'json_schema') return { type: format.kind }
  const { name, description, schema, strict } = format
  return {
    type: 'json_schema',
    name: name ?? 'response',
    ...(description === undefined ? {} : { description }),
    schema,
    ...(strict === undefined ? {} : { strict }),
  }
}

function encodeReasoningWish(request: ChatRequest, { profile, losses }: RequestEncoding): Body {
  const wish = request.reasoning ?? {}
  const own = fieldsUnder(request.extensions[OWN], 'reasoning_')
  const wanted = effortOf(wish)
  const effort =
    wanted === undefined || profile.thinking === 'none' ? undefined : nearestEffort(wanted, profile.efforts)
  const asked = (wanted !== undefined && wanted !== 'none') || (wish.adaptive === true && profile.thinking === 'none')
  if (effort === undefined && asked) losses.drop('thinking', 'the model does not think')
  else if (wish.visible === true && profile.thinking === 'none') losses.drop('thoughts', 'the model does not think')
  if (effort !== undefined && wish.budget !== undefined && wish.budget >= 0) {
    losses.approximate('thinking_budget', `the model takes an effort, not tokens: ${effort}`)
  }
  if (wish.effort !== undefined && effort !== undefined && effort !== wanted) {
    losses.approximate('effort', `the nearest the model knows is ${effort}`)
  }
  const summary = wish.visible && own['summary'] === undefined && own['generate_summary'] === undefined
  const reasoning = {
    ...(effort === undefined ? {} : { effort }),
    ...(summary && profile.thinking !== 'none' ? { summary: 'auto' } : {}),
    ...own,
  }
  return Object.keys(reasoning).length > 0 ? { reasoning } : {}
}

function encodeSampling(request: ChatRequest, { profile, losses }: RequestEncoding): Body {
  const { temperature, topP } = request.sampling
  const takesTemperature = profile.sampling !== 'none'
  const takesTopP = profile.sampling === 'all' || (profile.sampling === 'one' && temperature === undefined)
  if (temperature !== undefined && !takesTemperature)
    losses.drop('temperature', 'the model does not take it', temperature)
  if (topP !== undefined && !takesTopP) losses.drop('top_p', 'the model does not take it', topP)
  return {
    ...(temperature === undefined || !takesTemperature ? {} : { temperature }),
    ...(topP === undefined || !takesTopP ? {} : { top_p: topP }),
  }
}

function encodeLimits(request: ChatRequest, { losses }: RequestEncoding): Body {
  const { maxOutput } = request
  if (maxOutput === undefined) return {}
  if (maxOutput < LEAST_OUTPUT) losses.approximate('max_tokens', `the provider's least is ${LEAST_OUTPUT}`)
  return { max_output_tokens: Math.max(maxOutput, LEAST_OUTPUT) }
}

function encodeInclude(request: ChatRequest, ours: boolean, { profile, losses }: RequestEncoding): Body {
  // The answers of another dialect have no place for them.
  const logprobs = ours ? request.logprobs : undefined
  if (request.logprobs && !ours) losses.drop('logprobs', 'they do not survive translation')
  const own = request.extensions[OWN]?.['include']
  const sealed = ours ? request.reasoning?.include === true : profile.thinking !== 'none'
  const include: unknown[] = [
    ...(sealed ? [SEALED_REASONING] : []),
    ...(logprobs ? [TEXT_LOGPROBS] : []),
    ...(Array.isArray(own) ? (own as unknown[]) : []),
  ]
  const top = logprobs?.top
  return {
    ...(include.length > 0 ? { include } : {}),
    ...(top === undefined ? {} : { top_logprobs: top }),
  }
}

function encodeTier({ tier }: ChatRequest, ours: boolean, { losses }: RequestEncoding): Body {
  if (tier === undefined) return {}
  const known = TIERS[tier] ?? tier
  if (!ours && !KNOWN_TIERS.has(known)) {
    losses.drop('tier', 'the provider knows no such tier')
    return {}
  }
  if (!ours && known !== tier) losses.approximate('tier', `the nearest is ${known}`)
  return { service_tier: ours ? tier : known }
}

function fieldsUnder(extension: Extras[string] | undefined, prefix: string): Body {
  const found = Object.entries(extension ?? {}).filter(([field]) => field.startsWith(prefix))
  return Object.fromEntries(found.map(([field, value]) => [field.slice(prefix.length), value]))
}

function ownFields(extension: Extras[string] | undefined): Body {
  const isElsewhere = (field: string): boolean =>
    field === 'include' || field.startsWith('text_') || field.startsWith('reasoning_')
  return Object.fromEntries(Object.entries(extension ?? {}).filter(([field]) => !isElsewhere(field)))
}
