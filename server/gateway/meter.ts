// The one meter: every upstream call is announced to the ledger before it is made and settled after it, and every
// request past authentication leaves one row. What a user spent on their own key is recorded like any other money.
import type { Prices } from '../catalog/prices.ts'
import { estimateTokens } from '../catalog/prices.ts'
import { UNKNOWN_COST, type Cost, type FinishedRequest } from '../features/usage/records.ts'
import type { Ledger } from '../features/usage/ledger.ts'
import { isTraceParent } from '../features/usage/spans.ts'
import type { GatewayError } from '../kernel/errors.ts'
import type { Clock } from '../kernel/clock.ts'
import { UNKNOWN_USAGE, type Usage } from '../protocols/canonical.ts'
import type { Demand } from '../protocols/demand.ts'
import type { Protocol, ProtocolId } from '../protocols/protocol.ts'
import type { AttemptEnd, AttemptResult } from './attempt.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { RouteMatch } from '../http/route.ts'
import type { Exchange, Target } from './exchange.ts'
import type { CallFacts } from './usage-metrics.ts'
import { demandOf, type Reserving, type Sent } from './reserving.ts'

export interface Meter {
  /** Durable before it returns; throws storage_full. Counts the attempt. */
  announce(exchange: Exchange, target: Target, dialect: ProtocolId): void
  /** `sent` is what was asked, read where the answer does not say what it cost. */
  settle(
    exchange: Exchange,
    target: Target,
    call: { sent: Sent; result: AttemptResult; reason: string | null },
  ): Metered
  /** The request's own row, once, when the answer is over. */
  finish(exchange: Exchange, outcome: RequestOutcome): void
  /**
   * The row of a request that had no exchange: refused early (too fast, unreadable), or answered by UniRoute itself.
   */
  finishOwn(request: OwnAnswer): void
}

export interface OwnAnswer {
  readonly protocol: Protocol
  readonly operation: string
  /** Where the address names one that may be shown. */
  readonly requestedModel: string | null
  readonly match: RouteMatch
  readonly caller: ApiKeyContext
  readonly createdAt: number
  readonly startedAt: number
  readonly status: number
  readonly error: GatewayError | null
}

export interface Metered {
  readonly usage: Usage
  readonly cost: Cost
}

export interface RequestOutcome {
  readonly status: number
  readonly outcome: 'done' | 'refused' | 'broken' | 'client_closed'
  readonly error: GatewayError | { readonly code: string; readonly origin: string } | null
  readonly firstByteMs: number | null
}

/** Nothing was consumed for certain: a cost that is known, and nil. */
const FREE: Metered = {
  usage: UNKNOWN_USAGE,
  cost: { usdNanos: 0, source: 'computed', priceVersion: null },
}

/** Passed through unread. */
const UNCOUNTED: Metered = { usage: UNKNOWN_USAGE, cost: UNKNOWN_COST }

const STATUS_CLIENT_CLOSED = 499

/** `observe` is told what each call consumed; `traced`: the caller's trace goes with a request's row, for those who tell of it. */
export function createMeter(tools: {
  ledger: Ledger
  prices: Prices
  reserving: Reserving
  clock: Clock
  observe: (call: CallFacts) => void
  traced?: boolean | undefined
}): Meter {
  const { ledger, prices, reserving, clock, observe, traced = false } = tools

  function traceOf({ headers }: RouteMatch): { traceParent?: string } {
    const given = traced ? headers['traceparent'] : undefined
    return isTraceParent(given) ? { traceParent: given } : {}
  }

  function measure(exchange: Exchange, target: Target, sent: Sent, result: AttemptResult): Metered {
    if (!mayHaveRun(result.end)) return FREE
    if (exchange.pass) return UNCOUNTED
    const charged = target.provider.tellsCharge && result.end.kind === 'served' && result.usage.chargedUsdNanos
    if (typeof charged === 'number') {
      return { usage: result.usage, cost: { usdNanos: charged, source: 'provider', priceVersion: null } }
    }
    const estimated = !isCounted(result)
    // Counting is free, whatever became of it.
    if (estimated && exchange.operation.task === 'count') return FREE
    const usage = estimated ? completeUsage(reserving, exchange, target, { sent, result }) : result.usage
    const priced = prices.priceUsage({ provider: target.provider.id, model: target.model, usage })
    const source = estimated && priced.source !== 'unknown' ? ('estimated' as const) : priced.source
    return { usage, cost: { usdNanos: priced.usdNanos, source, priceVersion: priced.priceVersion } }
  }

  return {
    announce(exchange, target, dialect) {
      exchange.attempts++
      exchange.target = target
      exchange.upstreamDialect = dialect
      ledger.intend({
        ...callerColumns(exchange.caller, target),
        requestId: exchange.id,
        attempt: exchange.attempts,
        at: clock.now(),
        operation: exchange.operation.id,
        clientDialect: exchange.protocol.id,
        dialect,
        provider: target.provider.id,
        model: target.model || null,
        requestedModel: exchange.requestedModel || null,
        providerKeyId: target.key?.id ?? null,
        billedTo: target.payer,
        leaseId: target.lease?.id ?? null,
        promptEstimate: exchange.pass ? null : estimateTokens(exchange.bodyLength),
        streamed: exchange.streamed,
      })
    },
    settle(exchange, target, { sent, result, reason }) {
      const metered = measure(exchange, target, sent, result)
      exchange.admitted?.countTokens((metered.usage.input ?? 0) + (metered.usage.output ?? 0))
      ledger.settle({
        requestId: exchange.id,
        attempt: exchange.attempts,
        status: result.status,
        outcome: outcomeOf(result.end),
        reason,
        upstreamRequestId: result.upstreamRequestId,
        usage: metered.usage,
        rawUsage: result.rawUsage,
        cost: metered.cost,
        firstByteMs: result.firstByteMs,
        durationMs: result.durationMs,
      })
      observe({
        ...metered,
        provider: target.provider.id,
        payer: target.payer,
        streamed: exchange.streamed,
        firstByteMs: result.firstByteMs,
      })
      return metered
    },
    finish(exchange, { status, outcome, error, firstByteMs }) {
      const { target } = exchange
      ledger.finish({
        ...callerColumns(exchange.caller, target),
        requestId: exchange.id,
        createdAt: exchange.createdAt,
        operation: exchange.operation.id,
        requestedModel: exchange.requestedModel || null,
        model: exchange.model || null,
        provider: exchange.provider.id,
        clientDialect: exchange.protocol.id,
        upstreamDialect: exchange.upstreamDialect,
        status: outcome === 'client_closed' ? STATUS_CLIENT_CLOSED : status,
        outcome,
        errorCode: error?.code ?? null,
        errorSource: error === null ? null : error.origin === 'upstream' ? 'upstream' : 'gateway',
        streamed: exchange.streamed,
        billedTo: target?.payer ?? null,
        providerKeyId: target?.key?.id ?? null,
        fallback: target?.fallback ?? null,
        warnings: exchange.warnings,
        attempts: exchange.attempts,
        firstByteMs,
        durationMs: Math.round(clock.monotonic() - exchange.startedAt),
        clientRequestId: exchange.match.clientRequestId,
        ...traceOf(exchange.match),
      })
    },
    finishOwn({ protocol, operation, requestedModel, match, caller, createdAt, startedAt, status, error }) {
      ledger.finish({
        ...callerColumns(caller, null),
        requestId: match.requestId,
        createdAt,
        operation,
        requestedModel,
        model: null,
        provider: null,
        clientDialect: protocol.id,
        upstreamDialect: null,
        status,
        outcome: error === null ? 'done' : error.code === 'client_closed' ? 'client_closed' : 'refused',
        errorCode: error?.code ?? null,
        errorSource: error === null ? null : 'gateway',
        streamed: false,
        billedTo: null,
        providerKeyId: null,
        fallback: null,
        warnings: [],
        attempts: 0,
        firstByteMs: null,
        durationMs: Math.round(clock.monotonic() - startedAt),
        clientRequestId: match.clientRequestId,
        ...traceOf(match),
      })
    },
  }
}

/** A shared key is used for the team it is shared with, whatever API key asked. */
function callerColumns(
  caller: ApiKeyContext,
  target: Target | null,
): Pick<FinishedRequest, 'userId' | 'teamId' | 'apiKeyId' | 'sessionId'> {
  const { userId, teamId, apiKeyId, sessionId } = caller.principal
  return { userId, teamId: target?.lease?.teamId ?? teamId, apiKeyId, sessionId }
}

function outcomeOf(end: AttemptEnd): string {
  return end.kind === 'client-closed' ? 'client_closed' : end.kind === 'failed' ? end.why : end.kind
}

/** A refusal or a call that never left costs nothing; everything else may have run. */
function mayHaveRun(end: AttemptEnd): boolean {
  return end.kind !== 'refused' && !('sent' in end && !end.sent)
}

/** The provider told all that is paid for, and the answer came to its end. */
function isCounted({ usage, end, estimated }: AttemptResult): boolean {
  return usage.input !== null && usage.output !== null && end.kind === 'served' && !estimated
}

/** Tokens a second: about what fast models write; of an answer that nobody saw, so many may have been written. */
const PACE = 250
const USUAL_PICTURE = 1_000

/**
 * The provider's numbers where it gave them; the rest is estimated from what went in and what came out. Never more than
 * the request allows for.
 */
function completeUsage(
  reserving: Reserving,
  exchange: Exchange,
  target: Target,
  { sent, result }: { sent: Sent; result: AttemptResult },
): Usage {
  const { usage, end } = result
  const demand = demandOf(sent)
  const seen = estimateOutput(exchange, result, demand?.answers ?? 1)
  // Of a cut answer the last count seen is only a floor.
  const told = end.kind === 'served' ? (usage.output ?? seen) : Math.max(usage.output ?? 0, seen)
  return {
    ...usage,
    input: usage.input ?? (demand ? estimatePrompt(demand) : estimateTokens(exchange.bodyLength)),
    output: demand
      ? Math.max(Math.min(told, reserving.mostOutputOf(exchange, target, sent, demand)), usage.output ?? 0)
      : told,
    ...(usage.tiers === undefined && demand && demand.tiers.length > 0 && { tiers: demand.tiers }),
  }
}

function estimatePrompt({ textBytes, pictures }: Demand): number {
  return estimateTokens(textBytes) + pictures * USUAL_PICTURE
}

/** What was said, where it was read; of bytes in passing half of a stream's, roughly, are framing. */
function estimateOutput({ streamed }: Exchange, result: AttemptResult, answers: number): number {
  const { bytes, end, durationMs } = result
  const seen = result.estimatedOutput ?? estimateTokens(streamed ? bytes / 8 : bytes / 2)
  // A whole answer comes at once when it is written, and thoughts are written before a stream says anything.
  const isUnseen = end.kind !== 'served' && (bytes === 0 || !streamed)
  return isUnseen ? Math.max(seen, Math.ceil((durationMs / 1000) * PACE * answers)) : seen
}
