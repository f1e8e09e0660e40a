// Prices and sizes of models as people read them; unknown is said, never shown as nothing.
import type { Format } from '../../composables/useFormat.ts'
import type { Text } from '../../i18n.ts'

/** Dollars per million tokens. */
export function describePrice(text: Text, format: Format, usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return text('models.unknown')
  return usd === 0 ? text('models.free') : format.money(usd * 1e6)
}

export function describeTokens(text: Text, format: Format, tokens: number | null): string {
  if (tokens === null) return text('models.unknown')
  if (tokens >= 1_000_000) return text('models.millions', { count: format.number(Math.round(tokens / 100_000) / 10) })
  return tokens >= 1_000
    ? text('models.thousands', { count: format.number(Math.round(tokens / 1_000)) })
    : format.number(tokens)
}
