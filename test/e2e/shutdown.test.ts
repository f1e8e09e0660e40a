// SIGTERM: no new work, what runs is finished, then a clean exit.
import { request } from 'node:http'
import { expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS } from '../support/dialects.ts'
import { openStream } from '../support/open-stream.ts'
import { startUniRoute } from '../support/uniroute-process.ts'

test('a stream in flight is finished, /ready says 503 meanwhile, the exit code is 0', async () => {
  const fake = await startFakeProvider()
  const uniroute = await startUniRoute({ fake })
  const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'slow150') } })
  const dialect = CHAT_DIALECTS[0]!
  // A connection opened before the signal, as a load balancer holds one.
  const ready = await keepAliveProbe(uniroute.url)
  expect(await ready.status()).toBe(200)
  const body = dialect.body('a text that takes a while to say', dialect.model, true)
  const stream = await openStream(uniroute.url + dialect.path(dialect.model, true), dialect.auth(caller.apiKey), body)
  await stream.until((text) => text.includes('data:'))
  const exit = uniroute.stop()
  const seen: (number | string)[] = []
  while (!stream.response.complete && !seen.includes(503)) seen.push(await ready.status())
  const { text, broken } = await stream.end()
  expect(broken).toBe(false)
  expect(text).toContain('[DONE]')
  expect(seen).toContain(503)
  expect(await exit).toBe(0)
  expect(fake.requests.map((call) => call.state)).toEqual(['done'])
  await fake.close()
  expect(uniroute.scanAndRemove()).toEqual([])
})

test('with nothing in flight it exits at once, even with idle connections open', async () => {
  const fake = await startFakeProvider()
  const uniroute = await startUniRoute({ fake })
  const probe = await keepAliveProbe(uniroute.url)
  await probe.status()
  const from = performance.now()
  expect(await uniroute.stop()).toBe(0)
  expect(performance.now() - from).toBeLessThan(10_000)
  await fake.close()
  expect(uniroute.scanAndRemove()).toEqual([])
})

/** Asks /ready again and again; refused connections count as an answer of their own. */
async function keepAliveProbe(url: string) {
  const { Agent } = await import('node:http')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return {
    status: () =>
      new Promise<number | string>((resolve) => {
        const probe = request(`${url}/ready`, { agent }, (response) => {
          response.resume()
          response.on('end', () => setTimeout(() => resolve(response.statusCode ?? 0), 20))
        })
        probe.on('error', (error) => setTimeout(() => resolve(error.message), 20))
        probe.end()
      }),
  }
}
