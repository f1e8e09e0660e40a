// Pictures and files that a request names by their address, for models that want the bytes: fetched once, within
// limits, never from where only the server itself can reach, and refused in the client's dialect where that fails. The
// file server is a real one, which the operator of this UniRoute named as his own.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider, type ReplayAnswer } from '../fake-provider/fake-provider.ts'
import { expectError } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { jsonAnswer } from '../support/scripted-answers.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex')
const PDF = Buffer.from('%PDF-1.7\n%fake\n')
const WAV = Buffer.from('RIFF\x24\x00\x00\x00WAVEfmt ', 'latin1')
const SECRET = 'what-only-the-file-server-knows'

type Serve = (response: ServerResponse, request: IncomingMessage) => void
const send =
  (status: number, headers: Record<string, string>, body: Buffer | string): Serve =>
  (response) =>
    void response.writeHead(status, headers).end(body)

let elsewhere = ''
const FILES: Readonly<Record<string, Serve>> = {
  '/cat.png': send(200, { 'content-type': 'image/png' }, PNG),
  // The bytes tell, whatever the server says.
  '/liar': send(200, { 'content-type': 'text/plain' }, PNG),
  '/paper.pdf': send(200, { 'content-type': 'application/octet-stream' }, PDF),
  '/notes.txt': send(200, { 'content-type': 'text/plain; charset=utf-8' }, 'Some notes.'),
  '/sound.wav': send(200, { 'content-type': 'audio/x-wav' }, WAV),
  '/page': send(200, { 'content-type': 'image/png' }, `<!doctype html><p>${SECRET}</p>`),
  '/gone': send(404, { 'content-type': 'text/plain' }, SECRET),
  '/huge': (response) => {
    response.writeHead(200, { 'content-type': 'image/png' })
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
    }
    response.on('drain', more)
    more()
  },
  '/never': () => undefined,
  '/moved': (response) => void response.writeHead(302, { location: '/cat.png' }).end(SECRET),
  '/round': (response) => void response.writeHead(302, { location: '/round' }).end(),
  '/inside': (response) => void response.writeHead(302, { location: `${elsewhere}/cat.png` }).end(),
}

const asked: IncomingMessage[] = []
const listen = async (server: ReturnType<typeof createServer>): Promise<string> => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const files = createServer((request, response) => {
  asked.push(request)
  ;(FILES[request.url!.split('?')[0]!] ?? FILES['/gone']!)(response, request)
})
/** On the same machine, but not named by the operator. */
const hidden = createServer((request, response) => {
  asked.push(request)
  response.end(PNG)
})

let at = ''
let fake: FakeProvider
let app: InProcessApp
let caller: Caller
const folder = mkdtempSync(join(tmpdir(), 'uniroute-media-'))
const scripted: ReplayAnswer[] = []
const keys = { openai: createFakeKey('openai'), anthropic: createFakeKey('anthropic'), google: createFakeKey('google') }
const start = (env: Record<string, string>): Promise<InProcessApp> => {
  const providers = join(folder, 'providers.json')
  const entry = { id: 'compat', name: 'compat', base_url: fake.urlOf('compat'), api_key_env: 'COMPAT_API_KEY' }
  writeFileSync(providers, JSON.stringify([entry]))
  return startInProcess({ fake, env: { PROVIDERS_FILE: providers, COMPAT_API_KEY: createFakeKey('compat'), ...env } })
}
beforeAll(async () => {
  at = await listen(files)
  elsewhere = await listen(hidden)
  fake = await startFakeProvider({ replay: ({ method }) => (method === 'POST' ? scripted.shift() : undefined) })
  app = await start({ MEDIA_FETCH_ORIGINS: at, MEDIA_FETCH_MAX_MB: '1', MEDIA_FETCH_SECONDS: '1' })
  caller = await app.createCaller({ keys })
})
afterEach(() => {
  asked.length = 0
  scripted.length = 0
  expect(fake.violations()).toEqual([])
  fake.forget()
})
afterAll(async () => {
  await app?.close()
  await fake?.close()
  for (const server of [files, hidden]) {
    server.closeAllConnections()
    server.close()
  }
  rmSync(folder, { recursive: true, force: true })
})

const GEMINI = 'gemini-3.5-flash'
const COMPAT = 'compat/llama-3.3-70b'
const CLAUDE = 'claude-sonnet-5'
const image = (url: string): Json => ({ type: 'image_url', image_url: { url } })
const chat = (model: string, ...parts: Json[]): [string, Json] => [
  '/v1/chat/completions',
  { model, messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, ...parts] }] },
]
const messages = (model: string, ...parts: Json[]): [string, Json] => [
  '/v1/messages',
  { model, max_tokens: 99, messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, ...parts] }] },
]
const responses = (model: string, ...parts: Json[]): [string, Json] => [
  '/v1/responses',
  { model, store: false, input: [{ role: 'user', content: [{ type: 'input_text', text: 'What is it?' }, ...parts] }] },
]
const ask = ([path, body]: [string, Json], by: Caller = caller, gateway: InProcessApp = app): Promise<Reply> =>
  gateway.call('POST', path, { token: by.apiKey, body })
const served = async (request: [string, Json]): Promise<Json> => {
  const reply = await ask(request)
  expect([reply.status, reply.text.slice(0, 300)]).toEqual([200, expect.any(String)])
  return fake.requests.findLast(({ method }) => method === 'POST')!.body
}
const partsAt = (body: Json): Json[] => body.contents.flatMap(({ parts }: Json) => parts)
const inline = (mimeType: string, bytes: Buffer): Json => ({
  inlineData: { mimeType, data: bytes.toString('base64') },
})

describe('for Gemini', () => {
  test.each<[string, () => [string, Json], Json]>([
    ['a picture of Chat', () => chat(GEMINI, image(`${at}/cat.png?token=1`)), inline('image/png', PNG)],
    ['a picture whose server lies', () => chat(GEMINI, image(`${at}/liar`)), inline('image/png', PNG)],
    ['a picture that has moved', () => chat(GEMINI, image(`${at}/moved`)), inline('image/png', PNG)],
    ['a picture that is a PDF', () => chat(GEMINI, image(`${at}/paper.pdf`)), inline('application/pdf', PDF)],
    [
      'a picture of Messages',
      () => messages(GEMINI, { type: 'image', source: { type: 'url', url: `${at}/cat.png` } }),
      inline('image/png', PNG),
    ],
    [
      'a document of Messages',
      () => messages(GEMINI, { type: 'document', source: { type: 'url', url: `${at}/paper.pdf` } }),
      inline('application/pdf', PDF),
    ],
    [
      'a file of Responses',
      () => responses(GEMINI, { type: 'input_file', file_url: `${at}/paper.pdf` }),
      inline('application/pdf', PDF),
    ],
  ])('%s comes as bytes', async (_what, request, part) => {
    const body = await served(request())
    expect(partsAt(body)).toContainEqual(part)
    expect(JSON.stringify(body)).not.toContain(at)
    // No credential, no trace of who asks.
    const { headers } = asked[0]!
    expect(Object.keys(headers).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent'])
  })

  test('a picture in the result of a tool', async () => {
    const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }
    const call = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } }
    const said = [
      { role: 'user', content: 'Look.' },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c1', content: [image(`${at}/cat.png`)] },
    ]
    const body = await served(['/v1/chat/completions', { model: GEMINI, messages: said, tools: [tool] }])
    expect(JSON.stringify(body)).toContain(PNG.toString('base64'))
  })

  test('counting counts the bytes as well', async () => {
    const source = { type: 'url', url: `${at}/cat.png` }
    const content = [{ type: 'image', source }]
    const body = await served(['/v1/messages/count_tokens', { model: GEMINI, messages: [{ role: 'user', content }] }])
    expect(JSON.stringify(body)).toContain(PNG.toString('base64'))
  })

  test('the same address twice, and three keys in turn, are one fetch', async () => {
    const google = [createFakeKey('google', 'ratelimit'), createFakeKey('google', 'invalid'), createFakeKey('google')]
    const own = await app.createCaller({ keys: {} })
    for (const key of google) await app.addProviderKey(own.token, 'google', key)
    const reply = await ask(chat(GEMINI, image(`${at}/cat.png`), image(`${at}/cat.png`)), own)
    expect([reply.status, reply.headers.get('x-uniroute-attempts')]).toEqual([200, '3'])
    expect(asked).toHaveLength(1)
  })

  test('a video of YouTube stays an address', async () => {
    const part = { fileData: { fileUri: 'https://www.youtube.com/watch?v=1', mimeType: 'video/mp4' } }
    const contents = [{ role: 'user', parts: [{ text: 'What is it?' }, part] }]
    await served([`/v1beta/models/${GEMINI}:generateContent`, { contents }])
    expect(asked).toHaveLength(0)
  })
})

describe('for servers of the Chat dialect', () => {
  test('a document comes as a file, a sound as bytes, a text as text', async () => {
    const data = `data:application/pdf;base64,${PDF.toString('base64')}`
    const document = { type: 'document', source: { type: 'url', url: `${at}/paper.pdf` } }
    expect(JSON.stringify(await served(messages(COMPAT, document)))).toContain(`"file_data":"${data}"`)
    const notes = { type: 'input_file', file_url: `${at}/notes.txt` }
    expect(JSON.stringify(await served(responses('compat/llama', notes)))).toContain('Some notes.')
    const content = [{ type: 'audio_url', audio_url: { url: `${at}/sound.wav` } }]
    const body = await served(['/v1/chat', { model: COMPAT, messages: [{ role: 'user', content }] }])
    expect(JSON.stringify(body)).toContain(`"data":"${WAV.toString('base64')}"`)
  })

  test('a picture stays an address', async () => {
    const picture = { type: 'image', source: { type: 'url', url: `${at}/cat.png` } }
    expect(JSON.stringify(await served(messages(COMPAT, picture)))).toContain(`${at}/cat.png`)
    expect(asked).toHaveLength(0)
  })
})

test('for Anthropic pictures and PDFs stay addresses, and other files are read', async () => {
  const parts = [
    { type: 'input_image', image_url: `${at}/cat.png` },
    { type: 'input_file', file_url: `${at}/paper.pdf` },
    { type: 'input_file', file_url: `${at}/notes.txt` },
  ]
  const body = await served(responses(CLAUDE, ...parts))
  const sources = body.messages[0].content.flatMap(({ source }: Json) => source ?? [])
  expect(sources).toMatchObject([{ url: `${at}/cat.png` }, { url: `${at}/paper.pdf` }, { data: 'Some notes.' }])
  expect(asked.map(({ url }) => url)).toEqual(['/notes.txt'])
})

test('where nothing is translated nothing is fetched', async () => {
  await served(chat('gpt-4o', image(`${at}/cat.png`)))
  expect(asked).toHaveLength(0)
})

describe('is refused with 400, once, before a provider is asked:', () => {
  const refused = async (url: string, gateway = app, by = caller): Promise<string> => {
    const before = fake.requests.length
    const reply = await ask(chat(GEMINI, image(`${at}/cat.png`), image(url)), by, gateway)
    expectError('openai', reply, { status: 400, code: 'bad_request', source: 'gateway' })
    expect(fake.requests).toHaveLength(before)
    expect(reply.text).not.toContain(SECRET)
    return reply.body.error.message
  }

  test.each([
    ['what its server has not', () => `${at}/gone?token=hush`, /answered with status 404/],
    ['a page instead of a picture', () => `${at}/page`, /what stands there is text\/html/],
    ['a sound instead of a picture', () => `${at}/sound.wav`, /what stands there is audio\/wav/],
    ['what is too large', () => `${at}/huge`, /1 MB together/],
    ['what does not arrive', () => `${at}/never`, /within 1 seconds/],
    ['what leads in a circle', () => `${at}/round`, /too often/],
    ['plain http', () => `${elsewhere}/cat.png`, /begin with https/],
    ['a redirect to where nobody may go', () => `${at}/inside`, /begin with https/],
    ['a private address', () => 'https://127.0.0.1/cat.png', /public address/],
    ['a name of a private address', () => 'https://localhost/cat.png', /public address/],
    ['the cloud’s own address', () => 'https://169.254.169.254/latest/meta-data', /public address/],
    ['a mapped address', () => 'https://[::ffff:127.0.0.1]/cat.png', /public address/],
    ['a user name', () => 'https://me:hush@example.com/cat.png', /without a user name/],
    ['no address at all', () => 'cat.png', /begin with https/],
    ['another scheme', () => 'file:///etc/passwd', /begin with https/],
  ])('%s', async (_what, url, why) => {
    const message = await refused(url())
    expect(message).toMatch(why)
    expect(message).toMatch(/^The image at .*\(number 2 of 2 by address\).*base64/)
    expect(message).not.toContain('hush')
    expect(asked.map(({ headers }) => headers.host)).not.toContain(new URL(elsewhere).host)
  })

  test('in the words of every dialect', async () => {
    const source = { type: 'url', url: `${at}/gone` }
    const anthropic = await ask(messages(GEMINI, { type: 'image', source }))
    expectError('anthropic', anthropic, { status: 400, anthropicType: 'invalid_request_error', source: 'gateway' })
    const parts = [{ fileData: { fileUri: `${at}/gone`, mimeType: 'application/pdf' } }]
    const gemini = await ask([`/v1beta/models/${COMPAT}:generateContent`, { contents: [{ role: 'user', parts }] }])
    expectError('gemini', gemini, { status: 400, geminiStatus: 'INVALID_ARGUMENT', source: 'gateway' })
  })

  test('more files than are fetched for one request', async () => {
    const many = Array.from({ length: 33 }, (_, index) => image(`${at}/cat.png?${index}`))
    const reply = await ask(chat(GEMINI, ...many))
    expect([reply.status, reply.body.error.message]).toEqual([400, expect.stringContaining('at most 32')])
    expect(asked).toHaveLength(0)
  })

  test('everything, where the operator switched it off', async () => {
    const off = await start({ MEDIA_FETCH: 'off', MEDIA_FETCH_ORIGINS: at })
    try {
      expect(await refused(`${at}/cat.png`, off, await off.createCaller({ keys }))).toContain('fetches no files')
      expect(asked).toHaveLength(0)
    } finally {
      await off.close()
    }
  })
})

test('what is left of a refused request: no bytes held, and the key keeps serving', async () => {
  await ask(chat(GEMINI, image(`${at}/huge`)))
  expect((await ask(chat(GEMINI, image(`${at}/cat.png`)))).status).toBe(200)
})

test('a client that goes away ends the fetch', async () => {
  const closed = Promise.withResolvers<void>()
  const serve: Serve = (_response, request) => void request.socket.once('close', () => closed.resolve())
  const gone = new AbortController()
  files.once('request', (request: IncomingMessage, response: ServerResponse) => {
    serve(response, request)
    gone.abort()
  })
  const [path, body] = chat(GEMINI, image(`${at}/never`))
  await expect(app.call('POST', path, { token: caller.apiKey, body, signal: gone.signal })).rejects.toThrow()
  await closed.promise
})

test('a scripted refusal of the provider does not fetch again', async () => {
  scripted.push(jsonAnswer({ error: { code: 503, message: 'Overloaded', status: 'UNAVAILABLE' } }, 503))
  const reply = await ask(chat(GEMINI, image(`${at}/cat.png`)))
  expect([reply.status, reply.headers.get('x-uniroute-attempts')]).toEqual([200, '2'])
  expect(asked).toHaveLength(1)
})
