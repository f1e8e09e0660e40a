// What every translated try has in common, whatever its task: the provider's dialect and operation, the decoded request,
// the losses on the way, and a carrier round them.
import { createHash } from 'node:crypto'
import { GatewayError } from '../kernel/errors.ts'
import type { Loss } from '../protocols/canonical.ts'
import { CannotCross } from '../protocols/codec.ts'
import type { Operation, Protocol } from '../protocols/protocol.ts'
import { asObject, parseJson, type JsonObject } from '../protocols/read.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import { providerPath } from '../providers/provider.ts'
import type { Carrier } from './carrier.ts'
import type { Exchange, Target } from './exchange.ts'
import { buildTranslatedHeaders } from './upstream-request.ts'

/** The provider's counterpart of what the client asked for. */
export interface Counterpart {
  readonly protocol: Protocol
  readonly operation: Operation
}

export function findCounterpart(exchange: Exchange, target: Target): Counterpart {
  const protocol = PROTOCOLS[target.provider.translateVia]
  const wanted = exchange.streamed ? 'always' : 'never'
  const all = Object.values(protocol.operations).filter(({ task }) => task === exchange.operation.task)
  const operation = all.find(({ streaming }) => streaming === 'body' || streaming === wanted) ?? all[0]
  if (operation) return { protocol, operation }
  throw new GatewayError('translation_not_available', {
    message: `${target.provider.name} has no counterpart of this address for a client of another dialect.`,
  })
}

/** A carrier that writes its own body; `createAnswer` is told of good answers only. */
export function createCrossing(
  exchange: Exchange,
  target: Target,
  { protocol, operation }: Counterpart,
  body: Record<string, unknown>,
  createAnswer: Carrier['createAnswer'],
): Carrier {
  const path = providerPath(target.provider, null, operation.upstreamPath(target.model))
  return {
    dialect: protocol.id,
    // Gemini streams events only when asked to.
    path: protocol.id === 'gemini' && operation.streaming === 'always' ? `${path}?alt=sse` : path,
    body: [Buffer.from(JSON.stringify(body))],
    relaysErrors: false,
    buildHeaders: (credential) => buildTranslatedHeaders(exchange, target, credential),
    decodeError: (status, text) => protocol.decodeError(status, text),
    createAnswer,
  }
}

/** Bare id of the key, or the server's name: whose reasoning state an answer carries. */
export function accountOf(target: Target): string {
  return target.key?.id ?? `server:${target.provider.id}`
}

export function readBodyObject(exchange: Exchange): JsonObject {
  const body = asObject(parseJson(Buffer.concat(exchange.body).toString('utf8')))
  if (!body) throw new GatewayError('invalid_json')
  return body
}

/** Runs a step of translation; what cannot cross becomes the client's error. */
export function crossOver<Value>(step: () => Value): Value {
  try {
    return step()
  } catch (error) {
    if (!(error instanceof CannotCross)) throw error
    throw new GatewayError(error.code, { message: error.message })
  }
}

/** `dropped=seed,tier;approx=thinking_budget`; in strict mode every warning is a refusal. */
export function reportLosses(exchange: Exchange, losses: readonly Loss[]): void {
  const named = (action: Loss['action']): string[] => [
    ...new Set(losses.filter((loss) => loss.action === action).map(({ path }) => path)),
  ]
  const dropped = named('dropped')
  const approximated = named('approximated')
  const first = losses[0]
  if (first && exchange.match.headers['x-uniroute-strict'] === 'true') {
    throw new GatewayError('unsupported_parameter', {
      message: `Strict mode: ${[...dropped, ...approximated].join(', ')} cannot be passed on to ${exchange.provider.name} unchanged (${first.why}). Leave it out, or drop x-uniroute-strict.`,
    })
  }
  exchange.warnings = [
    ...(dropped.length > 0 ? [`dropped=${dropped.join(',')}`] : []),
    ...(approximated.length > 0 ? [`approx=${approximated.join(',')}`] : []),
    ...(exchange.adjusted.size > 0 ? [`adjusted=${[...exchange.adjusted].join(',')}`] : []),
  ]
}

export function hash8(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}
