// The data plane, put together: plan, health, attempts, meter and the addresses that use them.
import type { Prices } from '../catalog/prices.ts'
import { createProfiles } from '../catalog/profiles.ts'
import { createModelNames } from '../catalog/model-names.ts'
import type { Authenticator } from '../features/accounts/authenticate.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { Catalog } from '../features/catalog/catalog.ts'
import type { Budgets } from '../features/limits/budgets.ts'
import type { Limits } from '../features/limits/limits.ts'
import type { ExplainWithout } from '../features/provider-keys/impact.ts'
import type { ReadHealth } from '../features/provider-keys/model-health.ts'
import type { Routing } from '../features/routing/routing.ts'
import type { Ledger } from '../features/usage/ledger.ts'
import type { ChooseErrorEncoder } from '../http/answers.ts'
import type { ByteBudget } from '../http/body.ts'
import type { Credential, DataRoute } from '../http/route.ts'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { Redis } from '../database/redis.ts'
import type { Log } from '../kernel/log.ts'
import type { Providers } from '../providers/registry.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { createAdjustments } from './adjustments.ts'
import { createBreakers, type OpenBreaker, type SharedGates } from './breaker.ts'
import { createChoosing } from './choosing.ts'
import { createConcurrency } from './concurrency.ts'
import { errorEncoderOfPath } from './data-errors.ts'
import { createDataRoutes, type ServeEndpoint } from './endpoints.ts'
import { explainRoute } from './explain-routes.ts'
import { createExplainWithout } from './explain-without.ts'
import { createHealth } from './health.ts'
import { createMediaByAddress, type MediaSettings } from './media-by-address.ts'
import { createMeter } from './meter.ts'
import type { Metrics } from './metrics.ts'
import { createModelLists } from './model-lists.ts'
import { servePipeline, type PipelineTools } from './pipeline.ts'
import { createPassRelay } from './pass-relay.ts'
import { createPassRoutes } from './pass-routes.ts'
import { createPlanner, healthName, type PlannerOptions } from './plan.ts'
import { createPlaygroundRoutes, outsidePlayground } from './playground-routes.ts'
import { createReadRoutes } from './read-routes.ts'
import { createReasoningState } from './reasoning-state.ts'
import { createCarrierChoice, createPreparation, createStickiness } from './translate.ts'
import { createReserving } from './reserving.ts'
import { createRevocation } from './revocation.ts'
import { createRetryBudget } from './retry-budget.ts'
import type { KeyRing } from './walk.ts'
import type { ReachedModel } from './shown-models.ts'
import { createServedModels } from './served-models.ts'
import { createSharedGates } from './shared-gates.ts'
import { createSpending } from './spending.ts'
import { createTurns } from './turns.ts'
import { createWatch, DEFAULT_TIMERS, type Timers } from './watch.ts'

/** Models that think may be silent so long before and between events. */
const THINKING_SILENCE_MS = 600_000

export interface GatewayOptions {
  readonly authenticator: Authenticator
  readonly describeCaller: (userId: string, apiKeyId: string | null) => Promise<ApiKeyContext | null>
  readonly touchApiKey: (keyId: string) => void
  readonly limits: Limits
  readonly providers: Providers
  readonly catalog: Pick<Catalog, 'overrides' | 'resolveModel' | 'aliasesFor'>
  readonly routing: Pick<Routing, 'settingsFor'>
  readonly prices: Prices
  readonly ledger: Ledger
  readonly getReceipt: (requestId: string, reader: { userId: string; teamId: string | null }) => Promise<unknown>
  readonly upstream: Upstream
  readonly keys: KeyRing & Pick<PlannerOptions, 'chainFor'>
  /** Keys that others share with a caller. */
  readonly sharedFor: PlannerOptions['sharedFor']
  readonly serverFallback: readonly string[]
  readonly invalidGraceMs: number
  /** Seals reasoning state on its way through clients; seals no key. */
  readonly stateSecret: Uint8Array
  /** Shares reasoning state and open breakers with other instances; null: memory alone. */
  readonly redis?: Redis | null
  /** Tells other instances that a breaker opened or closed. */
  readonly announceBreakers?: () => void
  readonly budgets: Budgets
  /** What the server's keys may cost one user in a day; null = unlimited. */
  readonly allowanceUsdNanosPerDay: number | null
  readonly bodyBudget: ByteBudget
  /** Requests of one API key at once, at most. */
  readonly apiKeyConcurrency: number
  /** Fetching of files that requests name by address. */
  readonly media: MediaSettings
  /** Where clients reach this server: stands in answers instead of a vendor's address. */
  readonly publicUrl: () => string
  readonly metrics: Metrics
  /** Traces are sent, so callers may name theirs. */
  readonly traced?: boolean
  readonly clock: Clock
  readonly log: Log
  readonly timers?: Partial<Timers>
}

export interface Gateway {
  readonly routes: readonly DataRoute[]
  readonly chooseErrorEncoder: ChooseErrorEncoder
  /** What requests would get without one of a user's keys. */
  readonly explainWithout: ExplainWithout
  /** Models that one of the users' keys does not serve just now. */
  readonly readKeyHealth: ReadHealth
  /** Did the last call to this provider key find no room under its cap? */
  isCapFull(keyId: string, capUsdNanos: number): boolean
  /** What a caller's keys reach, aliases first. */
  listModels(caller: ApiKeyContext): Promise<ReachedModel[]>
  /** Providers that are not called for a while. */
  listOpenBreakers(): readonly OpenBreaker[]
  /** Those that keep one user’s keys from being asked, at the vendors and at these base URLs. */
  listOpenBreakersFor(userId: string, origins: readonly string[]): readonly OpenBreaker[]
  /** Other instances said that breakers opened or closed. */
  lookAtBreakers(): void
  /** To providers, now. */
  readonly callsInProgress: number
  close(): void
}

export function createGateway(options: GatewayOptions): Gateway {
  const { redis, announceBreakers: announce = () => undefined } = options
  const gates = redis ? createSharedGates({ redis, announce }) : null
  const tools = createTools(options, gates)
  const modelLists = createModelLists(tools)
  const serve: ServeEndpoint = (endpoint, request, response, match) =>
    servePipeline(tools, endpoint, request, response, match)
  const understood = [
    ...createDataRoutes(serve),
    ...createReadRoutes({
      ...tools,
      modelLists,
      getReceipt: options.getReceipt,
      explainRoute: (caller, match, io) =>
        explainRoute({ ...tools, describeCaller: options.describeCaller }, caller, { match, ...io }),
    }),
  ]
  return {
    routes: [...understood, ...createPassRoutes(serve), ...createPlaygroundRoutes(understood)],
    explainWithout: createExplainWithout(tools, options.describeCaller),
    readKeyHealth: (key) =>
      tools.health.listModels(healthName(key)).map(({ model, fate, until }) => ({
        model,
        status: fate === 'rate_limited' ? 'cooling' : fate === 'unfit' ? 'unfit' : 'restricted',
        until,
      })),
    isCapFull: (keyId, capUsdNanos) => tools.spending.isCapFull(keyId, capUsdNanos),
    listModels: (caller) => modelLists.listModels(caller),
    listOpenBreakers: () => tools.breakers.listOpen(),
    listOpenBreakersFor: (userId, origins) => tools.breakers.listOpenFor(userId, origins),
    lookAtBreakers: () => gates?.look(),
    get callsInProgress() {
      return tools.watch.size
    },
    chooseErrorEncoder: (path, headers) => errorEncoderOfPath(outsidePlayground(path), headers),
    close() {
      gates?.stop()
      tools.watch.stop()
      tools.revocation.stop()
    },
  }
}

function createTools(options: GatewayOptions, gates: SharedGates | null): PipelineTools {
  const { limits, providers, prices, ledger, upstream, keys, metrics, bodyBudget, budgets, clock, log } = options
  const { serverFallback, invalidGraceMs, allowanceUsdNanosPerDay } = options
  const health = createHealth({ clock })
  const breakers = createBreakers({ clock, shared: gates })
  const watch = createWatch({ clock })
  metrics.watchGateway({ breakers, watch, areBreakersShared: gates !== null })
  const modelNames = createModelNames(providers.routable)
  const adjustments = createAdjustments({ clock })
  const reasoningState = createReasoningState({ secret: options.stateSecret, clock, redis: options.redis ?? null })
  const profiles = createProfiles(options.catalog.overrides)
  const reserving = createReserving({ prices, profiles, overrides: options.catalog.overrides })
  const media = createMediaByAddress(options.media, { upstream, bodyBudget })
  const translation = { media, adjustments, profiles, reasoningState, prices, clock, log }
  const carry = createCarrierChoice(translation)
  return {
    authenticate: (credential) => authenticate(options, credential),
    revocation: createRevocation({ authenticate: (shown) => options.authenticator.recheck(shown) }),
    concurrency: createConcurrency(options.apiKeyConcurrency),
    limits,
    refreshState: ({ operation, caller }) =>
      operation.task === 'generate' ? reasoningState.refresh(caller.principal.userId) : null,
    modelNames,
    catalog: options.catalog,
    routing: options.routing,
    choosing: createChoosing({ prices, clock }),
    chance: Math.random,
    planner: createPlanner({
      providers,
      modelNames,
      health,
      clock,
      chainFor: (userId) => keys.chainFor(userId),
      sharedFor: options.sharedFor,
      serverFallback: new Set(serverFallback),
      invalidGraceMs,
    }),
    providers,
    prices,
    keys,
    adjustments,
    preparation: createPreparation(translation),
    createCarrier: (exchange, target) =>
      exchange.pass
        ? createPassRelay({ profiles, publicUrl: options.publicUrl() }, exchange, target, exchange.pass)
        : carry(exchange, target),
    preferKey: createStickiness(translation),
    spending: createSpending({ budgets, prices, reserving, allowanceUsdNanosPerDay, clock }),
    health,
    turns: createTurns({ health, keys, clock }),
    servedModels: createServedModels(),
    breakers,
    retryBudget: createRetryBudget({ clock }),
    meter: createMeter({ ledger, prices, reserving, clock, observe: metrics.observeCall, traced: options.traced }),
    bodyBudget,
    upstream,
    watch,
    timers: { ...DEFAULT_TIMERS, ...options.timers },
    streamSilence: ({ provider, model }) => {
      const thinks = profiles.profileOf(provider.id, model, provider.chatDialect).thinking !== 'none'
      return thinks ? Math.max(THINKING_SILENCE_MS, provider.streamSilenceMs) : provider.streamSilenceMs
    },
    clock,
    log,
    observe: (facts) => metrics.observeRequest(facts),
  }
}

/** A promise only where memory does not know the caller. */
function authenticate(options: GatewayOptions, credential: Credential): ApiKeyContext | Promise<ApiKeyContext> {
  const { authenticator, touchApiKey } = options
  if (credential.kind === 'session') return authenticator.authenticateCaller(credential)
  const known = authenticator.peekApiKey(credential.key)
  if (!known) return lookUp(options, credential.key)
  touchApiKey(known.keyId)
  return known
}

async function lookUp({ authenticator, touchApiKey, metrics }: GatewayOptions, key: string): Promise<ApiKeyContext> {
  try {
    const context = await authenticator.authenticateApiKey(key)
    touchApiKey(context.keyId)
    return context
  } catch (error) {
    if (error instanceof GatewayError && error.status === 401) metrics.countRefusedKey()
    throw error
  }
}
