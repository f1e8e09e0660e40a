// What a call cost: token counts × the provider's list price, in whole nano-dollars. The price list is the library's
// (tiers by prompt length, cache prices, prices that change on a date or by the hour); the arithmetic is ours, because
// money is never added up in floats: prices become exact decimals once per model, and each request is rounded once.
// An administrator's price stands in the place of the list's, and the row says so; what was recorded before stays.
// Invariant: what cannot be priced is unknown (null), never 0; an explicit count of 0 costs 0.
import {
  calcPrice,
  type ConditionalPrice,
  type ModelInfo,
  type ModelPrice,
  type Provider,
} from '@pydantic/genai-prices'
import type { Clock } from '../kernel/clock.ts'
import type { Usage } from '../protocols/canonical.ts'
import { NO_OVERRIDES, type ModelOverride, type OverriddenPrice, type Overrides } from './overrides.ts'

/** estimated: the least it cost; searches that nobody knows a price of are not in it. */
export type PriceSource = 'computed' | 'estimated' | 'unknown'

export interface PricedUsage {
  readonly usdNanos: number | null
  readonly source: PriceSource
  /** Which price list and entry was used, for the row. */
  readonly priceVersion: string | null
}

/** A price as people read it: dollars per million tokens; null where that class is charged as `input`, or not at all. */
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
  /** null where nobody knows one. */
  showPrice(provider: string, model: string): ShownPrice | null
  /** Most tokens of prompt and answer together, as the price list has it. */
  listedContextWindow(provider: string, model: string): number | null
}

/** The price list's version; a test holds it equal to the installed one. */
export const PRICE_LIST_VERSION = '0.1.8'

const UNKNOWN: PricedUsage = Object.freeze({ usdNanos: null, source: 'unknown', priceVersion: null })

/** Nano-dollars per million tokens from `start` prompt tokens on (exclusive). */
interface Rate {
  readonly base: bigint
  readonly tiers: readonly { start: number; price: bigint }[]
}

interface PriceTable {
  readonly input: Rate | null
  readonly output: Rate | null
  readonly cacheRead: Rate | null
  readonly cacheWrite: Rate | null
  readonly cacheWrite1h: Rate | null
  readonly reasoning: Rate | null
  /** Nano-dollars × 10⁶ per call. */
  readonly perCall: bigint
  /** Nano-dollars × 10⁶ per search of the web; null where nobody knows. */
  readonly perSearch: bigint | null
  readonly contextWindow: number | null
  readonly version: string
}

interface DatedTable {
  readonly holds: (at: number) => boolean
  readonly table: PriceTable
}

/** Later entries win where they hold; the first is the price when nothing else holds. */
type PriceHistory = readonly [DatedTable, ...DatedTable[]]

/** Names our operators use for providers the list knows under another id. */
const LIST_IDS: ReadonlyMap<string, string> = new Map([
  ['xai', 'x-ai'],
  ['moonshot', 'moonshotai'],
  ['together_ai', 'together'],
  ['together-ai', 'together'],
  ['azure-openai', 'azure'],
  ['gemini', 'google'],
  ['vertex', 'google'],
  ['bedrock', 'aws'],
])

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
      const usdNanos = computeCost(table, usage)
      if (usdNanos === null) return UNKNOWN
      const source = usage.searches && table.perSearch === null ? 'estimated' : 'computed'
      return { usdNanos, source, priceVersion: table.version }
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

function tableAt(history: PriceHistory, at: number): PriceTable {
  for (let i = history.length - 1; i > 0; i--) {
    const entry = history[i]!
    if (entry.holds(at)) return entry.table
  }
  return history[0].table
}

function computeCost(table: PriceTable, usage: Usage): number | null {
  const { input, output } = usage
  // Priced by the hour or the page: tokens say nothing.
  if (table.input === null) return null
  // A provider that leaves out a class it charges for has not told us the cost; details it leaves out are none.
  if (input === null || (output === null && table.output !== null)) return null
  const read = usage.cacheRead ?? 0
  const write1h = usage.cacheWrite1h ?? 0
  const write = Math.max(usage.cacheWrite ?? 0, write1h)
  const reasoning = Math.min(usage.reasoning ?? 0, output ?? 0)
  const searches = usage.searches ?? 0
  if (
    ![input, output ?? 0, read, write, write1h, reasoning, searches].every(
      (count) => Number.isSafeInteger(count) && count >= 0,
    )
  ) {
    return null
  }
  const cost =
    price(table.input, Math.max(0, input - read - write), input) +
    price(table.cacheRead ?? table.input, read, input) +
    price(table.cacheWrite ?? table.input, write - write1h, input) +
    price(table.cacheWrite1h ?? table.cacheWrite ?? table.input, write1h, input) +
    price(table.output, (output ?? 0) - reasoning, input) +
    price(table.reasoning ?? table.output, reasoning, input)
  if (cost < 0n) return null
  const fees = table.perCall + (table.perSearch ?? 0n) * BigInt(searches)
  return Number((cost + fees + 500_000n) / 1_000_000n)
}

const UNPRICED = -(10n ** 40n)

/** Nano-dollars × 10⁶. Tokens of a class without a price make the whole sum negative, whatever else is in it. */
function price(rate: Rate | null, tokens: number, promptTokens: number): bigint {
  if (tokens === 0) return 0n
  if (rate === null) return UNPRICED
  let perMillion = rate.base
  for (const tier of rate.tiers) if (promptTokens > tier.start) perMillion = tier.price
  return perMillion * BigInt(tokens)
}

function loadHistory(provider: string, model: string): PriceHistory | null {
  const listId = LIST_IDS.get(provider) ?? provider
  const name = model.startsWith('models/') ? model.slice('models/'.length) : model
  const found = calcPrice({}, name, { providerId: listId })
  // The library also matches provider names by substring; a custom provider must not get another's prices that way.
  if (found === null || found.provider.id !== listId) return null
  const dated: readonly ConditionalPrice[] = Array.isArray(found.model.prices)
    ? found.model.prices
    : [{ prices: found.model.prices }]
  const [first, ...rest] = dated.map((entry) => ({
    holds: holdsWhen(entry),
    table: compileTable(found.provider, found.model, entry),
  }))
  return first === undefined ? null : [first, ...rest]
}

function compileTable(provider: Provider, model: ModelInfo, { prices, constraint }: ConditionalPrice): PriceTable {
  const since =
    constraint === undefined
      ? ''
      : constraint.type === 'start_date'
        ? `:${constraint.start_date}`
        : `:${constraint.start_time}-${constraint.end_time}`
  const input = toRate(prices['input_mtok'])
  const cacheWrite = toRate(prices['cache_write_mtok'])
  return {
    input,
    output: toRate(prices['output_mtok']),
    cacheRead: toRate(prices['cache_read_mtok']),
    cacheWrite,
    cacheWrite1h: toRate(prices['cache_write_1h_mtok']) ?? hourLongWriteRate(model.id, input, cacheWrite),
    reasoning: toRate(prices['output_reasoning_mtok']),
    perCall: perThousand(prices['requests_kcount']) ?? 0n,
    perSearch: perThousand(prices['web_searches_kcount']),
    contextWindow: model.context_window ?? null,
    version: `genai-prices@${PRICE_LIST_VERSION}:${provider.id}/${model.id}${since}`,
  }
}

/** One flat price; the version names the row and when it was written, so that a cost can be traced to it. */
function compileOverride({ provider, model, updatedAt }: ModelOverride, price: OverriddenPrice): PriceTable {
  const rate = (nanos: number | null): Rate | null => (nanos === null ? null : { base: BigInt(nanos), tiers: [] })
  return {
    input: rate(price.input),
    output: rate(price.output),
    cacheRead: rate(price.cacheRead),
    cacheWrite: rate(price.cacheWrite),
    cacheWrite1h: rate(price.cacheWrite1h),
    reasoning: null,
    perCall: 0n,
    perSearch: null,
    contextWindow: null,
    version: `override:${provider}/${model}@${new Date(updatedAt).toISOString()}`,
  }
}

/** The list has the one-hour price for Anthropic itself; for Claude elsewhere Anthropic's published rule holds: twice input. */
function hourLongWriteRate(modelId: string, input: Rate | null, cacheWrite: Rate | null): Rate | null {
  if (input === null || cacheWrite === null || !modelId.includes('claude')) return null
  return {
    base: input.base * 2n,
    tiers: input.tiers.map(({ start, price: perMillion }) => ({ start, price: perMillion * 2n })),
  }
}

/** Nano-dollars × 10⁶ for one of what is priced by the thousand. */
function perThousand(listed: ModelPrice[string]): bigint | null {
  const rate = toRate(listed)
  return rate && rate.base * 1_000n
}

function toRate(listed: ModelPrice[string]): Rate | null {
  if (listed === undefined) return null
  if (typeof listed === 'number') return { base: toNanos(listed), tiers: [] }
  const tiers = [...listed.tiers].sort((a, b) => a.start - b.start)
  return { base: toNanos(listed.base), tiers: tiers.map((tier) => ({ start: tier.start, price: toNanos(tier.price) })) }
}

/** Dollars as whole nano-dollars; a price has at most nine decimals, so this also mends 0.18000000000000002. */
function toNanos(usd: number): bigint {
  return BigInt(usd.toFixed(9).replace('.', ''))
}

function holdsWhen({ constraint }: ConditionalPrice): (at: number) => boolean {
  if (constraint === undefined) return () => true
  if (constraint.type === 'start_date') {
    const start = Date.parse(constraint.start_date)
    return (at) => at >= start
  }
  const start = parseTimeOfDay(constraint.start_time)
  const end = parseTimeOfDay(constraint.end_time)
  return (at) => {
    const time = at % DAY_MS
    return end < start ? time >= start || time < end : time >= start && time < end
  }
}

const DAY_MS = 86_400_000

/** Milliseconds after UTC midnight of a time like `00:30:00Z` or `08:30:00+08:00`. */
function parseTimeOfDay(text: string): number {
  const at = Date.parse(`1970-01-02T${text}`)
  if (Number.isNaN(at)) throw new Error(`The price list has a time of day that cannot be read: ${text}`)
  return at % DAY_MS
}
