// How much one call may use at most, read from the request as it leaves for the provider: after translation, with files
// that were fetched in their place. Only for callers under a limit in money, and for answers that were cut off.
// Invariant: where the client names a bound for the answer, what a call is found to cost is never more than this.
import type { MostUsage } from '../catalog/price-sums.ts'
import type { Prices } from '../catalog/prices.ts'
import type { Profiles } from '../catalog/profiles.ts'
import { contextWindowOf, largestPicture } from '../catalog/prompt-sizes.ts'
import type { Overrides } from '../catalog/overrides.ts'
import { GatewayError } from '../kernel/errors.ts'
import { lengthOfChunks } from '../kernel/json-scan.ts'
import { readDemand, type Demand } from '../protocols/demand.ts'
import type { ProtocolId } from '../protocols/protocol.ts'
import { asObject, parseJson } from '../protocols/read.ts'
import type { Exchange, Target } from './exchange.ts'

/** A request as a provider gets it. */
export interface Sent {
  readonly dialect: ProtocolId
  readonly body: readonly Uint8Array[] | null
}

export interface Reserving {
  /** Where nobody can say, why. Throws invalid_json. */
  mostOf(exchange: Exchange, target: Target, sent: Sent): MostUsage | { readonly why: string }
  /** Output tokens at most, of all answers together. */
  mostOutputOf(exchange: Exchange, target: Target, sent: Sent, demand: Demand): number
}

/** Most output tokens held where the client names no bound. */
const UNBOUNDED_OUTPUT = 4_096
/** What a provider's own tool finds in one use, tokens. */
const MOST_FOUND = 128_000
/** Anthropic's long context is asked for by a header. */
const LONG_CONTEXT = 1_000_000

const demands = new WeakMap<Sent, Demand | null>()

/** Read once for a request as it is sent; null where the body cannot be read, which only a lenient provider takes. */
export function demandOf(sent: Sent): Demand | null {
  const known = demands.get(sent)
  if (known !== undefined) return known
  const chunks = sent.body ?? []
  const body = asObject(parseJson(Buffer.concat(chunks).toString('utf8')))
  const demand = body && readDemand(sent.dialect, body, lengthOfChunks(chunks))
  demands.set(sent, demand)
  return demand
}

export function createReserving(tools: {
  prices: Pick<Prices, 'listedContextWindow'>
  profiles: Profiles
  overrides: Overrides
}): Reserving {
  const { prices, profiles, overrides } = tools

  function windowOf(exchange: Exchange, { provider: { id }, model }: Target): number {
    const told = overrides.find(id, model)?.contextWindow ?? prices.listedContextWindow(id, model)
    const isLong = exchange.match.headers['anthropic-beta']?.includes('context-1m') === true
    return Math.max(contextWindowOf(model, told), isLong ? LONG_CONTEXT : 0)
  }

  function mostInputOf(exchange: Exchange, target: Target, demand: Demand): number {
    const window = windowOf(exchange, target)
    const picture = largestPicture(target.model)
    const told = demand.textBytes + demand.toolWords + demand.pictures * (picture ?? 0)
    const isUnsized = demand.isUnsized || (demand.pictures > 0 && picture === null)
    const prompt = isUnsized ? Math.max(told, window) : told
    const again = demand.toolUses * Math.min(Math.max(window, prompt), prompt + MOST_FOUND)
    return prompt * (1 + demand.rereads) + again + (demand.mayCompact ? Math.max(window, prompt) : 0)
  }

  function mostOutputOf(exchange: Exchange, { provider, model }: Target, sent: Sent, demand: Demand): number {
    if (exchange.operation.task !== 'generate') return 0
    const { maxOutput } = profiles.profileOf(provider.id, model, provider.chatDialect)
    const named = exchange.peek.maxOutput ?? (demand.maxOutput === null ? null : boundOfClient(exchange, sent, demand))
    // A translation may raise the bound, or write one where the client named none.
    const one =
      named === null
        ? Math.min(maxOutput, UNBOUNDED_OUTPUT, demand.maxOutput ?? Infinity)
        : (demand.maxOutput ?? Math.max(maxOutput, named))
    return (one * (demand.mayCompact ? 2 : 1) + demand.besideOutput) * demand.answers
  }

  /** A translation may have written the bound; Gemini's clients have two spellings for theirs. */
  function boundOfClient({ protocol, body }: Exchange, sent: Sent, demand: Demand): number | null {
    if (sent.dialect === protocol.id) return demand.maxOutput
    return demandOf({ dialect: protocol.id, body })?.maxOutput ?? null
  }

  return {
    mostOutputOf,
    mostOf(exchange, target, sent) {
      const demand = demandOf(sent)
      if (!demand) throw new GatewayError('invalid_json')
      if (demand.uncounted !== null) return { why: `the tool ${demand.uncounted} is paid for apart from tokens` }
      return {
        input: mostInputOf(exchange, target, demand),
        output: mostOutputOf(exchange, target, sent, demand),
        searches: demand.searches,
        cacheWrites: demand.cacheWrites,
        bringsMedia: demand.bringsMedia || demand.isUnsized,
        speaks: demand.speaks,
        tiers: demand.tiers,
      }
    },
  }
}
