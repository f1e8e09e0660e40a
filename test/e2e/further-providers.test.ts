// Providers of PROVIDERS_FILE: whichever API they speak, clients of every dialect reach them, on the server's key or on
// their own; who may bring keys is the operator's to say.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey, type Vendor } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS, expectError } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Json } from '../support/uniroute-client.ts'

/** One entry per API, at a base URL without a version; `operation` is what the fake calls its address. */
const APIS: readonly { dialect: string; vendor: Vendor; model: string; operations: readonly string[] }[] = [
  { dialect: 'openai-chat', vendor: 'compat', model: 'llama-3.3-70b', operations: ['chat'] },
  { dialect: 'openai-responses', vendor: 'openai', model: 'gpt-5', operations: ['responses'] },
  { dialect: 'anthropic-messages', vendor: 'anthropic', model: 'claude-sonnet-5', operations: ['messages'] },
  { dialect: 'gemini', vendor: 'google', model: 'gemini-3.5-flash', operations: ['generate', 'stream-generate'] },
]
const serverKeys = Object.fromEntries(APIS.map(({ dialect, vendor }) => [dialect, createFakeKey(vendor)]))
const variableOf = (dialect: string): string => `${dialect.toUpperCase().replaceAll('-', '_')}_KEY`

let folder: string
let fake: FakeProvider
let uniroute: InProcessApp
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uniroute-further-'))
  fake = await startFakeProvider()
  const file = join(folder, 'providers.json')
  const entries: Json[] = APIS.map(({ dialect, vendor }) => ({
    id: `at-${dialect}`,
    name: `Box ${dialect}`,
    base_url: fake.urlOf(vendor),
    api_key_env: variableOf(dialect),
    dialect,
  }))
  entries.push({ id: 'closed', name: 'Closed', base_url: fake.urlOf('compat'), user_keys: false })
  writeFileSync(file, JSON.stringify(entries))
  const keys = Object.fromEntries(APIS.map(({ dialect }) => [variableOf(dialect), serverKeys[dialect]!]))
  const addresses = { OLLAMA_BASE_URL: fake.urlOf('compat'), VLLM_BASE_URL: fake.urlOf('compat') }
  uniroute = await startInProcess({ fake, env: { PROVIDERS_FILE: file, USER_KEYS_FOR: 'vllm', ...keys, ...addresses } })
})
afterAll(async () => {
  await uniroute?.close()
  await fake?.close()
  rmSync(folder, { recursive: true, force: true })
  // Servers that need no key are asked without one.
  const violations = fake?.violations().filter((sentence) => !sentence.endsWith('authorization is missing for compat'))
  expect(violations ?? []).toEqual([])
  expect(fake?.complaints() ?? []).toEqual([])
})

describe.each(APIS)('a provider that speaks $dialect', ({ dialect: api, vendor, model, operations }) => {
  const id = `at-${api}`

  test.each(CHAT_DIALECTS)('serves clients of $name, on the server’s key', async (dialect) => {
    const caller = await uniroute.createCaller()
    for (const stream of [false, true]) {
      const reply = await ask(uniroute, dialect, caller.apiKey, { model: `${id}/${model}`, stream, text: 'marco' })
      expect([reply.status, reply.text.slice(0, 300)]).toEqual([200, expect.any(String)])
      expect(dialect.readText(reply)).toContain('marco')
      expect(reply.headers.get('x-uniroute-provider')).toBe(id)
      expect(reply.headers.get('x-uniroute-billed-to')).toBe('server')
      const sent = fake.requests.at(-1)!
      expect([sent.vendor, sent.model, sent.key]).toEqual([vendor, model, serverKeys[api]])
      expect(operations).toContain(sent.operation)
    }
  })

  test('serves on a key that a user brought, which can be tested and whose models are listed', async () => {
    const key = createFakeKey(vendor)
    const caller = await uniroute.createCaller()
    const added = await uniroute.addProviderKey(caller.token, id, key)
    const tested = await uniroute.call('POST', `/admin/provider-keys/${added.id}/test`, { token: caller.token })
    expect(tested.body).toMatchObject({ valid: true, status: 'active' })
    const reply = await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey, { model: `${id}/${model}` })
    expect([reply.status, reply.headers.get('x-uniroute-billed-to')]).toEqual([200, 'user'])
    expect(reply.headers.get('x-uniroute-key')).toBe(added.id)
    expect(fake.requests.at(-1)!.key).toBe(key)
    const { body } = await uniroute.call('GET', '/admin/models', { token: caller.token })
    const own = body.models.filter((listed: Json) => listed.provider === id)
    expect(own.length).toBeGreaterThan(0)
    for (const listed of own) expect([listed.billed_to, listed.provider_key_id]).toEqual(['user', added.id])
  })

  test('says that a key was rejected, and quotes none of it', async () => {
    const caller = await uniroute.createCaller({ accountFallback: 'never' })
    await uniroute.addProviderKey(caller.token, id, createFakeKey(vendor, 'invalid'))
    for (const dialect of CHAT_DIALECTS) {
      const reply = await ask(uniroute, dialect, caller.apiKey, { model: `${id}/${model}` })
      expectError(dialect.family, reply, { status: 424, code: 'provider_key_invalid' })
      expect(reply.text).toContain(`Box ${api}`)
    }
  })
})

describe('who may bring keys is the operator’s to say', () => {
  const add = async (token: string, provider: string) =>
    uniroute.call('POST', '/admin/provider-keys', { token, body: { provider, api_key: createFakeKey('compat') } })

  test.each([
    ['ollama', 400],
    ['vllm', 201],
    ['closed', 400],
    ['at-openai-chat', 201],
  ])('%s: %i', async (provider, status) => {
    const { token } = await uniroute.createUser()
    const reply = await add(token, provider)
    expect(reply.status).toBe(status)
    if (status === 201) return
    expect(reply.body.code).toBe('validation_failed')
    expect(reply.body.error).toContain(`takes no keys for "${provider}"`)
    const put = { token, body: { api_key: createFakeKey('compat') } }
    expect((await uniroute.call('PUT', `/admin/provider-keys/${provider}`, put)).status).toBe(400)
    expect((await uniroute.call('GET', '/admin/provider-keys', { token })).body.keys).toEqual([])
  })

  test('a key that was stored before counts as switched off', async () => {
    const caller = await uniroute.createCaller()
    await uniroute.addProviderKey(caller.token, 'vllm', createFakeKey('compat'))
    await uniroute.database.query
      .updateTable('user_provider_keys')
      .set({ provider: 'closed' })
      .where('user_id', '=', caller.id)
      .execute()
    await uniroute.call('PATCH', '/admin/provider-keys/closed', { token: caller.token, body: { label: 'x' } })
    const reply = await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey, { model: 'closed/llama' })
    // The machine itself needs no key, and the fake behind it does: what came was none of the user's.
    expect(reply.headers.get('x-uniroute-billed-to')).toBe('server')
    expect(fake.requests.at(-1)!.key).toBe('')
  })
})

describe('a model nobody knows', () => {
  test.each(CHAT_DIALECTS)('goes to the vendor of $name as it was written', async (dialect) => {
    const caller = await uniroute.createCaller({ keys: { [dialect.vendor]: createFakeKey(dialect.vendor) } })
    for (const model of ['brand-new-2031', 'some-org.new_model@v2']) {
      const reply = await ask(uniroute, dialect, caller.apiKey, { model })
      expect([reply.status, reply.text.slice(0, 200)]).toEqual([200, expect.any(String)])
      expect(reply.headers.get('x-uniroute-provider')).toBe(dialect.vendor)
      expect(decodeURIComponent(fake.requests.at(-1)!.model)).toBe(model)
      expect(fake.requests.at(-1)!.vendor).toBe(dialect.vendor)
    }
  })

  test('that the vendor does not know either is its 404, relayed', async () => {
    const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
    const reply = await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey, { model: 'gpt-does-not-exist' })
    expectError('openai', reply, { status: 404, code: 'model_not_found' })
  })
})
