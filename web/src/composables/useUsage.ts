// The usage page: what its address asks for, and the one answer to it.
import { useQuery } from '@pinia/colada'
import { computed } from 'vue'
import { readUsage, type UsageAnswer, type UsageQuestion } from '../services/api/usage.ts'
import { useSessionStore } from '../stores/session.ts'
import { addDays, todayIn } from '../ui/timeRange.ts'
import { preferredZone } from './usePreferences.ts'
import { useAddressState } from './useAddressState.ts'

export const USAGE_GROUPS = ['provider', 'model', 'provider_key', 'api_key', 'billed_to', 'user'] as const
export type UsageGroup = (typeof USAGE_GROUPS)[number]
export const USAGE_CHARTS = ['cost', 'requests', 'tokens', 'errors', 'latency', 'first'] as const
export type UsageChart = (typeof USAGE_CHARTS)[number]

const DEFAULTS = {
  range: '30',
  from: '',
  to: '',
  zone: '',
  group: 'model',
  chart: 'cost',
  whose: '',
  payer: '',
  provider: '',
  model: '',
  key: '',
  api: '',
  user: '',
  sort: '-cost',
}
const FILTERS = ['payer', 'provider', 'model', 'key', 'api', 'user'] as const

const oneOf = <T extends string>(values: readonly T[], given: string, otherwise: T): T =>
  values.find((value) => value === given) ?? otherwise

export function useUsage() {
  const session = useSessionStore()
  const { values, set } = useAddressState(DEFAULTS)

  const isAdmin = computed(() => session.user?.role === 'admin')
  const everybody = computed(() => isAdmin.value && values.value.whose === 'all')
  const zone = computed(() => values.value.zone || preferredZone())
  const to = computed(() => (values.value.range === 'days' && values.value.to) || todayIn(zone.value))
  const from = computed(() => {
    const { range, from } = values.value
    if (range === 'days') return from || addDays(to.value, -29)
    return addDays(to.value, 1 - (Number(range) || 30))
  })
  const group = computed(() => oneOf(USAGE_GROUPS, values.value.group, 'model'))
  const chart = computed(() => oneOf(USAGE_CHARTS, values.value.chart, 'cost'))
  const question = computed<UsageQuestion>(() => {
    const { payer, provider, model, key, api, user } = values.value
    return {
      everybody: everybody.value,
      from: from.value,
      to: to.value,
      time_zone: zone.value,
      group_by: `day,${group.value}`,
      provider,
      model,
      provider_key: key,
      api_key: api,
      billed_to: payer,
      ...(everybody.value && { user }),
    }
  })
  const answer = useQuery({
    key: () => ['usage', { ...question.value }],
    query: () => readUsage(question.value),
    // What was there stays until the new answer is.
    placeholderData: (before: UsageAnswer | undefined) => before,
  })

  return {
    values,
    set,
    isAdmin,
    everybody,
    zone,
    from,
    to,
    group,
    chart,
    question,
    answer,
    activeFilters: computed(() => FILTERS.filter((name) => values.value[name] !== '').length),
    clearFilters: () => set(Object.fromEntries(FILTERS.map((name) => [name, '']))),
  }
}
export type Usage = ReturnType<typeof useUsage>
