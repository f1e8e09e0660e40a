// The provider of the benchmark, a process of its own: answers one scenario as cheaply as it can, and looks at every
// request: address, credential, body. Counts what it served per credential, so that each target's share is known.
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { REWRITES, saysTheSame, type Answer } from '../scenario.ts'
import { findScenario } from '../scenarios.ts'
import { HttpReader, readHeader, type Message } from './http-reader.ts'
import { serveParent } from './parent.ts'

const scenario = findScenario(process.argv[2])
const served = new Map<string, number>()
const held: (() => void)[] = []
let isHolding = false
const whole = writeWholeAnswer(scenario.answer)
const stream = writeStream(scenario.answer)
const streamHead = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: ${scenario.answer.contentType}\r\ntransfer-encoding: chunked\r\n\r\n`,
)

const server = createServer({ noDelay: true }, (socket) => {
  const reader = new HttpReader((message) => answer(socket, message))
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk)
    } catch (error) {
      refuse(socket, error instanceof Error ? error.message : String(error))
    }
  })
  // Targets close their connections as they like; one that breaks in mid-answer shows at the client.
  socket.on('error', () => socket.destroy())
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 8_192 }, () => {
  serveParent({
    start: () => ({ port: (server.address() as AddressInfo).port }),
    served: () => Object.fromEntries(served),
    hold() {
      isHolding = true
      return {}
    },
    /** Lets all go on; how many waited. */
    release() {
      isHolding = false
      const waiting = held.splice(0)
      for (const goOn of waiting) goOn()
      return { released: waiting.length }
    },
  })
})

function answer(socket: Socket, { head, body }: Message): void {
  const startLine = head.slice(0, head.indexOf('\r\n'))
  if (startLine !== `POST ${scenario.upstreamPath} HTTP/1.1`) return refuse(socket, `it was asked for "${startLine}"`)
  const key = readKey(head)
  const wrong = scenario.checkRequest(body)
  if (wrong !== null && !(key.includes(REWRITES) && saysTheSame(body, scenario.requestBody))) {
    return refuse(socket, wrong)
  }
  served.set(key, (served.get(key) ?? 0) + 1)
  if (whole) socket.write(whole)
  else if (isHolding) holdBack(socket, scenario.answer.held ?? 1)
  else if (scenario.answer.gapMs === 0) socket.write(Buffer.concat([streamHead, ...stream]))
  else sendPaced(socket)
}

/** Each vendor has a header of its own; targets that know no vendors send what clients send. */
function readKey(head: string): string {
  const bearer = readHeader(head, 'authorization')?.replace(/^Bearer /, '')
  return bearer ?? readHeader(head, 'x-api-key') ?? readHeader(head, 'x-goog-api-key') ?? ''
}

function holdBack(socket: Socket, pieces: number): void {
  socket.write(Buffer.concat([streamHead, ...stream.slice(0, pieces)]))
  held.push(() => void socket.write(Buffer.concat(stream.slice(pieces))))
}

function sendPaced(socket: Socket): void {
  socket.write(streamHead)
  let next = 0
  const timer = setInterval(() => {
    if (!socket.destroyed) socket.write(stream[next++]!)
    if (socket.destroyed || next === stream.length) clearInterval(timer)
  }, scenario.answer.gapMs)
}

/** A status no target answers by itself; the load generator repeats the sentence. */
function refuse(socket: Socket, sentence: string): void {
  const body = `the provider refused: ${sentence}`
  socket.write(
    `HTTP/1.1 599 Wrong\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

function writeWholeAnswer({ contentType, pieces }: Answer): Buffer | null {
  if (pieces.length !== 1) return null
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${contentType}\r\ncontent-length: ${pieces[0]!.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), pieces[0]!])
}

/** One write per piece; the last brings the end along. */
function writeStream({ pieces }: Answer): Buffer[] {
  const frames = pieces.map((piece) =>
    Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
  )
  const last = frames.pop()!
  return [...frames, Buffer.concat([last, Buffer.from('0\r\n\r\n')])]
}
