// What a provider refuses to a key in one place is no verdict on the key: a missing scope, a network it may not be used
// from, one model's quota, a model it served before. The next key serves, and the key itself stays as it was.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { CHAT_ANSWER } from '../support/recording-upstream.ts'
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import type { Caller, Reply } from '../support/uniroute-client.ts'

const geminiAnswer = {
  candidates: [{ content: { role: 'model', parts: [{ text: 'Hi' }] }, finishReason: 'STOP' }],
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
}
const openaiError = (status: number, message: string, code: string | null = null) => ({
  status,
  body: { error: { message, type: 'invalid_request_error', param: null, code } },
})
const SERVER_KEY = createFakeKey('openai', 'operator')

let upstream: ScriptedUpstream
let app: InProcessApp
/** By key: how it is refused; others are served. */
let refusals: Map<string, (path: string) => { status: number; body: object } | null>
let calls: string[]
beforeEach(async () => {
  ;[refusals, calls] = [new Map(), []]
  upstream = await startScriptedUpstream({ emptyModelLists: true })
  upstream.play = (response, { headers, url }) => {
    const key = String(headers['x-goog-api-key'] ?? headers.authorization?.replace(/^Bearer /, ''))
    calls.push(key)
    const good = url?.includes('generateContent') ? geminiAnswer : CHAT_ANSWER
    const { status, body } = refusals.get(key)?.(url ?? '') ?? { status: 200, body: good }
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  app = await startInProcess({ env: { ...upstream.env, OPENAI_API_KEY: SERVER_KEY } })
})
afterEach(async () => {
  await app.close()
  await upstream.close()
})

const chat = (caller: Caller, model = 'gpt-4o', headers = {}): Promise<Reply> =>
  app.call('POST', '/v1/chat/completions', {
    token: caller.apiKey,
    headers,
    body: { model, messages: [{ role: 'user', content: 'Hi' }] },
  })

describe.each([
  [
    'a missing scope (401)',
    openaiError(401, 'You have insufficient permissions for this operation. Missing scopes: model.request'),
  ],
  ['a missing scope (403)', openaiError(403, 'You have insufficient permissions for this operation.')],
  ['a network it may not be used from', openaiError(401, 'Your IP is not authorized.', 'ip_not_authorized')],
])('%s', (_name, refusal) => {
  test('goes on to the next key, and this one is left alone for that model for a while, as its owner sees', async () => {
    const [first, second] = [createFakeKey('openai'), createFakeKey('openai')]
    const caller = await app.createCaller({ keys: { openai: [first, second] } })
    const [firstId, secondId] = caller.providerKeyIds['openai'] as [string, string]
    expect((await chat(caller)).headers.get('x-uniroute-key')).toBe(firstId)
    refusals.set(first, () => refusal)
    const reply = await chat(caller)
    expect([reply.status, reply.headers.get('x-uniroute-key')]).toEqual([200, secondId])
    expect([reply.headers.get('x-uniroute-fallback'), reply.headers.get('x-uniroute-attempts')]).toEqual(['none', '2'])
    const before = calls.length
    expect((await chat(caller)).headers.get('x-uniroute-attempts')).toBe('1')
    expect(calls.slice(before)).toEqual([second])
    const { keys } = (await app.call('GET', '/admin/provider-keys', { token: caller.token })).body
    const shown = keys.find((key: { id: string }) => key.id === firstId)
    expect([shown.status, shown.status_reason]).toEqual([
      'restricted',
      expect.stringMatching(/lacks a permission.*: gpt-4o until 20/),
    ])
    // It may be good for another address, or another model.
    const other = { token: caller.apiKey, body: { model: 'gpt-4o', input: 'Hi', store: false } }
    const from = calls.length
    await app.call('POST', '/v1/responses', other)
    expect(calls[from]).toBe(first)
    refusals.clear()
    expect((await chat(caller, 'gpt-4o-mini')).headers.get('x-uniroute-key')).toBe(firstId)
  })

  test('without another key is no key for this request: the server’s where that is granted, else a sentence that helps', async () => {
    const own = createFakeKey('openai')
    const caller = await app.createCaller({ keys: { openai: own } })
    refusals.set(own, () => refusal)
    const served = await chat(caller)
    expect([served.status, served.headers.get('x-uniroute-fallback')]).toEqual([200, 'no_key'])
    const refused = await chat(caller, 'gpt-4o', { 'x-uniroute-fallback': 'never' })
    expect([refused.status, refused.body.error.code]).toEqual([403, 'no_usable_key'])
    expect(refused.body.error.message).toContain(own.slice(-4))
    expect(calls.filter((key) => key === own)).toHaveLength(1)
    const explained = await app.call('POST', '/v1/route/explain', {
      token: caller.apiKey,
      body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }], simulate: {} },
    })
    expect(explained.body.chain[0]).toMatchObject({ decision: 'skip', reason: 'unfit' })
    expect(explained.body.result).toMatchObject({ decision: 'serve', billed_to: 'server', fallback: 'no_key' })
  })
})

test('a model that a key has served is known, whatever the catalogue says: its loss is remembered for an hour', async () => {
  const own = createFakeKey('openai')
  const caller = await app.createCaller({ keys: { openai: own }, accountFallback: 'never' })
  const model = 'openai/ft:gpt-4o:acme::abc'
  refusals.set(own, () =>
    openaiError(404, 'The model does not exist or you do not have access to it.', 'model_not_found'),
  )
  expect((await chat(caller, model)).body.error.code).toBe('model_not_found')
  refusals.delete(own)
  expect((await chat(caller, model)).status).toBe(200)
  refusals.set(own, () =>
    openaiError(404, 'The model does not exist or you do not have access to it.', 'model_not_found'),
  )
  const lost = await chat(caller, model)
  expect([lost.status, lost.body.error.code]).toEqual([403, 'model_not_enabled'])
  const before = calls.length
  expect((await chat(caller, model)).status).toBe(403)
  expect(calls.length).toBe(before)
  // A name that nobody ever had an answer from stays unknown.
  expect((await chat(caller, 'openai/invented')).body.error.code).toBe('model_not_found')
})

test('where the database cannot say whether a model exists, the call is settled all the same, and has its row', async () => {
  const own = createFakeKey('openai')
  const caller = await app.createCaller({ keys: { openai: own }, accountFallback: 'never' })
  refusals.set(own, () =>
    openaiError(404, 'The model does not exist or you do not have access to it.', 'model_not_found'),
  )
  await sql`DROP TABLE provider_key_checks`.execute(app.database.query)
  const reply = await chat(caller, 'openai/invented')
  expect([reply.status, reply.body.error.code]).toEqual([404, 'model_not_found'])
  const { attempts } = await app.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
  expect(attempts).toMatchObject([{ status: 404, outcome: 'refused' }])
})

test.each([
  ['a day’s quota', '* Quota exceeded, limit: 50, model: gemini-2.5-flash', 429],
  ['no quota at all', '* Quota exceeded, limit: 0, model: gemini-2.5-flash', 403],
])('%s of one of Google’s models leaves the key its others', async (_name, words, status) => {
  const own = createFakeKey('google')
  const caller = await app.createCaller({ keys: { google: own }, accountFallback: 'never' })
  const quota = {
    '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
    violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }],
  }
  const error = { code: 429, status: 'RESOURCE_EXHAUSTED', message: words, details: [quota] }
  refusals.set(own, (path) => (path.includes('2.5-flash') ? { status: 429, body: { error } } : null))
  const ask = (model: string) =>
    app.call('POST', `/v1beta/models/${model}:generateContent`, {
      headers: { 'x-goog-api-key': caller.apiKey },
      body: { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] },
    })
  expect((await ask('gemini-2.5-flash')).status).toBe(status)
  const before = calls.length
  expect((await ask('gemini-2.5-flash')).status).toBe(status)
  expect(calls.length).toBe(before)
  expect((await ask('gemini-2.5-pro')).status).toBe(200)
})
