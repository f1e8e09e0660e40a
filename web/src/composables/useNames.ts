// What people call the things that requests name by id: provider keys, API keys, and for administrators the people.
import { useQuery } from '@pinia/colada'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import type { ApiKey } from '../../../contract/api-keys.ts'
import type { User } from '../../../contract/accounts.ts'
import { useText } from '../i18n.ts'
import { listApiKeys } from '../services/api/apiKeys.ts'
import { call } from '../services/api/client.ts'
import { listProviderKeys } from '../services/api/providerKeys.ts'

const listPeople = async (): Promise<User[]> => (await call<{ users: User[] }>('GET', 'admin/users?limit=500')).users

/** An id that has no name any more, short enough to stand in a table. */
const shorten = (id: string): string => (id.length > 14 ? `${id.slice(0, 3)}…${id.slice(-4)}` : id)

export function useNames({ people = false }: { people?: MaybeRefOrGetter<boolean> } = {}) {
  const text = useText()
  const providerKeys = useQuery({ key: ['provider-keys'], query: listProviderKeys })
  const apiKeys = useQuery({ key: ['api-keys'], query: listApiKeys })
  const users = useQuery({ key: ['users', 'names'], query: listPeople, enabled: () => toValue(people) })

  const keyLabels = computed<Record<string, string>>(() =>
    Object.fromEntries((providerKeys.data.value ?? []).map(({ id, label }) => [id, label || text('keys.unnamed')])),
  )
  const apiKeysById = computed(() => new Map<string, ApiKey>((apiKeys.data.value ?? []).map((key) => [key.id, key])))
  const usersById = computed(() => new Map((users.data.value ?? []).map((user) => [user.id, user.name || user.email])))

  return {
    providerKeys: computed(() => providerKeys.data.value ?? []),
    apiKeys: computed(() => apiKeys.data.value ?? []),
    users: computed(() => users.data.value ?? []),
    keyLabels,
    apiKeysById,
    nameProviderKey: (id: string): string => keyLabels.value[id] ?? shorten(id),
    nameApiKey: (id: string | null): string =>
      id === null ? text('names.playground') : (apiKeysById.value.get(id)?.name ?? shorten(id)),
    nameUser: (id: string): string => usersById.value.get(id) ?? shorten(id),
  }
}
