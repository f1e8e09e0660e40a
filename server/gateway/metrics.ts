// Counters for Prometheus. Labels are bounded: dialects, providers, payers and status classes, never models or keys,
// whose names are the clients'.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { GatewayError } from '../kernel/errors.ts'
import type { Breakers } from './breaker.ts'
import type { Watch } from './watch.ts'

export interface Metrics {
  observeRequest(facts: { dialect: string; provider: string; status: number; payer: string; ms: number }): void
  countRefusedKey(): void
  /** Adds figures that are read when asked for. */
  watchGateway(parts: { breakers: Breakers; watch: Watch }): void
  /** The same for the vault: what depends on each master key, what is left to move, how values opened. */
  watchVault(vault: VaultSource): void
  /** Counts outgoing mails by what became of them. */
  watchMail(results: ReadonlyMap<string, number>): void
  read(): Promise<{ contentType: string; text: string }>
}

export interface VaultSource {
  readonly opens: ReadonlyMap<string, number>
  readFigures(): Promise<{
    readonly dependents: readonly { readonly kid: string; readonly state: string; readonly count: number }[]
    readonly remaining: number
  }>
}

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

export function createMetrics(): Metrics {
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

  return {
    observeRequest({ dialect, provider, status, payer, ms }) {
      requests.inc({ dialect, provider, payer, status: `${Math.floor(status / 100)}xx` })
      duration.observe({ dialect }, ms / 1000)
    },
    countRefusedKey: () => refusedKeys.inc(),
    watchGateway({ breakers, watch }) {
      new Gauge({
        name: 'uniroute_breakers_open',
        help: 'Circuit breakers that are open.',
        registers: [registry],
        collect() {
          this.set(breakers.openCount)
        },
      })
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
    async read() {
      await refresh()
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
  }
}

/** Returns what brings the figures that stand in the database up to date. */
function watchVault(registry: Registry, vault: VaultSource): () => Promise<void> {
  const dependents = new Gauge({
    name: 'uniroute_vault_dependents',
    help: 'Sealed values by the master key they depend on.',
    labelNames: ['kid', 'state'],
    registers: [registry],
  })
  const remaining = new Gauge({
    name: 'uniroute_vault_rotation_remaining',
    help: 'Sealed values that the change of the master key still has to move.',
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
