// Rows of the ledger as people and programs read them: the receipt of a request, its line in the log, and all of it.
import type { ListedRequest, RequestDetail } from '../../../contract/requests.ts'
import type { Receipt } from '../../../contract/usage.ts'
import type { AttemptTable, RequestTable } from '../../database/schema.ts'
import { toPublicId } from '../../kernel/ids.ts'
import { asObject, parseJson } from '../../protocols/read.ts'

/** The columns that a line of the log shows. */
export const LISTED_COLUMNS = [
  'id',
  'created_at',
  'user_id',
  'api_key_id',
  'operation',
  'requested_model',
  'model',
  'provider',
  'billed_to',
  'provider_key_id',
  'fallback',
  'attempts',
  'status',
  'outcome',
  'error_code',
  'streamed',
  'input_tokens',
  'output_tokens',
  'cost_usd_nanos',
  'cost_source',
  'first_byte_ms',
  'duration_ms',
] as const satisfies readonly (keyof RequestTable)[]
export type ListedRow = Pick<RequestTable, (typeof LISTED_COLUMNS)[number]>

export function toListed(row: ListedRow): ListedRequest {
  return {
    id: toPublicId('req', row.id),
    created_at: new Date(row.created_at).toISOString(),
    user_id: row.user_id,
    api_key_id: publicOrNull('ak', row.api_key_id),
    operation: row.operation,
    requested_model: row.requested_model,
    model: row.model,
    provider: row.provider,
    billed_to: row.billed_to as ListedRequest['billed_to'],
    provider_key_id: publicOrNull('pk', row.provider_key_id),
    fallback: row.fallback,
    attempts: row.attempts,
    status: row.status,
    outcome: row.outcome,
    error_code: row.error_code,
    streamed: row.streamed,
    input_tokens: row.input_tokens,
    output_tokens: row.output_tokens,
    cost_usd_micros: microsOrNull(row.cost_usd_nanos),
    cost_source: row.cost_source as ListedRequest['cost_source'],
    first_byte_ms: row.first_byte_ms,
    duration_ms: row.duration_ms,
  }
}

export function toReceipt(request: RequestTable, attempts: readonly AttemptTable[]): Receipt {
  return {
    id: toPublicId('req', request.id),
    created_at: new Date(request.created_at).toISOString(),
    api_key_id: publicOrNull('ak', request.api_key_id),
    requested_model: request.requested_model,
    model: request.model,
    provider: request.provider,
    dialects: { client: request.client_dialect, upstream: request.upstream_dialect },
    status: request.status,
    streamed: request.streamed,
    billed_to: request.billed_to as Receipt['billed_to'],
    provider_key_id: publicOrNull('pk', request.provider_key_id),
    fallback: request.fallback,
    warnings: JSON.parse(request.warnings) as unknown[],
    attempts: attempts.map((attempt) => ({ ...toAttempt(attempt), raw_usage: readRawUsage(attempt) })),
    usage: toTokens(request),
    cost: toCost(request),
  }
}

export function toDetail(request: RequestTable, attempts: readonly AttemptTable[]): RequestDetail {
  const { error_code: code, error_source: source } = request
  return {
    ...toReceipt(request, attempts),
    user_id: request.user_id,
    session_id: request.session_id === null ? null : toPublicId('sess', request.session_id),
    operation: request.operation,
    outcome: request.outcome,
    error: code === null && source === null ? null : { code, source },
    client_request_id: request.client_request_id,
    first_byte_ms: request.first_byte_ms,
    duration_ms: request.duration_ms,
    attempts: attempts.map((attempt) => ({
      ...toAttempt(attempt),
      dialect: attempt.dialect,
      upstream_request_id: attempt.upstream_request_id,
      lease_id: attempt.lease_id === null ? null : toPublicId('lease', attempt.lease_id),
      usage: toTokens(attempt),
      cost: toCost(attempt),
    })),
  }
}

/** Micro-dollars, half up; what costs anything costs at least one. */
export function toMicros(nanos: number): number {
  return nanos <= 0 ? 0 : Math.max(1, Math.floor((nanos + 500) / 1000))
}

function readRawUsage({ raw_usage: raw }: AttemptTable): Receipt['attempts'][number]['raw_usage'] {
  return raw === null ? null : asObject(parseJson(raw))
}

function toAttempt(attempt: AttemptTable): Omit<Receipt['attempts'][number], 'raw_usage'> {
  return {
    provider: attempt.provider,
    model: attempt.model,
    provider_key_id: publicOrNull('pk', attempt.provider_key_id),
    billed_to: attempt.billed_to as 'user' | 'team' | 'server',
    status: attempt.status,
    outcome: attempt.outcome,
    reason: attempt.reason,
    first_byte_ms: attempt.first_byte_ms,
    duration_ms: attempt.duration_ms,
  }
}

function toTokens(row: RequestTable | AttemptTable): Receipt['usage'] {
  return {
    input_tokens: row.input_tokens,
    cache_read_tokens: row.cache_read_tokens,
    cache_write_tokens: row.cache_write_tokens,
    cache_write_1h_tokens: row.cache_write_1h_tokens,
    output_tokens: row.output_tokens,
    reasoning_tokens: row.reasoning_tokens,
    searches: row.searches,
  }
}

function toCost(row: RequestTable | AttemptTable): Receipt['cost'] {
  return {
    usd_micros: microsOrNull(row.cost_usd_nanos),
    source: row.cost_source as Receipt['cost']['source'],
    price_version: row.price_version,
  }
}

function microsOrNull(nanos: number | null): number | null {
  return nanos === null ? null : toMicros(nanos)
}

function publicOrNull(prefix: 'ak' | 'pk', id: string | null): string | null {
  return id === null ? null : toPublicId(prefix, id)
}
