// The middle model as a Messages request.
import type { ChatRequest } from '../canonical.ts'
import { CannotCross, type EncodedRequest, type RequestEncoding } from '../codec.ts'
import { describeSchema } from '../described-schema.ts'
import { reportForeignFields } from '../foreign.ts'
import type { LossName } from '../losses.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { refuseEmptyChoice } from '../tool-choice.ts'
import { withoutSecondResults } from '../tool-results.ts'
import { createBreakpoints, type Breakpoints } from './cache.ts'
import { encodeMessages, endsInBareToolTurn } from './messages.ts'
import { PROTOCOL } from './names.ts'
import { fitSchema } from './schema.ts'
import { writeThinking } from './thinking.ts'
import { encodeTools } from './tools.ts'

const JSON_ONLY = 'Respond with one valid JSON object and nothing else.'

/** Service tiers of all dialects as the nearest here; null = there is none. */
const TIERS: Readonly<Record<string, string>> = {
  auto: 'auto',
  default: 'standard_only',
  standard: 'standard_only',
  priority: 'auto',
  fast: 'auto',
}

export function encodeMessagesRequest(request: ChatRequest, encoding: RequestEncoding): EncodedRequest {
  refuseEmptyChoice(request, PROTOCOL)
  reportForeignFields(request, PROTOCOL, encoding.losses)
  reportUnsayable(request, encoding)
  const own = request.extensions[PROTOCOL] ?? {}
  const breakpoints = createBreakpoints(encoding)
  const { tools, choice, names, known, forced } = encodeTools(request, encoding, breakpoints)
  const { instructions, items: all } = splitLeadingRules(request)
  const items = withoutSecondResults(all, encoding.losses)
  const system = encodeSystem(instructions, request, own, encoding, breakpoints)
  const said = encodeMessages(items, encoding, names, breakpoints)
  // The API wants at least one turn.
  const alone = said.length === 0 && system !== undefined
  if (alone) encoding.losses.approximate('system', 'without a conversation it is sent as the user')
  const messages = alone ? [{ role: 'user', content: textBlocks(system) }] : said
  breakpoints.trim(own['cache_control'] === undefined ? 0 : 1)
  const bareToolTurn = endsInBareToolTurn(said)
  const thinking = writeThinking(request, encoding, { forced, bareToolTurn })
  const output = encodeOutput(request, own, encoding, thinking.effort)
  const { billing_header: _billing, output_config: _output, metadata, ...rest } = own
  const tier = encodeTier(request.tier, encoding)
  // White space alone is refused: the gateway looks for it.
  const stops = request.stop.filter((stop) => stop.trim() !== '')
  const body: Record<string, unknown> = {
    model: encoding.profile.model,
    max_tokens: thinking.maxTokens,
    ...(system === undefined || alone ? {} : { system }),
    messages: messages.map(({ role, content }) => ({ role, content: plainContent(content) })),
    ...(tools.length > 0 ? { tools } : {}),
    ...(choice ? { tool_choice: choice } : {}),
    ...(thinking.thinking ? { thinking: thinking.thinking } : {}),
    ...(output ? { output_config: output } : {}),
    ...encodeSampling(request, encoding, thinking.on),
    ...(stops.length > 0 ? { stop_sequences: stops } : {}),
    ...(request.userId === undefined && !asObject(metadata)
      ? {}
      : { metadata: { ...asObject(metadata), ...(request.userId === undefined ? {} : { user_id: request.userId }) } }),
    ...(tier === undefined ? {} : { service_tier: tier }),
    ...(encoding.stream ? { stream: true } : {}),
    ...rest,
  }
  return { body, toolNames: known, enforceStop: request.stop.filter((stop) => stop.trim() === '') }
}

function textBlocks(system: unknown): Record<string, unknown>[] {
  return Array.isArray(system) ? (system as Record<string, unknown>[]) : [{ type: 'text', text: system }]
}

/** One text alone is written as text. */
function plainContent(content: readonly Record<string, unknown>[]): unknown {
  const [only] = content
  const isPlain = content.length === 1 && only!['type'] === 'text' && Object.keys(only!).length === 2
  return isPlain ? only!['text'] : content
}

// What stands before the first turn is a top-level instruction, in whatever place the client said it.
function splitLeadingRules(request: ChatRequest): Pick<ChatRequest, 'instructions' | 'items'> {
  const isRule = (item: ChatRequest['items'][number]): boolean =>
    item.kind === 'text' && (item.role === 'system' || item.role === 'developer')
  const first = request.items.findIndex((item) => !isRule(item))
  const leading = first === -1 ? request.items : request.items.slice(0, first)
  const instructions = [...request.instructions]
  for (const item of leading) {
    if (item.kind !== 'text') continue
    instructions.push({ role: 'system', text: item.text, ...(item.cache ? { cache: item.cache } : {}) })
  }
  return { instructions, items: request.items.slice(leading.length) }
}

function encodeSystem(
  instructions: ChatRequest['instructions'],
  { format }: ChatRequest,
  own: JsonObject,
  { losses }: RequestEncoding,
  breakpoints: Breakpoints,
): unknown {
  const blocks: Record<string, unknown>[] = []
  const billing = asText(own['billing_header'])
  if (billing !== null) blocks.push({ type: 'text', text: billing })
  for (const { text, cache } of instructions) {
    if (text.trim() === '') continue
    const block = { type: 'text', text }
    breakpoints.mark(block, cache)
    blocks.push(block)
  }
  if (format?.kind === 'json_object') {
    losses.approximate('response_format', 'JSON is asked for in words')
    blocks.push({ type: 'text', text: JSON_ONLY })
  }
  return blocks.length === 0 ? undefined : billing === null ? plainContent(blocks) : blocks
}

function reportUnsayable(request: ChatRequest, { losses }: RequestEncoding): void {
  if (request.n !== undefined && request.n > 1) {
    throw new CannotCross('n', 'The model asked for gives one answer per request. Leave `n` out and ask again.')
  }
  const { sampling, verbosity } = request
  const unsayable: readonly (readonly [LossName, unknown])[] = [
    ['frequency_penalty', sampling.frequencyPenalty],
    ['presence_penalty', sampling.presencePenalty],
    ['logit_bias', sampling.logitBias],
    ['logprobs', request.logprobs ? true : undefined],
    ['seed', request.seed],
    ['verbosity', verbosity],
    ['prompt_cache_key', request.cacheKey],
  ]
  for (const [path, value] of unsayable) {
    if (value !== undefined) losses.drop(path, 'the provider has no such field', value)
  }
}

function encodeSampling(
  { sampling }: ChatRequest,
  { profile, losses }: RequestEncoding,
  thinking: boolean,
): Record<string, number> {
  const { temperature, topP } = sampling
  const topK = sampling.topK !== undefined && sampling.topK > 0 ? sampling.topK : undefined
  const drop = (path: LossName, value: number | undefined, why: string): undefined =>
    value === undefined ? undefined : void losses.drop(path, why, value)
  const fields = (values: Record<string, number | undefined>): Record<string, number> =>
    Object.fromEntries(Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== undefined))
  if (profile.sampling === 'none') {
    const why = 'the model refuses sampling parameters'
    drop('temperature', temperature, why)
    drop('top_p', topP, why)
    drop('top_k', topK, why)
    return {}
  }
  if (thinking) {
    const why = 'not while the model thinks'
    if (temperature !== 1) drop('temperature', temperature, why)
    const keepsTopP = topP !== undefined && topP >= 0.95 && topP <= 1 && temperature === undefined
    if (!keepsTopP) drop('top_p', topP, why)
    drop('top_k', topK, why)
    return fields({ temperature: temperature === 1 ? 1 : undefined, top_p: keepsTopP ? topP : undefined })
  }
  const clamped = temperature === undefined ? undefined : Math.min(Math.max(temperature, 0), 1)
  if (clamped !== temperature) losses.approximate('temperature', 'it goes from 0 to 1 here')
  const both = profile.sampling === 'one' && clamped !== undefined && topP !== undefined
  if (both) losses.drop('top_p', 'the model takes temperature or top_p, not both', topP)
  return fields({ temperature: clamped, top_p: both ? undefined : topP, top_k: topK })
}

function encodeOutput(
  { format }: ChatRequest,
  own: JsonObject,
  { profile, losses }: RequestEncoding,
  effort: string | undefined,
): Record<string, unknown> | undefined {
  const fitted =
    format?.kind === 'json_schema' && profile.schema === 'native'
      ? fitSchema(describeSchema(format.schema, format.description))
      : null
  if (fitted?.changed) losses.approximate('schema', 'keywords the provider does not know are said in words')
  const output = {
    ...asObject(own['output_config']),
    ...(effort === undefined ? {} : { effort }),
    ...(fitted ? { format: { type: 'json_schema', schema: fitted.schema } } : {}),
  }
  return Object.keys(output).length === 0 ? undefined : output
}

function encodeTier(tier: string | undefined, { losses }: RequestEncoding): string | undefined {
  if (tier === undefined) return undefined
  const nearest = TIERS[tier]
  if (nearest === undefined) losses.drop('tier', 'the provider has no such tier')
  else if (tier === 'priority' || tier === 'fast') losses.approximate('tier', 'the nearest tier is `auto`')
  return nearest
}
