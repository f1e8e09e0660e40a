// Streams that are opened and kept open: each must begin, and once the provider goes on, come whole.
import type { Socket } from 'node:net'
import { HttpReader, type Message } from './http-reader.ts'

export interface HoldClient {
  readonly request: Buffer
  open(): Promise<Socket>
  /** What is wrong with an answer; null when nothing is. */
  check(message: Message): string | null
}

export interface HoldReport {
  /** Answered in full and right. */
  readonly requests: number
  readonly failures: number
  readonly sentences: readonly string[]
}

const MOST_SENTENCES = 5
/** More at once would be refused by the queues of what is measured. */
const AT_ONCE = 100
const FIRST_EVENT = 'data: '

export class HeldStreams {
  readonly #client: HoldClient
  #answers: Promise<string | null>[] = []

  constructor(client: HoldClient) {
    this.#client = client
  }

  /** Resolves when so many more have begun to speak, or have failed. */
  async open(count: number): Promise<{ open: number }> {
    for (let left = count; left > 0; left -= AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, left) }, () => this.#openOne())
      await Promise.all(some)
    }
    return { open: this.#answers.length }
  }

  /** Resolves when all have ended. */
  async finish(): Promise<HoldReport> {
    const ends = await Promise.all(this.#answers)
    this.#answers = []
    const sentences = ends.filter((end) => end !== null)
    return {
      requests: ends.length - sentences.length,
      failures: sentences.length,
      sentences: sentences.slice(0, MOST_SENTENCES),
    }
  }

  async #openOne(): Promise<void> {
    const socket = await this.#client.open()
    await new Promise<void>((begun) => {
      this.#answers.push(
        new Promise((resolve) => {
          const end = (sentence: string | null): void => {
            resolve(sentence)
            begun()
            socket.destroy()
          }
          const reader = new HttpReader((message) => end(this.#client.check(message)))
          socket.on('data', (chunk: Buffer) => {
            try {
              reader.push(chunk)
            } catch (error) {
              end(error instanceof Error ? error.message : String(error))
            }
            if (chunk.includes(FIRST_EVENT)) begun()
          })
          socket.on('error', (error) => end(`the connection broke: ${error.message}`))
          socket.on('close', () => end('the connection was closed in the middle'))
          socket.write(this.#client.request)
        }),
      )
    })
  }
}
