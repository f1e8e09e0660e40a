// What one instance tells the others: that something changed, and which, so that they drop what their memory holds of
// it. Never what it changed to. It goes by every way there is (PostgreSQL, Redis, the primary of several workers).
// Invariant: it speeds up what happens anyway. Memory is read again every few seconds whether a word came or not, so a
// lost one costs seconds and never a promise; and a word that nobody meant only costs a query.
import { createUlid } from './ids.ts'
import type { Wire } from './wire.ts'

export interface Bus {
  /** Call it when the change is committed. `id`: whatever the topic's listeners know it by; '' = all of it. */
  announce(topic: string, id: string): void
  /** Changes that other instances announced. */
  hear(topic: string, listener: (id: string) => void): void
  /** Says what is still to be said. */
  close(): Promise<void>
}

type Word = readonly [topic: string, id: string]

/** PostgreSQL carries 8,000 bytes at a time; a word has about fifty. */
const MOST_WORDS = 80

export function createBus(wires: readonly Wire[]): Bus {
  const self = createUlid(Date.now())
  const listeners = new Map<string, ((id: string) => void)[]>()
  let waiting = new Map<string, Word>()

  function say(): void {
    const words = [...waiting.values()]
    waiting = new Map()
    for (let from = 0; from < words.length; from += MOST_WORDS) {
      const message = JSON.stringify([self, ...words.slice(from, from + MOST_WORDS)])
      for (const wire of wires) wire.send(message)
    }
  }

  function hear(message: string): void {
    const [from, ...words] = readMessage(message)
    if (from === self) return
    for (const [topic, id] of words) for (const listener of listeners.get(topic) ?? []) listener(id)
  }

  for (const wire of wires) wire.hear(hear)
  return {
    announce(topic, id) {
      if (wires.length === 0) return
      // Said at the end of this turn, so that many changes at once are one message.
      if (waiting.size === 0) setImmediate(say)
      waiting.set(`${topic} ${id}`, [topic, id])
    },
    hear(topic, listener) {
      listeners.set(topic, [...(listeners.get(topic) ?? []), listener])
    },
    async close() {
      say()
      await Promise.all(wires.map((wire) => wire.close()))
    },
  }
}

/** Anybody may write on a way of Redis's: what is no message of ours is none. */
function readMessage(text: string): [from: string, ...words: Word[]] {
  const isWord = (one: unknown): one is Word =>
    Array.isArray(one) && typeof one[0] === 'string' && typeof one[1] === 'string'
  const [from, ...words] = parseList(text)
  return typeof from === 'string' ? [from, ...words.filter(isWord)] : ['']
}

function parseList(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : []
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}
