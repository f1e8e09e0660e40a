// What people call the things that requests name by id: provider keys, API keys, and for administrators the people.
import { useQuery } from '@pinia/colada'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import type { Names } from '../../../contract/names.ts'
import { useText } from '../i18n.ts'
import { readNames } from '../services/api/names.ts'

/** An id that has no name any more, short enough to stand in a table. */
const shorten = (id: string): string => (id.length > 14 ? `${id.slice(0, 3)}…${id.slice(-4)}` : id)

export function useNames({ people = false }: { people?: MaybeRefOrGetter<boolean> } = {}) {
  const text = useText()
  const names = useQuery({
    key: () => ['names', toValue(people)],
    query: () => readNames(toValue(people)),
    placeholderData: (before: Names | undefined) => before,
  })
  const providerKeys = computed(() => names.data.value?.provider_keys ?? [])
  const apiKeys = computed(() => names.data.value?.api_keys ?? [])
  const users = computed(() => names.data.value?.people ?? [])

  const keyLabels = computed<Record<string, string>>(() =>
    Object.fromEntries(providerKeys.value.map(({ id, label }) => [id, label || text('keys.unnamed')])),
  )
  const apiKeysById = computed(() => new Map(apiKeys.value.map((key) => [key.id, key])))
  const usersById = computed(() => new Map(users.value.map((user) => [user.id, user.name || user.email])))

  return {
    names,
    providerKeys,
    apiKeys,
    users,
    keyLabels,
    apiKeysById,
    nameProviderKey: (id: string): string => keyLabels.value[id] ?? shorten(id),
    nameApiKey: (id: string | null): string =>
      id === null ? text('names.playground') : (apiKeysById.value.get(id)?.name ?? shorten(id)),
    nameUser: (id: string): string => usersById.value.get(id) ?? shorten(id),
  }
}
