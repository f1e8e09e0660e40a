// What one's provider keys are called, by id.
import { useQuery } from '@pinia/colada'
import { computed, type ComputedRef } from 'vue'
import { useText } from '../i18n.ts'
import { listProviderKeys } from '../services/api/providerKeys.ts'

export function useKeyNames(): ComputedRef<Record<string, string>> {
  const text = useText()
  const list = useQuery({ key: ['provider-keys'], query: listProviderKeys })
  return computed(() =>
    Object.fromEntries((list.data.value ?? []).map(({ id, label }) => [id, label || text('keys.unnamed')])),
  )
}
