// Answers in progress whose caller is no longer let in: the API key was revoked or has expired, the session was ended,
// or the account was switched off. Each running answer is asked after about once a second, all by one timer, and cut
// when the answer is no.
// Invariants: only a clear "not valid" cuts; a check that fails (the database is away) decides nothing and the answer
// runs on. A check that hangs delays no other key's, and is not made twice at once. The key's text is opened for the
// moment of the check alone.
import { createBag } from '../kernel/bag.ts'
import { GatewayError } from '../kernel/errors.ts'
import { revealSecret, type Secret } from '../kernel/secret.ts'

export interface Revocation {
  /**
   * Watches one running answer; call what is returned when it is over. `cut` is called until it says that it has cut:
   * between two tries, and before the first, there is nothing yet.
   */
  watch(key: Secret, cut: (error: GatewayError) => boolean): () => void
  /** Looks at all that run; what the timer does. Never rejects. */
  sweep(): Promise<void>
  stop(): void
  readonly size: number
}

interface Running {
  readonly key: Secret
  readonly cut: (error: GatewayError) => boolean
  checking: boolean
  /** null once it is over. */
  place: number | null
}

const INTERVAL_MS = 1_000

export function createRevocation(options: {
  /**
   * Resolves or returns while the key is let in; throws an error of status 401 when it is not, anything else when
   * unknown.
   */
  authenticate: (key: string) => unknown
  intervalMs?: number
}): Revocation {
  const { authenticate, intervalMs = INTERVAL_MS } = options
  const all = createBag<Running>()
  let timer: NodeJS.Timeout | null = null

  function end(running: Running): void {
    if (running.place === null) return
    all.remove(running.place)
    running.place = null
  }

  async function findRefusal(key: string): Promise<GatewayError | null> {
    try {
      await authenticate(key)
      return null
    } catch (error) {
      if (error instanceof GatewayError && error.status === 401) return error
      return null
    }
  }

  async function sweep(): Promise<void> {
    const byKey = new Map<string, Running[]>()
    for (const running of all) {
      if (running.checking) continue
      running.checking = true
      const text = revealSecret(running.key)
      const sharing = byKey.get(text)
      if (sharing) sharing.push(running)
      else byKey.set(text, [running])
    }
    await Promise.all(
      Array.from(byKey, async ([text, sharing]) => {
        const refusal = await findRefusal(text)
        for (const running of sharing) {
          running.checking = false
          // Those that ended meanwhile are no longer ours to cut.
          if (refusal !== null && running.place !== null && running.cut(refusal)) end(running)
        }
        stopWhenIdle()
      }),
    )
  }

  function stop(): void {
    if (timer) clearInterval(timer)
    timer = null
  }

  function stopWhenIdle(): void {
    if (all.size === 0) stop()
  }

  return {
    watch(key, cut) {
      const running: Running = { key, cut, checking: false, place: null }
      running.place = all.add(running)
      timer ??= setInterval(() => void sweep(), intervalMs).unref()
      return () => {
        end(running)
        stopWhenIdle()
      }
    },
    sweep,
    stop,
    get size() {
      return all.size
    },
  }
}
