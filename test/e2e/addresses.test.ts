// Under which addresses a dialect is reached: what clients get wrong about base URLs is tolerated, and asking what is
// there needs no key.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { sendRaw } from '../support/raw-http.ts'
import type { Caller, Json } from '../support/uniroute-client.ts'

let fake: FakeProvider
let app: InProcessApp
let caller: Caller
beforeAll(async () => {
  fake = await startFakeProvider()
  app = await startInProcess({ fake })
  const keys = Object.fromEntries((['openai', 'anthropic', 'google'] as const).map((id) => [id, createFakeKey(id)]))
  caller = await app.createCaller({ keys })
})
afterEach(() => {
  const wrong = [...fake.violations(), ...fake.complaints()]
  fake.forget()
  expect(wrong).toEqual([])
})
afterAll(async () => {
  await app?.close()
  await fake?.close()
})

const messages = [{ role: 'user', content: 'hello' }]
const contents = [{ role: 'user', parts: [{ text: 'hello' }] }]
const BODIES: Readonly<Record<string, Json>> = {
  '/v1/chat/completions': { model: 'gpt-4o', messages },
  '/v1/responses': { model: 'gpt-5', input: 'hello', store: false },
  '/v1/embeddings': { model: 'text-embedding-3-small', input: 'hello' },
  '/v1/messages': { model: 'claude-sonnet-5', max_tokens: 99, messages },
  '/v1/messages/count_tokens': { model: 'claude-sonnet-5', messages },
}
const MOUNTS: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'openai',
  '/v1/responses': 'openai',
  '/v1/embeddings': 'openai',
  '/v1/messages': 'anthropic',
  '/v1/messages/count_tokens': 'anthropic',
}

const SPELLINGS = Object.keys(BODIES).flatMap((path) =>
  [path, `${path}/`, `/v1${path}`, `/${MOUNTS[path]}${path}`, `/${MOUNTS[path]}/v1${path}/`].map((spelling) => [
    spelling,
    path,
  ]),
)

test.each(SPELLINGS)('%s is served as %s', async (spelling, path) => {
  const reply = await app.call('POST', spelling!, { token: caller.apiKey, body: BODIES[path!] })
  expect([reply.status, reply.text.slice(0, 200)]).toEqual([200, expect.any(String)])
  expect(fake.requests.at(-1)!.path).toBe(path)
})

describe('Gemini’s addresses', () => {
  const generate = 'generateContent'
  test.each([
    [`/v1beta/models/gemini-3.5-flash:${generate}`, '/v1beta/models/gemini-3.5-flash'],
    [`/v1/models/gemini-3.5-flash:${generate}`, '/v1/models/gemini-3.5-flash'],
    [`/gemini/v1beta/models/gemini-3.5-flash:${generate}`, '/v1beta/models/gemini-3.5-flash'],
    [`/gemini/v1/models/gemini-3.5-flash:${generate}/`, '/v1/models/gemini-3.5-flash'],
    [`/v1beta/models/google/gemini-3.5-flash:${generate}`, '/v1beta/models/gemini-3.5-flash'],
    [`/v1beta/models/google%2Fgemini-3.5-flash:${generate}`, '/v1beta/models/gemini-3.5-flash'],
    [`/v1beta/models/google%2fgemini%2D3.5-flash:${generate}`, '/v1beta/models/gemini-3.5-flash'],
    // A colon of the name’s own is no verb.
    [`/v1beta/models/google/gemini-3.5-flash%3Atuned:${generate}`, '/v1beta/models/gemini-3.5-flash%3Atuned'],
  ])('%s', async (path, upstream) => {
    const reply = await app.call('POST', path, { token: caller.apiKey, body: { contents } })
    expect([reply.status, reply.text.slice(0, 200)]).toEqual([200, expect.any(String)])
    expect(fake.requests.at(-1)!.path).toBe(`${upstream}:${generate}`)
  })

  test.each([
    ['streamGenerateContent', { contents }],
    ['countTokens', { contents }],
    ['embedContent', { content: contents[0] }],
    ['batchEmbedContents', { requests: [{ content: contents[0] }] }],
  ])('the verb %s stands behind a name with a slash', async (verb, body) => {
    const reply = await app.call('POST', `/gemini/v1beta/models/google/gemini-embedding-2:${verb}`, {
      token: caller.apiKey,
      body,
    })
    expect([reply.status, reply.text.slice(0, 200)]).toEqual([200, expect.any(String)])
    expect(fake.requests.at(-1)!.path).toMatch(/\/models\/gemini-embedding-2:/)
  })

  test('one model is found under its name, encoded or not', async () => {
    for (const path of ['/v1/models/openai/gpt-5', '/v1/models/openai%2Fgpt-5', '/openai/v1/models/gpt-5/']) {
      const reply = await app.call('GET', path, { token: caller.apiKey })
      expect([path, reply.status, reply.body.id]).toEqual([path, 200, expect.stringContaining('gpt-5')])
    }
  })
})

describe('what is not there', () => {
  test.each([
    ['POST', '/openai/v1/messages', 404],
    ['POST', '/anthropic/v1/chat/completions', 404],
    ['POST', '/v1/v1/v1/chat/completions', 404],
    ['POST', '/v1/chat/completions//', 400],
    ['PUT', '/v1/messages', 405],
  ])('%s %s is %i', async (method, path, status) => {
    const reply = await app.call(method, path, { token: caller.apiKey, body: {} })
    expect(reply.status).toBe(status)
    expect(reply.headers.get('x-request-id')).toMatch(/^req_/)
  })
})

describe('without a key', () => {
  const CORS = /^access-control-/

  test('HEAD / is 200', async () => {
    const reply = await app.call('HEAD', '/')
    expect([reply.status, reply.text]).toEqual([200, ''])
  })

  test.each([...Object.keys(BODIES), '/openai/v1/responses', '/v1beta/models/gemini-3.5-flash:generateContent', '/'])(
    'OPTIONS %s is 204 and opens nothing to other origins',
    async (path) => {
      const preflight = {
        origin: 'https://elsewhere.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      }
      const reply = await app.call('OPTIONS', path, { headers: preflight })
      expect([reply.status, reply.text, reply.headers.get('allow')]).toEqual([
        204,
        '',
        expect.stringContaining('OPTIONS'),
      ])
      expect([...reply.headers.keys()].filter((name) => CORS.test(name))).toEqual([])
    },
  )

  test('an answer to another origin carries no leave for it either', async () => {
    const reply = await app.call('POST', '/v1/chat/completions', {
      token: caller.apiKey,
      headers: { origin: 'https://elsewhere.example' },
      body: BODIES['/v1/chat/completions'],
    })
    expect(reply.status).toBe(200)
    expect([...reply.headers.keys()].filter((name) => CORS.test(name))).toEqual([])
  })

  test.each(['/v1/responses', '/openai/v1/responses', '/v1/v1/responses/'])(
    'a WebSocket at %s is told to use POST: 426',
    async (path) => {
      const answer = await sendRaw(
        app.port,
        `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${app.port}\r\nauthorization: Bearer ${caller.apiKey}\r\n` +
          'connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
          'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      )
      expect([answer.status, answer.headers['upgrade'], answer.closed]).toEqual([426, 'HTTP/1.1', true])
      expect(answer.body).toContain('POST')
    },
  )
})
