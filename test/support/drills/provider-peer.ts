// The provider of the drills, a process of its own: chat completions as cheaply as they can be answered. The fake
// provider knows four dialects and every rule; this one knows how to be asked thousands of times in a second. It counts
// the calls of each model, and a tenant's key that comes with another tenant's words is a mix-up.
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { serveParent } from '../../../bench/peers/parent.ts'
import { HttpReader, readHeader, type Message } from '../../../bench/peers/http-reader.ts'
import { readKeyHead } from '../../fake-provider/fake-keys.ts'
import { writeChatAnswer, writeChatEvents } from './lean-answers.ts'

export interface ProviderManner {
  /** Before an answer begins. */
  delayMs: number
  /** Of text, in a stream. */
  events: number
  /** Between the events of a stream; 0 sends them all at once. */
  gapMs: number
  /** Streams stop after their first event until this is false again. */
  hold: boolean
  /** Of the answers, those whose connection is killed half-way. */
  killShare: number
}

export interface ProviderFigures {
  readonly port: number
  readonly calls: number
  readonly openStreams: number
  readonly connections: number
  readonly mixUps: readonly string[]
}

const manner: ProviderManner = { delayMs: 0, events: 8, gapMs: 0, hold: false, killShare: 0 }
let callsOfModels = new Map<string, number>()
const mixUps: string[] = []
const held = new Set<() => void>()
let calls = 0
let openStreams = 0
let connections = 0

const server = createServer({ noDelay: true }, (socket) => {
  connections++
  const reader = new HttpReader((message) => answer(socket, message))
  socket.on('data', (chunk: Buffer) => reader.push(chunk))
  socket.on('error', () => socket.destroy())
  socket.on('close', () => connections--)
})

function answer(socket: Socket, { head, body }: Message): void {
  // How a key is tested: no call.
  if (!head.startsWith('POST ')) return void socket.write(writeJson('200 OK', '{"object":"list","data":[]}'))
  calls++
  const key = readHeader(head, 'authorization')?.replace(/^Bearer /, '') ?? ''
  const { model, stream, messages } = JSON.parse(body.toString('utf8'))
  const said = String(messages.at(-1).content)
  callsOfModels.set(model, (callsOfModels.get(model) ?? 0) + 1)
  const keyOf = /tenant\d+/.exec(readKeyHead(key))?.[0]
  const wordsOf = /tenant\d+/.exec(said)?.[0]
  if (keyOf !== wordsOf) mixUps.push(`the key of ${keyOf} with words of ${wordsOf}`)
  const down = /down(\d{3})/.exec(readKeyHead(key))?.[1]
  const send = (): void => {
    if (socket.destroyed) return
    if (down !== undefined) socket.write(writeFailure(Number(down)))
    else if (Math.random() < manner.killShare) killHalfWay(socket, writeChatAnswer(model, `answer to ${said}`))
    else if (stream) speak(socket, writeChatEvents(model, `answer to ${said}`, manner.events))
    else socket.write(writeChatAnswer(model, `answer to ${said}`))
  }
  if (manner.delayMs > 0) setTimeout(send, manner.delayMs)
  else send()
}

function writeFailure(status: number): string {
  const body = '{"error":{"message":"The server had an error.","type":"server_error","code":null,"param":null}}'
  return writeJson(`${status} Down`, body)
}

function writeJson(status: string, body: string): string {
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

function killHalfWay(socket: Socket, answer: string): void {
  socket.write(answer.slice(0, answer.length / 2), () => socket.resetAndDestroy())
}

const STREAM_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
const STREAM_END = '0\r\n\r\n'

function speak(socket: Socket, events: readonly string[]): void {
  const chunks = events.map((event) => `${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`)
  if (manner.gapMs === 0 && !manner.hold) return void socket.write(STREAM_HEAD + chunks.join('') + STREAM_END)
  openStreams++
  const { gapMs } = manner
  let next = 1
  let timer: NodeJS.Timeout | undefined
  const goOn = (): void => {
    held.delete(goOn)
    timer = setInterval(() => {
      socket.write(chunks[next++]!)
      if (next < chunks.length) return
      socket.write(STREAM_END)
      end()
    }, gapMs)
  }
  const end = (): void => {
    clearInterval(timer)
    held.delete(goOn)
    socket.off('close', end)
    openStreams--
  }
  socket.on('close', end)
  socket.write(STREAM_HEAD + chunks[0])
  if (manner.hold) held.add(goOn)
  else goOn()
}

server.listen({ port: 0, host: '127.0.0.1', backlog: 8_192 }, () => {
  serveParent({
    start: figures,
    figures,
    behave(wanted) {
      Object.assign(manner, wanted)
      if (!manner.hold) for (const goOn of held) goOn()
      return {}
    },
    /** How often each model was called since the last time. */
    takeCalls() {
      const taken = [...callsOfModels]
      callsOfModels = new Map()
      return taken
    },
  })
})

function figures(): ProviderFigures {
  const { port } = server.address() as AddressInfo
  return { port, calls, openStreams, connections, mixUps: mixUps.slice(0, 10) }
}
