// Streams that must not go on: the caller's key is revoked, or the provider's error repeats the key it was asked with.
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS } from '../support/dialects.ts'
import { openStream } from '../support/open-stream.ts'
import { startScriptedUpstream } from '../support/scripted-upstream.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex')

let fake: FakeProvider
let uniroute: UniRoute
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

test.each(CHAT_DIALECTS.map((dialect) => [dialect.name, dialect] as const))(
  '%s: a revoked key ends its running stream with an error of the dialect, and the upstream call',
  async (_name, dialect) => {
    const key = createFakeKey(dialect.vendor, 'slow300')
    const caller = await uniroute.createCaller({ keys: { [dialect.vendor]: key } })
    const body = dialect.body(
      'a long text that is said slowly, word by word, so that it takes a good while',
      dialect.model,
      true,
    )
    const stream = await openStream(uniroute.url + dialect.path(dialect.model, true), dialect.auth(caller.apiKey), body)
    await stream.until((text) => text.includes('data:'))
    expect((await uniroute.call('DELETE', `/auth/api-keys/${caller.apiKeyId}`, { token: caller.token })).status).toBe(
      200,
    )
    const { text } = await stream.end()
    expect(text).toMatch(/invalid_api_key|authentication_error|INVALID_API_KEY/)
    expect(text).not.toMatch(/\[DONE\]|message_stop|response\.completed|"finishReason"/)
    await expect.poll(() => fake.requestsOf(key).map(({ state }) => state)).toEqual(['aborted'])
  },
)

test('a key that is revoked before its stream has begun cuts it as soon as it has', async () => {
  const asked: ServerResponse[] = []
  const files = createServer((_request, response) => void asked.push(response)).listen(0, '127.0.0.1')
  await once(files, 'listening')
  const at = `http://127.0.0.1:${(files.address() as AddressInfo).port}`
  const server = await startUniRoute({ fake, env: { MEDIA_FETCH_ORIGINS: at } })
  const keys = { openai: createFakeKey('openai', 'hang-midstream'), google: createFakeKey('google', 'hang-midstream') }
  const caller = await server.createCaller({ keys })
  const open = (model: string, content: unknown) =>
    openStream(`${server.url}/v1/chat/completions`, CHAT_DIALECTS[0]!.auth(caller.apiKey), {
      model,
      stream: true,
      messages: [{ role: 'user', content }],
    })
  const other = await open('gpt-4o', 'hello')
  await other.until((text) => text.includes('data:'))
  // It waits for a picture before anything is asked of the provider.
  const opening = open('gemini-3.5-flash', [{ type: 'image_url', image_url: { url: `${at}/cat.png` } }])
  await expect.poll(() => asked.length, { timeout: 20_000 }).toBe(1)
  await server.call('DELETE', `/auth/api-keys/${caller.apiKeyId}`, { token: caller.token })
  // The same look has found nothing to cut of the one that waits.
  await other.end()
  asked[0]!.writeHead(200, { 'content-type': 'image/png' }).end(PNG)
  const { text } = await (await opening).end()
  expect(text).toMatch(/invalid_api_key/)
  expect(text).not.toContain('[DONE]')
  await server.stop()
  files.closeAllConnections()
  files.close()
  expect(server.scanAndRemove()).toEqual([])
})

test('an error event that repeats the key stops the stream before it', async () => {
  const key = createFakeKey('openai')
  const upstream = await startScriptedUpstream({ emptyModelLists: true })
  upstream.play = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}\n\n')
    const error = {
      message: `Incorrect API key provided: ${key}`,
      type: 'invalid_request_error',
      code: 'invalid_api_key',
    }
    setTimeout(() => response.end(`data: ${JSON.stringify({ error })}\n\n`), 50)
  }
  const server = await startUniRoute({ env: upstream.env })
  const caller = await server.createCaller({ keys: { openai: key } })
  const body = { model: 'gpt-4o', stream: true, messages: [{ role: 'user', content: 'x' }] }
  const reply = await server.call('POST', '/v1/chat/completions', { token: caller.apiKey, body })
  expect(reply.text).toContain('Hello')
  expect(reply.text).not.toContain(key.slice(8, 24))
  expect(reply.text).toContain('"error"')
  await server.stop()
  await upstream.close()
  expect(server.scanAndRemove()).toEqual([])
})

test('so it is where Gemini streams a JSON array: what came before stays, and the array closes with our error', async () => {
  const key = createFakeKey('google')
  const upstream = await startScriptedUpstream({ emptyModelLists: true })
  const said = { candidates: [{ content: { role: 'model', parts: [{ text: 'Hello' }] } }] }
  upstream.play = (response) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=UTF-8' })
    response.write(`[${JSON.stringify(said, null, 2)}`)
    const error = { code: 400, message: `API key not valid: ${key}`, status: 'INVALID_ARGUMENT' }
    setTimeout(() => response.end(`,\r\n${JSON.stringify({ error }, null, 2)}]`), 50)
  }
  const server = await startUniRoute({ env: upstream.env })
  const caller = await server.createCaller({ keys: { google: key } })
  const body = { contents: [{ role: 'user', parts: [{ text: 'x' }] }] }
  const path = '/v1beta/models/gemini-3.5-flash:streamGenerateContent'
  const reply = await server.call('POST', path, { token: caller.apiKey, body })
  expect(reply.body).toEqual([said, { error: expect.objectContaining({ message: expect.any(String) }) }])
  expect(reply.text).not.toContain(key.slice(8, 24))
  const receipt = await server.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
  expect(receipt.attempts).toMatchObject([{ outcome: 'broken' }])
  await server.stop()
  await upstream.close()
  expect(server.scanAndRemove()).toEqual([])
})
