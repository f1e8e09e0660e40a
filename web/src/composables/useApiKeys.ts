// The API keys of the signed-in person: the list, what each was used for, and what can be done with one. No key itself
// ever comes here.
import { useQuery, useQueryCache } from '@pinia/colada'
import { computed } from 'vue'
import type { ApiKey, UpdateApiKeyBody } from '../../../contract/api-keys.ts'
import * as api from '../services/api/apiKeys.ts'
import { hasCome, wasOnce } from './hasCome.ts'

const LIST = ['api-keys']

export function useApiKeys() {
  const cache = useQueryCache()
  const list = useQuery({ key: LIST, query: api.listApiKeys })
  const week = useQuery({ key: ['api-keys', 'week'], query: () => api.readUseByApiKey('week') })
  const hasDayLimits = computed(() => list.data.value?.some((key) => key.rate_limit_per_day !== null) ?? false)
  const today = useQuery({
    key: ['api-keys', 'today'],
    query: () => api.readUseByApiKey('today'),
    enabled: hasDayLimits,
  })
  const active = computed(() => list.data.value?.filter((key) => key.is_active))
  const revoked = computed(() => list.data.value?.filter((key) => !key.is_active) ?? [])

  /** Everything that a row says is there, or will not come: rows that grow piece by piece move under the hand. */
  const isComplete = wasOnce(() => hasCome(list) && hasCome(week) && (!hasDayLimits.value || hasCome(today)))

  const refresh = (): Promise<unknown> => cache.invalidateQueries({ key: LIST })

  async function edit(id: string, change: UpdateApiKeyBody): Promise<ApiKey> {
    const changed = await api.editApiKey(id, change)
    await refresh()
    return changed
  }

  async function revoke(ids: readonly string[]): Promise<void> {
    try {
      // Tried again, it goes on with those that are left.
      for (const id of ids) if (active.value?.some((key) => key.id === id)) await api.revokeApiKey(id)
    } finally {
      await refresh()
    }
  }

  return { list, active, revoked, week, today, isComplete, refresh, edit, revoke }
}
