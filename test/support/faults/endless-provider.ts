// A provider that never comes to an end: as many bytes as are taken, as one line, as events, or as one JSON body. It
// counts what was taken from it, and stops writing while nobody reads.
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** `response-line`: the line in the dialect of Responses, which other dialects are translated to. */
export type Endless = 'line' | 'response-line' | 'events' | 'json'

export interface EndlessProvider {
  readonly url: string
  /** Handed to the network so far. */
  readonly bytes: number
  readonly open: number
  speak(kind: Endless, mostBytes: number): void
  close(): Promise<void>
}

const PIECE = 64 * 1024
const START =
  '{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"'
const EVENT = Buffer.from(`data: ${START}${'word '.repeat(200)}"},"finish_reason":null}]}\n\n`)
const DELTA = '{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"'
const RESPONSE = [
  '{"type":"response.created","response":{"id":"r","object":"response","created_at":1,"model":"gpt-4o","output":[]}}',
  '{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m","role":"assistant","content":[]}}',
  '{"type":"response.content_part.added","item_id":"m","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}',
  `${DELTA}first"}`,
]
const KINDS: Record<Endless, { type: string; start: string; piece: Buffer }> = {
  line: {
    type: 'text/event-stream',
    start: `data: ${START}first"}}]}\n\ndata: ${START}`,
    piece: Buffer.alloc(PIECE, 'x'),
  },
  'response-line': {
    type: 'text/event-stream',
    start: `${RESPONSE.map((data) => `data: ${data}\n\n`).join('')}data: ${DELTA}`,
    piece: Buffer.alloc(PIECE, 'x'),
  },
  events: {
    type: 'text/event-stream',
    start: '',
    piece: Buffer.concat(Array.from({ length: Math.ceil(PIECE / EVENT.length) }, () => EVENT)),
  },
  json: {
    type: 'application/json',
    start: '{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"',
    piece: Buffer.alloc(PIECE, 'x'),
  },
}

export async function startEndlessProvider(): Promise<EndlessProvider> {
  let kind: Endless = 'events'
  let mostBytes = Infinity
  let bytes = 0
  let open = 0
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      open++
      response.on('close', () => open--)
      write(response, KINDS[kind], mostBytes)
    })
  })

  function write(response: ServerResponse, { type, start, piece }: (typeof KINDS)[Endless], most: number): void {
    let written = 0
    response.writeHead(200, { 'content-type': type })
    response.write(start)
    const goOn = (): void => {
      while (!response.destroyed && written < most) {
        written += piece.length
        bytes += piece.length
        if (!response.write(piece)) return void response.once('drain', goOn)
      }
      // Not an end: whatever was begun stays open-ended.
      if (!response.destroyed) response.end()
    }
    goOn()
  }

  server.listen({ port: 0, host: '127.0.0.1', backlog: 2_048 })
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get bytes() {
      return bytes
    },
    get open() {
      return open
    },
    speak(wanted, most) {
      kind = wanted
      mostBytes = most
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
