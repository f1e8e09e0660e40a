// What a page shows (filters, order, page, tab) as part of its address, so that a reload, a link and the way back show
// the same. A value that is the default stays out of it.
import { computed, type ComputedRef } from 'vue'
import { type LocationQueryRaw, useRoute, useRouter } from 'vue-router'

export interface AddressState<Values extends Record<string, string>> {
  readonly values: ComputedRef<Values>
  /** `step`: a way back leads here (another page); otherwise the entry in the history is replaced. */
  set(change: Partial<Values>, options?: { step?: boolean }): void
}

export function useAddressState<Values extends Record<string, string>>(defaults: Values): AddressState<Values> {
  const route = useRoute()
  const router = useRouter()
  const { path } = route
  // Changes of one moment go out together: the address follows a moment later.
  let pending: Partial<Values> | null = null
  let last: Values = { ...defaults }

  const values = computed<Values>(() => {
    // While another page comes this one keeps what it has.
    if (route.path !== path) return last
    const entries = Object.entries(defaults).map(([name, value]) => {
      const given = route.query[name]
      return [name, typeof given === 'string' ? given : value]
    })
    return (last = Object.fromEntries(entries) as Values)
  })

  return {
    values,
    set(change, { step = false } = {}) {
      const isFirst = pending === null
      pending = { ...pending, ...change }
      if (!isFirst) return
      queueMicrotask(() => {
        const next = { ...values.value, ...pending }
        pending = null
        const query: LocationQueryRaw = { ...route.query }
        for (const [name, value] of Object.entries(next)) {
          if (value === defaults[name]) delete query[name]
          else query[name] = value
        }
        void (step ? router.push({ query }) : router.replace({ query }))
      })
    },
  }
}
