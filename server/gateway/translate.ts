// Another dialect on the provider's side: the client's request through the middle model to the provider's dialect, and
// the answer back. What does not survive is named in the warnings; in strict mode it is refused instead.
import { createHash } from 'node:crypto'
import type { Prices } from '../catalog/prices.ts'
import type { Profiles } from '../catalog/profiles.ts'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError } from '../kernel/errors.ts'
import { toPublicId } from '../kernel/ids.ts'
import type { Log } from '../kernel/log.ts'
import {
  UNKNOWN_USAGE,
  type ChatRequest,
  type Finish,
  type Item,
  type Loss,
  type Usage,
} from '../protocols/canonical.ts'
import {
  createLossReport,
  type Codec,
  type LossReport,
  type RequestEncoding,
  type ResponseEncoding,
} from '../protocols/codec.ts'
import { CODECS } from '../protocols/codecs.ts'
import { COUNTERS } from '../protocols/counters.ts'
import { createJsonArrayFraming } from '../protocols/gemini/json-array.ts'
import { restoreTool } from '../protocols/tool-names.ts'
import type { UpstreamHeaders } from '../upstream/upstream.ts'
import type { Adjustments } from './adjustments.ts'
import type { Carrier } from './carrier.ts'
import { ConvertedAnswer } from './converted-answer.ts'
import {
  accountOf,
  createCrossing,
  crossOver,
  findCounterpart,
  hash8,
  leaveOutFields,
  noteLosses,
  readBodyObject,
  reportLosses,
  writeConversation,
} from './crossing.ts'
import type { Exchange, Target } from './exchange.ts'
import type { MediaByAddress } from './media-by-address.ts'
import type { ReasoningState } from './reasoning-state.ts'
import { isMixedShape } from './mixed-bodies.ts'
import { createRelay } from './relay.ts'
import { findKeeper, findMaker } from './relay-state.ts'
import { takeOutSealed } from './sealed-leftovers.ts'
import { unsealThoughts } from './thoughts.ts'
import { TranslatedAnswer } from './translated-answer.ts'
import { translateEmbeddings } from './translate-embeddings.ts'

export interface TranslateTools {
  readonly media: MediaByAddress
  readonly profiles: Profiles
  readonly reasoningState: ReasoningState
  readonly adjustments: Adjustments
  readonly prices: Prices
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
}

interface Decoded {
  readonly request: ChatRequest
  readonly losses: readonly Loss[]
}

/** Reading a request is the same for every try of an exchange, so it happens once. */
const decodedExchanges = new WeakMap<Exchange, Decoded>()

/**
 * The key whose reasoning state the conversation carries, so that it may be tried first; null where none is known.
 * Preferring it changes the order only, never who may be tried.
 */
export function createStickiness(tools: TranslateTools): (exchange: Exchange) => string | null {
  return (exchange) => {
    const { provider, model, protocol, operation } = exchange
    // What is asked for by its id, of a thread that was made through here.
    if (exchange.pass) return findKeeper(tools, exchange, Object.values(exchange.match.params))
    if (operation.task !== 'generate') return null
    if (isRelayed(tools, exchange, { provider, model })) return findMaker(tools, exchange)
    const { request } = decodeOnce(tools, exchange, CODECS[protocol.id])
    const signed = request.items.findLast(
      ({ signature }) => signature?.provider === provider.id && signature.kind !== 'unsigned',
    )
    return signed?.signature?.account ?? null
  }
}

/** Relay where the provider speaks the client's dialect, else translation. */
export function createCarrierChoice(tools: TranslateTools): (exchange: Exchange, target: Target) => Carrier {
  return (exchange, target) => {
    if (isRelayed(tools, exchange, target)) return createRelay(tools, exchange, target)
    const { task } = exchange.operation
    if (task === 'embed') return translateEmbeddings(exchange, target)
    return task === 'count' ? translateCount(tools, exchange, target) : translateChat(tools, exchange, target)
  }
}

export interface Preparation {
  /** Are there files to be fetched first? Throws where that will not be done. */
  isNeeded(exchange: Exchange, target: Target): boolean
  /** Fetches what the target's dialect cannot hold by its address; null where nothing is missing. */
  prepare(exchange: Exchange, target: Target): Promise<void> | null
}

export function createPreparation(tools: TranslateTools): Preparation {
  function readFor(exchange: Exchange, target: Target): { upstream: Codec; request: ChatRequest } | null {
    const { task } = exchange.operation
    if (exchange.pass || (task !== 'generate' && task !== 'count') || isRelayed(tools, exchange, target)) return null
    const client = task === 'count' ? COUNTERS[exchange.protocol.id] : CODECS[exchange.protocol.id]
    if (!client) return null
    const upstream = CODECS[findCounterpart(exchange, target).protocol.id]
    return { upstream, request: decodeOnce(tools, exchange, client).request }
  }
  return {
    isNeeded(exchange, target) {
      const read = readFor(exchange, target)
      return read !== null && tools.media.isAwaited(read.upstream, read.request)
    },
    prepare(exchange, target) {
      const read = readFor(exchange, target)
      return read && tools.media.fetchFor(exchange, read.upstream, read.request)
    },
  }
}

/** Bodies of another shape are for translation alone, as are those the bridge carries. */
function isRelayed(tools: TranslateTools, exchange: Exchange, target: Pick<Target, 'provider' | 'model'>): boolean {
  if (!target.provider.dialects.has(exchange.protocol.id)) return false
  return !isMixedShape(exchange, target.provider) && !tools.adjustments.isBridged(exchange, target)
}

function translateChat(tools: TranslateTools, exchange: Exchange, target: Target): Carrier {
  const counterpart = findCounterpart(exchange, target)
  const upstream = CODECS[counterpart.protocol.id]
  const client = CODECS[exchange.protocol.id]
  const tenant = exchange.caller.principal.userId
  const { request, losses: earlier } = decodeOnce(tools, exchange, client)
  const items = tools.adjustments.stripsState(exchange)
    ? withoutState(request.items)
    : unsealThoughts(request.items, target.provider.id)
  const filled = tools.media.place(exchange, upstream, request, items)
  const restored = { ...request, ...anonymousUser(tenant, request), model: target.model, items: filled }
  const encoding = createEncoding(tools, exchange, target, request)
  const encoded = crossOver(() => upstream.encodeRequest(restored, encoding))
  const written = takeOutSealed(writeConversation(encoded.body), counterpart.protocol, encoding.losses)
  const body = leaveOutFields(exchange, written, tools.adjustments.refusedParts(exchange, target))
  const losses = (): Loss[] => [...earlier, ...encoding.losses.losses]
  reportLosses(exchange, losses())
  let answer: TranslatedAnswer | null = null
  const answering = createAnswering(tools, exchange, target, {
    request,
    losses: encoding.losses,
    usage: () => answer?.readUsage().usage ?? UNKNOWN_USAGE,
  })
  return createCrossing(exchange, target, counterpart, body, (_status, headers) => {
    const kind = readKind(headers)
    if (kind === null) return null
    const { provider, model } = target
    answer = new TranslatedAnswer({
      exchange,
      upstream,
      client,
      decoding: {
        provider: provider.id,
        account: accountOf(target),
        model,
        restoreTool: (name) => restoreTool(encoded.toolNames, name),
        dialect: encoding.profile.dialect,
        requestId: toPublicId('req', exchange.id),
      },
      encoding: answering,
      headers,
      streamed: kind === 'sse',
      enforceStop: encoded.enforceStop,
      thinker: exchange.protocol.signsThoughts ? { provider: provider.id, account: accountOf(target), model } : null,
      framing: isJsonArray(exchange) ? createJsonArrayFraming() : null,
      onItems: (items) => tools.reasoningState.remember(tenant, items),
      reportLosses: () => reportLosses(exchange, losses()),
      decodeError: (status, text) => counterpart.protocol.decodeError(status, text),
      noteUnknownFinish: (finish) => noteUnknownFinish(tools, exchange, target, { finish, losses: encoding.losses }),
      noteLosses: () => noteLosses(exchange, losses()),
    })
    return answer
  })
}

function translateCount(tools: TranslateTools, exchange: Exchange, target: Target): Carrier {
  const counterpart = findCounterpart(exchange, target)
  const upstream = COUNTERS[counterpart.protocol.id]
  const client = COUNTERS[exchange.protocol.id]
  if (!upstream || !client) throw new GatewayError('translation_not_available')
  const { request, losses: earlier } = decodeOnce(tools, exchange, client)
  const unsealed = unsealThoughts(request.items, target.provider.id)
  const items = tools.media.place(exchange, CODECS[counterpart.protocol.id], request, unsealed)
  const encoding = createEncoding(tools, exchange, target, request)
  const encoded = crossOver(() => upstream.encodeRequest({ ...request, items, model: target.model }, encoding))
  const written = takeOutSealed(writeConversation(encoded.body), counterpart.protocol, encoding.losses)
  const body = leaveOutFields(exchange, written, tools.adjustments.refusedParts(exchange, target))
  reportLosses(exchange, [...earlier, ...encoding.losses.losses])
  return createCrossing(
    exchange,
    target,
    counterpart,
    body,
    (_status, headers) =>
      new ConvertedAnswer(exchange, headers, (body) => {
        const tokens = upstream.decodeResponse(body)
        // A count is the answer; nothing was used.
        const usage = { ...UNKNOWN_USAGE, input: 0, output: 0 }
        return tokens === null ? null : { body: client.encodeResponse(tokens), usage }
      }),
  )
}

function decodeOnce(tools: TranslateTools, exchange: Exchange, client: Pick<Codec, 'decodeRequest'>): Decoded {
  const known = decodedExchanges.get(exchange)
  if (known) return known
  const losses = createLossReport()
  const tenant = exchange.caller.principal.userId
  const request = crossOver(() =>
    client.decodeRequest(readBodyObject(exchange), {
      model: exchange.model,
      stream: exchange.streamed,
      openEnvelope: (text) => tools.reasoningState.open(tenant, text),
      losses,
    }),
  )
  // With what a client dropped put back.
  const items = tools.reasoningState.restore(tenant, request.items, exchange.provider.id)
  const decoded = { request: { ...request, items }, losses: losses.losses }
  decodedExchanges.set(exchange, decoded)
  return decoded
}

function createEncoding(
  tools: TranslateTools,
  exchange: Exchange,
  target: Target,
  request: ChatRequest,
): RequestEncoding {
  const { provider, model } = target
  return {
    profile: tools.adjustments.adjustProfile(
      exchange,
      target,
      tools.profiles.profileOf(provider.id, model, provider.chatDialect),
      request,
    ),
    provider: provider.id,
    account: accountOf(target),
    stream: exchange.streamed,
    hash8,
    losses: createLossReport(),
  }
}

/** How the answer is written for the client. */
function createAnswering(
  tools: TranslateTools,
  exchange: Exchange,
  target: Target,
  known: { request: ChatRequest; losses: LossReport; usage: () => Usage },
): ResponseEncoding {
  const { request, losses } = known
  const { provider, model } = target
  const tenant = exchange.caller.principal.userId
  return {
    requestedModel: exchange.answeredAs,
    requestId: toPublicId('req', exchange.id),
    created: Math.floor(exchange.createdAt / 1000),
    sealEnvelope: (signature) => tools.reasoningState.seal(tenant, signature),
    streamUsage: request.streamUsage,
    request,
    losses,
    served: () => {
      const { usdNanos } = tools.prices.priceUsage({ provider: provider.id, model, usage: known.usage() })
      return {
        provider: provider.id,
        costUsd: usdNanos === null ? null : usdNanos / 1e9,
        latencyMs: Math.round(tools.clock.monotonic() - exchange.startedAt),
      }
    },
  }
}

/** Of a provider's word for an end. */
const LONGEST_WORD = 64

/** A plain end stands in for it: a warning to the client, and the word itself for the operator. */
function noteUnknownFinish(
  { log }: TranslateTools,
  exchange: Exchange,
  { provider, model }: Target,
  { finish, losses }: { finish: Finish; losses: LossReport },
): void {
  const word = finish.raw.slice(0, LONGEST_WORD)
  losses.approximate('finish_reason', 'the provider gave no reason for the end, or one that is not known')
  const facts = { request_id: toPublicId('req', exchange.id), provider: provider.id, model, finish_reason: word }
  log.warn(facts, 'the provider ended with an unknown finish reason')
}

/** Another company learns of an end user only that it is the same one again. */
function anonymousUser(tenant: string, { userId }: ChatRequest): Pick<ChatRequest, 'userId'> | object {
  if (userId === undefined) return {}
  return { userId: createHash('sha256').update(`${tenant}\n${userId}`).digest('hex').slice(0, 32) }
}

/** The conversation without what only its provider can read. */
function withoutState(items: readonly Item[]): readonly Item[] {
  return items
    .filter((item) => item.kind !== 'reasoning' || item.text !== '')
    .map(({ signature: _dropped, ...item }) => item)
}

// Gemini streams are a JSON array unless the client asks for events.
function isJsonArray(exchange: Exchange): boolean {
  return exchange.protocol.id === 'gemini' && exchange.streamed && exchange.match.query.get('alt') !== 'sse'
}

function readKind(headers: UpstreamHeaders): 'sse' | 'json' | null {
  const type = String(headers['content-type'] ?? '')
  if (/^text\/event-stream\b/i.test(type)) return 'sse'
  return /\bjson\b/i.test(type) ? 'json' : null
}
