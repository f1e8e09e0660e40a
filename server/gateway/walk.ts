// Walks a chain: try, judge what came of it, remember it where it belongs (this key, this model, this provider), and go
// on until the answer is served, the request itself is at fault, or nothing remains. Streams and whole answers share it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Prices } from '../catalog/prices.ts'
import type { ModelHealth, Probe, ProviderKeyRecord } from '../features/provider-keys/record.ts'
import type { Clock } from '../kernel/clock.ts'
import { type GatewayError, toGatewayError } from '../kernel/errors.ts'
import type { Secret } from '../kernel/secret.ts'
import type { UpstreamError } from '../protocols/protocol.ts'
import { judgeRefusal, type Verdict } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'
import type { Adjustments } from './adjustments.ts'
import { setUpstreamRequestId } from './answer-headers.ts'
import { runAttempt, type AttemptResult, type AttemptTools } from './attempt.ts'
import type { BreakerKey, Breakers } from './breaker.ts'
import type { Carrier } from './carrier.ts'
import { PAYER_OF, type Chain, type KeyFate, type Step } from './chain.ts'
import { scopeOf, type Exchange, type Target } from './exchange.ts'
import type { Health } from './health.ts'
import type { Metered, Meter } from './meter.ts'
import { healthName, serverKeyName } from './plan.ts'
import { explainMalformed, explainRefusal, explainVerdict, outageOf, type OutageFacts } from './refusal.ts'
import type { Spending } from './spending.ts'
import type { RetryBudget } from './retry-budget.ts'

/** What the walk needs of the room that keeps users' keys. */
export interface KeyRing {
  openCredential(record: ProviderKeyRecord): Secret | Promise<Secret>
  /** Would it open? Nothing is remembered of the question. */
  opens(record: ProviderKeyRecord): boolean
  /** In the background, compare-and-set on the key's version. */
  markStatus(
    record: ProviderKeyRecord,
    status: 'active' | 'invalid' | 'exhausted',
    reason: string | null,
    probe?: Probe,
  ): void
  markModel(record: ProviderKeyRecord, health: ModelHealth): void
}

export interface WalkTools extends AttemptTools {
  readonly meter: Meter
  readonly health: Health
  readonly breakers: Breakers
  readonly retryBudget: RetryBudget
  readonly providers: Providers
  readonly prices: Prices
  readonly keys: KeyRing
  readonly spending: Spending
  readonly adjustments: Adjustments
  /** What must be there before the carrier can be made; null where nothing is missing. */
  readonly prepareCarrier: (exchange: Exchange, target: Target) => Promise<void> | null
  /** Relay or translation, as the dialects of both sides say. */
  readonly createCarrier: (exchange: Exchange, target: Target) => Carrier
}

export type WalkEnd =
  | { readonly kind: 'served'; readonly result: AttemptResult }
  | { readonly kind: 'broken'; readonly error: GatewayError; readonly result: AttemptResult }
  | { readonly kind: 'client-closed'; readonly firstByteMs: number | null }
  /** The provider's own answer to a request at fault, to be relayed as it is. */
  | {
      readonly kind: 'relayed-error'
      readonly result: AttemptResult
      readonly body: Buffer
      readonly verdict: Verdict
    }
  | { readonly kind: 'refused'; readonly error: GatewayError }

export const MOST_CALLS = 6
const LONGEST_RETRY_DELAY_MS = 200
/** What no other key could change. */
const ENDS_THE_WALK: ReadonlySet<Verdict> = new Set<Verdict>(['request', 'overflow', 'model_not_found', 'forbidden'])
/** Statuses after which the provider surely did not run the request. */
const SAFE_TO_REPEAT = new Set([500, 502, 503, 529])

interface Try {
  readonly result: AttemptResult
  readonly metered: Metered
  readonly verdict: Verdict | null
  /** The provider's own words may go to the client as they are. */
  readonly relaysErrors: boolean
  /** It was a second call with the same key. */
  readonly repeated: boolean
}

/** `isLast`: no other model is asked afterwards. */
export async function walkChain(tools: WalkTools, exchange: Exchange, chain: Chain, isLast = true): Promise<WalkEnd> {
  const { breakers, retryBudget } = tools
  retryBudget.countRequest(exchange.provider.id)
  let outage: OutageFacts | null = null
  let cooldownSeconds: number | null = null
  let blocked: { step: Exclude<Step, { kind: 'none' }>; key: BreakerKey } | null = null
  for (;;) {
    let step = chain.next()
    if (step.kind === 'none') {
      // The last target is never blocked entirely.
      if (!blocked || !isLast || exchange.attempts > 0 || !breakers.allowsLastResort(blocked.key)) break
      step = blocked.step
      chain.retry(blocked.step)
      blocked = null
    } else {
      const key = breakerKeyOf(targetOf(tools, exchange, step))
      if (!breakers.allows(key)) {
        blocked = { step, key }
        outage = {
          why: 'breaker',
          repeated: false,
          retryAfterSeconds: Math.ceil((breakers.openFor(key) ?? 0) / 1000) || 1,
        }
        chain.report('outage')
        continue
      }
    }
    if (exchange.attempts >= MOST_CALLS) break
    const target = targetOf(tools, exchange, step)
    const tried = await tryWithinLimits(tools, exchange, target).catch((error: unknown) => {
      breakers.release(breakerKeyOf(target))
      throw error
    })
    if (tried === 'capped' || tried === 'allowance_spent') {
      breakers.release(breakerKeyOf(target))
      chain.report(tried)
      continue
    }
    const end = endOf(tools, exchange, target, tried)
    if (end) return end
    const fate = rememberFailure(tools, exchange, target, tried)
    if (fate === 'outage') {
      const { result, verdict, repeated } = tried
      outage = outageOf(result.end, { verdict, repeated, retryAfterSeconds: retryAfterOf(result, tools.clock) })
    }
    if (fate === 'rate_limited') {
      const left = (tools.health.cooldownLeft(nameOf(target), scopeOf(exchange)) ?? 5_000) / 1000
      cooldownSeconds = Math.min(cooldownSeconds ?? Infinity, left)
    }
    chain.report(fate)
  }
  // Of keys set aside as well as of those just tried.
  const waiting = earliestCooldown(tools, exchange, chain)
  if (waiting !== null) cooldownSeconds = Math.min(cooldownSeconds ?? Infinity, waiting)
  const error = explainRefusal(exchange, { obstacles: chain.obstacles, outage, cooldownSeconds })
  return { kind: 'refused', error }
}

/** What it may cost is held against every limit first, and becomes what it did cost afterwards. */
async function tryWithinLimits(
  tools: WalkTools,
  exchange: Exchange,
  target: Target,
): Promise<Try | 'capped' | 'allowance_spent'> {
  const reserved = await tools.spending.reserve(exchange, target)
  if (typeof reserved === 'string') return reserved
  let spent = 0
  try {
    const tried = await tryTarget(tools, exchange, target)
    spent = tried.metered.cost.usdNanos ?? 0
    return tried
  } finally {
    reserved.settle(spent)
  }
}

/** One target, with at most one repeat where that is safe and within the budget. */
async function tryTarget(tools: WalkTools, exchange: Exchange, target: Target): Promise<Try> {
  let tried = await callOnce(tools, exchange, target)
  if (hasLearned(tools, exchange, target, tried)) tried = await callOnce(tools, exchange, target)
  if (!isSafeToRepeat(exchange, tried) || exchange.attempts >= MOST_CALLS || isClientRetrying(exchange)) return tried
  if (exchange.response.destroyed || !tools.retryBudget.take(exchange.provider.id)) return tried
  await sleep(Math.random() * LONGEST_RETRY_DELAY_MS)
  if (!exchange.response.destroyed) tried = { ...(await callOnce(tools, exchange, target)), repeated: true }
  return tried
}

/** Did a 400 teach something that makes the same request pass? Then it is sent once more, as a try of its own. */
function hasLearned(
  tools: WalkTools,
  exchange: Exchange,
  target: Target,
  { result, verdict, relaysErrors }: Try,
): boolean {
  if (exchange.pass || verdict !== 'request' || result.status !== 400 || result.end.kind !== 'refused') return false
  if (exchange.attempts >= MOST_CALLS || exchange.response.destroyed) return false
  return tools.adjustments.learn(exchange, target, result.end.error, relaysErrors)
}

async function callOnce(tools: WalkTools, exchange: Exchange, target: Target): Promise<Try> {
  const missing = tools.prepareCarrier(exchange, target)
  if (missing) await missing
  // Fails closed: a key that does not open ends the request here.
  const credential = target.key
    ? await tools.keys.openCredential(target.key)
    : (tools.providers.serverKey(target.provider.id) ?? null)
  const carrier = tools.createCarrier(exchange, target)
  tools.meter.announce(exchange, target, carrier.dialect)
  const result = await runAttempt(tools, exchange, target, carrier, credential)
  setUpstreamRequestId(exchange.response, result.upstreamRequestId)
  const { end, status } = result
  const verdict = end.kind === 'refused' ? judge(tools, exchange, target, status ?? 0, end.error) : null
  const metered = tools.meter.settle(exchange, target, result, verdict)
  return { result, metered, verdict, repeated: false, relaysErrors: carrier.relaysErrors }
}

// A vendor's "does not exist or you do not have access" means missing access only for a model that exists.
function judge(tools: WalkTools, exchange: Exchange, target: Target, status: number, error: UpstreamError): Verdict {
  const verdict = judgeRefusal(target.provider, status, error)
  return verdict === 'restricted' && status === 404 && !isKnownModel(tools, exchange) ? 'model_not_found' : verdict
}

function isSafeToRepeat({ pass }: Exchange, { result, verdict }: Try): boolean {
  if (result.end.kind === 'failed') return !result.end.sent
  // Nobody knows whether a failed order was carried out; a second batch or job would be a second bill.
  if (pass && pass.method !== 'GET') return false
  return (verdict === 'failed' || verdict === 'overloaded') && SAFE_TO_REPEAT.has(result.status ?? 0)
}

function isClientRetrying(exchange: Exchange): boolean {
  return Number(exchange.match.headers['x-stainless-retry-count'] ?? 0) > 0
}

/** The end of the walk where this try is one; null when the next key may be asked. */
function endOf(tools: WalkTools, exchange: Exchange, target: Target, tried: Try): WalkEnd | null {
  const { result, verdict } = tried
  const { end } = result
  const breakerKey = breakerKeyOf(target)
  switch (end.kind) {
    case 'served':
      tools.breakers.record(breakerKey, false)
      if (target.key) tools.keys.markStatus(target.key, 'active', null)
      return { kind: 'served', result }
    case 'broken':
      tools.breakers.record(breakerKey, true)
      return { kind: 'broken', error: end.error, result }
    case 'client-closed':
      tools.breakers.release(breakerKey)
      return { kind: 'client-closed', firstByteMs: result.firstByteMs }
    case 'crashed': {
      tools.breakers.release(breakerKey)
      const error = toGatewayError(end.error)
      if (exchange.response.headersSent) {
        exchange.response.destroy()
        return { kind: 'broken', error, result }
      }
      return { kind: 'refused', error }
    }
    case 'failed':
      if (end.why !== 'malformed') return null
      tools.breakers.record(breakerKey, true)
      return { kind: 'refused', error: explainMalformed(exchange) }
    case 'refused':
      if (verdict === null || !ENDS_THE_WALK.has(verdict)) return null
      tools.breakers.record(breakerKey, false)
      if (verdict !== 'forbidden' && tried.relaysErrors && end.body !== null)
        return { kind: 'relayed-error', result, body: end.body, verdict }
      return { kind: 'refused', error: explainVerdict(exchange, verdict, result.status, end) }
  }
}

/** Writes what a failed try taught into the state it belongs to, and names it. */
function rememberFailure(tools: WalkTools, exchange: Exchange, target: Target, tried: Try): KeyFate {
  const { health, keys, breakers } = tools
  const name = nameOf(target)
  const { verdict, result } = tried
  const reason = result.end.kind === 'refused' ? (result.end.error.signals[0] ?? null) : null
  switch (verdict) {
    case 'invalid':
    case 'exhausted':
      breakers.release(breakerKeyOf(target))
      suspendKey(tools, target, verdict, reason)
      return verdict
    case 'cooling': {
      breakers.release(breakerKeyOf(target))
      const until = health.cool(name, scopeOf(exchange), retryAfterMs(result, tools.clock))
      if (target.key) keys.markModel(target.key, { model: scopeOf(exchange), status: 'cooling', until })
      return 'rate_limited'
    }
    case 'restricted': {
      breakers.release(breakerKeyOf(target))
      if (!isKnownModel(tools, exchange)) return 'restricted'
      const until = health.restrict(name, exchange.model)
      if (target.key) keys.markModel(target.key, { model: exchange.model, status: 'restricted', until })
      return 'restricted'
    }
    default:
      breakers.record(breakerKeyOf(target), true)
      return 'outage'
  }
}

function suspendKey(
  { health, keys }: WalkTools,
  target: Target,
  verdict: 'invalid' | 'exhausted',
  reason: string | null,
): void {
  const { key } = target
  const heldMs = key?.status === verdict ? (key.probe?.afterMs ?? 0) : 0
  const probe = health.suspend(nameOf(target), verdict, heldMs)
  if (key) keys.markStatus(key, verdict, reason, probe)
}

// Names are the clients' to invent; only those that exist are remembered against a key.
function isKnownModel(tools: WalkTools, exchange: Exchange): boolean {
  const zero = { input: 0, cacheRead: 0, cacheWrite: 0, cacheWrite1h: 0, output: 0, reasoning: 0, searches: null }
  return (
    tools.prices.priceUsage({ provider: exchange.provider.id, model: exchange.model, usage: zero }).source !== 'unknown'
  )
}

export function targetOf(
  tools: Pick<WalkTools, 'providers'>,
  exchange: Pick<Exchange, 'provider' | 'model'>,
  step: Step,
): Target {
  const { provider, model } = exchange
  if (step.kind === 'own' || step.kind === 'shared') {
    const { record } = step
    const at = record.baseUrl === null ? provider : tools.providers.atBaseUrl(record.baseUrl)
    const isOwn = step.kind === 'own'
    return {
      provider: at,
      model,
      key: record,
      lease: isOwn ? null : step.lease,
      payer: PAYER_OF[step.kind],
      fallback: isOwn ? 'none' : step.reason,
    }
  }
  const fallback = step.kind === 'server' ? step.reason : 'none'
  return { provider, model, key: null, lease: null, payer: 'server', fallback }
}

export function breakerKeyOf(target: Target): BreakerKey {
  return {
    provider: target.provider.id,
    model: target.model,
    side: target.key ? 'user' : 'server',
    owner: target.key?.userId ?? 'server',
    origin: target.key?.baseUrl ?? '',
  }
}

function nameOf(target: Target): string {
  return target.key ? healthName(target.key) : serverKeyName(target.provider.id)
}

function retryAfterMs(result: AttemptResult, clock: Clock): number | null {
  const milliseconds = Number(result.headers['retry-after-ms'])
  if (result.headers['retry-after-ms'] !== undefined && milliseconds >= 0) return milliseconds
  const header = result.headers['retry-after']
  if (typeof header === 'string') {
    const seconds = Number(header)
    if (Number.isFinite(seconds) && seconds >= 0) return seconds * 1000
    const date = Date.parse(header)
    if (!Number.isNaN(date)) return Math.max(date - clock.now(), 0)
  }
  return result.end.kind === 'refused' ? result.end.error.retryAfterMs : null
}

function retryAfterOf(result: AttemptResult, clock: Clock): number | null {
  const milliseconds = retryAfterMs(result, clock)
  return milliseconds === null ? null : Math.ceil(milliseconds / 1000)
}

function earliestCooldown(tools: WalkTools, exchange: Exchange, chain: Chain): number | null {
  let earliest: number | null = null
  for (const { fate, record } of chain.obstacles) {
    if (fate !== 'rate_limited') continue
    const name = record ? healthName(record) : serverKeyName(exchange.provider.id)
    const shared = record?.models.find(({ model, status }) => status === 'cooling' && model === scopeOf(exchange))
    const left =
      tools.health.cooldownLeft(name, scopeOf(exchange)) ?? (shared ? shared.until - tools.clock.now() : null)
    if (left !== null) earliest = Math.min(earliest ?? Infinity, left / 1000)
  }
  return earliest
}
