// The composition root: one factory per room, in the order of the house. The only file that sees all rooms.
// size: one constructor call per room, with the wires between them; there is nothing to split off by meaning.
import { fileURLToPath } from 'node:url'
import { getHeapStatistics } from 'node:v8'
import { createPrices } from './catalog/prices.ts'
import { BUILT_IN_KEYS, type Config } from './config/config.ts'
import type { Database } from './database/database.ts'
import type { Redis } from './database/redis.ts'
import { createAccounts, type Accounts } from './features/accounts/accounts.ts'
import { createAuthenticate } from './features/accounts/authenticate.ts'
import { createApiKeys } from './features/api-keys/api-keys.ts'
import { createAudit } from './features/audit/audit.ts'
import { createAuditCheckpoints } from './features/audit/audit-checkpoints.ts'
import { createAuditReader } from './features/audit/audit-reader.ts'
import { createAuditRoutes } from './features/audit/routes.ts'
import { createEncryptionRoutes } from './features/admin/encryption-routes.ts'
import { checkReady, createHealthRoutes } from './features/admin/health.ts'
import { createInstallationRoutes } from './features/admin/installation-routes.ts'
import { createNamesRoutes } from './features/admin/names-routes.ts'
import { createServerKeyRoutes } from './features/admin/server-keys-routes.ts'
import { createSettingsRoutes } from './features/admin/settings-routes.ts'
import type { BootedVault } from './features/admin/vault-boot.ts'
import { createEvents } from './features/events/events.ts'
import { createVaultRotation } from './features/admin/vault-rotation.ts'
import { createCatalog } from './features/catalog/catalog.ts'
import { createReachableModels } from './features/catalog/reachable-models.ts'
import { chooseRateStore } from './features/limits/choose-rate-store.ts'
import { createControlPace } from './features/limits/control-pace.ts'
import { createLimits } from './features/limits/limits.ts'
import { createMemoryBudgets } from './features/limits/memory-budgets.ts'
import type { RateStore } from './features/limits/rate-store.ts'
import { createLimitRoutes, readAllowance } from './features/limits/routes.ts'
import { createSharedBudgets } from './features/limits/shared-budgets.ts'
import { testProviderKey } from './features/provider-keys/key-test.ts'
import { createProviderKeys } from './features/provider-keys/provider-keys.ts'
import { createDaySums } from './features/usage/day-sums.ts'
import { createLedger } from './features/usage/ledger.ts'
import { createNotifications } from './features/notifications/notifications.ts'
import { createFallbackRoutes } from './features/routing/fallback-routes.ts'
import { createRouting } from './features/routing/routing.ts'
import { createTeams } from './features/teams/teams.ts'
import { createReconciler } from './features/usage/reconcile.ts'
import { createReconcileRoutes } from './features/usage/reconcile-routes.ts'
import { toListed } from './features/usage/receipt.ts'
import { isUseOfModel, toRequestRow } from './features/usage/records.ts'
import { createRequestLog } from './features/usage/request-log.ts'
import { createOverviewRoutes } from './features/usage/overview-routes.ts'
import { createRequestRoutes } from './features/usage/request-routes.ts'
import { createUsageRoutes } from './features/usage/routes.ts'
import { createUsage } from './features/usage/service.ts'
import { createTraces } from './features/usage/traces.ts'
import { createUsageStore } from './features/usage/store.ts'
import { createGateway } from './gateway/gateway.ts'
import { createMetrics, type FiguresOfWorkers } from './gateway/metrics.ts'
import type { Timers } from './gateway/watch.ts'
import { createByteBudget } from './http/body.ts'
import { createDashboard } from './http/dashboard.ts'
import { createOpenRoutes } from './http/open-routes.ts'
import type { Route } from './http/route.ts'
import { createHttp, type Http } from './http/server.ts'
import { createBus } from './kernel/bus.ts'
import { systemClock, type Clock } from './kernel/clock.ts'
import { parsePublicId, toPublicId } from './kernel/ids.ts'
import type { Log } from './kernel/log.ts'
import type { Wire } from './kernel/wire.ts'
import { PACKAGE_ROOT, readPackageVersion } from './kernel/package-root.ts'
import { createProviders } from './providers/registry.ts'
import { createFetchThrough } from './upstream/fetch-through.ts'
import { createMail } from './upstream/mail.ts'
import { createUpstream } from './upstream/create-upstream.ts'

export interface AppOptions {
  readonly config: Config
  readonly database: Database
  readonly booted: BootedVault
  /** null: nothing is shared but the database. The app closes it. */
  readonly redis?: Redis | null
  /** Ways to other instances. */
  readonly wires?: readonly Wire[]
  /**
   * Where this process is one of several workers: rate limits as their primary counts them, and everybody's figures.
   */
  readonly workers?: { readonly rates: RateStore; readonly figures: FiguresOfWorkers } | null
  readonly log: Log
  /** Known once the server listens. */
  readonly publicUrl: () => string
  readonly clock?: Clock
  readonly timers?: Partial<Timers>
}

/** What changes at one and is held by others: who may call, whose keys, which models and ways, what is left alone. */
type Topic = 'access' | 'provider-keys' | 'catalog' | 'routing' | 'breakers'

export interface App {
  readonly http: Http
  readonly accounts: Accounts
  readonly routes: readonly Route[]
  /** Folds what earlier processes left behind; once, before listening. */
  recover(): Promise<void>
  /** Writes everything down and lets go of every timer and socket. */
  close(): Promise<void>
}

// size: the list of rooms, in order.
export function createApp(options: AppOptions): App {
  const { config, database, booted, redis = null, workers = null, log, publicUrl, clock = systemClock } = options
  const providers = createProviders({
    endpoints: config.providerEndpoints,
    custom: config.configuredProviders,
    serverKeys: config.serverKeys,
    userBaseUrls: config.userBaseUrls,
    userKeysFor: config.userKeysFor,
  })
  const bus = createBus(options.wires ?? [])
  const upstream = createUpstream({ client: config.upstreamClient })
  const mail = config.smtp === null ? undefined : createMail({ server: config.smtp, log })
  const traces = config.traces && createTraces({ ...config.traces, upstream, log, instanceId: booted.instanceId })
  const audit = createAudit({ database, clock })
  const auditReader = createAuditReader(database)
  const checkpoints = createAuditCheckpoints({ reader: auditReader, log })
  const announce = (topic: Topic) => (id: string | null) => bus.announce(topic, id ?? '')
  const catalog = createCatalog({ database, providers, audit, clock, announce: announce('catalog') })
  const routing = createRouting({ database, providers, audit, clock, announce: announce('routing') })
  const prices = createPrices({ clock, overrides: catalog.overrides })
  const events = createEvents({
    recheck: (token) => authenticator.recheck(token),
    isStopping: () => http.draining,
  })
  const ledger = createLedger({
    database,
    dataDir: config.dataDir,
    clock,
    log,
    prices,
    onFinished(request, attempts) {
      traces?.add({ request, attempts })
      if (isUseOfModel(request)) events.publish('request', request.userId, () => toListed(toRequestRow(request)))
    },
  })
  const requestLog = createRequestLog({ database, ledger })
  const daySums = createDaySums({ database, clock, log })
  const usage = createUsage({ store: createUsageStore(database, daySums), ledger, clock })
  const notifications = createNotifications({
    database,
    clock,
    log,
    mail,
    publicUrl,
    onNotified: (userId, notification) => events.publish('notification', userId, () => notification),
  })
  const apiKeys = createApiKeys({
    database,
    clock,
    audit,
    log,
    isTeamMember: (teamId, userId) => teams.isMember(teamId, userId),
    readSpent: async (id, period) => (await budgets.read({ kind: 'api-key', id, period })).spent,
    announce: announce('access'),
  })
  const accounts = createAccounts({
    database,
    clock,
    audit,
    log,
    key: booted.jwtKey,
    settings: {
      registration: config.registration,
      passwordMinLength: config.passwordMinLength,
      passwordContextWords: config.passwordContextWords,
      sessionIdleMs: config.sessionIdleMs,
      environmentAdmin: config.admin !== null,
      publicUrl,
    },
    mail,
    oidc: config.oidc ? { settings: config.oidc, fetch: createFetchThrough(upstream) } : undefined,
    leaving: () => [teams.leaving, providerKeys.leaving, apiKeys.leaving],
    announce(id) {
      apiKeys.invalidate(id)
      teams.invalidate(id)
      bus.announce('access', id)
    },
  })
  const authenticator = createAuthenticate({ accounts, apiKeys })
  const providerKeys = createProviderKeys({
    database,
    vault: booted.vault,
    clock,
    log,
    audit,
    providers,
    testKey: (input) => testProviderKey({ upstream, providers }, input),
    allowUserBaseUrls: config.userBaseUrls,
    explain: (input) => gateway.explainWithout(input),
    readHealth: (key) => gateway.readKeyHealth(key),
    readCap: async ({ id, usdNanos, period }) => {
      const { spent } = await budgets.read({ kind: 'provider-key', id, period })
      return { spent, isFull: gateway.isCapFull(id, usdNanos) }
    },
    notify: (notice) => notifications.notify(notice),
    onKeyChange({ userId, keyId, status }) {
      events.publish('key', userId, () => ({ id: keyId === null ? null : toPublicId('pk', keyId), status }))
      bus.announce('provider-keys', userId)
    },
    readKeyUsage: (providerKeyId, query) => usage.summarise(query, { providerKeyId }),
    countStandIns: (of) => requestLog.countServed(of),
    listDown: (userId, baseUrls) => gateway.listOpenBreakersFor(userId, baseUrls),
    namesSharedWith: (userId) => teams.namesSharedWith(userId),
    listBorrowed: (userId) => teams.listBorrowed(userId),
    listEndedLeases: (userId) => teams.listEnded(userId),
  })
  const rotation = createVaultRotation({ database, booted, audit, clock, log })
  const teams = createTeams({
    database,
    clock,
    audit,
    publicUrl,
    mail,
    findOwnKey: async (userId, ref) => {
      const { id, provider } = await providerKeys.getProviderKey(userId, ref)
      return { id: parsePublicId('pk', id)!, provider }
    },
    explainInstead: (parts, without, viewer) => providerKeys.explainInstead(parts, without, viewer),
    chainFor: (userId) => providerKeys.chainFor(userId),
    countTeamKeys: (teamId, userId) => apiKeys.countTeamKeys(teamId, userId),
    revokeTeamKeys: (teamId, userId, tx) => apiKeys.revokeTeamKeys(teamId, userId, tx),
    announce(ids) {
      ids.forEach((id) => apiKeys.invalidate(id))
      ids.forEach(announce('access'))
    },
  })
  const heard: Record<Topic, (id: string) => void> = {
    access: (id) => [apiKeys, teams, accounts].forEach((room) => room.invalidate(id)),
    'provider-keys'(userId) {
      providerKeys.forget(userId)
      events.publish('key', userId, () => ({ id: null, status: null }))
    },
    catalog: (userId) => catalog.forget(userId || null),
    routing: (owner) => routing.forget(owner || null),
    breakers: () => gateway.lookAtBreakers(),
  }
  for (const [topic, listener] of Object.entries(heard)) bus.hear(topic, listener)
  // A SQLite file has one process, unless that is one of several workers; a PostgreSQL database may have several.
  const isAlone = database.kind === 'sqlite' && workers === null
  const createBudgets = isAlone ? createMemoryBudgets : createSharedBudgets
  const budgets = createBudgets({ database, clock, log, flushLedger: () => ledger.flush() })
  const metrics = createMetrics(workers?.figures)
  if (mail) metrics.watchMail(mail.results)
  if (traces) metrics.watchTraces(traces.results)
  metrics.watchVault({ opens: booted.opens, readFigures: () => rotation.readFigures() })
  metrics.watchLedger(() => ledger.readFigures())
  metrics.watchInstances(booted.countInstances)
  const rates = chooseRateStore({
    database,
    redis,
    primary: workers?.rates ?? null,
    countInstances: booted.countInstances,
    clock,
  })
  if (redis) metrics.watchRedis(redis, rates)
  const bodyBudget = createByteBudget(Math.floor(getHeapStatistics().heap_size_limit / 4))
  const gateway = createGateway({
    authenticator,
    describeCaller: (userId, keyId) => apiKeys.describeCaller(userId, keyId),
    touchApiKey: (keyId) => apiKeys.touch(keyId),
    limits: createLimits({ clock, store: rates }),
    providers,
    catalog,
    routing,
    prices,
    ledger,
    getReceipt: (requestId, reader) => usage.getReceipt(requestId, reader),
    upstream,
    keys: providerKeys,
    sharedFor: (caller) => teams.sharedFor(caller),
    serverFallback: config.serverFallback,
    invalidGraceMs: config.invalidGraceMs,
    stateSecret: booted.jwtKey,
    redis,
    announceBreakers: () => bus.announce('breakers', ''),
    budgets,
    allowanceUsdNanosPerDay: config.serverAllowanceUsdNanosPerDay,
    bodyBudget,
    apiKeyConcurrency: config.apiKeyConcurrency,
    media: config.media,
    publicUrl,
    metrics,
    traced: traces !== null,
    clock,
    log,
    ...(options.timers ? { timers: options.timers } : {}),
  })
  const allowance = { budgets, clock, allowanceUsdNanosPerDay: config.serverAllowanceUsdNanosPerDay }
  const ownKeys = {
    listProviderKeys: (userId: string) => providerKeys.chainFor(userId),
    listApiKeys: (userId: string) => apiKeys.listNamed(userId),
  }
  const describeReachable = createReachableModels({ providers, prices, overrides: catalog.overrides })
  const readSetup = async (): Promise<'off' | 'needed' | 'done'> =>
    config.admin !== null ? 'off' : (await accounts.isSetupNeeded()) ? 'needed' : 'done'
  const routes: Route[] = [
    ...createOpenRoutes({
      version: readPackageVersion(),
      publicUrl,
      routes: () => routes,
      checkReady: () => checkReady(database),
      isDraining: () => http.draining,
      readSetup,
      dashboard: createDashboard(fileURLToPath(new URL('dist/web/', PACKAGE_ROOT))),
      readMetrics: () => metrics.read(),
    }),
    ...accounts.routes,
    ...apiKeys.routes,
    ...providerKeys.routes,
    ...teams.routes,
    ...notifications.routes,
    ...events.routes,
    ...createUsageRoutes({ usage }),
    ...createLimitRoutes(allowance),
    ...createReconcileRoutes(createReconciler({ database, ledger, providers, upstream, clock }), audit),
    ...createRequestRoutes({ log: requestLog }),
    ...createOverviewRoutes({ usage, log: requestLog, clock }),
    ...catalog.createRoutes(async (userId) => {
      const caller = await apiKeys.describeCaller(userId, null)
      return caller ? describeReachable(await gateway.listModels(caller)) : []
    }),
    ...routing.routes,
    ...createFallbackRoutes({
      granted: [...config.serverFallback],
      readAccountFallback: async (userId) => (await apiKeys.describeCaller(userId, null))?.accountFallback ?? 'never',
      readAllowance: (userId) => readAllowance(allowance, userId),
      ...ownKeys,
    }),
    ...createNamesRoutes({ ...ownKeys, listPeople: (limit) => accounts.listPeople(limit) }),
    ...createEncryptionRoutes({ rotation }),
    ...createAuditRoutes({ reader: auditReader, audit }),
    ...createServerKeyRoutes({
      providers,
      variables: {
        ...BUILT_IN_KEYS,
        ...Object.fromEntries(
          config.configuredProviders.flatMap((one) => (one.apiKeyEnv ? [[one.id, one.apiKeyEnv]] : [])),
        ),
      },
      testKey: (input) => testProviderKey({ upstream, providers }, { ...input, baseUrl: null }),
    }),
    ...createSettingsRoutes({ settings: config.settings }),
    ...createHealthRoutes({
      version: readPackageVersion(),
      dataDir: config.dataDir,
      instanceId: booted.instanceId,
      database,
      registry: booted.registry,
      ledger,
      clock,
      readInProgress: () => ({
        requests: http.inFlight,
        upstream_calls: gateway.callsInProgress,
        event_streams: events.size,
      }),
      listBreakers: () =>
        gateway
          .listOpenBreakers()
          .map(({ oneOwner, leftMs, ...named }) => ({ ...named, one_owner: oneOwner, opens_in_ms: leftMs })),
      limits: { rates: redis ? 'redis' : 'memory', budgets: isAlone ? 'memory' : 'database' },
    }),
    ...createInstallationRoutes({
      readSignIn: async () => ({
        setup: await readSetup(),
        registration: config.registration,
        mail: mail !== undefined,
        password_min_length: config.passwordMinLength,
        provider: config.oidc && { name: config.oidc.name },
      }),
      readInstallation: () => ({
        version: readPackageVersion(),
        public_url: publicUrl(),
        providers: providers.all.map(({ id, name, keyPrefixes }) => ({
          id,
          name,
          key_prefixes: [...keyPrefixes],
          takes_keys: providers.takesKeys(id),
          has_server_key: providers.hasServer(id),
        })),
        user_base_urls: config.userBaseUrls,
        server_fallback: [...config.serverFallback],
        encryption: { fallback: booted.fallback },
      }),
    }),
    ...gateway.routes,
  ]
  const http = createHttp({
    routes,
    authenticate: (credential) => authenticator.authenticate(credential),
    admit: createControlPace({ clock }),
    publicUrl,
    metricsToken: config.metricsToken ?? undefined,
    budget: bodyBudget,
    clock,
    log,
    isTrustedProxy: config.isTrustedProxy,
    chooseErrorEncoder: gateway.chooseErrorEncoder,
  })
  metrics.watchOverload(() => ({
    isOn: http.overload.isOn,
    refused: { loop: http.overload.refused, bytes: bodyBudget.refused },
  }))
  return {
    http,
    accounts,
    routes,
    async recover() {
      await catalog.start()
      await routing.start()
      await ledger.recover()
      await providerKeys.start()
      rotation.start()
      checkpoints.start()
    },
    async close() {
      gateway.close()
      events.close()
      await bus.close()
      await rotation.close()
      await mail?.close()
      await traces?.close()
      await upstream.close()
      await budgets.close()
      await daySums.close()
      await ledger.close()
      await providerKeys.close()
      await apiKeys.close()
      await accounts.flush()
      await checkpoints.close()
      redis?.close()
    },
  }
}
