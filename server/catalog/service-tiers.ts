// Vendors serve the same model faster, or later, at another price. The price list knows one price a model, so what such
// a tier costs is told by the vendor's own usual factor on it, and the cost is marked as an estimate.
//
// Sources, November 2026: OpenAI's pages on priority and flex processing (priority is at most twice the standard price
// up to GPT-5.4, 2.5 times for 5.5; flex is half), Google's on inference tiers (flex half, priority less than twice),
// Anthropic's on fast mode (six times for Opus 4.6 and 4.7, twice from 4.8 on), on data residency (a tenth more) and on
// its priority tier (paid by commitment; counted here as the standard one).

interface Factor {
  readonly tier: RegExp
  /** Of the model's name; absent = any. */
  readonly model?: RegExp
  readonly percent: bigint
}

/** The first that fits holds. */
const FACTORS: readonly Factor[] = [
  { tier: /^(?:flex|batch)$/, percent: 50n },
  { tier: /^priority$/, model: /claude/, percent: 100n },
  { tier: /^priority$/, model: /gpt-5\.5/, percent: 250n },
  { tier: /^priority$/, percent: 200n },
  { tier: /^fast$/, model: /opus-4[.-][67]/, percent: 600n },
  { tier: /^fast$/, percent: 200n },
  { tier: /^geo-us$/, percent: 110n },
  { tier: /^scale$/, percent: 100n },
]

/** What a tier that nobody here knows may cost. */
const DEAREST_UNKNOWN = 250n

export interface TierFactor {
  /** Of the list's price. */
  readonly percent: bigint
  /** The same before it is known how the call was served: a cheaper tier may fall back to the standard one. */
  readonly dearest: bigint
  /** All of it was served at the list's own price. */
  readonly isListed: boolean
}

const LISTED: TierFactor = { percent: 100n, dearest: 100n, isListed: true }

/** `tiers`: words of the vendor, lower case, without the usual ones; several multiply. */
export function factorOf(tiers: readonly string[], model: string): TierFactor {
  if (tiers.length === 0) return LISTED
  let percent = 100n
  let dearest = 100n
  for (const word of tiers) {
    const known = FACTORS.find(({ tier, model: which }) => tier.test(word) && (which?.test(model) ?? true))
    percent = (percent * (known?.percent ?? 100n)) / 100n
    const highest = known?.percent ?? DEAREST_UNKNOWN
    dearest = (dearest * (highest > 100n ? highest : 100n)) / 100n
  }
  return { percent, dearest, isListed: false }
}
