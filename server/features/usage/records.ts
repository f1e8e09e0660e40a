// What the ledger records about a call, and the rows these records become. Records are plain data: they are written to
// the journal as JSON and read back by another process.
import type { AttemptTable, RequestTable } from '../../database/schema.ts'
import { UNKNOWN_USAGE, type Usage } from '../../protocols/canonical.ts'

export type CostSource = 'provider' | 'computed' | 'estimated' | 'unknown'
export type PayerName = 'user' | 'team' | 'server'

export interface Cost {
  readonly usdNanos: number | null
  readonly source: CostSource
  readonly priceVersion: string | null
}

export const UNKNOWN_COST: Cost = { usdNanos: null, source: 'unknown', priceVersion: null }

/** Nothing was consumed for certain: a cost that is known, and nil. */
const NO_COST: Cost = { usdNanos: 0, source: 'computed', priceVersion: null }

/**
 * What UniRoute answers itself. Such requests have rows and receipts, but are no use of a model: summaries leave them
 * out.
 */
export const READ_OPERATIONS = ['models', 'receipt', 'explain'] as const
export type ReadOperation = (typeof READ_OPERATIONS)[number]

export function isUseOfModel({ operation }: { readonly operation: string }): boolean {
  return !(READ_OPERATIONS as readonly string[]).includes(operation)
}

/** About to call a provider. All ids are bare. */
export interface AttemptIntent {
  readonly requestId: string
  /** 1, 2, … within the request. */
  readonly attempt: number
  readonly at: number
  readonly userId: string
  readonly teamId: string | null
  readonly apiKeyId: string | null
  readonly sessionId: string | null
  readonly operation: string
  readonly clientDialect: string
  readonly dialect: string
  readonly provider: string
  readonly model: string | null
  readonly requestedModel: string | null
  readonly providerKeyId: string | null
  readonly billedTo: PayerName
  /** The lease of a shared key. Absent in journals of earlier releases. */
  readonly leaseId?: string | null
  /** Estimated prompt tokens. */
  readonly promptEstimate: number | null
  readonly streamed: boolean
}

/** What became of it. */
export interface SettledAttempt {
  readonly requestId: string
  readonly attempt: number
  readonly status: number | null
  readonly outcome: string
  readonly reason: string | null
  readonly upstreamRequestId: string | null
  readonly usage: Usage
  /** The provider's own usage object as JSON text. Absent in journals of earlier releases, as `searches` is. */
  readonly rawUsage?: string | null
  readonly cost: Cost
  readonly firstByteMs: number | null
  readonly durationMs: number
}

/** A request that has been answered, whether or not it reached a provider. */
export interface FinishedRequest {
  readonly requestId: string
  readonly createdAt: number
  readonly userId: string
  readonly teamId: string | null
  readonly apiKeyId: string | null
  readonly sessionId: string | null
  readonly operation: string
  readonly requestedModel: string | null
  readonly model: string | null
  readonly provider: string | null
  readonly clientDialect: string
  readonly upstreamDialect: string | null
  readonly status: number
  readonly outcome: string
  readonly errorCode: string | null
  readonly errorSource: string | null
  readonly streamed: boolean
  readonly billedTo: PayerName | null
  readonly providerKeyId: string | null
  readonly fallback: string | null
  readonly warnings: readonly unknown[]
  readonly attempts: number
  readonly usage: Usage
  readonly cost: Cost
  readonly firstByteMs: number | null
  readonly durationMs: number
  readonly clientRequestId: string | null
  /** The caller's trace (`traceparent`), where traces are sent. Not kept with the row. */
  readonly traceParent?: string
}

/** As the gateway reports it; what it used and cost is the sum over its calls, whoever paid for each. */
export type ReportedRequest = Omit<FinishedRequest, 'usage' | 'cost'>

/** One line of the journal: exactly one of the three. */
export interface JournalRecord {
  readonly intent?: AttemptIntent
  readonly settled?: SettledAttempt
  readonly finished?: FinishedRequest
}

export interface RecordedAttempt {
  readonly intent: AttemptIntent
  readonly settled: SettledAttempt
}

/** The outcome of a call, or request, whose process died. */
export const INTERRUPTED = 'interrupted'

/** The client hung up, in effect: nobody knows how much of the answer arrived. */
const INTERRUPTED_STATUS = 499

export function toAttemptRow({ intent, settled }: RecordedAttempt): AttemptTable {
  return {
    request_id: intent.requestId,
    attempt: intent.attempt,
    created_at: intent.at,
    user_id: intent.userId,
    team_id: intent.teamId,
    api_key_id: intent.apiKeyId,
    provider: intent.provider,
    model: intent.model,
    dialect: intent.dialect,
    provider_key_id: intent.providerKeyId,
    billed_to: intent.billedTo,
    status: settled.status,
    outcome: settled.outcome,
    reason: settled.reason,
    upstream_request_id: settled.upstreamRequestId,
    ...toTokenColumns(settled.usage),
    ...toCostColumns(settled.cost),
    first_byte_ms: toInteger(settled.firstByteMs),
    duration_ms: toInteger(settled.durationMs) ?? 0,
    lease_id: intent.leaseId ?? null,
    raw_usage: settled.rawUsage ?? null,
  }
}

export function toRequestRow(request: FinishedRequest): RequestTable {
  return {
    id: request.requestId,
    created_at: request.createdAt,
    user_id: request.userId,
    team_id: request.teamId,
    api_key_id: request.apiKeyId,
    session_id: request.sessionId,
    operation: request.operation,
    requested_model: request.requestedModel,
    model: request.model,
    provider: request.provider,
    client_dialect: request.clientDialect,
    upstream_dialect: request.upstreamDialect,
    status: request.status,
    outcome: request.outcome,
    error_code: request.errorCode,
    error_source: request.errorSource,
    streamed: request.streamed,
    billed_to: request.billedTo,
    provider_key_id: request.providerKeyId,
    fallback: request.fallback,
    warnings: JSON.stringify(request.warnings),
    attempts: request.attempts,
    ...toTokenColumns(request.usage),
    ...toCostColumns(request.cost),
    first_byte_ms: toInteger(request.firstByteMs),
    duration_ms: toInteger(request.durationMs) ?? 0,
    client_request_id: request.clientRequestId,
  }
}

/** The settlement of a call nobody settled: its process died. `cost` is that of the estimated prompt. */
export function settleAsInterrupted(intent: AttemptIntent, cost: Cost): SettledAttempt {
  return {
    requestId: intent.requestId,
    attempt: intent.attempt,
    status: null,
    outcome: INTERRUPTED,
    reason: null,
    upstreamRequestId: null,
    usage: { ...UNKNOWN_USAGE, input: intent.promptEstimate },
    cost,
    firstByteMs: null,
    durationMs: 0,
  }
}

/** The request's row where its process died before writing one. */
export function finishAsInterrupted(attempts: readonly RecordedAttempt[]): FinishedRequest {
  const first = attempts[0]!.intent
  const last = attempts.at(-1)!
  return {
    requestId: first.requestId,
    createdAt: first.at,
    userId: first.userId,
    teamId: first.teamId,
    apiKeyId: first.apiKeyId,
    sessionId: first.sessionId,
    operation: first.operation,
    requestedModel: first.requestedModel,
    model: last.intent.model,
    provider: last.intent.provider,
    clientDialect: first.clientDialect,
    upstreamDialect: last.intent.dialect,
    status: INTERRUPTED_STATUS,
    outcome: INTERRUPTED,
    errorCode: null,
    errorSource: 'gateway',
    streamed: first.streamed,
    billedTo: last.intent.billedTo,
    providerKeyId: last.intent.providerKeyId,
    fallback: null,
    warnings: [],
    attempts: attempts.length,
    ...sumAttempts(attempts),
    firstByteMs: last.settled.firstByteMs,
    durationMs: last.settled.durationMs,
    clientRequestId: null,
  }
}

/**
 * What a request used and cost: all its calls together, also those that failed after the provider may have run them.
 */
export function sumAttempts(attempts: readonly RecordedAttempt[]): Pick<FinishedRequest, 'usage' | 'cost'> {
  return {
    usage: sumUsage(attempts.map(({ settled }) => settled.usage)),
    cost: sumCost(attempts.map(({ settled }) => settled.cost)),
  }
}

function sumUsage(usages: readonly Usage[]): Usage {
  const sum = (pick: (usage: Usage) => number | null): number | null =>
    usages.reduce<number | null>((total, usage) => addKnown(total, pick(usage)), null)
  return {
    input: sum((usage) => usage.input),
    cacheRead: sum((usage) => usage.cacheRead),
    cacheWrite: sum((usage) => usage.cacheWrite),
    cacheWrite1h: sum((usage) => usage.cacheWrite1h),
    output: sum((usage) => usage.output),
    reasoning: sum((usage) => usage.reasoning),
    searches: sum((usage) => usage.searches ?? null),
  }
}

function addKnown(total: number | null, more: number | null): number | null {
  return more === null ? total : (total ?? 0) + more
}

/** One unknown part makes the whole unknown; one estimated part makes it an estimate. */
function sumCost(costs: readonly Cost[]): Cost {
  let usdNanos = 0
  for (const cost of costs) {
    if (cost.usdNanos === null) return UNKNOWN_COST
    usdNanos += cost.usdNanos
  }
  const estimated = costs.some((cost) => cost.source === 'estimated')
  // Refusals cost nothing and say nothing of prices.
  const last = costs.findLast((cost) => cost.priceVersion !== null) ?? costs.at(-1) ?? NO_COST
  return { usdNanos, source: estimated ? 'estimated' : last.source, priceVersion: last.priceVersion }
}

function toTokenColumns(usage: Usage) {
  return {
    input_tokens: toInteger(usage.input),
    cache_read_tokens: toInteger(usage.cacheRead),
    cache_write_tokens: toInteger(usage.cacheWrite),
    cache_write_1h_tokens: toInteger(usage.cacheWrite1h),
    output_tokens: toInteger(usage.output),
    reasoning_tokens: toInteger(usage.reasoning),
    searches: toInteger(usage.searches ?? null),
  }
}

function toCostColumns(cost: Cost) {
  return { cost_usd_nanos: cost.usdNanos, cost_source: cost.source, price_version: cost.priceVersion }
}

/** Numbers come from providers too: what is no count is unknown. */
function toInteger(value: number | null): number | null {
  if (value === null) return null
  const rounded = Math.round(value)
  return Number.isSafeInteger(rounded) ? rounded : null
}
