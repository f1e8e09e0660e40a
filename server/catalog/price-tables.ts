// The price list's entries as tables that can be reckoned with: exact whole numbers, one table for each time at which
// other prices hold. Compiled once a model; an administrator's price becomes a table of the same kind.
import {
  calcPrice,
  type ConditionalPrice,
  type ModelInfo,
  type ModelPrice,
  type Provider,
} from '@pydantic/genai-prices'
import type { ModelOverride, OverriddenPrice } from './overrides.ts'

/** The price list's version; a test holds it equal to the installed one. */
export const PRICE_LIST_VERSION = '0.1.8'

/** Nano-dollars per million tokens from `start` prompt tokens on (exclusive). */
export interface Rate {
  readonly base: bigint
  readonly tiers: readonly { start: number; price: bigint }[]
}

export interface PriceTable {
  readonly input: Rate | null
  readonly output: Rate | null
  readonly cacheRead: Rate | null
  readonly cacheWrite: Rate | null
  readonly cacheWrite1h: Rate | null
  readonly reasoning: Rate | null
  /** Of tokens that are no text; null where they cost as much as text. */
  readonly inputAudio: Rate | null
  readonly inputImage: Rate | null
  readonly inputVideo: Rate | null
  readonly outputAudio: Rate | null
  readonly outputImage: Rate | null
  /** What is written to a cache costs more, and may be written without being asked for. */
  readonly cachesUnasked: boolean
  /** Nano-dollars × 10⁶ per call. */
  readonly perCall: bigint
  /** Of searches of the web; null where nobody knows. */
  readonly searches: SearchPrice | null
  readonly contextWindow: number | null
  readonly version: string
}

export interface SearchPrice {
  /** Nano-dollars × 10⁶. */
  readonly price: bigint
  /** Once a call, however many there were in it. */
  readonly once: boolean
  /** The list has it; else it is what the vendor publishes, of which some a day may be free. */
  readonly isListed: boolean
}

interface DatedTable {
  readonly holds: (at: number) => boolean
  readonly table: PriceTable
}

/** Later entries win where they hold; the first is the price when nothing else holds. */
export type PriceHistory = readonly [DatedTable, ...DatedTable[]]

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

export function tableAt(history: PriceHistory, at: number): PriceTable {
  for (let i = history.length - 1; i > 0; i--) {
    const entry = history[i]!
    if (entry.holds(at)) return entry.table
  }
  return history[0].table
}

export function loadHistory(provider: string, model: string): PriceHistory | null {
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
    inputAudio: toRate(prices['input_audio_mtok']),
    inputImage: toRate(prices['input_image_mtok']),
    inputVideo: toRate(prices['input_video_mtok']),
    outputAudio: toRate(prices['output_audio_mtok']),
    outputImage: toRate(prices['output_image_mtok']),
    cachesUnasked: cacheWrite !== null && !isClaude(model.id),
    perCall: perThousand(prices['requests_kcount']) ?? 0n,
    searches: listedSearches(prices['web_searches_kcount']) ?? publishedSearches(provider.id, model.id),
    contextWindow: model.context_window ?? null,
    version: `genai-prices@${PRICE_LIST_VERSION}:${provider.id}/${model.id}${since}`,
  }
}

/** One flat price; the version names the row and when it was written, so that a cost can be traced to it. */
export function compileOverride({ provider, model, updatedAt }: ModelOverride, price: OverriddenPrice): PriceTable {
  const rate = (nanos: number | null): Rate | null => (nanos === null ? null : { base: BigInt(nanos), tiers: [] })
  return {
    input: rate(price.input),
    output: rate(price.output),
    cacheRead: rate(price.cacheRead),
    cacheWrite: rate(price.cacheWrite),
    cacheWrite1h: rate(price.cacheWrite1h),
    reasoning: null,
    inputAudio: null,
    inputImage: null,
    inputVideo: null,
    outputAudio: null,
    outputImage: null,
    cachesUnasked: price.cacheWrite !== null && !isClaude(model),
    perCall: 0n,
    searches: publishedSearches(LIST_IDS.get(provider) ?? provider, model),
    contextWindow: null,
    version: `override:${provider}/${model}@${new Date(updatedAt).toISOString()}`,
  }
}

/** Claude writes to its cache where a request marks what to keep; others do so by themselves. */
function isClaude(model: string): boolean {
  return model.includes('claude')
}

/**
 * The list has the one-hour price for Anthropic itself; for Claude elsewhere Anthropic's published rule holds: twice
 * input.
 */
function hourLongWriteRate(modelId: string, input: Rate | null, cacheWrite: Rate | null): Rate | null {
  if (input === null || cacheWrite === null || !isClaude(modelId)) return null
  return {
    base: input.base * 2n,
    tiers: input.tiers.map(({ start, price: perMillion }) => ({ start, price: perMillion * 2n })),
  }
}

function listedSearches(listed: ModelPrice[string]): SearchPrice | null {
  const one = perThousand(listed)
  return one === null ? null : { price: one, once: false, isListed: true }
}

/**
 * Google's, which the list leaves out: up to Gemini 2.5 it takes $35 for a thousand answers that searched, since Gemini
 * 3 $14 for a thousand queries.
 */
function publishedSearches(provider: string, model: string): SearchPrice | null {
  if (provider !== 'google') return null
  const once = /\bgemini-[12]\b/.test(model)
  return { price: (once ? 35_000_000n : 14_000_000n) * 1_000_000n, once, isListed: false }
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
