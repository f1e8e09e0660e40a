// Live events: who listens is told what happens while they listen, from this process alone. Nothing is kept for those
// who do not listen. Invariants: a listener hears only of what is theirs, unless an administrator asked for everybody's
// requests; what waits for a slow listener is bounded, and one who falls behind is told so and let go; a stream ends
// when its session does.
import type { LiveEvent, LiveEventName } from '../../../contract/events.ts'
import type { ControlRoute, Principal } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { Secret, revealSecret } from '../../kernel/secret.ts'
import { createEventRoutes } from './routes.ts'

export interface Events {
  readonly routes: readonly ControlRoute[]
  /** Tells the owner's listeners. `describe` is called only where somebody listens. */
  publish<Name extends LiveEventName>(name: Name, userId: string, describe: () => LiveEvent<Name>): void
  /** Opens a stream of frames; throws rate_limit_exceeded where the user has too many. */
  listen(listener: {
    principal: Principal
    token: string
    all: boolean
  }): (signal: AbortSignal) => AsyncIterable<string>
  readonly size: number
  close(): void
}

interface Listener {
  readonly userId: string
  readonly token: Secret
  readonly all: boolean
  waiting: string[]
  waitingLength: number
  isOver: boolean
  isChecking: boolean
  lastSaid: number
  wake: () => void
}

export const MOST_STREAMS_PER_USER = 20
const MOST_WAITING_LENGTH = 256 * 1024
const HEARTBEAT_MS = 15_000
const CHECK_MS = 1_000

export function createEvents(options: {
  /** Resolves to who is still let in with this token; rejects with a 401 where nobody is. */
  recheck: (token: string) => Promise<Principal>
  isStopping: () => boolean
  heartbeatMs?: number
  checkMs?: number
}): Events {
  const { recheck, isStopping, heartbeatMs = HEARTBEAT_MS, checkMs = CHECK_MS } = options
  const listeners = new Set<Listener>()
  let timer: NodeJS.Timeout | undefined

  function say(listener: Listener, frame: string): void {
    if (listener.isOver) return
    listener.waiting.push(frame)
    listener.waitingLength += frame.length
    if (listener.waitingLength > MOST_WAITING_LENGTH) return end(listener, 'slow')
    listener.wake()
  }

  /** What still waits is of no use to who falls behind: the lists have it. */
  function end(listener: Listener, reason: LiveEvent<'end'>['reason']): void {
    if (listener.isOver) return
    if (reason === 'slow') listener.waiting = []
    listener.waiting.push(toFrame('end', { reason }))
    listener.isOver = true
    listener.wake()
  }

  async function check(listener: Listener): Promise<void> {
    if (listener.isChecking || listener.isOver) return
    listener.isChecking = true
    try {
      const { role } = await recheck(revealSecret(listener.token))
      if (listener.all && role !== 'admin') end(listener, 'role')
    } catch (error) {
      // A check that fails (the database is away) decides nothing.
      if (error instanceof GatewayError && error.status === 401) end(listener, 'session')
    } finally {
      listener.isChecking = false
    }
  }

  function tick(): void {
    const now = performance.now()
    for (const listener of listeners) {
      if (isStopping()) end(listener, 'stopping')
      else if (now - listener.lastSaid >= heartbeatMs && listener.waiting.length === 0) say(listener, ': heartbeat\n\n')
      void check(listener)
    }
  }

  function add(listener: Listener): void {
    listeners.add(listener)
    timer ??= setInterval(tick, checkMs).unref()
  }

  function remove(listener: Listener): void {
    listener.isOver = true
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  async function* read(listener: Listener, signal: AbortSignal): AsyncGenerator<string> {
    const wake = (): void => listener.wake()
    signal.addEventListener('abort', wake)
    add(listener)
    try {
      yield toFrame('ready', {})
      while (!signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>()
        listener.wake = resolve
        if (listener.waiting.length === 0 && !listener.isOver) await promise
        const said = listener.waiting.join('')
        listener.waiting = []
        listener.waitingLength = 0
        listener.lastSaid = performance.now()
        if (said !== '') yield said
        if (listener.isOver && listener.waiting.length === 0) return
      }
    } finally {
      signal.removeEventListener('abort', wake)
      remove(listener)
    }
  }

  const events: Events = {
    routes: createEventRoutes({ listen: (listener) => events.listen(listener) }),
    publish(name, userId, describe) {
      let frame: string | undefined
      for (const listener of listeners) {
        if (listener.userId !== userId && !(listener.all && name === 'request')) continue
        say(listener, (frame ??= toFrame(name, describe())))
      }
    },
    listen({ principal, token, all }) {
      const { userId, role } = principal
      if (all && role !== 'admin') {
        throw new GatewayError('forbidden', { message: 'Only an administrator may listen to everybody’s requests.' })
      }
      if ([...listeners].filter((listener) => listener.userId === userId).length >= MOST_STREAMS_PER_USER) {
        throw new GatewayError('rate_limit_exceeded', {
          message: `You have ${MOST_STREAMS_PER_USER} event streams open. Close some tabs, then try again.`,
          retryAfter: 60,
        })
      }
      const listener: Listener = {
        userId,
        token: new Secret(token),
        all,
        waiting: [],
        waitingLength: 0,
        isOver: false,
        isChecking: false,
        lastSaid: performance.now(),
        wake: () => undefined,
      }
      return (signal) => read(listener, signal)
    },
    get size() {
      return listeners.size
    },
    close() {
      for (const listener of listeners) end(listener, 'stopping')
      clearInterval(timer)
      timer = undefined
    },
  }
  return events
}

/** JSON has no line breaks of its own, so one `data:` line holds it. */
function toFrame<Name extends LiveEventName>(name: Name, data: LiveEvent<Name>): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
