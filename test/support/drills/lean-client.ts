// Clients of the drills: bare sockets that ask one thing after the other, cheaply enough that the load leaves the
// processor to what is being tried.
import { connect, type Socket } from 'node:net'
import { HttpReader, type Message } from '../../../bench/peers/http-reader.ts'

export interface LeanAnswer extends Message {
  readonly status: number
}

export interface LeanConnection {
  /** Rejects with Broken when the connection ends before the answer does. */
  ask(request: Buffer): Promise<LeanAnswer>
  /** Also in the middle of an answer. */
  destroy(): void
}

/** The connection ended in the middle of an answer, or there was none. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

/** A chat completion, as bytes. */
export function writeChatRequest(asked: {
  apiKey: string
  model: string
  text: string
  stream?: boolean
  /** Beside those that every client sends. */
  headers?: Readonly<Record<string, string>>
}): Buffer {
  const { apiKey, model, text: content, stream = false, headers = {} } = asked
  const body = Buffer.from(
    JSON.stringify({
      model,
      messages: [{ role: 'user', content }],
      ...(stream && { stream, stream_options: { include_usage: true } }),
    }),
  )
  const further = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${apiKey}\r\n${further.join('')}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}

export async function connectLean(port: number): Promise<LeanConnection> {
  const socket = await openSocket(port)
  let waiting: { resolve(answer: LeanAnswer): void; reject(error: Broken): void } | null = null
  const take = (message: Message): void => {
    const { resolve } = waiting ?? {}
    waiting = null
    resolve?.({ ...message, status: Number(message.head.slice(9, 12)) })
  }
  let broken: Broken | null = null
  const breakOff = (error?: Error): void => {
    broken ??= new Broken(error?.message ?? 'the connection was closed')
    waiting?.reject(broken)
    waiting = null
  }
  const reader = new HttpReader(take)
  socket.on('data', (chunk: Buffer) => reader.push(chunk))
  socket.on('error', breakOff)
  socket.on('close', () => breakOff())
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (broken !== null) return reject(broken)
        waiting = { resolve, reject }
        socket.write(request)
      }),
    destroy: () => void socket.destroy(),
  }
}

function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const fail = (error: Error): void => reject(new Broken(error.message))
    socket.once('error', fail)
    socket.once('connect', () => {
      socket.off('error', fail)
      resolve(socket)
    })
  })
}
