// Counters for Prometheus. Labels are bounded: dialects, providers, payers and status classes, never models or keys,
// whose names are the clients'.
import { AggregatorRegistry, collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { GatewayError } from '../kernel/errors.ts'
import type { LedgerFigures } from '../features/usage/ledger.ts'
import type { Breakers } from './breaker.ts'
import { type CallFacts, createUsageMetrics } from './usage-metrics.ts'
import type { Watch } from './watch.ts'

export interface Metrics {
  observeRequest(facts: { dialect: string; provider: string; status: number; payer: string; ms: number }): void
  /** Each call to a provider, once it is settled. */
  observeCall(call: CallFacts): void
  countRefusedKey(): void
  /** Adds figures that are read when asked for. */
  watchGateway(parts: { breakers: Breakers; watch: Watch; areBreakersShared: boolean }): void
  /** The same for the vault: what depends on each master key, what is left to move, how values opened. */
  watchVault(vault: VaultSource): void
  /** Counts outgoing mails by what became of them. */
  watchMail(results: ReadonlyMap<string, number>): void
  /** Counts requests by what became of their traces. */
  watchTraces(results: ReadonlyMap<string, number>): void
  /** What is on its way from the journal to the database. */
  watchLedger(read: () => LedgerFigures): void
  /**
   * Whether new requests are refused because the event loop is late, and how many were, for that or for lack of memory.
   */
  watchOverload(read: () => OverloadFigures): void
  /** How many instances share the database. */
  watchInstances(count: () => number): void
  /** Whether Redis answers, how often it did not, and what was decided without it. */
  watchRedis(redis: RedisSource, rates: { readonly decidedHere: number }): void
  read(): Promise<{ contentType: string; text: string }>
}

interface OverloadFigures {
  readonly isOn: boolean
  readonly refused: { readonly loop: number; readonly bytes: number }
}

interface RedisSource {
  readonly isUp: boolean
  readonly failures: number
}

export interface VaultSource {
  readonly opens: ReadonlyMap<string, number>
  readFigures(): Promise<{
    readonly dependents: readonly { readonly kid: string; readonly state: string; readonly count: number }[]
    readonly remaining: number
  }>
}

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** The figures of several workers, of whom any may be asked for those of all. */
export interface FiguresOfWorkers {
  /** How this one's are read. */
  provide(read: () => Promise<readonly object[]>): void
  readAll(): Promise<readonly (readonly object[])[]>
}

/** `workers`: null where this process is alone. Their figures are added up, except for what all of them see alike. */
export function createMetrics(workers: FiguresOfWorkers | null = null): Metrics {
  const registry = new Registry()
  let refresh: () => Promise<void> = async () => {}
  collectDefaultMetrics({ register: registry, prefix: 'uniroute_' })
  const requests = new Counter({
    name: 'uniroute_requests_total',
    help: 'Data-plane requests past authentication.',
    labelNames: ['dialect', 'provider', 'payer', 'status'],
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'uniroute_request_duration_seconds',
    help: 'From the request to the end of the answer.',
    labelNames: ['dialect'],
    buckets: SECONDS,
    registers: [registry],
  })
  const refusedKeys = new Counter({
    name: 'uniroute_refused_keys_total',
    help: 'Data-plane requests without a valid UniRoute API key.',
    registers: [registry],
  })

  // Looking labels up costs more than counting: as many series as there are labels, which are bounded.
  const seriesOf = new Map<string, { requests: Counter.Internal; duration: Histogram.Internal<'dialect'> }>()

  async function readOwn(): Promise<readonly object[]> {
    await refresh()
    return registry.getMetricsAsJSON()
  }

  workers?.provide(readOwn)
  return {
    observeRequest({ dialect, provider, status, payer, ms }) {
      const statusClass = `${Math.floor(status / 100)}xx`
      const name = `${dialect} ${provider} ${payer} ${statusClass}`
      let series = seriesOf.get(name)
      if (!series) {
        series = {
          requests: requests.labels({ dialect, provider, payer, status: statusClass }),
          duration: duration.labels({ dialect }),
        }
        seriesOf.set(name, series)
      }
      series.requests.inc()
      series.duration.observe(ms / 1000)
    },
    observeCall: createUsageMetrics(registry),
    countRefusedKey: () => refusedKeys.inc(),
    watchGateway({ breakers, watch, areBreakersShared }) {
      watchBreakers(registry, breakers, areBreakersShared)
      new Gauge({
        name: 'uniroute_upstream_calls',
        help: 'Calls to providers in progress.',
        registers: [registry],
        collect() {
          this.set(watch.size)
        },
      })
    },
    watchVault(vault) {
      refresh = watchVault(registry, vault)
    },
    watchMail(results) {
      new Counter({
        name: 'uniroute_mails_total',
        help: 'Mails by result: taken by the mail server, given up, or dropped from a full queue.',
        labelNames: ['result'],
        registers: [registry],
        collect() {
          this.reset()
          for (const [result, count] of results) this.inc({ result }, count)
        },
      })
    },
    watchTraces(results) {
      new Counter({
        name: 'uniroute_traces_total',
        help: 'Requests by what became of their trace: taken by the collector, refused by it, or dropped from a full queue.',
        labelNames: ['result'],
        registers: [registry],
        collect() {
          this.reset()
          for (const [result, count] of results) this.inc({ result }, count)
        },
      })
    },
    watchLedger: (read) => watchLedger(registry, read),
    watchOverload: (read) => watchOverload(registry, read),
    watchInstances(count) {
      new Gauge({
        name: 'uniroute_instances',
        help: 'Instances that share the database, as this one saw at its last look.',
        aggregator: 'max',
        registers: [registry],
        collect() {
          this.set(count())
        },
      })
    },
    watchRedis: (redis, rates) => watchRedis(registry, redis, rates),
    async read() {
      if (workers) {
        const all = AggregatorRegistry.aggregate((await workers.readAll()) as object[][])
        return { contentType: all.contentType, text: await all.metrics() }
      }
      await refresh()
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
  }
}

function watchBreakers(registry: Registry, breakers: Breakers, areShared: boolean): void {
  new Gauge({
    name: 'uniroute_breakers_open',
    help: 'Circuit breakers that are open, as this instance knows them.',
    aggregator: areShared ? 'max' : 'sum',
    registers: [registry],
    collect() {
      this.set(breakers.openCount)
    },
  })
  new Counter({
    name: 'uniroute_breaker_openings_total',
    help: 'Openings of circuit breakers, by whether this instance or another one found the provider down.',
    labelNames: ['found'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [found, count] of Object.entries(breakers.openings)) this.inc({ found }, count)
    },
  })
}

function watchLedger(registry: Registry, read: () => LedgerFigures): void {
  new Gauge({
    name: 'uniroute_usage_waiting',
    help: 'Finished requests whose record is in the journal and not yet in the database.',
    registers: [registry],
    collect() {
      this.set(read().waiting)
    },
  })
  new Gauge({
    name: 'uniroute_journal_bytes',
    help: 'What the journal holds of usage.',
    registers: [registry],
    collect() {
      this.set(read().bytes)
    },
  })
  new Gauge({
    name: 'uniroute_usage_write_failures',
    help: 'Attempts in a row to write usage to the database that failed; 0 when the last one did not.',
    aggregator: 'max',
    registers: [registry],
    collect() {
      this.set(read().failures)
    },
  })
}

function watchOverload(registry: Registry, read: () => OverloadFigures): void {
  new Gauge({
    name: 'uniroute_overloaded',
    help: 'Whether new requests are refused because the event loop is late: 1, or 0.',
    aggregator: 'max',
    registers: [registry],
    collect() {
      this.set(read().isOn ? 1 : 0)
    },
  })
  new Counter({
    name: 'uniroute_overload_refusals_total',
    help: 'Requests that were refused because the event loop was late, or for lack of memory for their bodies.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of Object.entries(read().refused)) this.inc({ reason }, count)
    },
  })
}

function watchRedis(registry: Registry, redis: RedisSource, rates: { readonly decidedHere: number }): void {
  new Gauge({
    name: 'uniroute_redis_up',
    help: 'Whether Redis answers: 1, or 0 while this instance goes on without it.',
    aggregator: 'min',
    registers: [registry],
    collect() {
      this.set(redis.isUp ? 1 : 0)
    },
  })
  new Counter({
    name: 'uniroute_redis_failures_total',
    help: 'Commands that Redis refused or did not answer in time.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(redis.failures)
    },
  })
  new Counter({
    name: 'uniroute_rate_limits_decided_locally_total',
    help: 'Calls whose rate limits this instance decided by its share, because Redis did not answer.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(rates.decidedHere)
    },
  })
}

/** Returns what brings the figures that stand in the database up to date. */
function watchVault(registry: Registry, vault: VaultSource): () => Promise<void> {
  const dependents = new Gauge({
    name: 'uniroute_vault_dependents',
    help: 'Sealed values by the master key they depend on.',
    labelNames: ['kid', 'state'],
    aggregator: 'first',
    registers: [registry],
  })
  const remaining = new Gauge({
    name: 'uniroute_vault_rotation_remaining',
    help: 'Sealed values that the change of the master key still has to move.',
    aggregator: 'first',
    registers: [registry],
  })
  new Counter({
    name: 'uniroute_vault_open_total',
    help: 'Attempts to open a sealed value, by result.',
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [result, count] of vault.opens) this.inc({ result }, count)
    },
  })
  return async () => {
    dependents.reset()
    remaining.remove()
    try {
      const figures = await vault.readFigures()
      for (const { kid, state, count } of figures.dependents) dependents.set({ kid, state }, count)
      remaining.set(figures.remaining)
    } catch (error) {
      // Without a database these two are missing, and the others are needed most.
      if (!(error instanceof GatewayError)) throw error
    }
  }
}
