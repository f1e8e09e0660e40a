// What the ledger knows of a request, as OpenTelemetry spans: one for the request, and in it one for each call to a
// provider with the names of the GenAI conventions. Nothing of a prompt or an answer is known here, so nothing of one
// is told.
import { createHash } from 'node:crypto'
import { toPublicId, ulidToHex } from '../../kernel/ids.ts'
import type { Usage } from '../../protocols/canonical.ts'
import type { Attribute, Span } from '../../upstream/span-exporter.ts'
import type { FinishedRequest, RecordedAttempt } from './records.ts'

export interface TracedRequest {
  readonly request: FinishedRequest
  readonly attempts: readonly RecordedAttempt[]
}

const KIND_SERVER = 2
const KIND_CLIENT = 3
const STATUS_ERROR = 2

/** The caller's trace, as the header `traceparent` names it. */
const TRACE_PARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/

export function isTraceParent(text: string | undefined): text is string {
  return text !== undefined && TRACE_PARENT.test(text)
}

/** None where the caller's trace is one that is not kept. */
export function toSpans({ request, attempts }: TracedRequest): Span[] {
  const parent = TRACE_PARENT.exec(request.traceParent ?? '')
  const isKept = parent === null || (Number.parseInt(parent[3]!, 16) & 1) === 1
  if (!isKept) return []
  // The id of a request is one of a trace too, written otherwise: whoever knows the one finds the other.
  const traceId = parent?.[1] ?? ulidToHex(request.requestId)
  const own = toRequestSpan(request, traceId, parent?.[2])
  return [own, ...attempts.map((attempt) => toAttemptSpan(attempt, traceId, own.spanId))]
}

function toRequestSpan(request: FinishedRequest, traceId: string, parentSpanId: string | undefined): Span {
  const { status, errorCode, apiKeyId, teamId } = request
  return {
    ...begin(`${request.requestId}/0`, traceId, parentSpanId),
    name: `uniroute ${request.operation}`,
    kind: KIND_SERVER,
    ...times(request.createdAt, request.durationMs),
    attributes: attributes({
      'http.response.status_code': status,
      'error.type': errorCode,
      'uniroute.request.id': toPublicId('req', request.requestId),
      'uniroute.client.dialect': request.clientDialect,
      'uniroute.requested_model': request.requestedModel,
      'uniroute.outcome': request.outcome,
      'uniroute.streamed': request.streamed,
      'uniroute.billed_to': request.billedTo,
      'uniroute.fallback': request.fallback,
      'uniroute.attempts': request.attempts,
      'uniroute.user.id': request.userId,
      'uniroute.team.id': teamId && toPublicId('team', teamId),
      'uniroute.api_key.id': apiKeyId && toPublicId('ak', apiKeyId),
      'uniroute.cost_usd': inUsd(request.cost.usdNanos),
      'uniroute.first_byte_ms': request.firstByteMs,
    }),
    // What a client did wrong is no fault of the server.
    status: status >= 500 || request.outcome === 'broken' ? { code: STATUS_ERROR } : {},
  }
}

function toAttemptSpan({ intent, settled }: RecordedAttempt, traceId: string, parentSpanId: string): Span {
  const operation = nameOperation(intent)
  const isServed = settled.outcome === 'served'
  return {
    ...begin(`${intent.requestId}/${intent.attempt}`, traceId, parentSpanId),
    name: intent.model === null ? operation : `${operation} ${intent.model}`,
    kind: KIND_CLIENT,
    ...times(intent.at, settled.durationMs),
    attributes: attributes({
      'gen_ai.operation.name': operation,
      'gen_ai.provider.name': PROVIDER_NAMES[intent.provider] ?? intent.provider,
      'gen_ai.request.model': intent.model,
      ...nameTokens(settled.usage),
      'http.response.status_code': settled.status,
      'http.request.resend_count': intent.attempt > 1 ? intent.attempt - 1 : null,
      'error.type': isServed ? null : settled.outcome,
      'uniroute.attempt': intent.attempt,
      'uniroute.reason': settled.reason,
      'uniroute.dialect': intent.dialect,
      'uniroute.billed_to': intent.billedTo,
      'uniroute.provider_key.id': intent.providerKeyId && toPublicId('pk', intent.providerKeyId),
      'uniroute.upstream_request.id': settled.upstreamRequestId,
      'uniroute.cost_usd': inUsd(settled.cost.usdNanos),
      'uniroute.cost_source': settled.cost.source,
      'uniroute.first_byte_ms': settled.firstByteMs,
    }),
    status: isServed ? {} : { code: STATUS_ERROR },
  }
}

/** Where the conventions have a name of their own. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = Object.assign(Object.create(null), { google: 'gcp.gemini' })

const OPERATION_NAMES: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  chat: 'chat',
  'chat-stream': 'chat',
  messages: 'chat',
  responses: 'chat',
  generate: 'chat',
  'stream-generate': 'chat',
  embeddings: 'embeddings',
  embed: 'embeddings',
  'batch-embed': 'embeddings',
  'count-tokens': 'count_tokens',
})

function nameOperation({ operation, dialect }: RecordedAttempt['intent']): string {
  const name = OPERATION_NAMES[operation] ?? operation
  return name === 'chat' && dialect === 'gemini' ? 'generate_content' : name
}

function nameTokens(usage: Usage): Facts {
  return {
    'gen_ai.usage.input_tokens': usage.input,
    'gen_ai.usage.output_tokens': usage.output,
    'gen_ai.usage.cache_read.input_tokens': usage.cacheRead,
    'gen_ai.usage.cache_creation.input_tokens': usage.cacheWrite,
    'gen_ai.usage.reasoning.output_tokens': usage.reasoning,
  }
}

type Facts = Readonly<Record<string, string | number | boolean | null | Dollars>>

/** An amount, so that a whole number of dollars is no integer to the collector. */
interface Dollars {
  readonly usd: number
}

function inUsd(nanos: number | null): Dollars | null {
  return nanos === null ? null : { usd: nanos / 1e9 }
}

function attributes(facts: Facts): Attribute[] {
  return Object.entries(facts).flatMap(([key, fact]): Attribute[] => {
    if (fact === null) return []
    if (typeof fact === 'string') return [{ key, value: { stringValue: fact } }]
    if (typeof fact === 'boolean') return [{ key, value: { boolValue: fact } }]
    if (typeof fact === 'number') return [{ key, value: { intValue: String(Math.round(fact)) } }]
    return [{ key, value: { doubleValue: fact.usd } }]
  })
}

/** The same id each time, since a batch may be sent again. */
function begin(
  what: string,
  traceId: string,
  parentSpanId: string | undefined,
): Pick<Span, 'traceId' | 'spanId' | 'parentSpanId'> {
  const spanId = createHash('sha256').update(what).digest('hex').slice(0, 16)
  return { traceId, spanId, ...(parentSpanId !== undefined && { parentSpanId }) }
}

function times(at: number, ms: number): Pick<Span, 'startTimeUnixNano' | 'endTimeUnixNano'> {
  return { startTimeUnixNano: `${at}000000`, endTimeUnixNano: `${at + Math.round(ms)}000000` }
}
