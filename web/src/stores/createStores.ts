// All stores, and the one place where they are emptied: what they hold is of whoever is signed in, so at a log-out, in
// every tab, each is what it was when it was new, and what was read from the server is gone. It holds for stores to
// come, too.
import { useQueryCache } from '@pinia/colada'
import { createPinia, type Pinia } from 'pinia'
import { watchSession } from '../services/session.ts'

/** Pinia Colada's own stores are emptied by their own means. */
const COLADA = '_pc_'

export function createStores(): Pinia {
  const pinia = createPinia()
  const resets: (() => void)[] = []
  pinia.use(({ store }) => {
    if (store.$id.startsWith(COLADA)) return
    const first = JSON.stringify(store.$state)
    resets.push(() => store.$patch((state) => void Object.assign(state, JSON.parse(first))))
  })
  // Before any store listens, so that the one that says who is signed in comes after this.
  watchSession((state) => {
    if (state !== 'out') return
    for (const reset of resets) reset()
    const cache = useQueryCache(pinia)
    for (const entry of cache.getEntries()) cache.remove(entry)
  })
  return pinia
}
