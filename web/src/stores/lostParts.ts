// What of the page could not be read. Most of it is told where it happened, by an ErrorBlock; what nobody tells the
// frame tells, so that nothing is missing in silence.
import { useQueryCache, type UseQueryEntry } from '@pinia/colada'
import { defineStore } from 'pinia'
import { computed, shallowReactive } from 'vue'

export const useLostPartsStore = defineStore('lost-parts', () => {
  const cache = useQueryCache()
  const failed = shallowReactive(new Map<UseQueryEntry, unknown>())
  /** How many blocks tell of an error just now. */
  const told = shallowReactive(new Map<unknown, number>())

  function look(entry: UseQueryEntry): void {
    const { error, data } = entry.state.value
    if (entry.active && error !== null && data === undefined) failed.set(entry, error)
    else failed.delete(entry)
  }
  cache.$onAction(({ name, args, after }) => {
    if (name === 'setEntryState' || name === 'track' || name === 'untrack') after(() => look(args[0] as UseQueryEntry))
  })

  return {
    untold: computed(() => [...failed].filter(([, error]) => !told.has(error)).map(([, error]) => error)),
    tell(error: unknown): void {
      told.set(error, (told.get(error) ?? 0) + 1)
    },
    letGo(error: unknown): void {
      const left = (told.get(error) ?? 0) - 1
      if (left > 0) told.set(error, left)
      else told.delete(error)
    },
    /** All of it again, told or not. */
    readAgain: (): Promise<unknown> => Promise.allSettled([...failed.keys()].map((entry) => cache.fetch(entry))),
  }
})
