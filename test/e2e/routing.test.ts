// Several models for one request: the next one serves where the one before cannot, in every dialect, and answer,
// headers and receipt say which it was. Never for a fault of the request itself, never once something was sent.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey, type Vendor } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS, type Dialect } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'

const MODELS = { openai: 'gpt-4o', anthropic: 'claude-sonnet-5', google: 'gemini-3.5-flash' } as const
const OTHER = { openai: 'anthropic', anthropic: 'google', google: 'openai' } as const

let folder: string
let fake: FakeProvider
let app: InProcessApp
beforeAll(async () => {
  fake = await startFakeProvider()
  folder = mkdtempSync(join(tmpdir(), 'uniroute-routing-'))
  const file = join(folder, 'providers.json')
  writeFileSync(file, JSON.stringify([{ id: 'lab', name: 'Lab', base_url: fake.urlOf('compat') }]))
  app = await startInProcess({ fake, env: { PROVIDERS_FILE: file } })
})
afterAll(async () => {
  await app?.close()
  await fake?.close()
  rmSync(folder, { recursive: true, force: true })
})
afterEach(() => {
  // A server that needs no key is asked without one.
  expect(fake.violations().filter((sentence) => !sentence.endsWith('authorization is missing for compat'))).toEqual([])
  expect(fake.complaints()).toEqual([])
})

const callerWith = (scenarios: Partial<Record<Vendor, string>>): Promise<Caller> =>
  app.createCaller({
    keys: Object.fromEntries(
      Object.entries(scenarios).map(([vendor, scenario]) => [vendor, createFakeKey(vendor as Vendor, scenario)]),
    ),
  })

/** Asks with a list of models, in the way the dialect has for it. */
function ask(
  dialect: Dialect,
  caller: Caller,
  models: readonly string[],
  stream = false,
  extra: object = {},
): Promise<Reply> {
  const inHeader = dialect.name === 'gemini'
  const [first, ...others] = models
  return app.call('POST', dialect.path(first!, stream), {
    headers: {
      ...dialect.auth(caller.apiKey),
      ...(inHeader && others.length > 0 && { 'x-uniroute-models': others.join(', ') }),
    },
    body: { ...dialect.body('Hi', first!, stream), ...(!inHeader && { models }), ...extra },
  })
}

const triesOf = (receipt: Json): string[] =>
  receipt.attempts.map((attempt: Json) => `${attempt.provider}/${attempt.model} ${attempt.status ?? attempt.outcome}`)

const DIALECTS = CHAT_DIALECTS.map((dialect) => [dialect.name, dialect] as const)

describe.each(DIALECTS)('%s', (_name, dialect) => {
  const { vendor } = dialect
  const other = OTHER[vendor]
  const models = [dialect.model, MODELS[other]]

  test.each([
    ['down503', 503],
    ['ratelimit', 429],
    ['invalid', vendor === 'google' ? 400 : 401],
    ['quota', 429],
    ['forbidden-model', 403],
    ['overloaded529', 529],
  ])('the first cannot serve (%s): the second does, and everything says so', async (scenario, status) => {
    const caller = await callerWith({ [vendor]: scenario, [other]: 'ok' })
    for (const stream of [false, true]) {
      const reply = await ask(dialect, caller, models, stream)
      expect([reply.status, dialect.readText(reply)]).toEqual([200, expect.stringContaining('Hi')])
      expect(Object.fromEntries(reply.headers)).toMatchObject({
        'x-uniroute-provider': other,
        'x-uniroute-model': MODELS[other],
        'x-uniroute-billed-to': 'user',
        'x-uniroute-fallback': 'none',
        'x-uniroute-key': caller.providerKeyIds[other]![0],
      })
      const receipt = await app.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
      expect(receipt).toMatchObject({
        requested_model: dialect.model,
        model: MODELS[other],
        provider: other,
        provider_key_id: caller.providerKeyIds[other]![0],
        status: 200,
      })
      const tries = triesOf(receipt)
      expect(tries.at(-1)).toBe(`${other}/${MODELS[other]} 200`)
      if (!stream) expect(tries[0]).toMatch(new RegExp(`^${vendor}/${dialect.model} (?:${status}|503|402|400)$`))
      expect(tries).toHaveLength(Number(reply.headers.get('x-uniroute-attempts')))
    }
  })

  test('no key for the first at all: the second serves at the first try', async () => {
    const caller = await callerWith({ [other]: 'ok' })
    const reply = await ask(dialect, caller, models)
    expect([reply.status, reply.headers.get('x-uniroute-attempts')]).toEqual([200, '1'])
    expect(reply.headers.get('x-uniroute-provider')).toBe(other)
  })

  test('a model nobody knows: the second serves; alone it is told as before', async () => {
    const caller = await callerWith({ [vendor]: 'ok', [other]: 'ok' })
    const missing = `${vendor}/does-not-exist`
    expect((await ask(dialect, caller, [missing])).status).toBe(404)
    const reply = await ask(dialect, caller, [missing, MODELS[other]])
    expect([reply.status, reply.headers.get('x-uniroute-model')]).toEqual([200, MODELS[other]])
  })

  test('never after something was sent', async () => {
    const caller = await callerWith({ [vendor]: 'reset-midstream', [other]: 'ok' })
    const before = fake.requests.length
    const reply = await ask(dialect, caller, models, true)
    expect([reply.status, reply.headers.get('x-uniroute-provider')]).toEqual([200, vendor])
    expect(fake.requests.length - before).toBe(1)
    expect(reply.text).toContain('error')
  })
})

const [CHAT, RESPONSES, MESSAGES] = CHAT_DIALECTS as readonly [Dialect, Dialect, Dialect, Dialect]
const sentWith = (key: string) => fake.requestsOf(key).map(({ body }) => body)

describe('what is the request’s own fault', () => {
  test('a 400 is relayed, and no other model is asked', async () => {
    const caller = await callerWith({ openai: 'ok', anthropic: 'ok' })
    const before = fake.requests.length
    const reply = await ask(CHAT, caller, ['gpt-4o', 'claude-sonnet-5'], false, {
      messages: [{ role: 'tool', tool_call_id: 'call_of_nobody', content: 'x' }],
    })
    expect([reply.status, reply.headers.get('x-uniroute-provider')]).toEqual([400, 'openai'])
    expect(reply.headers.get('x-uniroute-error-source')).toBe('upstream')
    expect(fake.requests.length - before).toBe(1)
    expect(fake.complaints()).toHaveLength(1)
    fake.forget()
  })

  test('nor after a 400 from a provider of another dialect', async () => {
    const caller = await callerWith({ openai: 'ok', anthropic: 'ok' })
    const broken = { type: 'image_url', image_url: { url: 'data:image/png;base64,aGVsbG8=' } }
    const before = fake.requests.length
    const reply = await ask(CHAT, caller, ['claude-sonnet-5', 'gpt-4o'], false, {
      messages: [{ role: 'user', content: [broken] }],
    })
    expect([reply.status, reply.headers.get('x-uniroute-provider')]).toEqual([400, 'anthropic'])
    expect(fake.requests.length - before).toBe(1)
    fake.forget()
  })

  test.each([
    ['no list', { models: 'gpt-4o' }, {}],
    ['nothing in it', { models: [] }, {}],
    ['an empty name', { models: ['gpt-4o', ''] }, {}],
    ['a number', { models: [4] }, {}],
    ['too many', { models: Array.from({ length: 11 }, (_, index) => `gpt-${index}`) }, {}],
    ['twice', { models: ['gpt-4o'] }, { 'x-uniroute-models': 'gpt-4o' }],
    ['a key', { models: [createFakeKey('openai')] }, {}],
  ])('%s: refused in words that help, and nothing is sent', async (_name, fields, headers) => {
    const caller = await callerWith({ openai: 'ok' })
    const before = fake.requests.length
    const body = { ...CHAT.body('Hi', 'gpt-4o', false), ...fields }
    const reply = await app.call('POST', CHAT.path('', false), { token: caller.apiKey, body, headers })
    expect([reply.status, reply.body.error.message]).toEqual([
      400,
      expect.stringMatching(/Send one|names 1 to 10|keys in/),
    ])
    expect(reply.text).not.toContain('CANARY')
    expect(fake.requests.length).toBe(before)
  })
})

describe('what is relayed', () => {
  test.each([
    [
      '{"models":["gpt-4o","gpt-4o-mini"] , "model" : "gpt-4o","messages":[{"role":"user","content":"a\\u0062"}],"seed":12345678901234567890}',
      '{"model" : "gpt-4o","messages":[{"role":"user","content":"a\\u0062"}],"seed":12345678901234567890}',
    ],
    [
      '{"model":"gpt-4o","messages":[{"role":"user","content":"models"}] , "models" :["gpt-4o"] }',
      '{"model":"gpt-4o","messages":[{"role":"user","content":"models"}]  }',
    ],
    [
      '{ "messages":[{"role":"user","content":"Hi"}],"models":["openai/gpt-4o","gpt-4o-mini"]}',
      '{ "messages":[{"role":"user","content":"Hi"}],"model":"gpt-4o"}',
    ],
  ])('is the body without the list, otherwise byte for byte', async (raw, sent) => {
    const key = createFakeKey('openai')
    const caller = await app.createCaller({ keys: { openai: key } })
    const headers = { 'content-type': 'application/json' }
    const reply = await app.call('POST', CHAT.path('', false), { token: caller.apiKey, raw, headers })
    expect([reply.status, reply.headers.get('x-uniroute-warnings')]).toEqual([200, null])
    expect(fake.requestsOf(key)[0]!.rawBody.toString()).toBe(sent)
  })

  test('a second model of the same provider stands in the place of the first, and of nothing else', async () => {
    const key = createFakeKey('anthropic')
    fake.behave(key, (_call, { model }) => (model === 'claude-sonnet-5' ? 'forbidden-model' : undefined))
    const caller = await app.createCaller({ keys: { anthropic: key } })
    const reply = await ask(MESSAGES, caller, ['claude-sonnet-5', 'claude-haiku-4-5'])
    expect([reply.status, reply.body.model]).toEqual([200, 'claude-haiku-4-5'])
    const [first, second] = sentWith(key)
    expect(second).toEqual({ ...first, model: 'claude-haiku-4-5' })
    expect(first).not.toHaveProperty('models')
  })
})

describe('a translated answer', () => {
  test('names the model that served as the list has it', async () => {
    const caller = await callerWith({ openai: 'invalid', anthropic: 'ok' })
    const reply = await ask(CHAT, caller, ['gpt-4o', 'anthropic/claude-sonnet-5'])
    expect(reply.body.model).toBe('anthropic/claude-sonnet-5')
    expect(reply.headers.get('x-uniroute-model')).toBe('claude-sonnet-5')
  })
})

describe('bounds', () => {
  test('at most three providers are called; one without any key counts for nothing', async () => {
    const four = ['gpt-4o', 'claude-sonnet-5', 'gemini-3.5-flash', 'lab/llama']
    const labKey = createFakeKey('compat')
    const rejected = (['openai', 'anthropic', 'google'] as const).map((vendor) => [
      vendor,
      createFakeKey(vendor, 'invalid'),
    ])
    const caller = await app.createCaller({ keys: { ...Object.fromEntries(rejected), lab: labKey } })
    const reply = await ask(CHAT, caller, four)
    expect([reply.status, reply.headers.get('x-uniroute-provider')]).toEqual([424, 'openai'])
    expect(reply.headers.get('x-uniroute-attempts')).toBe('3')
    expect(fake.requestsOf(labKey)).toHaveLength(0)
    const other = await app.createCaller({ keys: { openai: createFakeKey('openai', 'invalid'), lab: labKey } })
    expect((await ask(CHAT, other, four)).headers.get('x-uniroute-provider')).toBe('lab')
  })

  test('at most six calls for all models together', async () => {
    const key = createFakeKey('openai', 'forbidden-model')
    const caller = await app.createCaller({ keys: { openai: key, anthropic: createFakeKey('anthropic') } })
    const models = Array.from({ length: 7 }, (_, index) => `gpt-5-of-its-own-${index}`)
    const reply = await ask(CHAT, caller, [...models, 'claude-sonnet-5'])
    expect([reply.status, reply.headers.get('x-uniroute-attempts')]).toEqual([403, '6'])
    expect(fake.requestsOf(key)).toHaveLength(6)
    expect(reply.headers.get('x-uniroute-model')).toBe(models[0])
  })
})

describe('which refusal is told', () => {
  test.each([
    ['the first, where all are lasting', { openai: 'quota', anthropic: 'invalid' }, 402, 'openai'],
    ['one that passes, where the first does not', { openai: 'invalid', anthropic: 'ratelimit' }, 429, 'anthropic'],
    ['the first of those that pass', { openai: 'ratelimit', anthropic: 'down503' }, 429, 'openai'],
  ])('%s', async (_name, scenarios, status, provider) => {
    const caller = await callerWith(scenarios)
    const reply = await ask(CHAT, caller, ['gpt-4o', 'claude-sonnet-5'])
    expect([reply.status, reply.headers.get('x-uniroute-provider')]).toEqual([status, provider])
    const receipt = await app.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
    expect(receipt).toMatchObject({ provider, status })
    expect(triesOf(receipt)).toHaveLength(Number(reply.headers.get('x-uniroute-attempts')))
    expect(new Set(receipt.attempts.map((attempt: Json) => attempt.provider))).toEqual(new Set(['openai', 'anthropic']))
  })
})

describe('what passes a model over', () => {
  const PICTURE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${PICTURE}` } }

  test('pictures, where it cannot look at them', async () => {
    const caller = await callerWith({ openai: 'ok', anthropic: 'ok' })
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, picture] }]
    const reply = await ask(CHAT, caller, ['o3-mini', 'claude-sonnet-5'], false, { messages })
    expect([reply.status, reply.headers.get('x-uniroute-model')]).toEqual([200, 'claude-sonnet-5'])
    expect(reply.headers.get('x-uniroute-attempts')).toBe('1')
    const blind = await ask(CHAT, caller, ['o3-mini', 'gpt-3.5-turbo'], false, { messages })
    expect([blind.status, blind.body.error.message]).toEqual([400, expect.stringContaining('images')])
  })

  test('what the API key may not use', async () => {
    const user = await callerWith({ openai: 'ok', anthropic: 'ok' })
    const { key } = await app.createApiKey(user.token, { allowed_models: ['claude-*'] })
    const reply = await ask(CHAT, { ...user, apiKey: key }, ['gpt-4o', 'claude-sonnet-5'])
    expect([reply.status, reply.headers.get('x-uniroute-model')]).toEqual([200, 'claude-sonnet-5'])
    expect((await ask(CHAT, { ...user, apiKey: key }, ['gpt-4o', 'o3'])).status).toBe(403)
  })

  test('things stored with the first model', async () => {
    const key = createFakeKey('openai')
    fake.behave(key, (_call, { model }) => (model === 'gpt-5' ? 'down503' : undefined))
    const caller = await app.createCaller({ keys: { openai: key } })
    const models = ['gpt-5', 'gpt-5-mini']
    expect((await ask(RESPONSES, caller, models)).headers.get('x-uniroute-model')).toBe('gpt-5-mini')
    const before = fake.requests.length
    const reply = await ask(RESPONSES, caller, models, false, { previous_response_id: 'resp_0123456789abcdef' })
    expect([reply.status, reply.headers.get('x-uniroute-model')]).toEqual([503, 'gpt-5'])
    expect(fake.requests.slice(before).map(({ model }) => model)).not.toContain('gpt-5-mini')
  })
})

describe('the explanation', () => {
  const SITUATIONS: [string, Partial<Record<Vendor, string>>, Record<string, string>, string[]][] = [
    ['all is well', { openai: 'ok', anthropic: 'ok' }, {}, ['gpt-4o', 'claude-sonnet-5']],
    ['the first is down', { openai: 'down500', anthropic: 'ok' }, { openai: '5xx' }, ['gpt-4o', 'claude-sonnet-5']],
    ['the first is rejected', { openai: 'invalid', anthropic: 'ok' }, { openai: '401' }, ['gpt-4o', 'claude-sonnet-5']],
    [
      'both are',
      { openai: 'invalid', anthropic: 'invalid' },
      { openai: '401', anthropic: '401' },
      ['gpt-4o', 'claude-sonnet-5'],
    ],
    [
      'the second waits',
      { openai: 'quota', anthropic: 'ratelimit' },
      { openai: 'quota', anthropic: '429' },
      ['gpt-4o', 'claude-sonnet-5'],
    ],
    ['no key for the first', { anthropic: 'ok' }, {}, ['gpt-4o', 'claude-sonnet-5']],
    ['no key for any', { google: 'ok' }, {}, ['gpt-4o', 'claude-sonnet-5']],
    [
      'three of them',
      { openai: 'down500', anthropic: 'quota', google: 'ok' },
      { openai: '5xx', anthropic: 'quota' },
      ['gpt-4o', 'claude-sonnet-5', 'gemini-3.5-flash'],
    ],
  ]
  test.each(SITUATIONS)('tells what then happens: %s', async (_name, scenarios, failing, models) => {
    const caller = await callerWith(scenarios)
    const simulate = Object.fromEntries(
      Object.entries(failing).map(([vendor, answer]) => [caller.providerKeyIds[vendor]![0], answer]),
    )
    const body = { ...CHAT.body('Hi', models[0]!, false), models }
    const before = fake.requests.length
    const explained = await app.call('POST', '/v1/route/explain', { token: caller.apiKey, body: { ...body, simulate } })
    expect([explained.status, explained.text]).toEqual([200, expect.any(String)])
    expect(fake.requests.length).toBe(before)
    const inOrder = [...new Set(explained.body.chain.map((step: Json) => step.model))]
    expect(inOrder).toEqual(models)
    const reply = await app.call('POST', CHAT.path('', false), { token: caller.apiKey, body })
    const isServed = reply.status === 200
    expect(explained.body.result).toEqual({
      decision: isServed ? 'serve' : 'refuse',
      provider: reply.headers.get('x-uniroute-provider'),
      model: reply.headers.get('x-uniroute-model'),
      billed_to: isServed ? reply.headers.get('x-uniroute-billed-to') : null,
      provider_key_id: isServed ? reply.headers.get('x-uniroute-key') : null,
      fallback: isServed ? reply.headers.get('x-uniroute-fallback') : null,
      status: reply.status,
      code: isServed ? null : reply.body.error.code,
    })
  })

  test('a key that the request names leaves only the models of its provider', async () => {
    const caller = await callerWith({ openai: 'ok', anthropic: 'ok' })
    const headers = { 'x-uniroute-key': caller.providerKeyIds['anthropic']![0]! }
    const body = { ...CHAT.body('Hi', 'gpt-4o', false), models: ['gpt-4o', 'claude-sonnet-5'] }
    const asked = { token: caller.apiKey, body, headers }
    const explained = await app.call('POST', '/v1/route/explain', asked)
    expect(new Set(explained.body.chain.map((step: Json) => step.model))).toEqual(new Set(['claude-sonnet-5']))
    const reply = await app.call('POST', CHAT.path('', false), asked)
    expect([reply.status, reply.headers.get('x-uniroute-model')]).toEqual([200, 'claude-sonnet-5'])
    const alone = await app.call('POST', '/v1/route/explain', { ...asked, body: CHAT.body('Hi', 'gpt-4o', false) })
    expect(alone.status).toBe(403)
  })

  test('passes over, with its keys, what the request cannot go to', async () => {
    const caller = await callerWith({ openai: 'ok', anthropic: 'ok' })
    const { key } = await app.createApiKey(caller.token, { allowed_models: ['claude-*'] })
    const body = { ...CHAT.body('Hi', 'gpt-4o', false), models: ['gpt-4o', 'claude-sonnet-5'] }
    const { chain, model } = (await app.call('POST', '/v1/route/explain', { token: key, body })).body
    expect(model).toBe('claude-sonnet-5')
    expect(chain.map((step: Json) => [step.model, step.billed_to, step.decision, step.reason])).toEqual([
      ['gpt-4o', 'user', 'skip', 'model_not_allowed'],
      ['gpt-4o', 'server', 'skip', 'model_not_allowed'],
      ['claude-sonnet-5', 'user', 'try', 'own_key'],
      ['claude-sonnet-5', 'server', 'skip', 'no_server_key'],
    ])
  })
})

describe('an alias with several targets', () => {
  const put = async (caller: Caller, name: string, body: object): Promise<void> => {
    const reply = await app.call('PUT', `/admin/aliases/${name}`, { token: caller.token, body })
    expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
  }
  const targets = [{ model: 'openai/gpt-4o' }, { model: 'anthropic/claude-sonnet-5' }]

  test.each(DIALECTS)(
    '%s: the second serves where the first cannot, and is named as what it is',
    async (_name, dialect) => {
      const caller = await callerWith({ openai: 'invalid', anthropic: 'ok' })
      await put(caller, 'either', { targets })
      for (const stream of [false, true]) {
        const reply = await ask(dialect, caller, ['either'], stream)
        expect([reply.status, reply.headers.get('x-uniroute-model')]).toEqual([200, 'claude-sonnet-5'])
        expect(dialect.readText(reply)).toContain('Hi')
        expect(reply.text).toContain('claude-sonnet-5')
        expect(reply.text).not.toContain('either')
        const receipt = await app.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
        expect(receipt).toMatchObject({ requested_model: 'either', model: 'claude-sonnet-5', provider: 'anthropic' })
      }
    },
  )

  test('the cheapest goes first, and an answer that is written anew names it', async () => {
    const caller = await callerWith({ openai: 'ok', anthropic: 'ok' })
    await put(caller, 'cheap', { targets: [{ model: 'claude-opus-4-5' }, { model: 'gpt-4o-mini' }], strategy: 'cost' })
    const reply = await ask(MESSAGES, caller, ['cheap'])
    expect([reply.status, reply.headers.get('x-uniroute-model'), reply.body.model]).toEqual([
      200,
      'gpt-4o-mini',
      'gpt-4o-mini',
    ])
  })

  test('weights spread conversations; each stays where it is', async () => {
    const caller = await callerWith({ openai: 'ok', anthropic: 'ok' })
    await put(caller, 'spread', { targets, strategy: 'weighted' })
    const models = new Set<string | null>()
    for (let index = 0; index < 12; index++) {
      const begin = [{ role: 'user', content: `Question ${index}` }]
      const first = await ask(CHAT, caller, ['spread'], false, { messages: begin })
      const messages = [...begin, { role: 'assistant', content: 'Answer' }, { role: 'user', content: 'More' }]
      const next = await ask(CHAT, caller, ['spread'], false, { messages })
      expect(next.headers.get('x-uniroute-model')).toBe(first.headers.get('x-uniroute-model'))
      models.add(next.headers.get('x-uniroute-model'))
    }
    expect(models.size).toBe(2)
  })

  test('after the first failed, a conversation goes on where it was served', async () => {
    const key = createFakeKey('openai')
    fake.behave(key, (_call, { body }) => (JSON.stringify(body).includes('A long story') ? 'down503' : undefined))
    const caller = await app.createCaller({ keys: { openai: key, anthropic: createFakeKey('anthropic') } })
    await put(caller, 'cheapest', {
      targets: [{ model: 'gpt-4o-mini' }, { model: 'claude-opus-4-5' }],
      strategy: 'cost',
    })
    const begin = [{ role: 'user', content: 'A long story' }]
    const first = await ask(CHAT, caller, ['cheapest'], false, { messages: begin })
    expect(first.headers.get('x-uniroute-model')).toBe('claude-opus-4-5')
    const messages = [...begin, { role: 'assistant', content: 'Once' }, { role: 'user', content: 'Go on' }]
    const next = await ask(CHAT, caller, ['cheapest'], false, { messages })
    expect(next.headers.get('x-uniroute-model')).toBe('claude-opus-4-5')
    const other = await ask(CHAT, caller, ['cheapest'], false, { messages: [{ role: 'user', content: 'Another' }] })
    expect(other.headers.get('x-uniroute-model')).toBe('gpt-4o-mini')
  })

  test('stands in lists for the first target that can be reached', async () => {
    const caller = await callerWith({ anthropic: 'ok' })
    await put(caller, 'listed', { targets })
    const { models } = (await app.call('GET', '/admin/models', { token: caller.token })).body
    const served = models.find((model: Json) => model.id === 'claude-sonnet-5')
    expect(served.aliases).toContain('listed')
  })

  test('an embedding never comes from another model', async () => {
    const caller = await callerWith({ openai: 'invalid', google: 'ok' })
    await put(caller, 'vectors', { targets: [{ model: 'text-embedding-3-small' }, { model: 'gemini-embedding-2' }] })
    const reply = await app.call('POST', '/v1/embeddings', {
      token: caller.apiKey,
      body: { model: 'vectors', input: 'x' },
    })
    expect([reply.status, reply.headers.get('x-uniroute-provider')]).toEqual([424, 'openai'])
  })

  test.each([
    [{}, /Send either/],
    [{ target: 'gpt-4o', targets }, /Send either/],
    [{ target: 'gpt-4o', strategy: 'cost' }, /for several targets/],
    [{ targets: [] }, /targets/],
    [{ targets, strategy: 'custom' }, /strategy/],
  ])('%j is refused in words that help', async (body, sentence) => {
    const { token } = await callerWith({})
    const reply = await app.call('PUT', '/admin/aliases/fine', { token, body })
    expect([reply.status, reply.text]).toEqual([400, expect.stringMatching(sentence)])
  })
})

describe('rules', () => {
  const putRouting = (token: string, body: object, path = '/admin/routing') => app.call('PUT', path, { token, body })
  const RULES = [
    { name: 'tools', when: { has_tools: true }, targets: [{ model: 'claude-sonnet-5' }] },
    { name: 'streams', when: { streamed: true, models: ['gpt-*'] }, targets: [{ model: 'gemini-3.5-flash' }] },
    {
      name: 'cheap',
      when: { models: ['openai/gpt-4*'] },
      targets: [{ model: 'gpt-4o' }, { model: 'gpt-4o-mini' }],
      strategy: 'cost',
    },
  ]
  const modelOf = (reply: Reply) => reply.headers.get('x-uniroute-model')

  test('the first that fits decides, for whoever made them alone, and only under `custom`', async () => {
    const caller = await callerWith({ openai: 'ok', anthropic: 'ok', google: 'ok' })
    const saved = await putRouting(caller.token, { strategy: 'custom', rules: RULES })
    expect([saved.status, saved.text]).toEqual([200, expect.any(String)])
    expect(saved.body.routing).toMatchObject({ source: 'own', effective: { strategy: 'custom' } })
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }]
    expect(modelOf(await ask(CHAT, caller, ['gpt-4o'], false, { tools }))).toBe('claude-sonnet-5')
    expect(modelOf(await ask(CHAT, caller, ['gpt-4o'], true))).toBe('gemini-3.5-flash')
    expect(modelOf(await ask(CHAT, caller, ['gpt-4o']))).toBe('gpt-4o-mini')
    expect(modelOf(await ask(CHAT, caller, ['o3']))).toBe('o3')
    const other = await callerWith({ openai: 'ok' })
    expect(modelOf(await ask(CHAT, other, ['gpt-4o']))).toBe('gpt-4o')
    expect((await putRouting(caller.token, { strategy: 'priority', rules: RULES })).status).toBe(200)
    expect(modelOf(await ask(CHAT, caller, ['gpt-4o']))).toBe('gpt-4o')
  })

  test('they open no doors: allowed models are those of the real one', async () => {
    const user = await callerWith({ openai: 'ok', anthropic: 'ok' })
    const { key } = await app.createApiKey(user.token, { allowed_models: ['gpt-*'] })
    const rules = [{ name: 'x', targets: [{ model: 'claude-sonnet-5' }] }]
    expect((await putRouting(user.token, { strategy: 'custom', rules })).status).toBe(200)
    expect((await ask(CHAT, { ...user, apiKey: key }, ['gpt-4o'])).status).toBe(403)
  })

  test('a locked default holds for everybody until it is unlocked', async () => {
    const token = await app.login()
    const caller = await callerWith({ openai: 'ok', anthropic: 'ok' })
    const own = [{ name: 'own', when: { models: ['gpt-4o'] }, targets: [{ model: 'gpt-4o-mini' }] }]
    expect((await putRouting(caller.token, { strategy: 'custom', rules: own })).status).toBe(200)
    const rules = [{ name: 'all', when: { models: ['gpt-4o'] }, targets: [{ model: 'claude-sonnet-5' }] }]
    const path = '/admin/routing/default'
    expect((await putRouting(caller.token, { strategy: 'custom', rules }, path)).status).toBe(403)
    const locked = await putRouting(token, { strategy: 'custom', rules, locked: true }, path)
    expect([locked.status, locked.body.routing?.locked]).toEqual([200, true])
    try {
      expect(modelOf(await ask(CHAT, caller, ['gpt-4o']))).toBe('claude-sonnet-5')
      const refused = await putRouting(caller.token, { strategy: 'cost' })
      expect([refused.status, refused.body.error]).toEqual([403, expect.stringContaining('locked')])
      const view = (await app.call('GET', '/admin/routing', { token: caller.token })).body
      expect(view).toMatchObject({ source: 'default', locked: true, own: { strategy: 'custom' } })
      expect(view.strategies.map(({ id }: Json) => id)).toEqual(['priority', 'cost', 'latency', 'weighted', 'custom'])
    } finally {
      await putRouting(token, { strategy: 'priority' }, path)
    }
    expect(modelOf(await ask(CHAT, caller, ['gpt-4o']))).toBe('gpt-4o-mini')
    expect((await app.call('DELETE', '/admin/routing', { token: caller.token })).status).toBe(200)
    expect(modelOf(await ask(CHAT, caller, ['gpt-4o']))).toBe('gpt-4o')
  })

  test('the explanation knows them', async () => {
    const caller = await callerWith({ openai: 'invalid', anthropic: 'ok' })
    const rules = [
      { name: 'x', when: { models: ['fast'] }, targets: [{ model: 'gpt-4o' }, { model: 'claude-sonnet-5' }] },
    ]
    await putRouting(caller.token, { strategy: 'custom', rules })
    const body = CHAT.body('Hi', 'fast', false)
    const simulate = { [caller.providerKeyIds['openai']![0]!]: '401' }
    const explained = await app.call('POST', '/v1/route/explain', { token: caller.apiKey, body: { ...body, simulate } })
    expect(explained.body.result).toMatchObject({ decision: 'serve', provider: 'anthropic', model: 'claude-sonnet-5' })
    const reply = await ask(CHAT, caller, ['fast'])
    expect([reply.status, modelOf(reply)]).toEqual([200, 'claude-sonnet-5'])
  })
})
