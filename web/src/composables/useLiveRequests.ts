// Requests as they end, newest first, while somebody looks. Paused, they are counted and kept back, so that nothing
// moves under the reader; what the server could not keep for a slow tab is in the log.
import { onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import { listenToEvents } from '../services/api/events.ts'
import type { ListedRequest } from '../services/api/requests.ts'
import { ApiError } from '../services/api/send.ts'

const MOST_KEPT = 200
const AGAIN_MS = 3_000

export interface LiveRequests {
  readonly requests: Ref<readonly ListedRequest[]>
  /** Came while paused. */
  readonly waiting: Ref<readonly ListedRequest[]>
  readonly state: Ref<'off' | 'connecting' | 'on' | 'lost'>
  /** Shows what waits. */
  release(): void
  /** These stand on the page itself now. */
  forget(listed: readonly ListedRequest[]): void
}

export function useLiveRequests(options: {
  isOn: () => boolean
  isPaused: () => boolean
  everybody: () => boolean
  fits: (request: ListedRequest) => boolean
}): LiveRequests {
  const requests = shallowRef<readonly ListedRequest[]>([])
  const waiting = shallowRef<readonly ListedRequest[]>([])
  const state = ref<'off' | 'connecting' | 'on' | 'lost'>('off')
  let stop = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined

  function take(request: ListedRequest): void {
    if (!options.fits(request)) return
    const list = options.isPaused() ? waiting : requests
    list.value = [request, ...list.value.filter(({ id }) => id !== request.id)].slice(0, MOST_KEPT)
  }

  async function listen(signal: AbortSignal): Promise<void> {
    state.value = 'connecting'
    try {
      await listenToEvents({ everybody: options.everybody(), signal }, (event) => {
        if (event.name === 'ready') state.value = 'on'
        else if (event.name === 'request') take(event.data)
      })
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof ApiError) && !(error instanceof TypeError)) throw error
    }
    if (signal.aborted) return
    state.value = 'lost'
    timer = setTimeout(() => void listen(signal), AGAIN_MS)
  }

  function end(): void {
    stop.abort()
    clearTimeout(timer)
    state.value = 'off'
  }

  function release(): void {
    requests.value = [...waiting.value, ...requests.value].slice(0, MOST_KEPT)
    waiting.value = []
  }

  watch(
    () => [options.isOn(), options.everybody()],
    ([isOn]) => {
      end()
      requests.value = []
      waiting.value = []
      stop = new AbortController()
      if (isOn) void listen(stop.signal)
    },
    { immediate: true },
  )
  onScopeDispose(end)

  return {
    requests,
    waiting,
    state,
    release,
    forget(listed) {
      const known = new Set(listed.map(({ id }) => id))
      requests.value = requests.value.filter(({ id }) => !known.has(id))
    },
  }
}
