// SIGTERM: no new work, what runs is finished, then a clean exit.
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { expect, test, vi } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS } from '../support/dialects.ts'
import { openStream } from '../support/open-stream.ts'
import { openSocket, readAnswer, sendRaw } from '../support/raw-http.ts'
import { startUniRoute } from '../support/uniroute-process.ts'

test('a stream in flight is finished, nothing new is taken, the exit code is 0', async () => {
  const fake = await startFakeProvider()
  const uniroute = await startUniRoute({ fake })
  const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'slow150') } })
  const dialect = CHAT_DIALECTS[0]!
  const body = dialect.body('a text that takes a while to say', dialect.model, true)
  const stream = await openStream(uniroute.url + dialect.path(dialect.model, true), dialect.auth(caller.apiKey), body)
  await stream.until((text) => text.includes('data:'))
  // A probe that is half sent when the signal comes: a connection in use, which draining leaves open.
  const port = Number(new URL(uniroute.url).port)
  const probe = await openSocket(port)
  probe.write('GET /ready HTTP/1.1\r\nhost: x\r\n')
  expect((await sendRaw(port, 'GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).status).toBe(200)

  const exit = uniroute.stop()
  await vi.waitUntil(() => uniroute.stderr().includes('draining'))
  probe.write('\r\n')
  expect((await readAnswer(probe)).status).toBe(503)
  await expect(openSocket(port)).rejects.toThrow()
  const { text, broken } = await stream.end()
  expect(broken).toBe(false)
  expect(text).toContain('[DONE]')
  expect(await exit).toBe(0)
  expect(fake.requests.map((call) => call.state)).toEqual(['done'])
  await fake.close()
  expect(uniroute.scanAndRemove()).toEqual([])
})

test('with nothing in flight it exits at once, even with idle connections open', async () => {
  const fake = await startFakeProvider()
  const uniroute = await startUniRoute({ fake })
  const agent = new Agent({ keepAlive: true })
  const idle = request(`${uniroute.url}/ready`, { agent }, (response) => response.resume())
  // The server closes it; that is the point.
  idle.on('error', () => undefined).end()
  await once(idle, 'response')
  const from = performance.now()
  expect(await uniroute.stop()).toBe(0)
  expect(performance.now() - from).toBeLessThan(10_000)
  await fake.close()
  expect(uniroute.scanAndRemove()).toEqual([])
})
