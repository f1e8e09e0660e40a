// When nothing remains: which of the obstacles the client is told of, and in which words. A temporary state wins over a
// lasting one; within one row of the table the last key tried is named. An upstream 401 never becomes a client 401.
import { GatewayError } from '../kernel/errors.ts'
import type { UpstreamError } from '../protocols/protocol.ts'
import { readOverflow } from '../providers/overflow.ts'
import type { Verdict } from '../providers/provider.ts'
import type { AttemptEnd } from './attempt.ts'
import { FIRST_OPEN_MS } from './breaker.ts'
import type { KeyFate, Obstacle } from './chain.ts'
import type { Exchange } from './exchange.ts'
import { withoutAddresses } from './upstream-words.ts'

/** What is known about how the provider failed, when an outage is the obstacle. */
export interface OutageFacts {
  readonly why: 'failed' | 'overloaded' | 'timeout' | 'connect' | 'breaker'
  readonly retryAfterSeconds: number | null
  /** The gateway has repeated the call already, in vain. */
  readonly repeated: boolean
}

export interface RefusalFacts {
  readonly obstacles: readonly Obstacle[]
  readonly outage: OutageFacts | null
  /** Earliest end of a cooldown, seconds. */
  readonly cooldownSeconds: number | null
}

/** Of a provider's own sentence. */
const LONGEST_WORDS = 2_000

const RANK: readonly KeyFate[] = [
  'rate_limited',
  'outage',
  'exhausted',
  'allowance_spent',
  'capped',
  'unpriced',
  'restricted',
  'invalid',
  'unfit',
  'unusable',
]

/** What a refusal is about. */
export type RefusalContext = Pick<Exchange, 'provider' | 'model' | 'protocol' | 'pass' | 'needsOwnKey'>

export function explainRefusal(exchange: RefusalContext, facts: RefusalFacts): GatewayError {
  const { provider, model } = exchange
  const fate = RANK.find((candidate) => facts.obstacles.some((obstacle) => obstacle.fate === candidate)) ?? 'unusable'
  const named = facts.obstacles.findLast((obstacle) => obstacle.fate === fate)
  const key = nameKey(named)
  switch (fate) {
    case 'rate_limited':
      return new GatewayError('rate_limit_exceeded', {
        origin: 'upstream',
        message: `${provider.name} limits the rate of ${key}. Wait, then try again.`,
        retryAfter: facts.cooldownSeconds ?? 5,
      })
    case 'outage':
      return explainOutage(exchange, facts.outage)
    case 'exhausted':
      return new GatewayError('provider_quota_exhausted', {
        message: `${provider.name} says that the account behind ${key} has no credit or quota left. Top it up at ${provider.name}, or use another key.`,
      })
    case 'capped':
      return new GatewayError('own_cap_reached', {
        message: exchange.pass
          ? `UniRoute cannot know what this request costs, and ${key} has a spending cap. Use a key without one.`
          : `The spending cap of ${key} is reached.`,
      })
    case 'unpriced':
      return new GatewayError('price_unknown', {
        message: `${key[0]!.toUpperCase()}${key.slice(1)} has a spending limit, and UniRoute cannot know what this request to ${provider.id}/${model} may cost. ${whoPrices(named)}`,
      })
    case 'allowance_spent':
      return new GatewayError('server_allowance_spent', {
        message: `Today's allowance on the server's keys has no room for this request. Use a key of your own for ${provider.name}, or wait until UTC midnight.`,
      })
    case 'restricted':
      return new GatewayError('model_not_enabled', {
        message: `${provider.name} does not let the account behind ${key} use ${model || 'this address'}. The key itself works.`,
      })
    case 'invalid':
      return new GatewayError('provider_key_invalid', {
        message: `${provider.name} rejected ${key}, and no other key may serve this request. ${whoReplaces(named)}`,
      })
    case 'unfit':
      return new GatewayError('no_usable_key', {
        message: `${provider.name} does not take ${key} for this request: it lacks a permission there, or may not be used from this server's address. Change that at ${provider.name}, or use another key.`,
      })
    case 'unusable':
      if (exchange.pass) return explainOwnKeyOnly(provider.name)
      if (exchange.needsOwnKey) return explainOwnThings(provider.name)
      return new GatewayError('no_usable_key', {
        message: `You have no usable key for ${provider.name}, and no other key may serve this request. Add one in UniRoute under Settings, Provider keys.`,
      })
  }
}

/** Where a key is for certain models only, it is not usable for what hides its models either. */
function explainOwnKeyOnly(provider: string): GatewayError {
  return new GatewayError('no_usable_key', {
    message: `You have no usable key for ${provider}: this endpoint holds account data and needs your own key. Add one in UniRoute under Settings, Provider keys; one that is for certain models only does not serve here.`,
  })
}

/** A chat that names something stored: a file, an earlier answer, a cache. */
function explainOwnThings(provider: string): GatewayError {
  return new GatewayError('no_usable_key', {
    message: `You have no usable key for ${provider}: this request names what an account stores and needs your own key. Add one in UniRoute under Settings, Provider keys, or send the content itself.`,
  })
}

function explainOutage(exchange: RefusalContext, outage: OutageFacts | null): GatewayError {
  const { name } = exchange.provider
  const retryAfter = outage?.retryAfterSeconds
  switch (outage?.why) {
    case 'timeout':
      return new GatewayError('timeout', { message: `${name} did not answer in time. It may have run the request.` })
    case 'overloaded':
      return new GatewayError('overloaded', {
        message: `${name} is overloaded. Try again.`,
        ...delayOfOverload(exchange, retryAfter ?? null),
      })
    case 'connect':
      return new GatewayError('upstream_error', {
        message: `${name} cannot be reached. Try again.`,
        retryAfter: retryAfter ?? 10,
        retryable: !outage.repeated,
      })
    default:
      return new GatewayError('upstream_error', {
        message: `${name} failed. Try again.`,
        retryAfter: retryAfter ?? 10,
        retryable: outage?.repeated !== true,
      })
  }
}

/**
 * A 503 tells when to come back, by our own breaker's first interval where the provider said nothing; a 529 never
 * guesses.
 */
function delayOfOverload({ protocol }: RefusalContext, seconds: number | null): { retryAfter?: number } {
  if (seconds !== null) return { retryAfter: seconds }
  return protocol.id === 'anthropic-messages' ? {} : { retryAfter: FIRST_OPEN_MS / 1000 }
}

function whoPrices(obstacle: Obstacle | undefined): string {
  const price = "an administrator can tell the model's price under Models"
  return obstacle?.record ? `Use a key without one, or ask: ${price}.` : `Use a key of your own, or ask: ${price}.`
}

function whoReplaces(obstacle: Obstacle | undefined): string {
  if (!obstacle?.record) return 'Add a key of your own in UniRoute under Settings, Provider keys, or tell the operator.'
  if (obstacle.payer === 'team') return 'Tell its owner, or add a key of your own.'
  return 'Replace the key in UniRoute under Settings, Provider keys.'
}

function nameKey(obstacle: Obstacle | undefined): string {
  if (!obstacle) return 'the key'
  if (!obstacle.record) return "the server's key"
  const { label, last4 } = obstacle.record
  // A borrower learns no more of a shared key than its last characters.
  if (obstacle.payer === 'team') return last4 === '' ? 'the shared key' : `the shared key (ends ${last4})`
  const name = label === '' ? 'your key' : `your key "${label}"`
  return last4 === '' ? name : `${name} (ends ${last4})`
}

/** What a refusal that is not relayed says to the client, when no other key comes into question. */
export function explainVerdict(
  exchange: Exchange,
  verdict: Verdict,
  status: number | null,
  said: { readonly error: UpstreamError; readonly words: string | null } | null = null,
): GatewayError {
  const { provider, model } = exchange
  const words = said?.words ? quoteWords(exchange, said.words) : null
  switch (verdict) {
    case 'model_not_found':
      return new GatewayError('model_not_found', {
        message: `${provider.name} does not know the model ${quote(model)}.`,
      })
    case 'forbidden':
      return new GatewayError('upstream_forbidden', {
        message: `${provider.name} refuses this request for this account or region.`,
      })
    case 'overflow':
      return explainOverflow(exchange, said?.error ?? null)
    default:
      return new GatewayError('bad_request', {
        message: `${provider.name} did not accept the request${words === null ? ` (status ${status ?? 'unknown'}).` : `: ${words}`}`,
        origin: 'upstream',
        ...(status !== null && status >= 400 && status < 500 ? { status } : {}),
      })
  }
}

/** Numbers can hold no key, so they are read also from words that were not looked through for one. */
function explainOverflow({ provider, target, model, protocol }: Exchange, error: UpstreamError | null): GatewayError {
  const { tokens, limit } =
    error?.overflow ?? readOverflow((target?.provider ?? provider).errorRules, error?.message ?? '')
  const numbers = [
    ...(tokens === null ? [] : [`it has ${tokens} tokens`]),
    ...(limit === null ? [] : [`at most ${limit} fit`]),
  ]
  const told = numbers.length === 0 ? '' : ` (${numbers.join(', ')})`
  return new GatewayError('context_length_exceeded', {
    origin: 'upstream',
    message:
      protocol.overflowWords?.(tokens, limit) ??
      `${provider.name}: the prompt is longer than ${quote(model)} allows${told}. Shorten the conversation, or ask a model with a longer context.`,
  })
}

/** A provider's own sentence, without the addresses of machines behind it that it may name. */
function quoteWords({ provider, target, body }: Exchange, words: string): string {
  const hosts = [provider, target?.provider ?? provider].map(({ origin }) => new URL(origin).hostname)
  const sent = Buffer.concat(body)
  return withoutAddresses(words.slice(0, LONGEST_WORDS), { hosts, isKnown: (address) => sent.includes(address) })
}

export function explainMalformed(exchange: Exchange): GatewayError {
  return new GatewayError('upstream_malformed', {
    message: `${exchange.provider.name} sent an answer that cannot be read.`,
  })
}

export function outageOf(end: AttemptEnd, facts: Omit<OutageFacts, 'why'> & { verdict: Verdict | null }): OutageFacts {
  const { verdict, repeated, retryAfterSeconds } = facts
  if (end.kind === 'failed') {
    const why = end.why === 'timeout' ? 'timeout' : end.why === 'connect' ? 'connect' : 'failed'
    return { why, repeated, retryAfterSeconds }
  }
  return { why: verdict === 'overloaded' ? 'overloaded' : 'failed', repeated, retryAfterSeconds }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}
