// The models one can reach, and the providers of which one reaches none.
import { useQuery } from '@pinia/colada'
import { computed } from 'vue'
import { readInstallation } from '../services/api/accounts.ts'
import { listModels } from '../services/api/playground.ts'

export function useModels() {
  const list = useQuery({ key: ['models'], query: listModels, staleTime: 60_000 })
  const installation = useQuery({ key: ['installation'], query: readInstallation, staleTime: 300_000 })
  const models = computed(() => list.data.value ?? [])
  const lacking = computed(() => {
    if (!list.data.value) return []
    const reached = new Set(list.data.value.map(({ provider }) => provider))
    return (installation.data.value?.providers ?? []).filter((one) => one.takes_keys && !reached.has(one.id))
  })
  const providerNames = computed(() =>
    Object.fromEntries((installation.data.value?.providers ?? []).map(({ id, name }) => [id, name])),
  )
  return { list, installation, models, lacking, providerNames }
}
