// What every translated try has in common, whatever its task: the provider's dialect and operation, the decoded
// request, the losses on the way, and a carrier round them.
import { createHash } from 'node:crypto'
import { GatewayError } from '../kernel/errors.ts'
import type { Loss } from '../protocols/canonical.ts'
import { CannotCross } from '../protocols/codec.ts'
import { writeWarnings, type LossName } from '../protocols/losses.ts'
import type { Operation, Protocol } from '../protocols/protocol.ts'
import { asObject, parseJson, type JsonObject } from '../protocols/read.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import { providerPath } from '../providers/provider.ts'
import type { Carrier } from './carrier.ts'
import { isStrict, type Exchange, type Target } from './exchange.ts'
import { nameOfField, removeFields, type RefusedParts } from './refused-parts.ts'
import { buildTranslatedHeaders } from './upstream-request.ts'

/** Of the names and reasons in a refusal. */
const LONGEST_NAMED = 1_500

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
  body: readonly Uint8Array[],
  createAnswer: Carrier['createAnswer'],
): Carrier {
  const path = providerPath(target.provider, null, operation.upstreamPath(target.model))
  return {
    dialect: protocol.id,
    // Gemini streams events only when asked to.
    path: protocol.id === 'gemini' && operation.streaming === 'always' ? `${path}?alt=sse` : path,
    body,
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

/** Puts losses into the warnings; in strict mode any of them refuses the request. For as long as nothing was sent. */
export function reportLosses(exchange: Exchange, losses: readonly Loss[]): void {
  if (losses.length === 0 || !isStrict(exchange)) return noteLosses(exchange, losses)
  const named = losses.map(({ path, why }) => `${path} (${why})`).join(', ')
  const short = named.length > LONGEST_NAMED ? `${named.slice(0, LONGEST_NAMED).toWellFormed()}…` : named
  throw new GatewayError('unsupported_parameter', {
    message: `Strict mode: not everything can be passed between you and ${exchange.provider.name} unchanged: ${short}. Leave it out, or drop x-uniroute-strict.`,
  })
}

/** Puts losses into the warnings, for the header while it is not sent, and for the receipt. */
export function noteLosses(exchange: Exchange, losses: readonly Loss[]): void {
  exchange.warnings = writeWarnings(losses, exchange.adjusted)
}

export function writeBody(body: Record<string, unknown>): readonly Uint8Array[] {
  return [Buffer.from(JSON.stringify(body))]
}

/** The conversation of each dialect. */
const CONVERSATIONS = ['messages', 'contents', 'input'] as const

/** Refuses a body in which nothing is left of the conversation: empty texts are left out everywhere. */
export function writeConversation(body: Record<string, unknown>): readonly Uint8Array[] {
  const isEmpty = CONVERSATIONS.some((field) => Array.isArray(body[field]) && body[field].length === 0)
  if (isEmpty) {
    throw new GatewayError('bad_request', {
      message: 'The conversation holds nothing to answer. Send at least one message with a text that is not empty.',
    })
  }
  return writeBody(body)
}

/** The body without the fields that its server was found not to know; what goes is told. */
export function leaveOutFields(
  exchange: Exchange,
  whole: readonly Uint8Array[],
  { fields }: RefusedParts,
): readonly Uint8Array[] {
  const { body, removed } = removeFields(whole, fields)
  noteAdjusted(exchange, removed.map(nameOfField))
  return body
}

/** Puts what was changed because the provider refused it before into the warnings, beside what they say. */
export function noteAdjusted(exchange: Exchange, names: readonly LossName[]): void {
  for (const name of names) exchange.adjusted.add(name)
  const others = exchange.warnings.filter((warning) => !warning.startsWith('adjusted='))
  if (names.length > 0) exchange.warnings = [...others, ...writeWarnings([], exchange.adjusted)]
}

export function hash8(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}
