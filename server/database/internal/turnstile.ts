// Lets single statements pass freely and a transaction alone: while one transaction holds the connection, everything
// else waits in order of arrival, and no longer than its limit.
// Invariant: what passes is sent to the worker in the very moment it is admitted, and the worker works in the order of
// sending. So single statements need no exit, and none can slip in behind a BEGIN it was admitted before.

export interface Turnstile {
  /** Sends a single statement as soon as no transaction holds the connection. */
  pass<T>(limitMs: number, send: () => Promise<T>): Promise<T>
  /**
   * Sends once the caller holds the connection alone; `leave` must follow, unless this was refused by the time limit.
   */
  enter<T>(limitMs: number, send: () => Promise<T>): Promise<T>
  leave(): void
}

interface Waiter {
  readonly alone: boolean
  readonly admit: () => void
}

/** `onTimeout` makes the error for those who waited too long. */
export function createTurnstile(onTimeout: () => Error): Turnstile {
  const waiting: Waiter[] = []
  let held = false

  function wait<T>(alone: boolean, limitMs: number, send: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        alone,
        admit() {
          clearTimeout(timer)
          resolve(send())
        },
      }
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(waiter), 1)
        reject(onTimeout())
      }, limitMs)
      waiting.push(waiter)
    })
  }

  return {
    pass: (limitMs, send) => (held ? wait(false, limitMs, send) : send()),
    enter(limitMs, send) {
      if (held) return wait(true, limitMs, send)
      held = true
      return send()
    },
    leave() {
      held = false
      while (!held) {
        const next = waiting.shift()
        if (!next) return
        held = next.alone
        next.admit()
      }
    },
  }
}
