// Answers that are written to their end and not read: their clients are let go, and those who read again lose nothing.
import { type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { startTestHttp, type TestHttp } from '../../test/support/http-server.ts'
import { openSocket } from '../../test/support/raw-http.ts'
import type { DataRoute } from './route.ts'

/** More than the kernel holds for a socket. */
const LENGTH = 32 * 1024 * 1024
const PATIENT = { timeout: 20_000 }

const started: TestHttp[] = []
afterEach(async () => {
  for (const one of started.splice(0)) await one.http.drain(0)
})

async function start(unreadMs: number): Promise<{ one: TestHttp; sockets: Socket[]; waiting: (() => void)[] }> {
  const waiting: (() => void)[] = []
  const route = (path: string, handle: DataRoute['handle']): DataRoute => ({
    plane: 'data',
    method: 'GET',
    path,
    credential: 'api-key',
    bodyCap: 1024,
    rateClass: 'data',
    summary: 'test',
    handle,
  })
  const one = await startTestHttp({
    routes: [
      route('/v1/long', (_request, response) => void response.end(Buffer.alloc(LENGTH, 'x'))),
      route('/v1/held', (_request, response) => void waiting.push(() => response.end('done'))),
    ],
    limits: { unreadMs },
  })
  started.push(one)
  const sockets: Socket[] = []
  one.http.server.on('connection', (socket) => void sockets.push(socket))
  return { one, sockets, waiting }
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

test('a client that reads nothing of an answer is let go', async () => {
  const { one } = await start(300)
  const client = await openSocket(one.port)
  client.pause().write(get('/v1/long'))
  await expect.poll(() => one.http.inFlight, PATIENT).toBe(1)
  await expect.poll(() => one.http.inFlight, PATIENT).toBe(0)
  client.destroy()
})

test('one that reads again has all of it, and its connection serves on', async () => {
  const { one, sockets, waiting } = await start(3_000)
  const client = await openSocket(one.port)
  client.pause().write(get('/v1/long'))
  await expect.poll(() => sockets[0]?.timeout, PATIENT).toBe(3_000)
  let [bytes, text] = [0, '']
  client.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    text = (text + chunk.toString('latin1')).slice(-200)
  })
  client.resume()
  await expect.poll(() => bytes, PATIENT).toBeGreaterThan(LENGTH)
  await expect.poll(() => one.http.inFlight, PATIENT).toBe(0)
  client.write(get('/v1/held'))
  await expect.poll(() => waiting.length, PATIENT).toBe(1)
  // However long that takes.
  expect(sockets[0]!.timeout).toBe(0)
  waiting[0]!()
  await expect.poll(() => text, PATIENT).toContain('done')
  client.destroy()
})

test('what was asked in one go is not hurried: the first answer may take its time', async () => {
  const { one, sockets, waiting } = await start(3_000)
  const client = await openSocket(one.port)
  client.pause().write(get('/v1/long') + get('/v1/held') + get('/v1/long'))
  await expect.poll(() => sockets[0]?.timeout, PATIENT).toBe(3_000)
  client.on('data', () => undefined).resume()
  await expect.poll(() => waiting.length, PATIENT).toBe(1)
  await expect.poll(() => one.http.inFlight, PATIENT).toBe(2)
  expect(sockets[0]!.timeout).toBe(0)
  waiting[0]!()
  await expect.poll(() => one.http.inFlight, PATIENT).toBe(0)
  client.destroy()
})
