// Walks a chain: try, judge what came of it, remember it where it belongs (this key, this model, this provider), and go
// on until the answer is served, the request itself is at fault, or nothing remains. Streams and whole answers share
// it; the order of steps is that of steps.ts, which explanations follow as well.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Prices } from '../catalog/prices.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
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
import { createEchoCheck } from './echoed-words.ts'
import { scopeOf, type Exchange, type Target } from './exchange.ts'
import type { Health } from './health.ts'
import type { Metered, Meter } from './meter.ts'
import { healthName, serverKeyName } from './plan.ts'
import { explainMalformed, explainRefusal, explainVerdict, outageOf, type OutageFacts } from './refusal.ts'
import type { ServedModels } from './served-models.ts'
import type { LimitFate, Spending } from './spending.ts'
import type { Preparation } from './translate.ts'
import { mayRepeat, MOST_CALLS, walkSteps, type Asked, type NamedStep, type StepWorld } from './steps.ts'
import type { KeyMemory, Turn, Turns } from './turns.ts'
import type { RetryBudget } from './retry-budget.ts'

/** What the walk needs of the room that keeps users' keys. */
export interface KeyRing extends KeyMemory {
  openCredential(record: ProviderKeyRecord): Secret | Promise<Secret>
  /** Would it open? Nothing is remembered of the question. */
  opens(record: ProviderKeyRecord): boolean
  /** Was this model among those that the key could reach when it was last looked at? */
  listsModel(record: ProviderKeyRecord, model: string): Promise<boolean>
}

export interface WalkTools extends AttemptTools {
  readonly meter: Meter
  readonly health: Health
  readonly turns: Turns
  readonly servedModels: ServedModels
  readonly breakers: Breakers
  readonly retryBudget: RetryBudget
  readonly providers: Providers
  readonly prices: Prices
  readonly keys: KeyRing
  readonly spending: Spending
  readonly adjustments: Adjustments
  /** What must be there before the carrier can be made. */
  readonly preparation: Preparation
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

const LONGEST_RETRY_DELAY_MS = 200
const LONGEST_WAIT_MS = 86_400_000
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
  const keyOf = (step: NamedStep): BreakerKey => breakerKeyOf(targetOf(tools, exchange, step))
  const world: StepWorld<WalkEnd> = {
    calls: () => exchange.attempts,
    leftAlone: (step) => whyLeftAlone(breakers, keyOf(step), exchange),
    isLastResort: (step) => breakers.allowsLastResort(keyOf(step)),
    ask: (step) => askStep(tools, exchange, step),
  }
  const walked = await walkSteps(chain, world, isLast)
  if ('end' in walked) return walked.end
  // Of keys set aside as well as of those just tried.
  const waiting = earliestCooldown(tools, exchange, chain)
  const cooldownSeconds = Math.min(walked.cooldownSeconds ?? Infinity, waiting ?? Infinity)
  const error = explainRefusal(exchange, {
    obstacles: chain.obstacles,
    outage: walked.outage,
    cooldownSeconds: cooldownSeconds === Infinity ? null : cooldownSeconds,
  })
  return { kind: 'refused', error }
}

async function askStep(tools: WalkTools, exchange: Exchange, step: NamedStep): Promise<Asked<WalkEnd>> {
  const target = targetOf(tools, exchange, step)
  const setAside = (fate: KeyFate): Asked<WalkEnd> => {
    tools.breakers.release(breakerKeyOf(target), exchange)
    return { fate }
  }
  let turn: Turn | null = null
  try {
    const taken = tools.turns.take(target, scopeOf(exchange))
    const found = taken instanceof Promise ? await taken : taken
    if (typeof found === 'string') return setAside(found)
    turn = found
    // A stream may go on for long: its first event tells the others that the key works, and the provider.
    exchange.answered = exchange.streamed
      ? () => {
          found.served()
          tools.breakers.answered(breakerKeyOf(target))
        }
      : null
    const tried = await tryTarget(tools, exchange, target)
    if (typeof tried === 'string') return setAside(tried)
    const end = endOf(tools, exchange, target, tried, turn)
    return end ? { end } : await learn(tools, exchange, target, tried, turn)
  } catch (error) {
    tools.breakers.release(breakerKeyOf(target), exchange)
    throw error
  } finally {
    exchange.answered = null
    turn?.end()
  }
}

/** One target, with at most one repeat where that is safe and within the budget. */
async function tryTarget(tools: WalkTools, exchange: Exchange, target: Target): Promise<Try | LimitFate> {
  let tried = await callOnce(tools, exchange, target)
  if (typeof tried === 'string') return tried
  if (hasLearned(tools, exchange, target, tried)) tried = await callOnce(tools, exchange, target)
  if (typeof tried === 'string') return tried
  const clientRetries = exchange.match.headers['x-stainless-retry-count']
  if (!mayRepeat(isSafeToRepeat(exchange, tried), exchange.attempts, clientRetries)) return tried
  if (exchange.response.destroyed || !tools.retryBudget.take(exchange.provider.id)) return tried
  await sleep(Math.random() * LONGEST_RETRY_DELAY_MS)
  if (exchange.response.destroyed) return tried
  const again = await callOnce(tools, exchange, target)
  return typeof again === 'string' ? tried : { ...again, repeated: true }
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

/** What it may cost is held against every limit first, and becomes what it did cost afterwards. */
async function callOnce(tools: WalkTools, exchange: Exchange, target: Target): Promise<Try | LimitFate> {
  const missing = tools.preparation.prepare(exchange, target)
  if (missing) await missing
  const carrier = tools.createCarrier(exchange, target)
  const reserving = tools.spending.reserve(exchange, target, () => carrier)
  const reserved = reserving instanceof Promise ? await reserving : reserving
  if (typeof reserved === 'string') return reserved
  let spent: number | null = 0
  try {
    const tried = await callWith(tools, exchange, target, carrier)
    spent = tried.metered.cost.usdNanos
    return tried
  } finally {
    reserved.settle(spent)
  }
}

async function callWith(tools: WalkTools, exchange: Exchange, target: Target, carrier: Carrier): Promise<Try> {
  // Fails closed: a key that does not open ends the request here.
  const opened = target.key ? tools.keys.openCredential(target.key) : tools.providers.serverKey(target.provider.id)
  const credential = (opened instanceof Promise ? await opened : opened) ?? null
  tools.meter.announce(exchange, target, carrier.dialect)
  const result = await runAttempt(tools, exchange, target, carrier, credential)
  setUpstreamRequestId(exchange.response, result.upstreamRequestId)
  const { end, status } = result
  const verdict = end.kind === 'refused' ? await judge(tools, exchange, target, status ?? 0, end.error) : null
  const metered = tools.meter.settle(exchange, target, { sent: carrier, result, reason: verdict })
  return { result, metered, verdict, repeated: false, relaysErrors: carrier.relaysErrors }
}

// A vendor's "does not exist or you do not have access" means missing access only for a model that exists.
async function judge(
  tools: WalkTools,
  exchange: Exchange,
  target: Target,
  status: number,
  error: UpstreamError,
): Promise<Verdict> {
  const verdict = judgeRefusal(target.provider, status, error, createEchoCheck(exchange))
  if (verdict !== 'restricted' || status !== 404) return verdict
  return (await isKnownModel(tools, exchange, target)) ? verdict : 'model_not_found'
}

function isSafeToRepeat({ pass }: Exchange, { result, verdict }: Try): boolean {
  if (result.end.kind === 'failed') return !result.end.sent
  // Nobody knows whether a failed order was carried out; a second batch or job would be a second bill.
  if (pass && pass.method !== 'GET') return false
  return (verdict === 'failed' || verdict === 'overloaded') && SAFE_TO_REPEAT.has(result.status ?? 0)
}

/** The end of the walk where this try is one; null when the next key may be asked. */
function endOf(tools: WalkTools, exchange: Exchange, target: Target, tried: Try, turn: Turn): WalkEnd | null {
  const { result, verdict } = tried
  const { end } = result
  const breakerKey = breakerKeyOf(target)
  switch (end.kind) {
    case 'served':
      tools.breakers.record(breakerKey, false)
      turn.served()
      if (target.key && !isPriced(tools, exchange)) tools.servedModels.note(healthName(target.key), exchange.model)
      return { kind: 'served', result }
    case 'broken':
      tools.breakers.record(breakerKey, true)
      return { kind: 'broken', error: end.error, result }
    case 'client-closed':
      tools.breakers.release(breakerKey, exchange)
      return { kind: 'client-closed', firstByteMs: result.firstByteMs }
    case 'crashed': {
      tools.breakers.release(breakerKey, exchange)
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

/** Why the next key's turn has come after a try that was no end; written into the state it belongs to. */
async function learn(
  tools: WalkTools,
  exchange: Exchange,
  target: Target,
  { verdict, result, repeated }: Try,
  turn: Turn,
): Promise<Asked<WalkEnd>> {
  const { breakers, clock } = tools
  const key = breakerKeyOf(target)
  switch (verdict) {
    case 'invalid':
    case 'exhausted':
      breakers.release(key, exchange)
      turn.suspended(verdict, result.end.kind === 'refused' ? (result.end.error.signals[0] ?? null) : null)
      return { fate: verdict }
    case 'unfit':
      breakers.release(key, exchange)
      turn.unfit(exchange.operation.id)
      return { fate: verdict }
    case 'cooling': {
      breakers.release(key, exchange)
      const until = turn.cooled(retryAfterMs(result, clock))
      return { fate: 'rate_limited', cooldownSeconds: Math.max(until - clock.now(), 0) / 1000 }
    }
    case 'restricted':
      breakers.release(key, exchange)
      if (await isKnownModel(tools, exchange, target)) turn.restricted()
      return { fate: 'restricted' }
    default: {
      breakers.record(key, true)
      const retryAfterSeconds = retryAfterOf(result, clock)
      return { fate: 'outage', outage: outageOf(result.end, { verdict, repeated, retryAfterSeconds }) }
    }
  }
}

/** A promise only where other instances are asked who probes. */
function whyLeftAlone(
  breakers: Breakers,
  key: BreakerKey,
  asker: Exchange,
): ReturnType<StepWorld<WalkEnd>['leftAlone']> {
  const judge = (isAllowed: boolean): OutageFacts | null => (isAllowed ? null : describeOpen(breakers, key))
  const allowed = breakers.allows(key, asker)
  return allowed instanceof Promise ? allowed.then(judge) : judge(allowed)
}

/** Of a breaker that lets no call through. */
export function describeOpen(breakers: Breakers, key: BreakerKey): OutageFacts {
  const retryAfterSeconds = Math.ceil((breakers.openFor(key) ?? 0) / 1000) || 1
  return { why: 'breaker', repeated: false, retryAfterSeconds }
}

// Names are the clients' to invent; only those that exist are remembered against a key.
async function isKnownModel(tools: WalkTools, exchange: Exchange, { key }: Target): Promise<boolean> {
  const { model } = exchange
  if (isPriced(tools, exchange)) return true
  if (!key || model === '') return false
  if (tools.servedModels.has(healthName(key), model)) return true
  // Where the database cannot say, nobody knows; a call that was made is settled all the same.
  return tools.keys.listsModel(key, model).catch(() => false)
}

function isPriced({ prices }: WalkTools, { provider, model }: Exchange): boolean {
  const zero = { input: 0, cacheRead: 0, cacheWrite: 0, cacheWrite1h: 0, output: 0, reasoning: 0, searches: null }
  return prices.priceUsage({ provider: provider.id, model, usage: zero }).source !== 'unknown'
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

/** At most a day: whoever says more has no such calendar, and one request a day finds that out. */
function retryAfterMs(result: AttemptResult, clock: Clock): number | null {
  const told = readRetryAfter(result, clock)
  return told === null ? null : Math.min(told, LONGEST_WAIT_MS)
}

function readRetryAfter(result: AttemptResult, clock: Clock): number | null {
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
