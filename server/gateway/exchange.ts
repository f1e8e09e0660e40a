// One data-plane request in progress: who calls, what they asked for, in which dialect, and how far it has come.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FallbackReason, Payer } from '../../contract/common.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { Admitted } from '../features/limits/limits.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import type { Lease } from '../features/teams/borrowed.ts'
import type { GatewayError } from '../kernel/errors.ts'
import type { RequestBody } from '../http/body.ts'
import type { RouteMatch } from '../http/route.ts'
import type { JsonScan } from '../kernel/json-scan.ts'
import type { LossName } from '../protocols/losses.ts'
import type { Operation, Peek, Protocol, ProtocolId } from '../protocols/protocol.ts'
import type { Provider } from '../providers/provider.ts'
import type { Candidate } from './candidates.ts'
import type { PassRule } from './pass-table.ts'

/** An address of the data plane: which dialect speaks, and what it asks for. */
export interface Endpoint {
  readonly protocol: Protocol
  readonly operation: Operation
  /** Where the request is passed through unread, under which rule. */
  readonly pass?: PassRule
}

/** What an exchange begins with. */
export interface Received {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly match: RouteMatch
  readonly caller: ApiKeyContext
  /** How a caller with limits was let in. */
  readonly admitted?: Admitted | null
  readonly body: RequestBody
  /** Wall time, epoch ms. */
  readonly createdAt: number
  /** Monotonic ms. */
  readonly startedAt: number
}

export interface Exchange extends Endpoint {
  /** Bare ULID. */
  readonly id: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly match: RouteMatch
  /** Wall time, epoch ms. */
  readonly createdAt: number
  /** Monotonic ms. */
  readonly startedAt: number
  readonly caller: ApiKeyContext
  readonly admitted?: Admitted | null
  readonly body: readonly Uint8Array[]
  readonly bodyLength: number
  readonly scan: JsonScan
  readonly peek: Peek
  readonly streamed: boolean
  /** As the client wrote it. */
  readonly requestedModel: string
  readonly provider: Provider
  /** As the provider knows it. */
  readonly model: string
  /** The model's name in an answer that is written anew. */
  readonly answeredAs: string
  /** All models that come into question, in order, the one this exchange is for among them. */
  readonly candidates: readonly Candidate[]
  /** Under which the model that serves is remembered; null where nothing was chosen. */
  readonly conversation: string | null
  /** `v1` or `v1beta`, from the client's own path. */
  readonly clientVersion: string | null
  /** Tries so far, retries too. */
  attempts: number
  /** The target tried last; its payer and key are what headers and the ledger name. */
  target: Target | null
  /** Spoken to the provider last asked. */
  upstreamDialect: ProtocolId | null
  /** Ends the try under way; false where it is over already. Set from the first try on. */
  cut: ((error: GatewayError) => boolean) | null
  /** Called at the first real event of an answer; set while a try is under way. */
  answered: (() => void) | null
  /** What an earlier 400 changed, by name. */
  readonly adjusted: Set<LossName>
  warnings: string[]
  /** It reaches what an account stores; known where another's key might have served. */
  needsOwnKey?: boolean
}

/** What a key's rate limit is remembered for: the model, or what is asked for where none is named. */
export function scopeOf({ model, pass }: Pick<Exchange, 'model' | 'pass'>): string {
  return model === '' && pass ? `(${pass.namespace})` : model
}

/** The client wants its request carried as it is, or not at all. */
export function isStrict({ match }: Pick<Exchange, 'match'>): boolean {
  return match.headers['x-uniroute-strict'] === 'true'
}

/**
 * This exchange, for another model that came into question with it: whatever was found out of the first is left behind.
 */
export function withCandidate(exchange: Exchange, { provider, model, answeredAs }: Candidate): Exchange {
  const { needsOwnKey: _ofTheFirst, ...same } = exchange
  const fresh = {
    adjusted: new Set<LossName>(),
    warnings: [],
    target: null,
    upstreamDialect: null,
    cut: null,
    answered: null,
  }
  return { ...same, provider, model, answeredAs, ...fresh }
}

/** Provider, model and credential of one try, and why it is there. */
export interface Target {
  readonly provider: Provider
  readonly model: string
  /** null for a server key. */
  readonly key: ProviderKeyRecord | null
  /** The terms of a shared key; null for one's own and the server's. */
  readonly lease: Lease | null
  readonly payer: Payer
  readonly fallback: 'none' | FallbackReason
}
