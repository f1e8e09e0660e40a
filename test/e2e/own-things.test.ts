// What an account stores is reached with the caller's own key only; and names nobody has do not break a request.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const operator = {
  openai: createFakeKey('openai', 'operator'),
  anthropic: createFakeKey('anthropic', 'operator'),
  google: createFakeKey('google', 'operator'),
}

let fake: FakeProvider
let uniroute: UniRoute
let without: Caller
let withKey: Caller
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake, serverKeys: operator })
  without = await uniroute.createCaller()
  withKey = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'error-midstream2') } })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

const post = (caller: Caller, path: string, body: Json): Promise<Reply> =>
  uniroute.call('POST', path, { token: caller.apiKey, body })

describe('stored things', () => {
  const user = (part: Json): Json => ({ role: 'user', content: [part] })
  test.each<[string, string, Json]>([
    ['a stored item', '/v1/responses', { model: 'gpt-4o', input: [{ type: 'item_reference', id: 'msg_1' }] }],
    ['a file', '/v1/responses', { model: 'gpt-4o', input: [user({ type: 'input_file', file_id: 'file-1' })] }],
    [
      'a vector store',
      '/v1/responses',
      { model: 'gpt-4o', input: 'x', tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] },
    ],
    [
      'a file in Chat',
      '/v1/chat/completions',
      { model: 'gpt-4o', messages: [user({ type: 'file', file: { file_id: 'file-1' } })] },
    ],
    [
      'an Anthropic file',
      '/v1/messages',
      {
        model: 'claude-sonnet-5',
        max_tokens: 9,
        messages: [user({ type: 'document', source: { type: 'file', file_id: 'f' } })],
      },
    ],
    [
      'a Gemini file',
      '/v1beta/models/gemini-3.5-flash:generateContent',
      { contents: [{ role: 'user', parts: [{ file_data: { file_uri: 'https://x/v1beta/files/a' } }] }] },
    ],
    [
      'a Gemini cache',
      '/v1beta/models/gemini-3.5-flash:generateContent',
      { cached_content: 'cachedContents/1', contents: [{ role: 'user', parts: [{ text: 'x' }] }] },
    ],
    [
      'a tuned model',
      '/v1/chat/completions',
      { model: 'openai/ft:gpt-4o:me::1', messages: [user({ type: 'text', text: 'x' })] },
    ],
  ])('%s is never reached with the operator’s key', async (_what, path, body) => {
    const before = fake.requests.length
    const reply = await post(without, path, body)
    expect(reply.status).toBe(403)
    expect(reply.text.toLowerCase()).toContain('no_usable_key')
    expect(fake.requests).toHaveLength(before)
  })
})

describe('names nobody has', () => {
  test.each([
    ['half a surrogate pair', 'gpt-\ud800'],
    ['an emoji where the header is cut', `gpt${'😀'.repeat(200)}`],
  ])('%s: an answer, whole and streamed, and a row', async (_what, model) => {
    for (const stream of [false, true]) {
      const reply = await post(without, '/v1/chat/completions', {
        model,
        stream,
        messages: [{ role: 'user', content: 'x' }],
      })
      expect(reply.status).toBe(200)
      const receipt = await uniroute.readReceipt(without.apiKey, reply.headers.get('x-request-id')!)
      expect(receipt.status).toBe(200)
    }
  })
})

test('a stream that the provider ends with an error of its own is no success', async () => {
  const body = {
    model: 'gpt-4o',
    stream: true,
    messages: [{ role: 'user', content: 'a text of some length, so that it comes in pieces' }],
  }
  const reply = await post(withKey, '/v1/chat/completions', body)
  expect(reply.text).not.toContain('[DONE]')
  expect(reply.text.match(/"error"/g)).toHaveLength(1)
  const receipt = await uniroute.readReceipt(withKey.apiKey, reply.headers.get('x-request-id')!)
  expect(receipt.attempts.at(-1).outcome).toBe('broken')
})

test('allowed models mean the model, however it is spelled', async () => {
  const key = createFakeKey('openai')
  const caller = await uniroute.createCaller()
  await uniroute.call('POST', '/admin/provider-keys', {
    token: caller.token,
    body: { provider: 'openai', api_key: key, allowed_models: ['openai/gpt-4o'] },
  })
  const { key: apiKey } = await uniroute.createApiKey(caller.token, { allowed_models: ['gpt-4o'] })
  const ask = (model: string): Promise<Reply> =>
    uniroute.call('POST', '/v1/chat/completions', {
      token: apiKey,
      body: { model, messages: [{ role: 'user', content: 'x' }] },
    })
  for (const model of ['gpt-4o', 'openai/gpt-4o'])
    expect((await ask(model)).headers.get('x-uniroute-billed-to')).toBe('user')
  expect((await ask('gpt-4o-mini')).status).toBe(403)
})
