// Streams that must not go on: the caller's key is revoked, or the provider's error repeats the key it was asked with.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS } from '../support/dialects.ts'
import { openStream } from '../support/open-stream.ts'
import { startScriptedUpstream } from '../support/scripted-upstream.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

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
