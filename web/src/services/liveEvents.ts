// What happens on the server, as it happens: one stream, read with fetch because EventSource sends no Authorization.
// It comes back by itself after a break; what was missed in between is read from the lists, at every `ready`.
import type { LiveEvent, LiveEventName } from '../../../contract/events.ts'
import { readToken, refreshSession } from './session.ts'

export type LiveListeners = { readonly [Name in LiveEventName]?: (event: LiveEvent<Name>) => void }

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

/** Until `signal` ends it. `all`: everybody's requests, for administrators. */
export async function listenToEvents(
  listeners: LiveListeners,
  { signal, all = false }: { signal: AbortSignal; all?: boolean },
): Promise<void> {
  let pause = FIRST_PAUSE_MS
  while (!signal.aborted) {
    try {
      if (await readStream(listeners, signal, all)) pause = FIRST_PAUSE_MS
    } catch (error) {
      if (signal.aborted) return
      // The network, or a stream that broke: both come back.
      if (!(error instanceof TypeError) && !(error instanceof DOMException)) throw error
    }
    await wait(pause, signal)
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
  }
}

/** True where the stream stood. */
async function readStream(listeners: LiveListeners, signal: AbortSignal, all: boolean): Promise<boolean> {
  const token = readToken()
  const response = await fetch(`admin/events${all ? '?all=true' : ''}`, {
    headers: { accept: 'text/event-stream', ...(token && { authorization: `Bearer ${token}` }) },
    cache: 'no-store',
    signal,
  })
  if (response.status === 401) {
    // A session that is over is noticed by the calls of the page, which then wait for a new sign-in.
    await refreshSession(token).catch(() => false)
    return false
  }
  if (!response.ok || !response.body) return false
  let rest = ''
  for await (const text of readTexts(response.body)) {
    const blocks = (rest + text).split('\n\n')
    rest = blocks.pop()!
    for (const block of blocks) tell(block, listeners)
  }
  return true
}

async function* readTexts(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield decoder.decode(value, { stream: true })
  }
}

function tell(block: string, listeners: LiveListeners): void {
  const name = /^event: ?(.*)$/m.exec(block)?.[1]
  const data = /^data: ?(.*)$/m.exec(block)?.[1]
  if (name === undefined || data === undefined) return
  const listener = listeners[name as LiveEventName] as ((event: unknown) => void) | undefined
  listener?.(JSON.parse(data))
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}
