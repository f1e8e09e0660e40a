// A request for one server of this dialect: what its dialect record says it takes, and nothing an old one might refuse.
import type { ChatRequest, Effort } from '../canonical.ts'
import { CannotCross, type EncodedRequest, type RequestEncoding } from '../codec.ts'
import { effortOf, nearestEffort } from '../effort.ts'
import { reportForeignFields } from '../foreign.ts'
import { lossOfField, type LossName } from '../losses.ts'
import { refuseEmptyChoice } from '../tool-choice.ts'
import { createToolNames } from '../tool-names.ts'
import { encodeFormat } from './format-encode.ts'
import { encodeMessages } from './messages-encode.ts'
import type { Message, MessageEncoding } from './writing.ts'
import { CHAT, compact } from './names.ts'
import { encodeTools } from './tools-encode.ts'

const MOST_STOPS = 4
const TIERS = new Set(['auto', 'default', 'flex', 'scale', 'priority', 'fast'])
/** Other vendors' words for OpenAI's tiers. */
const TIER_WORDS: Readonly<Record<string, string>> = { standard_only: 'default', standard: 'default' }

export function encodeChatRequest(request: ChatRequest, encoding: RequestEncoding): EncodedRequest {
  const names = createToolNames(request.tools, encoding.hash8)
  const native = request.origin === CHAT
  const messageEncoding: MessageEncoding = { ...encoding, native, names }
  refuseSeveralAnswers(request, native)
  refuseEmptyChoice(request, CHAT)
  reportForeignFields(request, CHAT, encoding.losses)
  const own = { ...request.extensions[CHAT] }
  const { thinking, reasoning, stream_options: streamOptions, ...extensions } = own
  const tools = encodeTools(request, messageEncoding)
  const format = encodeFormat(request, encoding)
  const messages = encodeMessages(request, messageEncoding)
  const off = tools.thinkingOff || lostThoughts(request, messages, encoding)
  const wish = encodeReasoning(request, encoding, off)
  const body: Record<string, unknown> = {
    model: encoding.profile.model,
    messages: format.instruction === null ? messages : withInstruction(messages, format.instruction),
    ...extensions,
    ...(encoding.stream ? encodeStream(encoding, streamOptions) : {}),
    ...tools.fields,
    ...format.fields,
    ...merged(merged(wish, 'thinking', thinking), 'reasoning', reasoning),
    ...encodeLimits(request, encoding),
    ...encodeSampling(request, encoding, native),
    ...encodeExtras(request, encoding, native, own['user'] !== undefined),
  }
  return { body, toolNames: names.known, enforceStop: request.stop.slice(MOST_STOPS) }
}

function refuseSeveralAnswers({ n }: ChatRequest, native: boolean): void {
  if (n === undefined || n <= 1 || native) return
  throw new CannotCross('n', 'Several answers to one request cannot cross dialects. Send the request several times.')
}

function withInstruction(messages: Message[], text: string): Message[] {
  const [first, ...rest] = messages
  if (first?.['role'] !== 'system' && first?.['role'] !== 'developer')
    return [{ role: 'system', content: text }, ...messages]
  const content = first['content']
  const joined =
    typeof content === 'string' ? `${content}\n\n${text}` : [...(content as unknown[]), { type: 'text', text }]
  return [{ ...first, content: joined }, ...rest]
}

function merged(fields: Message, name: string, more: unknown): Message {
  if (typeof more !== 'object' || more === null) return fields
  return { ...fields, [name]: { ...(fields[name] as object | undefined), ...more } }
}

function encodeStream({ profile }: RequestEncoding, more: unknown): Message {
  const options = { ...(profile.dialect.streamUsage ? { include_usage: true } : {}), ...(more as object | undefined) }
  return { stream: true, ...(Object.keys(options).length > 0 ? { stream_options: options } : {}) }
}

function encodeLimits({ maxOutput, stop, n }: ChatRequest, { profile, losses }: RequestEncoding): Message {
  if (maxOutput === 0) {
    throw new CannotCross('max_tokens', 'An answer of 0 tokens (a cache warm-up) is known to Anthropic only.')
  }
  if (stop.length > MOST_STOPS) losses.approximate('stop', 'the provider takes four; the gateway looks for the others')
  return compact({
    [profile.dialect.maxTokensField]: maxOutput,
    stop: stop.length > 0 ? stop.slice(0, MOST_STOPS) : undefined,
    n,
  })
}

function encodeSampling({ sampling }: ChatRequest, { profile, losses }: RequestEncoding, native: boolean): Message {
  const { temperature, topP, topK, frequencyPenalty, presencePenalty, logitBias } = sampling
  const fields: Message = {}
  const put = (name: LossName, value: unknown, known: boolean, why: string): void => {
    if (value === undefined) return
    if (known) fields[name] = value
    else losses.drop(name, why, value)
  }
  const sampled = 'the model takes no such setting'
  put('temperature', temperature, profile.sampling !== 'none', sampled)
  const both = profile.sampling === 'one' && temperature !== undefined
  put('top_p', topP, profile.sampling !== 'none' && !both, both ? 'the model takes one of the two' : sampled)
  put('top_k', topK, native, 'the provider has no such field')
  const extras = profile.dialect.extras
  const unknown = 'the provider has no such field'
  put('frequency_penalty', frequencyPenalty, extras, unknown)
  put('presence_penalty', presencePenalty, extras, unknown)
  put('logit_bias', logitBias, extras, unknown)
  return fields
}

function encodeExtras(
  request: ChatRequest,
  { profile, losses }: RequestEncoding,
  native: boolean,
  bothUsers: boolean,
): Message {
  const { seed, logprobs, verbosity, cacheKey, tier, userId } = request
  // The answers of another dialect have no place for them.
  if (logprobs && !native) losses.drop('logprobs', 'they do not survive translation')
  const fields = compact({
    seed,
    ...(logprobs && native ? { logprobs: true, top_logprobs: logprobs.top } : {}),
    verbosity,
    prompt_cache_key: cacheKey,
    [bothUsers ? 'safety_identifier' : 'user']: userId,
    service_tier: encodeTier(tier, native, losses),
  })
  if (profile.dialect.extras) return fields
  for (const [name, value] of Object.entries(fields)) {
    losses.drop(lossOfField(name), 'the provider has no such field', value)
  }
  return {}
}

function encodeTier(tier: string | undefined, native: boolean, losses: RequestEncoding['losses']): string | undefined {
  if (tier === undefined || native || TIERS.has(tier)) return tier
  const nearest = TIER_WORDS[tier]
  if (nearest === undefined) losses.drop('tier', 'the provider has no such tier', tier)
  else losses.approximate('tier', 'the nearest tier the provider knows')
  return nearest
}

/**
 * A server that wants the thoughts of the calls it made refuses the turn without them, so where a client has not handed
 * them back this turn goes on without thinking.
 */
function lostThoughts(
  request: ChatRequest,
  messages: readonly Message[],
  { profile, losses }: RequestEncoding,
): boolean {
  const { replayReasoning, reasoningIn, reasoningOut } = profile.dialect
  if (!replayReasoning || reasoningIn !== 'thinking' || !request.reasoning) return false
  const turn = messages.slice(messages.findLastIndex(({ role }) => role === 'user') + 1)
  const lost = turn.some((message) => message['tool_calls'] !== undefined && message[reasoningOut] === undefined)
  if (lost) losses.approximate('thinking', 'the thoughts before the last calls were not handed back')
  return lost
}

/** Where thoughts are shown unless they are not wanted. */
const SHOWS_THOUGHTS: ReadonlySet<string> = new Set(['thinking', 'enable_thinking', 'reasoning'])
const NO_WORD = 'the provider has no word for whether they are shown'

/** The wish for thoughts in the field this server reads; `off`: this request is refused beside thoughts. */
function encodeReasoning(request: ChatRequest, { profile, losses }: RequestEncoding, off: boolean): Message {
  const wish = request.reasoning
  const { reasoningIn } = profile.dialect
  if (off) return { thinking: { type: 'disabled' } }
  const effort = wish && effortOf(wish)
  const wanted = wish !== undefined && (effort !== undefined || wish.adaptive === true || wish.budget !== undefined)
  if (!wanted && wish?.visible === true && !SHOWS_THOUGHTS.has(reasoningIn)) losses.drop('thoughts', NO_WORD)
  if (!wanted) return reasoningIn === 'reasoning' && wish?.visible === false ? { reasoning: { exclude: true } } : {}
  if (reasoningIn === 'none' || (profile.thinking === 'none' && effort !== 'none')) {
    losses.drop('thinking', 'the model takes no wish for thinking')
    return {}
  }
  if (profile.thinking === 'none') return {}
  const budget = wish.budget !== undefined && wish.budget > 0 ? wish.budget : undefined
  switch (reasoningIn) {
    case 'reasoning_effort':
      if (budget !== undefined) losses.approximate('thinking_budget', 'the nearest effort the model knows')
      if (wish.visible === true && effort !== 'none') losses.drop('thoughts', NO_WORD)
      return compact({ reasoning_effort: nearest(effort, profile.efforts, losses) })
    case 'thinking':
    case 'enable_thinking': {
      if (wish.effort !== undefined && wish.effort !== 'none') {
        losses.approximate('effort', 'the provider knows thinking on and off only')
      }
      const on = effort !== 'none'
      return reasoningIn === 'thinking'
        ? { thinking: compact({ type: on ? 'enabled' : 'disabled', budget_tokens: on ? budget : undefined }) }
        : compact({ enable_thinking: on, thinking_budget: on ? budget : undefined })
    }
    case 'reasoning': {
      const excluded = wish.visible === false ? true : undefined
      if (budget !== undefined && wish.effort !== undefined) {
        losses.approximate('thinking_budget', 'the provider takes an effort or a budget; the effort is sent')
      } else if (budget !== undefined) {
        return { reasoning: compact({ max_tokens: budget, exclude: excluded }) }
      }
      const word = nearest(effort, profile.efforts, losses)
      const said = word === undefined ? { enabled: true } : { effort: word }
      return { reasoning: compact({ ...said, exclude: excluded }) }
    }
  }
}

function nearest(
  effort: Effort | undefined,
  known: readonly Effort[],
  losses: RequestEncoding['losses'],
): Effort | undefined {
  if (effort === undefined || known.length === 0) return effort
  const word = nearestEffort(effort, known)
  if (word !== effort) losses.approximate('effort', 'the nearest effort the model knows')
  return word
}
