// Lets a caller with limits in, or not: a request when it arrives, the tokens it may use once the body says how many,
// and what it used in place of that at the end. Callers without limits never come here. Every answer to a caller with
// limits says how they stand, in the headers of their dialect; where the provider says the same of its own limits, the
// tighter.
import type { ServerResponse } from 'node:http'
import { estimateTokens } from '../catalog/prices.ts'
import { RateLimitError, type Admitted, type Limits, type RateLimit } from '../features/limits/limits.ts'
import type { Protocol } from '../protocols/protocol.ts'
import type { RateLimits } from '../protocols/rate-limits.ts'
import type { Exchange } from './exchange.ts'

/** Most output tokens reserved for where the client names no bound. */
const UNBOUNDED_OUTPUT = 4_096

type Told = Pick<Exchange, 'response' | 'protocol' | 'createdAt'>

/** Throws rate_limit_exceeded, the headers set. Of one who is let in, `tellStanding` sets them once no more is taken. */
export function admitCaller(limits: Limits, of: readonly RateLimit[], told: Told): Admitted | Promise<Admitted> {
  return telling(told, () => limits.admit(of))
}

/** Throws rate_limit_exceeded, the headers set. */
export function admitTokens(exchange: Exchange, admitted: Admitted): void | Promise<void> {
  const { input, output } = estimateUse(exchange)
  return input + output === 0 ? undefined : telling(exchange, () => admitted.takeTokens(input + output))
}

/** A refusal of `take`, now or later, sets the headers. */
function telling<Taken>(told: Told, take: () => Taken | Promise<Taken>): Taken | Promise<Taken> {
  const refuse = (error: unknown): never => {
    throw tellRefused(told, error)
  }
  try {
    const taken = take()
    return taken instanceof Promise ? taken.catch(refuse) : taken
  } catch (error) {
    return refuse(error)
  }
}

/** What a request may use at most, in tokens; nothing for what is passed through unread or only counts. */
export function estimateUse(exchange: Pick<Exchange, 'pass' | 'operation' | 'bodyLength' | 'peek'>): {
  input: number
  output: number
} {
  const { pass, operation, bodyLength, peek } = exchange
  if (pass || operation.task === 'count') return { input: 0, output: 0 }
  const output = operation.task === 'generate' ? (peek.maxOutput ?? UNBOUNDED_OUTPUT) : 0
  return { input: estimateTokens(bodyLength), output }
}

/** Of the caller's own limits, those that are tighter than the provider's. */
export function pickTighter(own: Admitted['standing'], theirs: RateLimits): RateLimits {
  const isTighter = (mine: number, other: number | undefined): boolean => other === undefined || mine < other
  const tokens = theirs.tokens ?? lesser(theirs.input_tokens, theirs.output_tokens)
  return {
    ...(own.requests && isTighter(own.requests.remaining, theirs.requests?.remaining) && { requests: own.requests }),
    ...(own.tokens && isTighter(own.tokens.remaining, tokens?.remaining) && { tokens: own.tokens }),
  }
}

type RateLimitOfOne = NonNullable<RateLimits['tokens']>

function lesser(one: RateLimitOfOne | undefined, two: RateLimitOfOne | undefined): RateLimitOfOne | undefined {
  return (two?.remaining ?? Infinity) < (one?.remaining ?? Infinity) ? two : one
}

function tellRefused(told: Told, error: unknown): unknown {
  if (error instanceof RateLimitError) tellStanding(told, error.standing)
  return error
}

/** Says how the caller's own limits stand. */
export function tellStanding({ response, protocol, createdAt }: Told, standing: Admitted['standing']): void {
  setRateLimits(response, protocol, standing, createdAt)
}

/** Nothing in dialects that have no words for it. */
export function setRateLimits(response: ServerResponse, protocol: Protocol, limits: RateLimits, now: number): void {
  const headers = protocol.rateLimits?.write(limits, now) ?? {}
  for (const name in headers) response.setHeader(name, headers[name]!)
}
