// In which tiers a request was served, or asks to be: vendors charge the same tokens differently in them.
import type { Usage } from './canonical.ts'
import { asText } from './read.ts'

/** The list's own price holds. */
const USUAL: ReadonlySet<string> = new Set(
  ['', 'auto', 'default', 'standard', 'standard_only'].concat(['on_demand', 'unspecified', 'service_tier_unspecified']),
)
const ANYWHERE: ReadonlySet<string> = new Set(['', 'global', 'not_available'])

/** Lower case, without those that mean the usual one. */
export function listTiers(...words: readonly unknown[]): string[] {
  return words.map((word) => (asText(word) ?? '').toLowerCase()).filter((word) => !USUAL.has(word))
}

/** Anthropic charges more where the place is named. */
export function tierOfPlace(place: unknown): string | null {
  const name = (asText(place) ?? '').toLowerCase()
  return ANYWHERE.has(name) ? null : `geo-${name}`
}

/** As a part of usage; nothing for the usual tier. */
export function servedIn(...words: readonly unknown[]): Pick<Usage, 'tiers'> {
  const tiers = listTiers(...words)
  return tiers.length === 0 ? {} : { tiers }
}

/**
 * The same for a client, in its dialect's words, by the canonical ones: the first tier that has a word; `usual` where
 * it was the usual one. undefined where the dialect has no word for how it was served.
 */
export function tellTier(
  { tiers = [] }: Pick<Usage, 'tiers'>,
  words: readonly string[],
  usual: string,
): string | undefined {
  const served = tiers.filter((tier) => !tier.startsWith('geo-'))
  return served.length === 0 ? usual : served.find((tier) => words.includes(tier))
}

/** The tier that the last chunks of a stream name beside their other members. */
export function findTier(tail: string): string | undefined {
  return [...tail.matchAll(/"service_tier"\s*:\s*"([a-z_]{1,40})"/g)].at(-1)?.[1]
}
