// A provider that answers with exactly the bytes it is told, cut as it is told, and a listener that notes all it hears
// of an answer: for tests of how answers are read.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import type { Upstream, UpstreamCall, UpstreamHeaders, UpstreamRequest } from '../../server/upstream/upstream.ts'

export interface Visit {
  readonly socket: Socket
  /** As it came, a character a byte. */
  readonly request: string
  /** Which connection it came on, from 0. */
  readonly connection: number
}

export interface ByteProvider {
  readonly port: number
  readonly origin: string
  /** Every whole request that came. */
  readonly visits: Visit[]
  /** Every connection that was ever opened. */
  readonly sockets: Socket[]
  /** What becomes of a request. */
  answer: (visit: Visit) => unknown
  close(): Promise<void>
}

export async function startByteProvider(tls?: TlsOptions): Promise<ByteProvider> {
  const visits: Visit[] = []
  const sockets: Socket[] = []
  const onConnection = (socket: Socket): void => {
    const connection = sockets.push(socket) - 1
    let text = ''
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      for (let size = sizeOfRequest(text); size !== null; size = sizeOfRequest(text)) {
        const visit = { socket, request: text.slice(0, size), connection }
        text = text.slice(size)
        visits.push(visit)
        provider.answer(visit)
      }
    })
  }
  const server: Server = tls ? createTlsServer(tls, onConnection) : createServer({ noDelay: true }, onConnection)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const provider: ByteProvider = {
    port,
    origin: tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    visits,
    sockets,
    answer: ({ socket }) => socket.destroy(),
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return provider
}

/** Of the first request in the text; null where it is not whole. */
function sizeOfRequest(text: string): number | null {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return null
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)
  return text.length >= end + 4 + length ? end + 4 + length : null
}

/** Lets the loop turn, so that all that was sent on this machine has been read. */
export async function turn(times = 3): Promise<void> {
  for (let count = 0; count < times; count++) await new Promise((resolve) => setImmediate(resolve))
}

/** Sends the parts so that each is a read of its own. */
export async function sendParts(socket: Socket, parts: readonly (string | Buffer)[]): Promise<void> {
  for (const part of parts) {
    if (part.length > 0) socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part)
    await turn()
  }
}

export interface Heard {
  status: number | null
  headers: UpstreamHeaders
  /** Once it is over. */
  body: Buffer
  /** So many bytes came so far. */
  size: number
  /** How often bytes came. */
  chunks: number
  /** 'end', or the kind of the failure. */
  end: string
  sent: boolean | null
  /** Broken promises about what may come after what. */
  readonly wrong: string[]
}

export interface Asked {
  readonly call: UpstreamCall
  readonly heard: Heard
  /** Resolves with the end or the failure. */
  readonly over: Promise<Heard>
}

export interface Listening {
  onHead?(call: UpstreamCall): void
  onData?(call: UpstreamCall, heard: Heard): void
}

export function ask(
  upstream: Upstream,
  origin: string,
  request: Partial<UpstreamRequest> = {},
  listening: Listening = {},
): Asked {
  const heard: Heard = {
    status: null,
    headers: {},
    body: Buffer.alloc(0),
    size: 0,
    chunks: 0,
    end: '',
    sent: null,
    wrong: [],
  }
  const chunks: Buffer[] = []
  const note = (isRight: boolean, message: string): void => void (isRight || heard.wrong.push(message))
  const { promise, resolve } = Promise.withResolvers<Heard>()
  const finish = (end: string, sent: boolean | null): void => {
    note(heard.end === '', `${end} after ${heard.end}`)
    heard.end = end
    heard.sent = sent
    heard.body = Buffer.concat(chunks)
    resolve(heard)
  }
  const call = upstream.send(
    { origin, guarded: false, method: 'POST', path: '/', headers: [], body: [Buffer.from('question')], ...request },
    {
      head(status, headers) {
        note(heard.status === null && heard.end === '', 'a second head, or one after the end')
        heard.status = status
        heard.headers = headers
        listening.onHead?.(call)
      },
      data(chunk) {
        note(heard.status !== null, 'data before the head')
        note(heard.end === '', 'data after the end')
        note(chunk.length > 0, 'empty data')
        heard.chunks++
        heard.size += chunk.length
        chunks.push(chunk)
        listening.onData?.(call, heard)
      },
      end() {
        note(heard.status !== null, 'an end without a head')
        finish('end', null)
      },
      failed: (failure) => finish(failure.kind, failure.sent),
    },
  )
  return { call, heard, over: promise }
}
