// Figures of usage in words: names of groups, and money that says what is not known about it.
import { computed } from 'vue'
import { useFormat } from '../../composables/useFormat.ts'
import { useNames } from '../../composables/useNames.ts'
import type { UsageChart, UsageGroup } from '../../composables/useUsage.ts'
import { useText } from '../../i18n.ts'
import type { UsageTotal } from '../../services/api/usage.ts'
import type { SeriesWords } from './usageSeries.ts'

export function useUsageWords(everybody: () => boolean) {
  const text = useText()
  const format = useFormat()
  const names = useNames({ people: everybody })

  function nameGroup(group: UsageGroup, value: string | null): string {
    if (group === 'api_key') return names.nameApiKey(value)
    if (value === null) return text(group === 'provider_key' ? 'usage.noKey' : 'usage.none')
    if (group === 'billed_to') return text(`payer.${value as 'user' | 'team' | 'server'}`)
    if (group === 'provider_key') return names.nameProviderKey(value)
    return group === 'user' ? names.nameUser(value) : value
  }

  /** Never nothing where nobody knows. */
  function cost(row: UsageTotal): string {
    if (row.cost_usd_nanos === 0 && row.unknown_cost_requests > 0) return text('usage.unknown')
    const money = format.money(row.cost_usd_nanos / 1000)
    return row.estimated_usd_nanos > 0 ? text('usage.about', { money }) : money
  }

  const unknown = ({ cost_usd_nanos, unknown_cost_requests: count }: UsageTotal): string =>
    count > 0 && cost_usd_nanos > 0 ? text('usage.unknownToo', { count: format.number(count) }, count) : ''

  function say(chart: UsageChart, value: number): string {
    if (chart === 'cost') return format.money(value)
    return chart === 'latency' || chart === 'first' ? format.duration(Math.round(value)) : format.number(value)
  }

  const seriesWords = computed(() => (group: UsageGroup): SeriesWords => ({
    nameGroup: (value) => nameGroup(group, value),
    rest: text('usage.rest'),
    errors: {
      rate_limited: text('usage.errors.rate_limited'),
      client_errors: text('usage.errors.client_errors'),
      server_errors: text('usage.errors.server_errors'),
      broken_off: text('usage.errors.broken_off'),
      cancelled: text('usage.errors.cancelled'),
    },
    half: text('usage.percentile', { percent: 50 }),
    most: text('usage.percentile', { percent: 95 }),
    nearlyAll: text('usage.percentile', { percent: 99 }),
  }))

  return { names, nameGroup, cost, unknown, say, seriesWords }
}
export type UsageWords = ReturnType<typeof useUsageWords>
