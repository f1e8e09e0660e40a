// Answers that are made while they are sent, over real sockets.
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { startTestHttp, type TestHttp, USER_TOKEN } from '../../test/support/http-server.ts'
import { type ControlReply, defineControlRoute } from './route.ts'

let running: TestHttp | undefined
afterEach(async () => {
  running?.http.server.closeAllConnections()
  await running?.http.drain(0)
  running = undefined
})

async function serve(stream: NonNullable<ControlReply['stream']>): Promise<TestHttp> {
  const route = defineControlRoute({
    method: 'GET',
    path: '/admin/stream',
    credential: 'session',
    role: 'user',
    bodyCap: 0,
    rateClass: 'control',
    summary: 'A stream',
    answers: { 200: { description: 'A stream' } },
    handle: async () => ({ status: 200, headers: { 'content-type': 'text/plain' }, stream }),
  })
  return (running = await startTestHttp({ routes: [route] }))
}

const headers = { authorization: `Bearer ${USER_TOKEN}` }

test('arrives piece by piece, with the headers before the first', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { url } = await serve(async function* () {
    await promise
    yield 'one '
    yield Buffer.from('two')
  })
  const response = await fetch(`${url}/admin/stream`, { headers })
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('content-length')).toBeNull()
  resolve()
  expect(await response.text()).toBe('one two')
})

test('HEAD gets the headers and nothing is made', async () => {
  const { url } = await serve(() => expect.fail('made for nobody'))
  expect((await fetch(`${url}/admin/stream`, { headers, method: 'HEAD' })).status).toBe(200)
})

test('is not made faster than it is read, and not at all for a client that left', async () => {
  let made = 0
  const over = Promise.withResolvers<void>()
  const { port } = await serve(async function* () {
    try {
      // A gigabyte, if nobody held it back.
      for (; made < 1_000; made++) yield Buffer.alloc(1024 * 1024)
    } finally {
      over.resolve()
    }
  })
  const call = httpRequest({ host: '127.0.0.1', port, path: '/admin/stream', headers }).end()
  const [answer] = await once(call, 'response')
  answer.pause()
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(made).toBeLessThan(100)
  call.on('error', () => undefined)
  call.destroy()
  await over.promise
  expect(made).toBeLessThan(100)
})

test('one that fails on the way is cut, not ended, and the failure is logged', async () => {
  const { url, logged } = await serve(async function* () {
    yield 'begun'
    throw new Error('the database is gone')
  })
  const response = await fetch(`${url}/admin/stream`, { headers })
  await expect(response.text()).rejects.toThrow()
  expect(logged.join('')).toContain('internal_error')
})
