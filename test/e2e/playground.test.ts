// The playground: the data plane for a signed-in person, without an API key. Same pipeline, same answers; the session
// decides, and a token in `Authorization: Bearer` is the only way to show it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS, expectError, type Dialect } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { openStream } from '../support/open-stream.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'

let fake: FakeProvider
let uniroute: InProcessApp
let caller: Caller
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startInProcess({ fake })
  const keys = Object.fromEntries((['openai', 'anthropic', 'google'] as const).map((id) => [id, createFakeKey(id)]))
  caller = await uniroute.createCaller({ keys })
})
afterAll(async () => {
  await uniroute?.close()
  await fake?.close()
})

const DIALECTS = CHAT_DIALECTS.map((dialect) => [dialect.name, dialect] as const)
const play = (path: string): string => `/admin/playground${path}`

/** As the dialect's clients call, but with the session's token as Bearer. */
function call(dialect: Dialect, token: string, stream = false): Promise<Reply> {
  const { authorization: _, 'x-api-key': __, 'x-goog-api-key': ___, ...headers } = dialect.auth(token)
  return uniroute.call('POST', play(dialect.path(dialect.model, stream)), {
    token,
    headers,
    body: dialect.body('hello', dialect.model, stream),
  })
}

async function readRow(requestId: string): Promise<Json> {
  const id = requestId.replace('req_', '')
  const find = () => uniroute.database.query.selectFrom('requests').selectAll().where('id', '=', id).executeTakeFirst()
  await expect.poll(find, { timeout: 20_000 }).toBeDefined()
  return find()
}

describe.each(DIALECTS)('%s', (_name, dialect) => {
  test.each([false, true])('is answered with the caller’s own key (streamed: %s)', async (stream) => {
    const reply = await call(dialect, caller.token, stream)
    expect([reply.status, reply.text.slice(0, 300)]).toEqual([200, expect.any(String)])
    expect(dialect.readText(reply).length).toBeGreaterThan(0)
    expect(reply.headers.get('x-uniroute-billed-to')).toBe('user')
    expect(reply.headers.get('x-uniroute-key')).toBe(caller.providerKeyIds[dialect.vendor]![0])
    expect(reply.headers.get('cache-control')).toMatch(/no-store|no-cache/)
    expect(await readRow(reply.headers.get('x-request-id')!)).toMatchObject({
      user_id: caller.id,
      api_key_id: null,
      session_id: expect.stringMatching(/^[0-9A-Z]{26}$/),
      client_dialect: dialect.name,
      status: 200,
    })
  })

  test('an API key does not open it, a session does not open /v1, and each hears which one belongs there', async () => {
    const sent = fake.requests.length
    const withKey = await call(dialect, caller.apiKey)
    expectError(dialect.family, withKey, { status: 401, source: 'gateway' })
    expect(withKey.text).toContain('Sign in')
    const path = dialect.path(dialect.model, false)
    const body = dialect.body('hello', dialect.model, false)
    const withToken = await uniroute.call('POST', path, { token: caller.token, body })
    expectError(dialect.family, withToken, { status: 401, source: 'gateway' })
    expect(fake.requests.length).toBe(sent)
  })

  test('a running stream ends when its session is signed out, and so does the provider’s', async () => {
    const key = createFakeKey(dialect.vendor, 'slow300')
    const slow = await uniroute.createCaller({ keys: { [dialect.vendor]: key } })
    const text = 'a long text that is said slowly, word by word, so that it takes a good while'
    const { 'anthropic-version': version } = dialect.auth('')
    const headers = { authorization: `Bearer ${slow.token}`, ...(version && { 'anthropic-version': version }) }
    const url = uniroute.url + play(dialect.path(dialect.model, true))
    const stream = await openStream(url, headers, dialect.body(text, dialect.model, true))
    await stream.until((seen) => seen.includes('data:'))
    const { body } = await uniroute.call('GET', '/auth/sessions', { token: slow.token })
    const ended = await uniroute.call('DELETE', `/auth/sessions/${body.sessions[0].id}`, { token: slow.token })
    expect(ended.status).toBe(200)
    const end = await stream.end()
    expect(end.text).toContain('This session is over')
    expect(end.text).not.toMatch(/\[DONE\]|message_stop|response\.completed|"finishReason"/)
    await expect.poll(() => fake.requestsOf(key).map(({ state }) => state)).toEqual(['aborted'])
  })
})

test('the models, a receipt and the chain are those of the person', async () => {
  const token = caller.token
  const models = await uniroute.call('GET', play('/v1/models'), { token })
  expect(models.status).toBe(200)
  expect(models.body.data.map(({ id }: Json) => id)).toContain('gpt-4o')
  const reply = await call(CHAT_DIALECTS[0]!, token)
  const id = reply.headers.get('x-request-id')!
  const receipt = await uniroute.call('GET', play(`/v1/generations/${id}`), { token })
  expect([receipt.status, receipt.body.id, receipt.body.api_key_id]).toEqual([200, id, null])
  // The same person’s API key sees it too.
  expect((await uniroute.readReceipt(caller.apiKey, id)).id).toBe(id)
  const sent = fake.requests.length
  const body = {
    model: 'gpt-4o',
    messages: [{ role: 'user', content: 'x' }],
    simulate: { [caller.providerKeyIds['openai']![0]!]: '401' },
  }
  const explained = await uniroute.call('POST', play('/v1/route/explain'), { token, body })
  expect(explained.body.chain[0]).toMatchObject({ provider_key_id: caller.providerKeyIds['openai']![0] })
  expect(fake.requests.length).toBe(sent)
})

test('what is passed through unread is not part of it, and unknown addresses are told in the dialect', async () => {
  const token = caller.token
  const files = await uniroute.call('GET', play('/v1/files'), { token })
  expectError('openai', files, { status: 404, source: 'gateway' })
  const mounted = await uniroute.call('POST', `/openai${play('/v1/chat/completions')}`, { token, body: {} })
  expect(mounted.status).toBe(404)
})

test('a cookie alone opens nothing', async () => {
  const headers = { cookie: `token=${caller.token}; __Host-uniroute_refresh=${caller.token}` }
  const reply = await uniroute.call('POST', play('/v1/chat/completions'), { headers, body: { model: 'gpt-4o' } })
  expect(reply.status).toBe(401)
})

test('rules of the account hold: who never falls back does not reach the server’s key', async () => {
  const careful = await uniroute.createCaller({ accountFallback: 'never' })
  const reply = await call(CHAT_DIALECTS[0]!, careful.token)
  expect([reply.status, reply.body.error.code]).toEqual([403, 'no_usable_key'])
})
