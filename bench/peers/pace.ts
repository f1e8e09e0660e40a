// Requests at a fixed rate, whatever becomes of those before: how long each took from the moment when it was due. A
// client that waits for slow answers before it asks on would hide them.
import type { Socket } from 'node:net'
import { HttpReader, type Message } from './http-reader.ts'

export interface PaceReport {
  /** Answered in full and right. */
  readonly requests: number
  readonly failures: number
  readonly sentences: readonly string[]
  /** Of each request, in the order of their answers. */
  readonly milliseconds: readonly number[]
}

export interface PaceClient {
  readonly request: Buffer
  /** Kept alive; more are opened when all are busy. */
  readonly connections: number
  open(): Promise<Socket>
  /** What is wrong with an answer; null when nothing is. */
  check(message: Message): string | null
}

const MOST_SENTENCES = 5

interface Lane {
  readonly socket: Socket
  /** When the request under way was due. */
  due: number
}

export async function pace(
  client: PaceClient,
  { perSecond, milliseconds }: { perSecond: number; milliseconds: number },
): Promise<PaceReport> {
  const tally = { requests: 0, failures: 0, sentences: [] as string[], milliseconds: [] as number[] }
  const total = Math.round((perSecond * milliseconds) / 1000)
  const all: Lane[] = []
  const idle: Lane[] = []
  let asked = 0
  let open = 0
  let resolveAll: () => void
  const allAnswered = new Promise<void>((resolve) => (resolveAll = resolve))
  const settle = (wrong: string | null, due: number): void => {
    open--
    if (wrong === null) {
      tally.requests++
      tally.milliseconds.push(performance.now() - due)
    } else {
      tally.failures++
      if (tally.sentences.length < MOST_SENTENCES) tally.sentences.push(wrong)
    }
    if (asked === total && open === 0) resolveAll()
  }
  const addLane = async (): Promise<Lane> => {
    const lane: Lane = { socket: await client.open(), due: 0 }
    all.push(lane)
    const fail = (sentence: string): void => {
      if (lane.due === 0) return
      const { due } = lane
      lane.due = 0
      settle(sentence, due)
    }
    const reader = new HttpReader((message) => {
      const { due } = lane
      lane.due = 0
      idle.push(lane)
      settle(client.check(message), due)
    })
    lane.socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk)
      } catch (error) {
        fail(error instanceof Error ? error.message : String(error))
      }
    })
    lane.socket.on('error', (error) => fail(`the connection broke: ${error.message}`))
    lane.socket.on('close', () => fail('the connection was closed in the middle'))
    return lane
  }
  const ask = (lane: Lane, due: number): void => {
    lane.due = due
    lane.socket.write(client.request)
  }
  for (let count = 0; count < client.connections; count++) idle.push(await addLane())
  const startedAt = performance.now()
  const gapMs = 1000 / perSecond
  const askWhatIsDue = (): void => {
    const now = performance.now()
    while (asked < total && startedAt + asked * gapMs <= now) {
      const due = startedAt + asked++ * gapMs
      open++
      const lane = idle.pop()
      if (lane) ask(lane, due)
      else void addLane().then((added) => ask(added, due))
    }
    if (asked === total) return
    const wait = startedAt + asked * gapMs - performance.now()
    // A timer may be a millisecond late; the rest of the way is looked at without one.
    if (wait > 1.5) setTimeout(askWhatIsDue, Math.floor(wait - 1))
    else setImmediate(askWhatIsDue)
  }
  askWhatIsDue()
  await allAnswered
  for (const { socket } of all) socket.destroy()
  return tally
}
