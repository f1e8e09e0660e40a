// What a call cost: token counts × the provider's list price, in whole nano-dollars. The price list is the library's
// (tiers by prompt length, cache prices, prices that change on a date or by the hour); the arithmetic is ours, because
// money is never added up in floats: prices become exact decimals once per model, and each request is rounded once.
// An administrator's price stands in the place of the list's, and the row says so; what was recorded before stays.
// Invariant: what cannot be priced is unknown (null), never 0; an explicit count of 0 costs 0.
import type { Clock } from '../kernel/clock.ts'
import type { Usage } from '../protocols/canonical.ts'
import { NO_OVERRIDES, type ModelOverride, type Overrides } from './overrides.ts'
import { addUp, addUpMost, type MostUsage } from './price-sums.ts'
import { compileOverride, loadHistory, tableAt, type PriceHistory, type PriceTable, type Rate } from './price-tables.ts'
import { factorOf } from './service-tiers.ts'

/**
 * estimated: searches that nobody knows a price of are not in it, or it was served in a tier whose price the list does
 * not have and only the vendor's usual factor tells.
 */
export type PriceSource = 'computed' | 'estimated' | 'unknown'

export interface PricedUsage {
  readonly usdNanos: number | null
  readonly source: PriceSource
  /** Which price list and entry was used, for the row. */
  readonly priceVersion: string | null
}

/**
 * A price as people read it: dollars per million tokens; null where that class is charged as `input`, or not at all.
 */
export interface ShownPrice {
  readonly input: number | null
  readonly output: number | null
  readonly cacheRead: number | null
  readonly cacheWrite: number | null
  readonly cacheWrite1h: number | null
  /** Long prompts cost more per token; the figures are those of short ones. */
  readonly tiered: boolean
  readonly source: 'list' | 'override'
  readonly version: string
}

export interface Prices {
  priceUsage(call: { provider: string; model: string; usage: Usage; at?: number }): PricedUsage
  /**
   * What a call may cost at most, nano-dollars; null where nobody knows. Priced for the dearest moment it may end at.
   */
  priceMost(call: { provider: string; model: string; most: MostUsage }): number | null
  /** null where nobody knows one. */
  showPrice(provider: string, model: string): ShownPrice | null
  /** Most tokens of prompt and answer together, as the price list has it. */
  listedContextWindow(provider: string, model: string): number | null
}

const UNKNOWN: PricedUsage = Object.freeze({ usdNanos: null, source: 'unknown', priceVersion: null })

/** A call may run so long, and is priced when it ends. */
const LONGEST_CALL_MS = 30 * 60_000

/** Model names come from clients, so the memory of look-ups is bounded. */
const MAX_REMEMBERED = 2_000
const LONGEST_MODEL_NAME = 256

export function createPrices({
  clock,
  overrides = NO_OVERRIDES,
}: {
  clock: Clock
  overrides?: Overrides | undefined
}): Prices {
  const remembered = new Map<string, PriceHistory | null>()
  const compiled = new WeakMap<ModelOverride, PriceTable>()

  function findHistory(provider: string, model: string): PriceHistory | null {
    const key = `${provider}\n${model}`
    const known = remembered.get(key)
    if (known !== undefined) return known
    const history = model.length > LONGEST_MODEL_NAME ? null : loadHistory(provider, model)
    if (remembered.size >= MAX_REMEMBERED) remembered.delete(remembered.keys().next().value as string)
    remembered.set(key, history)
    return history
  }

  function findOverride(provider: string, model: string): PriceTable | null {
    const override = overrides.find(provider, model)
    if (!override?.price) return null
    const known = compiled.get(override)
    if (known) return known
    const table = compileOverride(override, override.price)
    compiled.set(override, table)
    return table
  }

  function findTable(provider: string, model: string, at: number): PriceTable | null {
    const override = findOverride(provider, model)
    if (override) return override
    const history = findHistory(provider, model)
    return history && tableAt(history, at)
  }

  return {
    priceUsage({ provider, model, usage, at = clock.now() }) {
      const table = findTable(provider, model, at)
      if (table === null) return UNKNOWN
      const factor = factorOf(usage.tiers ?? [], model)
      const usdNanos = addUp(table, usage, factor.percent)
      if (usdNanos === null) return UNKNOWN
      const isCertain = factor.isListed && !(usage.searches && table.searches?.isListed !== true)
      return { usdNanos, source: isCertain ? 'computed' : 'estimated', priceVersion: table.version }
    },
    priceMost({ provider, model, most }) {
      const { dearest } = factorOf(most.tiers, model)
      const now = clock.now()
      // Prices may change while it runs.
      const sums = [now, now + LONGEST_CALL_MS].map((at) => {
        const table = findTable(provider, model, at)
        return table && addUpMost(table, most, dearest)
      })
      return sums.includes(null) ? null : Math.max(...sums.map(Number))
    },
    showPrice(provider, model) {
      const table = findTable(provider, model, clock.now())
      return table && showTable(table, findOverride(provider, model) ? 'override' : 'list')
    },
    listedContextWindow: (provider, model) => findHistory(provider, model)?.[0].table.contextWindow ?? null,
  }
}

function showTable(table: PriceTable, source: ShownPrice['source']): ShownPrice {
  const usd = (rate: Rate | null): number | null => rate && Number(rate.base) / 1e9
  const rates = [table.input, table.output, table.cacheRead, table.cacheWrite, table.cacheWrite1h]
  return {
    input: usd(table.input),
    output: usd(table.output),
    cacheRead: usd(table.cacheRead),
    cacheWrite: usd(table.cacheWrite),
    cacheWrite1h: usd(table.cacheWrite1h),
    tiered: rates.some((rate) => rate !== null && rate.tiers.length > 0),
    source,
    version: table.version,
  }
}

/** A rough count where a provider reports none: four bytes (or characters) of text a token. */
export function estimateTokens(length: number): number {
  return Math.ceil(Math.max(0, length) / 4)
}
