import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { StreamBody } from './stream-body.ts'

let server: Server | undefined
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  server?.closeAllConnections()
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(null)))
  server = undefined
})

async function serve(answer: (response: ServerResponse) => void): Promise<number> {
  server = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function open(port: number, version = '1.1'): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  await once(socket, 'connect')
  socket.write(`GET / HTTP/${version}\r\nHost: localhost\r\n\r\n`)
  return socket
}

/** All that comes until the other side closes. */
async function readAll(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  await once(socket, 'close')
  return Buffer.concat(pieces)
}

/** As RFC 9112 says a chunked body is read; throws where it is none. */
function readChunked(bytes: Buffer): { body: Buffer; isWhole: boolean } {
  const parts: Buffer[] = []
  let at = bytes.indexOf('\r\n\r\n') + 4
  while (at < bytes.length) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const line = bytes.toString('latin1', at, lineEnd)
    if (!/^[0-9a-f]+$/.test(line)) throw new Error(`no size of a chunk: ${line}`)
    const size = parseInt(line, 16)
    at = lineEnd + 2
    parts.push(bytes.subarray(at, at + size))
    at += size
    if (bytes.toString('latin1', at, at + 2) !== '\r\n') throw new Error('a chunk without its end')
    at += 2
    if (size === 0) return { body: Buffer.concat(parts), isWhole: at === bytes.length }
  }
  return { body: Buffer.concat(parts), isWhole: false }
}

const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }).map((text) => text.toWellFormed()),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.integer({ min: 1, max: 100_000 }).map((length) => Buffer.alloc(length, 'x')),
)

test('any pieces come as they were sent, in a body that ends where it should', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 12 }),
      fc.option(piece),
      fc.boolean(),
      async (pieces, last, apart) => {
        const port = await serve((response) => {
          response.setHeader('connection', 'close')
          const body = new StreamBody(response, 200)
          const send = async (): Promise<void> => {
            for (const each of pieces) {
              body.write(each)
              if (apart) await sleep(0)
            }
            body.end(last ?? undefined)
          }
          void send()
        })
        const { body, isWhole } = readChunked(await readAll(await open(port)))
        const sent = Buffer.concat([...pieces, last ?? ''].map((each) => Buffer.from(each as string)))
        expect(body.equals(sent)).toBe(true)
        expect(isWhole).toBe(true)
        await new Promise((resolve) => server!.close(resolve))
      },
    ),
    { numRuns: 60 },
  )
})

test('a connection serves the next answer after a streamed one', async () => {
  let count = 0
  const port = await serve((response) => {
    const body = new StreamBody(response, 200)
    body.write(`answer ${++count}`)
    body.end()
  })
  for (const _ of [1, 2]) {
    const [first, second] = await Promise.all([fetch(`http://127.0.0.1:${port}`), fetch(`http://127.0.0.1:${port}`)])
    expect([await first.text(), await second.text()].every((text) => /^answer \d$/.test(text))).toBe(true)
  }
  expect(count).toBe(4)
})

test('what is cut off does not look whole', async () => {
  const port = await serve((response) => {
    const body = new StreamBody(response, 200)
    body.write('half of it')
    setTimeout(() => response.destroy(), 20)
  })
  const { body, isWhole } = readChunked(await readAll(await open(port)))
  expect(body.toString()).toBe('half of it')
  expect(isWhole).toBe(false)
})

test('a client of HTTP/1.0 gets the bytes alone, and the end of the connection', async () => {
  const port = await serve((response) => {
    const body = new StreamBody(response, 200)
    body.write('one, ')
    body.end('two')
  })
  const text = (await readAll(await open(port, '1.0'))).toString()
  expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe('one, two')
  expect(text).not.toMatch(/transfer-encoding/i)
})

test('a client that does not read is told to its writer, and so is its return', async () => {
  const { promise: drained, resolve } = Promise.withResolvers<void>()
  const written = Promise.withResolvers<number>()
  const port = await serve((response) => {
    const body = new StreamBody(response, 200)
    let count = 0
    while (count < 10_000 && body.write(Buffer.alloc(10_000))) count++
    written.resolve(count)
    response.once('drain', () => {
      resolve()
      body.end()
    })
  })
  const socket = await open(port)
  expect(await written.promise).toBeLessThan(10_000)
  const all = readAll(socket)
  await drained
  server!.closeIdleConnections()
  socket.end()
  expect(readChunked(await all).isWhole).toBe(true)
})
