// What a pool keeps: nothing of connections that are gone, and no idle one once it is retired or alone.
import { queryObjects } from 'node:v8'
import { buildConnector } from 'undici'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask, sendParts, startByteProvider, turn, type ByteProvider } from '../../../test/support/byte-provider.ts'
import type { Upstream } from '../upstream.ts'
import { Call } from './call.ts'
import { Connection, READING } from './connection.ts'
import { Pool, type Connect } from './pool.ts'
import { writeRequestHead } from './request-head.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'

let provider: ByteProvider
let pool: Pool
let upstream: Upstream

beforeEach(async () => {
  provider = await startByteProvider()
  provider.answer = ({ socket }) => socket.write(`${OK}ok`)
  const connect = buildConnector({ ...READING, allowH2: false } as buildConnector.BuildOptions)
  pool = new Pool(provider.origin, connect as Connect, () => undefined)
  upstream = {
    send(request, sink) {
      const call = new Call(sink, request, writeRequestHead(request, pool.host))
      pool.send(call)
      return call
    },
    close: () => Promise.resolve(pool.close()),
  }
})
afterEach(async () => {
  await upstream.close()
  await provider.close()
})

const askFor = async (): Promise<string> => (await ask(upstream, provider.origin).over).end
const isClosed = (at: number): Promise<void> => expect.poll(() => provider.sockets[at]?.destroyed).toBe(true)

test('connections that ended, broke or were given up are forgotten', async () => {
  const ends: ByteProvider['answer'][] = [
    ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'),
    ({ socket }) => socket.write(`${OK}ok and more`),
    ({ socket }) => socket.write('nonsense'),
    ({ socket }) => socket.destroy(),
    ({ socket }) => socket.end(`${OK}o`),
  ]
  for (let round = 0; round < 10; round++) {
    for (const answer of ends) {
      provider.answer = answer
      await askFor()
    }
    const { call } = ask(upstream, provider.origin)
    await turn()
    call.abort()
  }
  await turn(6)
  expect(provider.sockets.length).toBeGreaterThan(50)
  await expect.poll(() => queryObjects(Connection, { format: 'count' })).toBeLessThan(5)
})

test('a retired pool lets its calls end and keeps none of their connections', async () => {
  provider.answer = () => undefined
  const running = ask(upstream, provider.origin)
  await expect.poll(() => provider.visits.length).toBe(1)
  pool.retire()
  await sendParts(provider.visits[0]!.socket, [OK, 'ok'])
  expect(await running.over).toMatchObject({ end: 'end', status: 200, wrong: [] })
  await isClosed(0)
})

test('nor one that was to be used again when it was retired', async () => {
  expect(await askFor()).toBe('end')
  await turn()
  const { call } = ask(upstream, provider.origin)
  call.abort()
  pool.retire()
  await isClosed(0)
  expect(provider.visits.length).toBe(1)
})

test('a program that has nothing else to do does not stay for an idle connection', async () => {
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
  expect(await askFor()).toBe('end')
  await turn()
  const idle = sockets()
  provider.answer = () => undefined
  const { call } = ask(upstream, provider.origin)
  await turn()
  expect(sockets()).toBe(idle + 1)
  call.abort()
})

test('a connection on which a body went where none is expected is not used again', async () => {
  expect((await ask(upstream, provider.origin, { method: 'DELETE' }).over).end).toBe('end')
  await isClosed(0)
  expect((await ask(upstream, provider.origin, { method: 'DELETE', body: null }).over).end).toBe('end')
  await turn()
  expect(await askFor()).toBe('end')
  expect(provider.sockets.length).toBe(2)
})

test('what has been idle for too long is closed, and what has not is left', async () => {
  expect(await askFor()).toBe('end')
  await turn()
  const now = performance.now()
  expect(pool.sweep(now)).toBe(true)
  await turn()
  expect(provider.sockets[0]!.destroyed).toBe(false)
  expect(pool.sweep(now + 60_000)).toBe(false)
  await isClosed(0)
})
