// A thread that a provider stores belongs to one account: with several keys of one's own, it goes on with the key that
// made it, wherever that stands in the order; and what is read of it by its id is read with that key.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import type { Caller } from '../support/uniroute-client.ts'

let upstream: ScriptedUpstream
let app: InProcessApp
let answers = 0
beforeAll(async () => {
  upstream = await startScriptedUpstream({ emptyModelLists: false })
  upstream.play = (response, { headers, url, method }) => {
    const id = method === 'GET' ? String(url).split('/').at(-1) : `resp_${++answers}_${'0'.repeat(20)}`
    const answer = {
      id,
      object: 'response',
      model: 'gpt-5',
      status: 'completed',
      output: [],
      conversation: { id: `conv_${answers}` },
    }
    if (url?.endsWith('/responses') && headers.accept === 'text/event-stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const event = (type: string) => `event: ${type}\ndata: ${JSON.stringify({ type, response: answer })}\n\n`
      return void response.end(event('response.created') + event('response.completed'))
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  }
  app = await startInProcess({ env: upstream.env })
})
afterAll(async () => {
  await app?.close()
  await upstream?.close()
})

test.each([false, true])('a stored thread stays with the key that made it (streamed: %s)', async (stream) => {
  const keys = [createFakeKey('openai'), createFakeKey('openai')]
  const caller: Caller = await app.createCaller({ keys: { openai: keys } })
  const [first, second] = caller.providerKeyIds['openai'] as [string, string]
  const ask = (fields: object, headers = {}) =>
    app.call('POST', '/v1/responses', {
      token: caller.apiKey,
      headers: { ...headers, ...(stream && { accept: 'text/event-stream' }) },
      body: { model: 'gpt-5', input: 'Hi', stream, ...fields },
    })
  const keyOf = async (fields: object) => (await ask(fields)).headers.get('x-uniroute-key')
  const made = await ask({}, { 'x-uniroute-key': second })
  expect([made.status, made.headers.get('x-uniroute-key')]).toEqual([200, second])
  const [, id] = /"id":"(resp_[^"]+)"/.exec(made.text)!
  const [, conversation] = /"id":"(conv_[^"]+)"/.exec(made.text)!
  expect(await keyOf({})).toBe(first)
  expect(await keyOf({ previous_response_id: id })).toBe(second)
  expect(await keyOf({ conversation })).toBe(second)
  expect(await keyOf({ conversation: { id: conversation } })).toBe(second)
  expect(await keyOf({ previous_response_id: 'resp_of_nobody' })).toBe(first)
  const read = await app.call('GET', `/v1/responses/${id}`, { token: caller.apiKey })
  expect([read.status, read.headers.get('x-uniroute-key')]).toEqual([200, second])
  // The key that the request names comes first.
  const named = await ask({ previous_response_id: id }, { 'x-uniroute-key': first })
  expect(named.headers.get('x-uniroute-key')).toBe(first)
})

test('another tenant’s thread says nothing of one’s own keys', async () => {
  const one = await app.createCaller({ keys: { openai: [createFakeKey('openai'), createFakeKey('openai')] } })
  const other = await app.createCaller({ keys: { openai: [createFakeKey('openai'), createFakeKey('openai')] } })
  const headers = { 'x-uniroute-key': one.providerKeyIds['openai']![1]! }
  const body = { model: 'gpt-5', input: 'Hi' }
  const made = await app.call('POST', '/v1/responses', { token: one.apiKey, headers, body })
  const asked = { ...body, previous_response_id: made.body.id }
  const reply = await app.call('POST', '/v1/responses', { token: other.apiKey, body: asked })
  expect(reply.headers.get('x-uniroute-key')).toBe(other.providerKeyIds['openai']![0])
})
