// WORKERS=n: the process that serves nobody itself. It starts n workers that share the port, passes on what one tells
// the others, counts the rate limits of all, and starts a new worker where one died.
// SIGTERM and SIGINT end it: every worker finishes what it serves. SIGUSR2 replaces the workers one after the other, a
// new one serving before the old one stops. A second SIGTERM ends all at once.
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { createMemoryRateStore } from '../features/limits/rate-store.ts'
import { systemClock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { Figures, FromPrimary, FromWorker } from './messages.ts'

/** A worker that dies again and again is not started again at once. */
const AGAIN_MS = 1_000
const FIGURES_MS = 2_000
/** A signal to the whole process group comes twice where a launcher passes it on; that is no second wish. */
const ECHO_MS = 1_000

// size: the workers and what becomes of them; one process has one such state.
export async function runPrimary({ workers, log }: { workers: number; log: Log }): Promise<void> {
  const rates = createMemoryRateStore({ clock: systemClock })
  const serving = new Set<Worker>()
  /** The exit codes of those that were told to end. */
  const ending = new WeakMap<Worker, Promise<number>>()
  const figures = createFigures()
  let stoppingSince: number | null = null
  let isStarted = false

  const say = (worker: Worker, message: FromPrimary): void =>
    void worker.send(message, (error) => {
      // It has just ended; its own end is told where it is noticed.
      if (error) log.debug({ error: error.message }, 'a worker was not told')
    })

  async function hear(worker: Worker, message: FromWorker): Promise<void> {
    if (message.kind === 'take') {
      say(worker, { kind: 'taken', id: message.id, verdict: await rates.take(message.takes) })
    } else if (message.kind === 'correct') {
      rates.correct(message.takes, message.takenAt)
    } else if (message.kind === 'read-figures') {
      say(worker, { kind: 'all-figures', id: message.id, figures: await figures.readAll(serving, say) })
    } else if (message.kind === 'figures') {
      figures.hear(message)
    } else if (message.kind === 'change') {
      for (const other of serving) if (other !== worker) say(other, { kind: 'change', message: message.message })
    }
  }

  /** Resolves when it serves; rejects with its exit code where it ends before. */
  function begin(): Promise<Worker> {
    const { promise, resolve, reject } = Promise.withResolvers<Worker>()
    const worker = cluster.fork()
    // It hears of changes from the start: what it reads then must not be older than what it was told.
    serving.add(worker)
    worker.on('message', (received: FromWorker) => {
      if (received.kind === 'ready') resolve(worker)
      else void hear(worker, received)
    })
    worker.once('exit', (code: number | null, signal: string | null) => {
      serving.delete(worker)
      reject(new WorkerEnded(code ?? 1))
      if (!isStarted || stoppingSince !== null || serving.size >= workers) return
      log.error({ code, signal }, 'a worker ended; a new one takes its place')
      refill()
    })
    return promise
  }

  let refilling: Promise<void> | undefined
  function refill(): void {
    refilling ??= startMissing().finally(() => (refilling = undefined))
  }

  /** One that does not come up ends, is told of like any other, and is tried again. */
  async function startMissing(): Promise<void> {
    while (serving.size < workers) {
      await wait(AGAIN_MS)
      if (stoppingSince !== null) return
      await Promise.allSettled(Array.from({ length: workers - serving.size }, begin))
    }
  }

  /** Whoever says so twice does not wait for what is under way. */
  async function stop(): Promise<void> {
    const now = performance.now()
    if (stoppingSince !== null) {
      if (now - stoppingSince > ECHO_MS) for (const worker of serving) worker.process.kill('SIGTERM')
      return
    }
    stoppingSince = now
    const codes = await Promise.all([...serving].map(end))
    process.exit(codes.find((code) => code !== 0) ?? 0)
  }

  /** One that is ending already is not told again: it would take that for a second wish. */
  function end(worker: Worker): Promise<number> {
    const known = ending.get(worker)
    if (known) return known
    const ended = once(worker, 'exit').then(([code]) => (code as number | null) ?? 1)
    ending.set(worker, ended)
    worker.process.kill('SIGTERM')
    return ended
  }

  let replacing: Promise<void> | undefined
  async function replaceAll(): Promise<void> {
    const before = [...serving]
    for (const old of before) {
      if (stoppingSince !== null) return
      await begin()
      if (serving.has(old)) await end(old)
    }
    log.info({ workers: serving.size }, 'all workers were replaced')
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop())
  process.on('SIGUSR2', () => {
    replacing ??= replaceAll()
      .catch((error: unknown) => log.error({ err: error }, 'a new worker did not come up; the old ones go on'))
      .finally(() => (replacing = undefined))
  })
  try {
    // The first alone: it makes what is missing (secrets, tables), and the others find it.
    const first = await begin()
    await Promise.all(Array.from({ length: workers - 1 }, begin))
    isStarted = true
    say(first, { kind: 'present' })
  } catch (error) {
    if (!(error instanceof WorkerEnded)) throw error
    stoppingSince = performance.now()
    await Promise.all([...serving].map(end))
    process.exit(error.code)
  }
}

/** Gathers what each worker counts; one that does not answer in time is left out. */
function createFigures() {
  const asked = new Map<number, (figures: Figures) => void>()
  let lastId = 0

  function ask(worker: Worker, say: (worker: Worker, message: FromPrimary) => void): Promise<Figures | null> {
    const id = ++lastId
    const answer = new Promise<Figures>((resolve) => asked.set(id, resolve))
    say(worker, { kind: 'tell-figures', id })
    return Promise.race([answer, wait(FIGURES_MS, null)]).finally(() => asked.delete(id))
  }

  return {
    async readAll(workers: Iterable<Worker>, say: (worker: Worker, message: FromPrimary) => void): Promise<Figures[]> {
      const all = await Promise.all(Array.from(workers, (worker) => ask(worker, say)))
      return all.filter((one) => one !== null)
    },
    hear: ({ id, figures }: { id: number; figures: Figures }) => asked.get(id)?.(figures),
  }
}

class WorkerEnded extends Error {
  readonly code: number

  constructor(code: number) {
    super(`a worker ended with ${code}`)
    this.code = code
  }
}
