// Files, batches, stored answers, images, sound: the bytes arrive as they were sent, on the caller's own key and no
// other.
import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider, type RecordedRequest } from '../fake-provider/fake-provider.ts'
import type { Caller, Json } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const operator = {
  openai: createFakeKey('openai', 'operator'),
  anthropic: createFakeKey('anthropic', 'operator'),
  google: createFakeKey('google', 'operator'),
}
const aliceKeys = {
  openai: createFakeKey('openai', 'alice'),
  anthropic: createFakeKey('anthropic', 'alice'),
  google: createFakeKey('google', 'alice'),
}
const bobKeys = {
  openai: createFakeKey('openai', 'bob'),
  anthropic: createFakeKey('anthropic', 'bob'),
  google: createFakeKey('google', 'bob'),
}

let fake: FakeProvider
let uniroute: UniRoute
let alice: Caller
let bob: Caller
let nobody: Caller
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake, serverKeys: operator })
  alice = await uniroute.createCaller({ keys: aliceKeys })
  bob = await uniroute.createCaller({ keys: bobKeys })
  nobody = await uniroute.createCaller()
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})
afterEach(() => {
  const withServerKey = fake.requests.filter(({ key }) => Object.values(operator).includes(key))
  const violations = fake.violations()
  fake.forget()
  expect(withServerKey.map(({ method, path }) => `${method} ${path}`)).toEqual([])
  expect(violations).toEqual([])
})

type Vendor = 'openai' | 'anthropic' | 'google'

const auth = (vendor: Vendor, apiKey: string): Record<string, string> => {
  if (vendor === 'anthropic') return { 'x-api-key': apiKey, 'anthropic-version': '2023-06-01' }
  return vendor === 'google' ? { 'x-goog-api-key': apiKey } : { authorization: `Bearer ${apiKey}` }
}

interface Sent {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  readonly json: Json
}

async function send(
  vendor: Vendor,
  apiKey: string,
  method: string,
  path: string,
  options: { body?: Json; headers?: Record<string, string> } = {},
): Promise<Sent> {
  const { body } = options
  const raw = body === undefined || body instanceof FormData || body instanceof Uint8Array
  const response = await uniroute.recordingFetch(path.startsWith('http') ? path : uniroute.url + path, {
    method,
    headers: {
      ...auth(vendor, apiKey),
      ...(raw ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: raw ? (body as FormData) : JSON.stringify(body) }),
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  let json: Json
  try {
    json = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return { status: response.status, headers: response.headers, bytes, json }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const last = (): RecordedRequest => fake.requests.at(-1)!

function formWith(bytes: Buffer, fields: Record<string, string>, name = 'data.bin'): FormData {
  const form = new FormData()
  for (const [field, value] of Object.entries(fields)) form.append(field, value)
  form.append('file', new Blob([new Uint8Array(bytes)], { type: 'application/octet-stream' }), name)
  return form
}

async function uploadToOpenai(caller: Caller, bytes: Buffer, headers: Record<string, string> = {}): Promise<Sent> {
  return send('openai', caller.apiKey, 'POST', '/v1/files', { body: formWith(bytes, { purpose: 'batch' }), headers })
}

describe('OpenAI', () => {
  test('a file goes up, is listed, comes down and is deleted, byte for byte, on the caller’s own key', async () => {
    const bytes = randomBytes(3_000_000)
    const up = await uploadToOpenai(alice, bytes)
    expect([up.status, up.json?.bytes]).toEqual([200, bytes.length])
    expect(up.headers.get('x-uniroute-billed-to')).toBe('user')
    expect(up.headers.get('x-uniroute-key')).toBe(alice.providerKeyIds['openai']![0])
    expect(last().headers.find(([name]) => name === 'content-type')?.[1]).toMatch(/^multipart\/form-data; boundary=/)
    const { id } = up.json
    const listed = await send('openai', alice.apiKey, 'GET', '/v1/files?limit=2&order=asc&access_token=nonsense')
    expect(listed.json.data.map((file: Json) => file.id)).toEqual([id])
    expect([...last().query]).toEqual([
      ['limit', '2'],
      ['order', 'asc'],
    ])
    const down = await send('openai', alice.apiKey, 'GET', `/v1/files/${id}/content`)
    expect(sha256(down.bytes)).toBe(sha256(bytes))
    expect(down.headers.get('content-length')).toBe(String(bytes.length))
    const gone = await send('openai', alice.apiKey, 'DELETE', `/openai/v1/files/${id}`, { body: {} })
    expect(gone.json).toEqual({ id, object: 'file', deleted: true })
    expect([last().method, last().rawBody.length]).toEqual(['DELETE', 0])
    const missing = await send('openai', alice.apiKey, 'GET', `/v1/files/${id}`)
    expect([missing.status, missing.json.error.message]).toEqual([404, `No such thing: ${id}`])
    expect(missing.headers.get('x-uniroute-error-source')).toBe('upstream')
    expect(new Set(fake.requests.map(({ key }) => key))).toEqual(new Set([aliceKeys.openai]))
  })

  test('a batch, an answer that was stored, a picture, a voice and what was heard', async () => {
    const file = await uploadToOpenai(alice, Buffer.from('{}\n'))
    const made = { input_file_id: file.json.id, endpoint: '/v1/responses', completion_window: '24h' }
    const batch = await send('openai', alice.apiKey, 'POST', '/v1/batches', { body: made })
    expect(batch.json).toMatchObject({ object: 'batch', ...made })
    const cancelled = await send('openai', alice.apiKey, 'POST', `/v1/batches/${batch.json.id}/cancel`)
    expect(cancelled.json.id).toBe(batch.json.id)
    const answer = await send('openai', alice.apiKey, 'POST', '/v1/responses', {
      body: { model: 'gpt-5', input: 'hello' },
    })
    const again = await send('openai', alice.apiKey, 'GET', `/v1/responses/${answer.json.id}`)
    expect(again.json).toEqual(answer.json)
    const body = { model: 'openai/gpt-image-1', prompt: 'a cat', big: 12345678901234567890n.toString() }
    const picture = await send('openai', alice.apiKey, 'POST', '/v1/images/generations', { body })
    expect(picture.headers.get('x-uniroute-model')).toBe('gpt-image-1')
    expect(last().rawBody.toString()).toBe(JSON.stringify({ ...body, model: 'gpt-image-1' }))
    const said = await send('openai', alice.apiKey, 'POST', '/v1/audio/speech', {
      body: { model: 'tts-1', input: 'hi', voice: 'alloy' },
    })
    expect(said.bytes).toEqual(Buffer.from([0, 0xff, 0x68, 0x69, 0xfe]))
    const form = formWith(Buffer.alloc(1000, 7), { model: 'openai/whisper-1' }, 'talk.mp3')
    const heard = await send('openai', alice.apiKey, 'POST', '/v1/audio/transcriptions', { body: form })
    expect(heard.json.text).toBe('whisper-1 heard 1000 bytes of talk.mp3')
  })

  test('a page that somebody uploaded never runs as one of ours', async () => {
    const page = Buffer.from('<script>fetch("/auth/refresh", {method: "POST"})</script>')
    const form = new FormData()
    form.append('file', new Blob([new Uint8Array(page)], { type: 'text/html' }), 'page.html')
    const up = await send('anthropic', alice.apiKey, 'POST', '/anthropic/v1/files', { body: form })
    const path = `/anthropic/v1/files/${up.json.id}/content?key=${alice.apiKey}`
    const down = await fetch(uniroute.url + path, { headers: { accept: 'text/html' } })
    expect(Buffer.from(await down.arrayBuffer())).toEqual(page)
    expect(down.headers.get('content-disposition')).toBe('attachment')
    expect(down.headers.get('content-security-policy')).toContain('sandbox')
    expect(down.headers.get('x-content-type-options')).toBe('nosniff')
  })
})

describe('Anthropic', () => {
  test('files at the address it shares with OpenAI, by its version header', async () => {
    const bytes = randomBytes(70_000)
    const headers = { 'anthropic-beta': 'files-api-2025-04-14' }
    const up = await send('anthropic', alice.apiKey, 'POST', '/v1/files?beta=true', {
      body: formWith(bytes, {}),
      headers,
    })
    expect(up.json).toMatchObject({ type: 'file', size_bytes: bytes.length })
    expect([last().vendor, last().query.get('beta'), last().key]).toEqual(['anthropic', 'true', aliceKeys.anthropic])
    expect(last().headers).toContainEqual(['anthropic-beta', 'files-api-2025-04-14'])
    const down = await send('anthropic', alice.apiKey, 'GET', `/v1/files/${up.json.id}/content`)
    expect(sha256(down.bytes)).toBe(sha256(bytes))
    const listed = await send('anthropic', alice.apiKey, 'GET', '/v1/files')
    expect(listed.json.data.map((file: Json) => file.id)).toContain(up.json.id)
    const gone = await send('anthropic', alice.apiKey, 'DELETE', `/v1/files/${up.json.id}`)
    expect(gone.json).toEqual({ id: up.json.id, type: 'file_deleted' })
  })

  test('a batch, whose results are fetched here and not at the vendor', async () => {
    const params = { model: 'claude-sonnet-5', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] }
    const body = { requests: [{ custom_id: 'one', params }] }
    const made = await send('anthropic', alice.apiKey, 'POST', '/v1/messages/batches', { body })
    const { id } = made.json
    expect(made.json.results_url).toMatch(new RegExp(`^http://[^/]+/v1/messages/batches/${id}/results$`))
    const shown = await send('anthropic', alice.apiKey, 'GET', `/v1/messages/batches/${id}`)
    expect(shown.headers.get('content-length')).toBe(String(shown.bytes.length))
    const results = await send('anthropic', alice.apiKey, 'GET', shown.json.results_url)
    expect(JSON.parse(results.bytes.toString())).toMatchObject({
      custom_id: 'one',
      result: { note: '"results_url": "https://x/v1/messages/…"' },
    })
  })
})

describe('Gemini', () => {
  test('a resumable upload stays here, though the vendor names an address of its own', async () => {
    const bytes = randomBytes(20_000)
    const start = await send('google', alice.apiKey, 'POST', '/upload/v1beta/files', {
      body: { file: { displayName: 'x' } },
      headers: {
        'x-goog-upload-protocol': 'resumable',
        'x-goog-upload-command': 'start',
        'x-goog-upload-header-content-length': String(bytes.length),
        'x-goog-upload-header-content-type': 'image/png',
      },
    })
    const url = start.headers.get('x-goog-upload-url')!
    expect(url).toMatch(/^http:\/\/[^/]+\/upload\/v1beta\/files\?upload_id=\w+&upload_protocol=resumable$/)
    expect(JSON.stringify([...start.headers])).not.toContain('googleapis')
    const part = (from: number, to: number, command: string, address = url): Promise<Sent> =>
      send('google', alice.apiKey, 'POST', address, {
        body: bytes.subarray(from, to),
        headers: {
          'content-type': 'application/json',
          'x-goog-upload-command': command,
          'x-goog-upload-offset': String(from),
        },
      })
    const first = await part(0, 12_000, 'upload')
    expect(first.headers.get('x-goog-upload-status')).toBe('active')
    // As Google's own SDK joins it to its base URL.
    const { pathname, search } = new URL(url)
    const done = await part(12_000, 20_000, 'upload, finalize', `${uniroute.url}/${pathname}${search}`)
    expect(done.headers.get('x-goog-upload-status')).toBe('final')
    const { name } = done.json.file
    const down = await send('google', alice.apiKey, 'GET', `/v1beta/${name}:download?alt=media`)
    expect(sha256(down.bytes)).toBe(sha256(bytes))
    expect(down.headers.get('content-type')).toBe('image/png')
    const listed = await send('google', alice.apiKey, 'GET', '/v1beta/files?pageSize=10')
    expect(listed.json.files.map((file: Json) => file.name)).toEqual([name])
    // Google's SDK sends `{}` with it.
    const gone = await send('google', alice.apiKey, 'DELETE', `/v1beta/${name}`, { body: {} })
    expect(gone.status).toBe(200)
  })

  test('predict: the model stands in the path', async () => {
    const path = '/v1beta/models/imagen-4.0-generate-001:predict'
    const reply = await send('google', alice.apiKey, 'POST', path, { body: { instances: [{ prompt: 'x' }] } })
    expect([reply.status, reply.headers.get('x-uniroute-model')]).toEqual([200, 'imagen-4.0-generate-001'])
  })
})

const REACHING: readonly (readonly [Vendor, string, string])[] = [
  ['openai', 'GET', '/v1/files'],
  ['openai', 'GET', '/v1/responses/resp_1'],
  ['openai', 'POST', '/v1/batches'],
  ['openai', 'POST', '/v1/moderations'],
  ['openai', 'DELETE', '/v1/conversations/conv_1'],
  ['anthropic', 'GET', '/v1/messages/batches'],
  ['anthropic', 'GET', '/v1/files'],
  ['google', 'GET', '/v1beta/files'],
  ['google', 'POST', '/upload/v1beta/files'],
  ['google', 'GET', '/v1beta/cachedContents'],
]

describe('whose key', () => {
  test.each(REACHING)(
    '%s: without a key of one’s own, %s %s is a 403 in that dialect',
    async (vendor, method, path) => {
      const reply = await send(vendor, nobody.apiKey, method, path, method === 'POST' ? { body: {} } : {})
      expect(reply.status).toBe(403)
      expect(reply.bytes.toString()).toContain('this endpoint holds account data and needs your own key')
      if (vendor === 'openai') expect(reply.json.error.code).toBe('no_usable_key')
      if (vendor === 'anthropic')
        expect(reply.json).toMatchObject({ type: 'error', error: { type: 'permission_error' } })
      if (vendor === 'google') expect(reply.json.error).toMatchObject({ code: 403, status: 'PERMISSION_DENIED' })
      expect(fake.requests).toEqual([])
      const receipt = await uniroute.readReceipt(nobody.apiKey, reply.headers.get('x-request-id')!)
      expect(receipt).toMatchObject({ status: 403, billed_to: null, attempts: [] })
    },
  )

  test('another user’s id is asked for with one’s own key, where it does not exist', async () => {
    const { json } = await uploadToOpenai(alice, Buffer.from('secret'))
    for (const path of [`/v1/files/${json.id}`, `/v1/files/${json.id}/content`]) {
      const reply = await send('openai', bob.apiKey, 'GET', path)
      expect([reply.status, last().key]).toEqual([404, bobKeys.openai])
    }
    expect((await send('openai', bob.apiKey, 'DELETE', `/v1/files/${json.id}`)).status).toBe(404)
    expect((await send('openai', alice.apiKey, 'GET', `/v1/files/${json.id}`)).status).toBe(200)
  })

  test('a shared key serves chats, and nothing that reaches what its owner’s account stores', async () => {
    const manage = async (caller: Caller, path: string, body: Json): Promise<Json> => {
      const reply = await uniroute.call('POST', path, { token: caller.token, body })
      expect([path, reply.status < 300, reply.text]).toEqual([path, true, expect.any(String)])
      return reply.body
    }
    const { json: file } = await uploadToOpenai(alice, Buffer.from('secret'))
    const { id } = await manage(alice, '/admin/teams', { name: 'Data' })
    const member = await uniroute.createCaller()
    const { code } = await manage(alice, `/admin/teams/${id}/invites`, {})
    await manage(member, '/admin/teams/join', { code })
    await manage(alice, '/admin/leases', { provider_key: 'openai', team_id: id })
    const chat = (part: Json): Promise<Sent> =>
      send('openai', member.apiKey, 'POST', '/v1/chat/completions', {
        body: { model: 'gpt-4o', messages: [{ role: 'user', content: [part] }] },
      })
    expect((await chat({ type: 'text', text: 'x' })).headers.get('x-uniroute-billed-to')).toBe('team')
    const before = fake.requests.length
    const named = await chat({ type: 'file', file: { file_id: file.id } })
    expect([named.status, named.json.error.message]).toEqual([403, expect.stringContaining('what an account stores')])
    expect((await send('openai', member.apiKey, 'GET', `/v1/files/${file.id}/content`)).status).toBe(403)
    expect(fake.requests.length).toBe(before)
  })

  test('what is stored goes to the first key only; x-uniroute-key names another', async () => {
    const keys = [createFakeKey('openai', 'ratelimit30'), createFakeKey('openai', 'second')]
    const carol = await uniroute.createCaller({ keys: { openai: keys } })
    const [, second] = carol.providerKeyIds['openai']!
    const limited = await uploadToOpenai(carol, Buffer.from('x'))
    expect([limited.status, fake.requests.map(({ key }) => key)]).toEqual([429, [keys[0]]])
    const named = await uploadToOpenai(carol, Buffer.from('x'), { 'x-uniroute-key': second! })
    expect([named.status, last().key, named.headers.get('x-uniroute-key')]).toEqual([200, keys[1], second])
    // Its limit is on files: other things are not held back, and what is not stored moves on to the next key.
    fake.behave(keys[0]!, () => undefined)
    expect((await send('openai', carol.apiKey, 'POST', '/v1/moderations', { body: { input: 'x' } })).status).toBe(200)
    expect(last().key).toBe(keys[0])
    fake.behave(keys[0]!, () => 'ratelimit30')
    expect((await send('openai', carol.apiKey, 'POST', '/v1/moderations', { body: { input: 'x' } })).status).toBe(200)
    expect(last().key).toBe(keys[1])
    for (const [value, status] of [
      ['not-a-key', 400],
      [alice.providerKeyIds['openai']![0]!, 403],
    ] as const) {
      const refused = await send('openai', carol.apiKey, 'GET', '/v1/files', { headers: { 'x-uniroute-key': value } })
      expect([refused.status, refused.json.error.message]).toEqual([status, expect.stringContaining('x-uniroute-key')])
    }
  })

  test('a key that may not do everything is no bad key', async () => {
    const key = createFakeKey('openai')
    const caller = await uniroute.createCaller({ keys: { openai: key } })
    fake.behave(key, (call) => (call === 1 ? 'forbidden-region' : undefined))
    expect((await send('openai', caller.apiKey, 'GET', '/v1/files')).status).toBe(403)
    expect((await send('openai', caller.apiKey, 'GET', '/v1/files')).status).toBe(200)
  })
})

describe('limits', () => {
  const image = { model: 'gpt-image-1', prompt: 'x' }

  test('an API key for certain models does nothing that hides its model', async () => {
    const { key } = await uniroute.createApiKey(alice.token, { allowed_models: ['gpt-image-1', 'imagen-4'] })
    const ask = async (vendor: Vendor, method: string, path: string, body?: Json): Promise<number> =>
      (await send(vendor, key, method, path, body === undefined ? {} : { body })).status
    expect(await ask('openai', 'POST', '/v1/images/generations', image)).toBe(200)
    expect(await ask('google', 'POST', '/v1beta/models/imagen-4:predict', {})).toBe(200)
    const before = fake.requests.length
    expect(await ask('openai', 'POST', '/v1/images/generations', { ...image, model: 'dall-e-3' })).toBe(403)
    expect(await ask('openai', 'POST', '/v1/images/generations', { prompt: 'x' })).toBe(403)
    expect(await ask('openai', 'POST', '/v1/batches', {})).toBe(403)
    expect(await ask('openai', 'GET', '/v1/files')).toBe(403)
    expect(await ask('anthropic', 'POST', '/v1/messages/batches', {})).toBe(403)
    expect(await ask('google', 'POST', '/v1beta/models/imagen-4:batchGenerateContent', {})).toBe(403)
    expect(await ask('openai', 'POST', '/v1/images/generations', formWith(Buffer.alloc(9), {}))).toBe(403)
    const two = formWith(Buffer.alloc(9), { model: 'gpt-image-1' })
    two.append('model', 'dall-e-3')
    expect(await ask('openai', 'POST', '/v1/images/generations', two)).toBe(403)
    expect(fake.requests.length).toBe(before)
  })

  test('so does a provider key that is for certain models', async () => {
    const caller = await uniroute.createCaller()
    await uniroute.addProviderKey(caller.token, 'openai', createFakeKey('openai'), { allowed_models: ['gpt-image-1'] })
    expect((await send('openai', caller.apiKey, 'POST', '/v1/images/generations', { body: image })).status).toBe(200)
    expect((await send('openai', caller.apiKey, 'GET', '/v1/files')).status).toBe(403)
  })

  test('under a budget or a cap, only what costs nothing', async () => {
    const { key } = await uniroute.createApiKey(alice.token, { budget: { usd: 5, period: 'day' } })
    expect((await send('openai', key, 'GET', '/v1/files')).status).toBe(200)
    const refused = await send('openai', key, 'POST', '/v1/images/generations', { body: image })
    expect([refused.status, refused.json.error.code]).toEqual([402, 'budget_exceeded'])
    const caller = await uniroute.createCaller()
    await uniroute.addProviderKey(caller.token, 'openai', createFakeKey('openai'), { cap: { usd: 5, period: 'day' } })
    expect((await send('openai', caller.apiKey, 'GET', '/v1/files')).status).toBe(200)
    const capped = await send('openai', caller.apiKey, 'POST', '/v1/images/generations', { body: image })
    expect([capped.status, capped.json.error.code]).toEqual([402, 'own_cap_reached'])
    expect(capped.json.error.message).toContain('cannot know what this request costs')
  })

  test('larger bodies than anywhere else are refused', async () => {
    const reply = await uploadToOpenai(alice, Buffer.alloc(33 * 1024 * 1024))
    expect(reply.status).toBe(413)
    expect(fake.requests).toEqual([])
  })
})

describe('what is written down', () => {
  test('a row and a receipt, with a cost that is unknown and not nil', async () => {
    const reply = await send('openai', alice.apiKey, 'GET', '/v1/files')
    const receipt = await uniroute.readReceipt(alice.apiKey, reply.headers.get('x-request-id')!)
    expect(receipt).toMatchObject({
      status: 200,
      provider: 'openai',
      model: null,
      requested_model: null,
      billed_to: 'user',
      provider_key_id: alice.providerKeyIds['openai']![0],
      attempts: [{ status: 200, outcome: 'served', billed_to: 'user' }],
      cost: { usd_micros: null, source: 'unknown' },
    })
    const picture = await send('openai', alice.apiKey, 'POST', '/v1/images/generations', {
      body: { model: 'gpt-4o', prompt: 'x' },
    })
    const priced = await uniroute.readReceipt(alice.apiKey, picture.headers.get('x-request-id')!)
    expect(priced).toMatchObject({ model: 'gpt-4o', cost: { usd_micros: null, source: 'unknown' } })
  })

  test('a failed order is not repeated, a failed question is', async () => {
    const key = createFakeKey('openai', 'down500')
    const caller = await uniroute.createCaller({ keys: { openai: key } })
    const ordered = await send('openai', caller.apiKey, 'POST', '/v1/images/generations', {
      body: { model: 'gpt-image-1', prompt: 'x' },
    })
    expect([ordered.status, fake.requestsOf(key).length]).toEqual([503, 1])
    await send('openai', caller.apiKey, 'GET', '/v1/files')
    expect(fake.requestsOf(key).length).toBe(3)
  })
})

describe('what does not exist', () => {
  test.each<[Vendor, string, string]>([
    ['openai', 'GET', '/v1/organization/api_keys'],
    ['openai', 'GET', '/v1/organization/usage/completions'],
    ['openai', 'POST', '/v1/fine_tuning/checkpoints/ft-1/permissions'],
    ['openai', 'GET', '/v1/assistants'],
    ['openai', 'POST', '/v1/realtime/client_secrets'],
    ['openai', 'GET', '/v1/files/a/b/c'],
    ['openai', 'GET', '/v1/files/a%3Fb'],
    ['anthropic', 'GET', '/v1/organizations/api_keys'],
    ['anthropic', 'GET', '/v1/batches'],
    ['google', 'POST', '/v1beta/files/abc:register'],
    ['google', 'POST', '/v1beta/tunedModels'],
    ['google', 'POST', '/v1beta/models/x:unheardOf'],
  ])('%s %s %s: 404 in its envelope', async (vendor, method, path) => {
    const reply = await send(vendor, alice.apiKey, method, path, method === 'POST' ? { body: {} } : {})
    expect([path, reply.status]).toEqual([path, 404])
    if (vendor === 'openai') expect(reply.json.error.type).toBe('invalid_request_error')
    if (vendor === 'anthropic') expect(reply.json.error.type).toBe('not_found_error')
    if (vendor === 'google') expect(reply.json.error.code).toBe(404)
    expect(fake.requests).toEqual([])
  })

  test.each([
    '/v1/realtime?model=gpt-realtime',
    '/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=x',
  ])('a WebSocket at %s: 426, and why', async (path) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
    const call = httpRequest(uniroute.url + path, { headers }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => resolve({ status: answer.statusCode!, text: Buffer.concat(chunks).toString() }))
    })
    call.on('error', reject).end()
    const { status, text } = await promise
    expect([status, text]).toEqual([426, expect.stringContaining('WebSockets are not served here')])
  })
})

describe('downloads', () => {
  test('a client that reads slowly holds the provider back, and one that leaves ends the call', async () => {
    const file = await uploadToOpenai(alice, randomBytes(30_000_000))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const options = { headers: auth('openai', alice.apiKey) }
    const call = httpRequest(`${uniroute.url}/v1/files/${file.json.id}/content`, options, (answer) => {
      answer.once('data', () => {
        answer.pause()
        resolve()
      })
    })
    call.on('error', () => undefined).end()
    call.on('close', () => reject(new Error('closed before a byte came')))
    await promise
    const download = last()
    // Time enough to swallow it all, for a gateway that would.
    await Promise.race([download.ended, sleep(1_000)])
    expect(download.state).toBe('open')
    call.destroy()
    await download.ended
    expect(download.state).toBe('aborted')
  })
})
