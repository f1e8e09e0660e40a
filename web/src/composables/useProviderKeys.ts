// The provider keys of the signed-in person: the list, what each paid for this week, the providers they belong to, and
// what can be done with one.
import { useQuery, useQueryCache } from '@pinia/colada'
import { computed, watch } from 'vue'
import type { EditProviderKeyBody, ProviderKey, ProviderKeyList } from '../../../contract/provider-keys.ts'
import type { LeaseAnswer } from '../../../contract/teams.ts'
import { readInstallation } from '../services/api/accounts.ts'
import * as api from '../services/api/providerKeys.ts'
import { ApiError } from '../services/api/send.ts'
import { useProviderKeyStore } from '../stores/providerKeys.ts'
import { hasCome, wasOnce } from './hasCome.ts'

const LIST = ['provider-keys']
const WEEK = ['provider-keys', 'week']

export type PageKey = ProviderKeyList['keys'][number]

/** The keys of one provider, first tried first. */
export interface KeySection {
  readonly id: string
  readonly name: string
  readonly hasServerKey: boolean
  readonly keys: readonly PageKey[]
  /** Keys of others that serve after them. */
  readonly borrowed: readonly LeaseAnswer[]
  /** Models for which the provider does not answer just now. */
  readonly down: readonly { readonly model: string; readonly until: string }[]
}

/** How often it is looked whether a provider that is down is back. */
const LOOK_AGAIN_MS = 15_000

export function useProviderKeys() {
  const cache = useQueryCache()
  const store = useProviderKeyStore()
  const list = useQuery({ key: [...LIST, 'page'], query: api.readProviderKeyPage })
  const week = useQuery({ key: WEEK, query: api.readWeekByKey })
  const installation = useQuery({ key: ['installation'], query: readInstallation, staleTime: 300_000 })

  const providers = computed(() => installation.data.value?.providers ?? [])
  const sections = computed<KeySection[]>(() => {
    const byProvider = Map.groupBy(list.data.value?.keys ?? [], ({ provider }) => provider)
    const borrowed = Map.groupBy(list.data.value?.borrowed ?? [], (lease) => lease.provider_key.provider)
    return [...new Set([...byProvider.keys(), ...borrowed.keys()])].map((id) => {
      const provider = providers.value.find((one) => one.id === id)
      return {
        id,
        name: provider?.name ?? id,
        hasServerKey: provider?.has_server_key === true && installation.data.value?.server_fallback.length !== 0,
        keys: (byProvider.get(id) ?? []).toSorted((one, other) => one.position - other.position),
        borrowed: borrowed.get(id) ?? [],
        down: (list.data.value?.down ?? []).filter(({ provider: of }) => of === id),
      }
    })
  })

  /** Everything that a row says is there, or will not come: a page that grows piece by piece moves under the hand. */
  const isComplete = wasOnce(
    () => hasCome(list) && hasCome(week) && (sections.value.length === 0 || hasCome(installation)),
  )

  // Nothing tells that a provider is back.
  watch(list.data, (page, _before, onCleanup) => {
    if (!page?.down?.length) return
    const timer = setTimeout(() => void list.refetch(), LOOK_AGAIN_MS)
    onCleanup(() => clearTimeout(timer))
  })

  const refresh = (): Promise<unknown> => cache.invalidateQueries({ key: LIST })

  async function edit(key: ProviderKey, change: EditProviderKeyBody): Promise<ProviderKey> {
    const { key: changed } = await api.editProviderKey(key.id, change)
    await refresh()
    return changed
  }

  async function test(id: string): Promise<void> {
    if (store.tests[id]?.busy) return
    store.setTest(id, { busy: true, result: null, failure: null })
    try {
      store.setTest(id, { busy: false, result: await api.testProviderKey(id), failure: null })
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      store.setTest(id, { busy: false, result: null, failure: error.message })
    }
    await refresh()
  }

  async function remove(id: string): Promise<void> {
    await api.deleteProviderKey(id)
    store.forget(id)
    await refresh()
  }

  return { list, isComplete, week, installation, providers, sections, refresh, edit, test, remove, store }
}
