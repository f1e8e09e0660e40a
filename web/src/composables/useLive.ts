// Keeps a page true to what happens meanwhile: reads it again a moment after something happened, and not too often.
import { onScopeDispose } from 'vue'
import { listenToEvents } from '../services/liveEvents.ts'

/** What just ended stands in the lists within a second. */
const SETTLE_MS = 1_500
const GAP_MS = 5_000

/** `requests`: reads what a request changes · `keys`: what a change of a provider key changes. */
export function useLive(refresh: { readonly requests: () => unknown; readonly keys?: () => unknown }): void {
  const stop = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let last = 0

  function soon(): void {
    timer ??= setTimeout(
      () => {
        timer = undefined
        last = Date.now()
        refresh.requests()
      },
      Math.max(SETTLE_MS, last + GAP_MS - Date.now()),
    )
  }

  void listenToEvents(
    {
      ready() {
        // Something may have been missed before.
        soon()
      },
      request: soon,
      key: () => refresh.keys?.(),
    },
    { signal: stop.signal },
  )
  onScopeDispose(() => {
    stop.abort()
    clearTimeout(timer)
  })
}
