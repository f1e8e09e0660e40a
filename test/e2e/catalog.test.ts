// Aliases and overrides on the way of a request: an alias in every dialect, whole and streamed, is its model in
// headers, limits, receipts and lists; an administrator's price is what the next call costs, and what earlier calls
// cost stays.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS, expectError, OTHER_DIALECTS } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'

let folder: string
let fake: FakeProvider
let uniroute: InProcessApp
let admin: string
let caller: Caller

const compatKey = createFakeKey('compat')

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uniroute-catalog-'))
  fake = await startFakeProvider()
  const file = join(folder, 'providers.json')
  const base_url = fake.urlOf('compat')
  writeFileSync(file, JSON.stringify([{ id: 'lab', name: 'Lab', base_url, api_key_env: 'LAB_KEY' }]))
  uniroute = await startInProcess({ fake, env: { PROVIDERS_FILE: file, LAB_KEY: compatKey } })
  admin = await uniroute.login()
  caller = await uniroute.createCaller({
    keys: { openai: createFakeKey('openai'), anthropic: createFakeKey('anthropic'), google: createFakeKey('google') },
  })
})
afterAll(async () => {
  await uniroute?.close()
  await fake?.close()
  rmSync(folder, { recursive: true, force: true })
  expect(fake?.violations() ?? []).toEqual([])
})

async function put(path: string, body: object, token = admin): Promise<Json> {
  const reply = await uniroute.call('PUT', path, { token, body })
  expect([path, reply.status, reply.text.slice(0, 300)]).toEqual([path, 200, expect.any(String)])
  return reply.body
}
const remove = async (path: string, token = admin): Promise<void> => {
  expect((await uniroute.call('DELETE', path, { token })).status).toBe(200)
}
const alias = (name: string, target: string): Promise<Json> => put(`/admin/catalog/aliases/${name}`, { target })
const receiptOf = (reply: Reply, apiKey = caller.apiKey): Promise<Json> =>
  uniroute.readReceipt(apiKey, reply.headers.get('x-request-id')!)
const lastSent = () => fake.requests.at(-1)!

describe('an alias', () => {
  const TARGETS = ['openai/gpt-4o', 'anthropic/claude-sonnet-5', 'google/gemini-3.5-flash', 'lab/org/llama-3'] as const

  describe.each(CHAT_DIALECTS)('asked for in $name', (dialect) => {
    test.each(TARGETS)('is %s, whole and streamed', async (target) => {
      const [provider, ...rest] = target.split('/')
      const model = rest.join('/')
      // A name that would lead elsewhere by its beginning.
      const name = `claude-via-${model.replaceAll(/\W/g, '-')}`
      await alias(name, target)
      for (const stream of [false, true]) {
        const reply = await ask(uniroute, dialect, caller.apiKey, { model: name, stream, text: 'marco' })
        expect([reply.status, reply.text.slice(0, 300)]).toEqual([200, expect.any(String)])
        expect(dialect.readText(reply)).toContain('marco')
        expect(reply.headers.get('x-uniroute-provider')).toBe(provider)
        expect(reply.headers.get('x-uniroute-model')).toBe(model)
        expect(lastSent().model).toBe(model)
        expect(lastSent().rawBody.toString()).not.toContain(name)
        expect(await receiptOf(reply)).toMatchObject({ requested_model: name, model, provider })
      }
    })
  })

  test.each(OTHER_DIALECTS.map((dialect) => [dialect.name, dialect] as const))(
    'works for %s',
    async (name, dialect) => {
      await alias(`other-${name}`, dialect.model)
      const reply = await ask(uniroute, dialect, caller.apiKey, { model: `other-${name}` })
      expect([reply.status, reply.text.slice(0, 300)]).toEqual([200, expect.any(String)])
      expect(lastSent().model || dialect.model).toBe(dialect.model)
      expect(lastSent().rawBody.toString()).not.toContain(`other-${name}`)
    },
  )

  test('is its model on addresses that one vendor alone serves, and nobody else’s', async () => {
    await alias('painter', 'openai/gpt-image-1')
    await alias('writer', 'anthropic/claude-sonnet-5')
    const draw = (model: string): Promise<Reply> =>
      uniroute.call('POST', '/v1/images/generations', { token: caller.apiKey, body: { model, prompt: 'a cat' } })
    await draw('painter')
    expect([lastSent().path, lastSent().body.model]).toEqual(['/v1/images/generations', 'gpt-image-1'])
    const sent = fake.requests.length
    expect((await draw('writer')).status).toBe(404)
    await put('/admin/catalog/overrides/openai/gpt-image-1', { enabled: false })
    expect((await draw('painter')).body.error.code).toBe('model_not_allowed')
    expect(fake.requests.length).toBe(sent)
    await remove('/admin/catalog/overrides/openai/gpt-image-1')
  })

  test('may hold slashes and colons, in the path of a Gemini client too, encoded or not', async () => {
    await alias('team/small:latest', 'gemini-3.5-flash')
    for (const model of ['team/small:latest', 'team%2Fsmall%3Alatest']) {
      const reply = await ask(uniroute, CHAT_DIALECTS[3]!, caller.apiKey, { model })
      expect([reply.status, lastSent().model]).toEqual([200, 'gemini-3.5-flash'])
    }
  })

  test('of a model’s own name stands before it; the full name still means the model', async () => {
    await alias('gpt-4o-mini', 'lab/llama-3.3-70b')
    const models: string[] = []
    for (const model of ['gpt-4o-mini', 'openai/gpt-4o-mini']) {
      models.push((await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey, { model })).headers.get('x-uniroute-model')!)
    }
    expect(models).toEqual(['llama-3.3-70b', 'gpt-4o-mini'])
    await remove('/admin/catalog/aliases/gpt-4o-mini')
    const reply = await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey, { model: 'gpt-4o-mini' })
    expect(reply.headers.get('x-uniroute-provider')).toBe('openai')
  })

  test('is no way round the models an API key or a provider key is for', async () => {
    await alias('harmless', 'openai/gpt-5')
    const narrow = await uniroute.createApiKey(caller.token, { allowed_models: ['gpt-4o', 'harmless'] })
    for (const dialect of CHAT_DIALECTS) {
      const reply = await ask(uniroute, dialect, narrow.key, { model: 'harmless' })
      expectError(dialect.family, reply, { status: 403, code: 'model_not_allowed', source: 'gateway' })
    }
    await put('/admin/aliases/harmless', { target: 'gpt-5' }, caller.token)
    expect((await ask(uniroute, CHAT_DIALECTS[0]!, narrow.key, { model: 'harmless' })).status).toBe(403)
    await put('/admin/aliases/harmless', { target: 'gpt-4o' }, caller.token)
    expect((await ask(uniroute, CHAT_DIALECTS[0]!, narrow.key, { model: 'harmless' })).status).toBe(200)
    await remove('/admin/aliases/harmless', caller.token)

    const other = await uniroute.createCaller()
    await uniroute.addProviderKey(other.token, 'openai', createFakeKey('openai'), { allowed_models: ['gpt-4o'] })
    const reply = await ask(uniroute, CHAT_DIALECTS[0]!, other.apiKey, { model: 'harmless' })
    expectError('openai', reply, { status: 403, code: 'no_usable_key' })
  })

  test('of one’s own is for oneself alone, and nobody reads or removes another’s', async () => {
    const stranger = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
    await put('/admin/aliases/mine', { target: 'claude-sonnet-5' }, caller.token)
    const mine = await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey, { model: 'mine' })
    expect(mine.headers.get('x-uniroute-provider')).toBe('anthropic')
    const theirs = await ask(uniroute, CHAT_DIALECTS[0]!, stranger.apiKey, { model: 'mine' })
    expect([theirs.headers.get('x-uniroute-provider'), theirs.headers.get('x-uniroute-model')]).toEqual([
      'openai',
      'mine',
    ])
    const { token } = stranger
    expect((await uniroute.call('GET', '/admin/aliases', { token })).body).toEqual({ aliases: [] })
    for (const method of ['GET', 'DELETE']) {
      expect((await uniroute.call(method, '/admin/aliases/mine', { token })).status).toBe(404)
    }
    expect((await uniroute.call('GET', '/admin/aliases/mine', { token: caller.token })).body.target).toBe(
      'anthropic/claude-sonnet-5',
    )
  })

  test('stands in the lists of all three vendors, first, and can be asked for by itself', async () => {
    const name = 'claude-via-gpt-4o'
    await alias(name, 'openai/gpt-4o')
    const list = async (path: string, headers: Record<string, string> = {}): Promise<Json> =>
      (await uniroute.call('GET', path, { token: caller.apiKey, headers })).body
    const anthropic = { 'anthropic-version': '2023-06-01' }
    const openai = await list('/openai/v1/models')
    expect(openai.data.map((model: Json) => model.id)).toContain(name)
    const paged = await list('/v1/models?limit=20', anthropic)
    expect(paged.data).toContainEqual(expect.objectContaining({ type: 'model', id: name, display_name: name }))
    const gemini = await list('/v1beta/models')
    expect(gemini.models.map((model: Json) => model.name)).toContain(`models/${name}`)
    for (const path of [`/v1/models/${name}`, `/v1beta/models/${name}`, `/v1/models/${name}?key=x`]) {
      expect(JSON.stringify(await list(path))).toContain(name)
    }
    await alias('to-nowhere', 'ollama/x').catch(() => undefined)
    expect(openai.data.map((model: Json) => model.id)).not.toContain('to-nowhere')
  })

  test.each([
    ['openai/fast', { target: 'gpt-4o' }, /already means a model of openai/],
    ['lab/fast', { target: 'gpt-4o' }, /already means a model of lab/],
    ['fine', { target: 'who-knows' }, /Write it as <provider>\/<model>/],
    ['a b', { target: 'gpt-4o' }, /letters, digits/],
    ['fine', { target: '' }, /target/],
    ['fine', { target: 'gpt-4o', more: 1 }, /Known fields: .*target/],
  ])('%s as %j is refused in a sentence that helps', async (name, body, sentence) => {
    const path = `/admin/catalog/aliases/${encodeURIComponent(name).replaceAll('%2F', '/')}`
    const reply = await uniroute.call('PUT', path, { token: admin, body })
    expect(reply.status).toBe(400)
    expect(reply.text).toMatch(sentence)
  })
})

describe('an override', () => {
  const CHAT = CHAT_DIALECTS[0]!

  test('of the price is what the next call costs, and the receipt says so; past costs stay', async () => {
    const model = 'openai/gpt-4.1'
    const before = await ask(uniroute, CHAT, caller.apiKey, { model })
    const listed = await receiptOf(before)
    expect(listed.cost).toMatchObject({ source: 'computed', price_version: expect.stringMatching(/^genai-prices@/) })
    const saved = await put('/admin/catalog/overrides/openai/gpt-4.1', { price: { input: 1000, output: 2000 } })
    for (const stream of [false, true]) {
      const reply = await ask(uniroute, CHAT, caller.apiKey, { model, stream })
      const { cost, usage } = await receiptOf(reply)
      expect(usage.input_tokens).toBeGreaterThan(0)
      expect(cost).toEqual({
        usd_micros: usage.input_tokens * 1000 + usage.output_tokens * 2000,
        source: 'computed',
        price_version: `override:openai/gpt-4.1@${saved.override.updated_at}`,
      })
    }
    expect((await receiptOf(before)).cost).toEqual(listed.cost)
    await remove('/admin/catalog/overrides/openai/gpt-4.1')
    const after = await ask(uniroute, CHAT, caller.apiKey, { model })
    expect((await receiptOf(after)).cost.price_version).toMatch(/^genai-prices@/)
  })

  test('prices a model that no list knows, also by the beginning of its name', async () => {
    const model = 'lab/llama-3.3-70b'
    const unknown = await ask(uniroute, CHAT, caller.apiKey, { model })
    expect((await receiptOf(unknown)).cost).toEqual({ usd_micros: null, source: 'unknown', price_version: null })
    await put('/admin/catalog/overrides/lab/*', { price: { input: 0, output: 0 } })
    const known = await ask(uniroute, CHAT, caller.apiKey, { model })
    expect((await receiptOf(known)).cost).toMatchObject({ usd_micros: 0, source: 'computed' })
    await remove('/admin/catalog/overrides/lab/*')
  })

  test('of limits and peculiarities shapes the very next request', async () => {
    const [claude, gpt] = ['anthropic/claude-sonnet-5', 'openai/gpt-4o']
    await put(`/admin/catalog/overrides/${claude}`, { profile: { max_output: 4321 } })
    await ask(uniroute, CHAT, caller.apiKey, { model: claude })
    expect(lastSent().body.max_tokens).toBe(4321)
    await remove(`/admin/catalog/overrides/${claude}`)
    await ask(uniroute, CHAT, caller.apiKey, { model: claude })
    expect(lastSent().body.max_tokens).toBeGreaterThan(4321)

    const body = { model: gpt, max_tokens: 9, temperature: 0.5, messages: [{ role: 'user', content: 'x' }] }
    const call = () => uniroute.call('POST', '/v1/messages', { token: caller.apiKey, body })
    await put(`/admin/catalog/overrides/${gpt}`, { profile: { sampling: 'none' } })
    expect((await call()).headers.get('x-uniroute-warnings')).toContain('temperature')
    expect(lastSent().body.temperature).toBeUndefined()
    await remove(`/admin/catalog/overrides/${gpt}`)
    await call()
    expect(lastSent().body.temperature).toBe(0.5)
  })

  test('hides a model from lists and serves it all the same, also by an alias that is shown', async () => {
    await alias('shown', 'gpt-4o')
    await put('/admin/catalog/overrides/openai/gpt-4o', { hidden: true })
    const { body } = await uniroute.call('GET', '/openai/v1/models', { token: caller.apiKey })
    const ids = body.data.map((model: Json) => model.id)
    expect(ids).toContain('shown')
    expect(ids).not.toContain('gpt-4o')
    for (const model of ['gpt-4o', 'shown']) {
      expect((await ask(uniroute, CHAT, caller.apiKey, { model })).status).toBe(200)
    }
    await remove('/admin/catalog/overrides/openai/gpt-4o')
  })

  test('switches a model off in every dialect and under every name, and sends nothing', async () => {
    await alias('shown', 'gpt-4o')
    await put('/admin/catalog/overrides/openai/gpt-4o', { enabled: false })
    const sent = fake.requests.length
    for (const dialect of CHAT_DIALECTS) {
      for (const model of ['openai/gpt-4o', 'shown']) {
        const reply = await ask(uniroute, dialect, caller.apiKey, { model })
        expectError(dialect.family, reply, { status: 403, code: 'model_not_allowed', source: 'gateway' })
      }
    }
    expect(fake.requests.length).toBe(sent)
    const { body } = await uniroute.call('GET', '/openai/v1/models', { token: caller.apiKey })
    const ids = body.data.map((model: Json) => model.id)
    expect(ids.filter((id: string) => id === 'shown' || id === 'gpt-4o')).toEqual([])
    await remove('/admin/catalog/overrides/openai/gpt-4o')
  })

  test.each([
    [{ price: { input: -1, output: 1 } }, 'price.input'],
    [{ price: { input: 1 } }, 'price.output'],
    [{ profile: { efforts: ['extreme'] } }, 'profile.efforts'],
    [{ profile: { maxOutput: 5 } }, 'Known fields: cache_breakpoints'],
    [{ enabled: 'no' }, 'enabled'],
  ])('%j is refused, naming %s', async (body, name) => {
    const reply = await uniroute.call('PUT', '/admin/catalog/overrides/openai/gpt-4o', { token: admin, body })
    expect([reply.status, reply.body.code]).toEqual([400, 'validation_failed'])
    expect(reply.text).toContain(name)
  })

  test('is written down in the audit log, with what it says', async () => {
    await put('/admin/catalog/overrides/google/gemini-x', { price: { input: 3, output: 4 }, hidden: true })
    const rows = await uniroute.database.query
      .selectFrom('audit_log')
      .select(['action', 'target_id', 'details'])
      .orderBy('sequence', 'desc')
      .limit(1)
      .execute()
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatchObject({ action: 'model-override.saved', target_id: 'google/gemini-x' })
    expect(JSON.parse(rows[0]!.details!)).toMatchObject({
      from: null,
      to: { price: { input: 3, output: 4 }, enabled: true, hidden: true },
    })
  })
})

describe('the models one can reach', () => {
  const listed = async (token = caller.token): Promise<Json[]> => {
    const reply = await uniroute.call('GET', '/admin/models', { token })
    expect(reply.status).toBe(200)
    return reply.body.models
  }

  test('come with limits, modalities, price and its source, aliases, and whose key reached them', async () => {
    await alias('big', 'gpt-4o')
    await put('/admin/aliases/my-big', { target: 'gpt-4o' }, caller.token)
    const models = await listed()
    const byId = (id: string) => models.find((model) => model.id === id)
    expect(byId('gpt-4o')).toMatchObject({
      provider: 'openai',
      provider_name: 'OpenAI',
      model: 'gpt-4o',
      context_window: 128_000,
      max_output: 16_384,
      input_modalities: expect.arrayContaining(['text', 'image']),
      output_modalities: ['text'],
      price: { input: 2.5, output: 10 },
      price_source: 'list',
      aliases: expect.arrayContaining(['big', 'my-big']),
      billed_to: 'user',
      provider_key_id: caller.providerKeyIds['openai']![0],
    })
    expect(byId('gemini-3.5-flash')).toMatchObject({ context_window: 1_048_576, max_output: 65_536 })
    expect(byId('lab/org/qwen-3')).toMatchObject({
      model: 'org/qwen-3',
      price: null,
      price_source: 'unknown',
      billed_to: 'server',
      provider_key_id: null,
    })
    // Everybody's aliases and the server's keys are there for somebody without keys; others' aliases are not.
    const stranger = await uniroute.createUser()
    const text = JSON.stringify(await listed(stranger.token))
    expect(text).not.toContain('my-big')
    expect(text).toContain('lab/llama-3.3-70b')
    expect(text).not.toContain('"openai"')
  })

  test('say what an administrator set', async () => {
    const profile = {
      display_name: 'Our Llama',
      context_window: 9_000,
      max_output: 800,
      input_modalities: ['text', 'pdf'],
    }
    await put('/admin/catalog/overrides/lab/llama-3.3-70b', {
      price: { input: 0.1, output: 0.2, cache_read: 0.01 },
      profile,
    })
    expect((await listed()).find((model) => model.id === 'lab/llama-3.3-70b')).toMatchObject({
      ...profile,
      price: { input: 0.1, output: 0.2, cache_read: 0.01, cache_write: null, tiered: false },
      price_source: 'override',
    })
  })
})
