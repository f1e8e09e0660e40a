// The log of requests: what its address asks for, the page it shows, and what comes while somebody looks.
import { useQuery } from '@pinia/colada'
import { useEventListener } from '../../composables/useEventListener.ts'
import { computed, ref, watch } from 'vue'
import { useAddressState } from '../../composables/useAddressState.ts'
import { useLiveRequests } from '../../composables/useLiveRequests.ts'
import { useNames } from '../../composables/useNames.ts'
import {
  listRequests,
  type ListedRequest,
  type RequestList,
  type RequestsQuestion,
} from '../../services/api/requests.ts'
import { useSessionStore } from '../../stores/session.ts'
import { fitsFilters } from './describeRequest.ts'

const FILTERS = { status: '', payer: '', model: '', key: '', api: '', id: '', fell: '', provider: '', from: '' }
const DEFAULTS = { ...FILTERS, whose: '', cursor: '', request: '', live: '' }
export type RequestFilterValues = Omit<typeof DEFAULTS, 'cursor' | 'request' | 'live'>
/** Further down than this somebody reads, and nothing may move. */
const TOP_PX = 160

export function useRequests() {
  const session = useSessionStore()
  const { values, set } = useAddressState(DEFAULTS)
  const isAdmin = computed(() => session.user?.role === 'admin')
  const everybody = computed(() => isAdmin.value && values.value.whose === 'all')
  const names = useNames({ people: everybody })

  const question = computed<RequestsQuestion>(() => {
    const { status, payer, model, key, api, id, fell, provider, from, cursor } = values.value
    return {
      everybody: everybody.value,
      status,
      billed_to: payer,
      model,
      provider,
      from,
      provider_key: key,
      api_key: api,
      id,
      fell_back: fell,
      cursor,
    }
  })
  const page = useQuery({
    key: () => ['requests', { ...question.value }],
    query: () => listRequests(question.value),
    placeholderData: (before: RequestList | undefined) => before,
    // Nothing moves because somebody looked elsewhere for a moment.
    refetchOnWindowFocus: false,
  })

  const isFirstPage = computed(() => values.value.cursor === '')
  const isLive = computed(() => values.value.live !== '' && isFirstPage.value)
  const isAway = ref(window.scrollY > TOP_PX)
  useEventListener(window, 'scroll', () => (isAway.value = window.scrollY > TOP_PX))
  const isPaused = computed(() => isAway.value || values.value.request !== '')
  const live = useLiveRequests({
    isOn: () => isLive.value,
    // The scroll event comes a frame after the scrolling.
    isPaused: () => isPaused.value || window.scrollY > TOP_PX,
    everybody: () => everybody.value,
    fits: (request) => fitsFilters(request, values.value),
  })
  // After a gap in the stream the page is read again, once nobody reads it.
  let hasGap = false
  function catchUp(): void {
    if (isPaused.value) return
    live.release()
    if (hasGap) void page.refetch()
    hasGap = false
  }
  watch(isPaused, catchUp)
  watch(live.state, (state) => {
    if (state === 'connecting') hasGap = true
    else if (state === 'on') catchUp()
  })
  watch(page.data, (listed) => live.forget(listed?.requests ?? []))

  const rows = computed<readonly ListedRequest[]>(() => {
    const listed = page.data.value?.requests ?? []
    const fresh = live.requests.value.filter((request) => fitsFilters(request, values.value))
    const known = new Set(fresh.map(({ id }) => id))
    const held = new Set(live.waiting.value.map(({ id }) => id))
    return isLive.value ? [...fresh, ...listed.filter(({ id }) => !known.has(id) && !held.has(id))] : listed
  })

  return {
    values,
    isAdmin,
    everybody,
    names,
    page,
    rows,
    live,
    isLive,
    isPaused,
    isFirstPage,
    activeFilters: computed(
      () => Object.keys(FILTERS).filter((name) => values.value[name as keyof typeof FILTERS] !== '').length,
    ),
    /** Another question begins on its first page. */
    filter: (change: Partial<RequestFilterValues>) => set({ ...change, cursor: '' }),
    clearFilters: () => set({ ...FILTERS, cursor: '' }),
    goTo: (cursor: string) => set({ cursor }, { step: true }),
    setLive: (on: boolean) => set({ live: on ? 'on' : '', ...(on && { cursor: '' }) }),
    open: (id: string) => set({ request: id }),
    close: () => set({ request: '' }),
  }
}
export type Requests = ReturnType<typeof useRequests>
