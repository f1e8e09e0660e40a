// The arithmetic of prices: what tokens cost under a table, and what a call may cost at most. Everything is whole
// nano-dollars × 10⁶ until the end, and each request is rounded once.
import type { Usage } from '../protocols/canonical.ts'
import type { PriceTable, Rate, SearchPrice } from './price-tables.ts'

/** Bounds, where the real figures are not known yet. */
export interface MostUsage {
  readonly input: number
  readonly output: number
  readonly searches: number
  /** What the request asks to be written to a cache, for how long at most. */
  readonly cacheWrites: 'unasked' | 'short' | 'hour'
  /** It may bring more than text, and the answer may be spoken. */
  readonly bringsMedia: boolean
  readonly speaks: boolean
  /** As asked for. */
  readonly tiers: readonly string[]
}

/** No vendor is known to take more for one search of the web than five cents, in nano-dollars × 10⁶. */
const DEAREST_SEARCH = 50_000_000n * 1_000_000n

/** Nano-dollars; null where a count is missing, or a class of tokens has no price. `percent` of the list's price. */
export function addUp(table: PriceTable, usage: Usage, percent: bigint): number | null {
  const { input, output } = usage
  // Priced by the hour or the page: tokens say nothing.
  if (table.input === null) return null
  // A provider that leaves out a class it charges for has not told us the cost; details it leaves out are none.
  if (input === null || (output === null && table.output !== null)) return null
  const read = usage.cacheRead ?? 0
  const write1h = usage.cacheWrite1h ?? 0
  const write = Math.max(usage.cacheWrite ?? 0, write1h)
  const searches = usage.searches ?? 0
  if (!isCount(input) || !isCount(output ?? 0) || !isCount(read) || !isCount(write) || !isCount(write1h)) return null
  if (!isCount(usage.reasoning ?? 0) || !isCount(searches)) return null
  const { beyondText } = usage
  const sum = new Sum(input)
  // Of the tokens that are neither read from a cache nor written to one, some may be no text.
  let fresh = Math.max(0, input - read - write)
  if (beyondText) {
    fresh -= sum.addPart(table.inputAudio, beyondText.inputAudio, fresh)
    fresh -= sum.addPart(table.inputImage, beyondText.inputImage, fresh)
    fresh -= sum.addPart(table.inputVideo, beyondText.inputVideo, fresh)
  }
  sum.add(table.input, fresh)
  sum.add(table.cacheRead ?? table.input, read)
  sum.add(table.cacheWrite ?? table.input, write - write1h)
  sum.add(table.cacheWrite1h ?? table.cacheWrite ?? table.input, write1h)
  let made = output ?? 0
  if (beyondText) {
    made -= sum.addPart(table.outputAudio, beyondText.outputAudio, made)
    made -= sum.addPart(table.outputImage, beyondText.outputImage, made)
  }
  made -= sum.addPart(table.reasoning ?? table.output, usage.reasoning, made)
  sum.add(table.output, made)
  if (sum.lacksPrice) return null
  const fees = table.perCall + feeOf(table.searches, searches)
  const cost = percent === 100n ? sum.cost : (sum.cost * percent) / 100n
  return Number((cost + fees + 500_000n) / 1_000_000n)
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function feeOf(searches: SearchPrice | null, count: number): bigint {
  return searches === null ? 0n : searches.price * BigInt(searches.once ? Math.min(count, 1) : count)
}

/** What the classes of one call's tokens cost together. */
class Sum {
  readonly #promptTokens: number
  /** Nano-dollars × 10⁶. */
  cost = 0n
  /** There were tokens of a class without a price. */
  lacksPrice = false

  constructor(promptTokens: number) {
    this.#promptTokens = promptTokens
  }

  add(rate: Rate | null, tokens: number): void {
    if (tokens === 0) return
    if (rate === null) {
      this.lacksPrice = true
      return
    }
    let perMillion = rate.base
    for (const tier of rate.tiers) if (this.#promptTokens > tier.start) perMillion = tier.price
    this.cost += perMillion * BigInt(tokens)
  }

  /** Of `tokens`, those of a class; returns how many. A class without a price of its own takes none. */
  addPart(rate: Rate | null, count: number | null | undefined, tokens: number): number {
    if (rate === null || !count) return 0
    const taken = Math.min(Math.max(count, 0), tokens)
    this.add(rate, taken)
    return taken
  }
}

/** Nano-dollars, rounded up; null where a class that may occur has no price. */
export function addUpMost(table: PriceTable, most: MostUsage, percent: bigint): number | null {
  const { input, output, searches, cacheWrites, bringsMedia, speaks } = most
  if (table.input === null || (output > 0 && table.output === null)) return null
  const write = table.cacheWrite ?? table.input
  const inputs = [
    table.input,
    table.cacheRead,
    cacheWrites !== 'unasked' || table.cachesUnasked ? write : null,
    cacheWrites === 'hour' ? (table.cacheWrite1h ?? write) : null,
    ...(bringsMedia ? [table.inputAudio, table.inputImage, table.inputVideo] : []),
  ]
  const outputs = [table.output, table.reasoning, table.outputImage, speaks ? table.outputAudio : null]
  const cost = dearest(inputs, input) * BigInt(input) + dearest(outputs, input) * BigInt(output)
  // How many there will be is a guess where nothing bounds them, so a price that may be low is not relied on.
  const each = table.searches?.isListed === true ? table.searches.price : DEAREST_SEARCH
  const fees = table.perCall + each * BigInt(searches)
  return Number(((cost * percent + 99n) / 100n + fees + 999_999n) / 1_000_000n)
}

/** The highest price per million of any of these, for a prompt of at most so many tokens. */
function dearest(rates: readonly (Rate | null)[], promptTokens: number): bigint {
  let highest = 0n
  for (const rate of rates) {
    if (rate === null) continue
    const reached = rate.tiers.filter(({ start }) => promptTokens > start).map((tier) => tier.price)
    for (const one of [rate.base, ...reached]) if (one > highest) highest = one
  }
  return highest
}
