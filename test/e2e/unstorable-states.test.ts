// What a client names, and what a provider answers, can be anything: a state that cannot be stored as it was said keeps
// nobody else's states from being stored, and a wait that no calendar has is no wait for ever.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { CHAT_ANSWER } from '../support/recording-upstream.ts'
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'

interface Refusal {
  readonly status: number
  readonly code: string
  readonly headers?: Record<string, string>
}

let upstream: ScriptedUpstream
let app: InProcessApp
/** By key. */
let refusals: Map<string, Refusal>
beforeEach(async () => {
  refusals = new Map()
  upstream = await startScriptedUpstream({ emptyModelLists: true })
  upstream.play = (response, { headers }) => {
    const refusal = refusals.get(String(headers.authorization?.replace(/^Bearer /, '')))
    const { status, code } = refusal ?? { status: 200, code: '' }
    const body = refusal ? { error: { message: 'No.', type: code, param: null, code } } : CHAT_ANSWER
    response.writeHead(status, { 'content-type': 'application/json', ...refusal?.headers }).end(JSON.stringify(body))
  }
  app = await startInProcess({ env: upstream.env })
})
afterEach(async () => {
  await app.close()
  await upstream.close()
})

const ask = ({ apiKey }: Caller, model = 'gpt-4o'): Promise<Reply> =>
  app.call('POST', '/v1/chat/completions', {
    token: apiKey,
    body: { model, messages: [{ role: 'user', content: 'Hi' }] },
  })

async function createRefused(refusal: Refusal): Promise<Caller> {
  const key = createFakeKey('openai')
  refusals.set(key, refusal)
  return app.createCaller({ keys: { openai: key } })
}

const keyOf = async ({ token }: Caller): Promise<Json> => {
  const reply = await app.call('GET', '/admin/provider-keys', { token })
  expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
  return reply.body.keys[0]
}
const storedStatus = async (caller: Caller): Promise<string | undefined> => {
  const [id] = caller.providerKeyIds['openai']!
  const rows = app.database.query.selectFrom('user_provider_keys').select('status')
  return (await rows.where('id', '=', id!.slice('pk_'.length)).executeTakeFirst())?.status
}
const storedModels = async (caller: Caller): Promise<string[]> => {
  const [id] = caller.providerKeyIds['openai']!
  const rows = app.database.query.selectFrom('key_model_states').select('model')
  return (await rows.where('provider_key_id', '=', id!.slice('pk_'.length)).execute()).map(({ model }) => model)
}

test("a provider's word for a refusal that no database takes leaves the other keys' states alone", async () => {
  const [odd, other] = [
    await createRefused({ status: 401, code: `invalid\0${'x'.repeat(5_000)}` }),
    await createRefused({ status: 401, code: 'invalid_api_key' }),
  ]
  expect((await ask(odd)).status).toBe(424)
  expect((await ask(other)).status).toBe(424)
  await expect.poll(() => storedStatus(other)).toBe('invalid')
  await expect.poll(() => storedStatus(odd)).toBe('invalid')
  expect((await keyOf(odd)).status_reason.length).toBeLessThanOrEqual(200)
})

test("a model's name that no database takes leaves the other keys' states alone", async () => {
  const limited = { status: 429, code: 'rate_limit_exceeded', headers: { 'retry-after': '60' } }
  const [odd, other] = [await createRefused(limited), await createRefused(limited)]
  expect((await ask(odd, 'gpt-4o\0')).status).toBe(429)
  expect((await ask(other)).status).toBe(429)
  await expect.poll(() => storedModels(other)).toEqual(['gpt-4o'])
})

test.each([
  ['retry-after', '99999999999999'],
  ['retry-after-ms', '1e300'],
  ['retry-after', 'Fri, 31 Dec 9999 23:59:59 GMT'],
])('%s: %s is a wait of a day', async (name, value) => {
  const [odd, other] = [
    await createRefused({ status: 429, code: 'rate_limit_exceeded', headers: { [name]: value } }),
    await createRefused({ status: 429, code: 'rate_limit_exceeded', headers: { 'retry-after': '60' } }),
  ]
  const reply = await ask(odd)
  expect(reply.status).toBe(429)
  expect(Number(reply.headers.get('retry-after'))).toBeLessThanOrEqual(86_400)
  expect((await ask(other)).status).toBe(429)
  await expect.poll(() => storedModels(other)).toEqual(['gpt-4o'])
  expect(await keyOf(odd)).toMatchObject({ status: 'cooling', status_reason: expect.stringMatching(/until 20\d\d-/) })
})
