// What the workers of one machine and their primary say to each other, and the workers' end of it.
// Invariant: a worker asks the primary only what memory would answer, so an answer takes less than a millisecond; a
// primary that is gone takes its workers with it, so nobody waits for one.
import type { RateStore, Take, TakeVerdict } from '../features/limits/rate-store.ts'
import type { FiguresOfWorkers } from '../gateway/metrics.ts'
import type { Wire } from '../kernel/wire.ts'

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'take'; readonly id: number; readonly takes: readonly Take[] }
  | { readonly kind: 'correct'; readonly takes: readonly Take[]; readonly takenAt: number }
  | { readonly kind: 'change'; readonly message: string }
  /** Asks for the figures of all. */
  | { readonly kind: 'read-figures'; readonly id: number }
  | { readonly kind: 'figures'; readonly id: number; readonly figures: Figures }

export type Figures = readonly object[]

export type FromPrimary =
  /** Says on stdout where we are to be found, for all. */
  | { readonly kind: 'present' }
  | { readonly kind: 'taken'; readonly id: number; readonly verdict: TakeVerdict }
  | { readonly kind: 'change'; readonly message: string }
  /** Asks for one's own. */
  | { readonly kind: 'tell-figures'; readonly id: number }
  | { readonly kind: 'all-figures'; readonly id: number; readonly figures: readonly Figures[] }

/** This process as one of several workers. */
export interface WorkerLink {
  /** Rate limits, counted by the primary for all. */
  readonly rates: RateStore
  readonly wire: Wire
  readonly figures: FiguresOfWorkers
  /** Tells the primary that this worker serves. `present`: called in the one worker that is to say so. */
  ready(present: () => void): void
}

/** `channel`: this process, or its stand-in in a test. */
export function linkToPrimary(channel: Pick<NodeJS.Process, 'on' | 'send'>): WorkerLink {
  const asked = new Map<number, (verdict: TakeVerdict) => void>()
  const figuresAsked = new Map<number, (figures: readonly Figures[]) => void>()
  const listeners: ((message: string) => void)[] = []
  let readFigures: () => Promise<Figures> = async () => []
  let present: () => void = () => undefined
  let lastId = 0
  // A primary that is gone ends this process; what could not be said to it concerns nobody.
  const say = (message: FromWorker): void => void channel.send?.(message, undefined, undefined, () => undefined)

  channel.on('message', (received) => {
    const message = received as FromPrimary
    if (message.kind === 'taken') {
      asked.get(message.id)?.(message.verdict)
      asked.delete(message.id)
    } else if (message.kind === 'change') {
      for (const listener of listeners) listener(message.message)
    } else if (message.kind === 'tell-figures') {
      void readFigures().then((figures) => say({ kind: 'figures', id: message.id, figures }))
    } else if (message.kind === 'all-figures') {
      figuresAsked.get(message.id)?.(message.figures)
      figuresAsked.delete(message.id)
    } else if (message.kind === 'present') {
      present()
    }
  })

  return {
    rates: {
      take(takes) {
        const { promise, resolve } = Promise.withResolvers<TakeVerdict>()
        const id = ++lastId
        asked.set(id, resolve)
        say({ kind: 'take', id, takes })
        return promise
      },
      correct: (takes, takenAt) => say({ kind: 'correct', takes, takenAt }),
    },
    wire: {
      send: (message) => say({ kind: 'change', message }),
      hear: (listener) => void listeners.push(listener),
      close: () => undefined,
    },
    figures: {
      provide: (read) => void (readFigures = read),
      readAll() {
        const { promise, resolve } = Promise.withResolvers<readonly Figures[]>()
        const id = ++lastId
        figuresAsked.set(id, resolve)
        say({ kind: 'read-figures', id })
        return promise
      },
    },
    ready(work) {
      present = work
      say({ kind: 'ready' })
    },
  }
}
