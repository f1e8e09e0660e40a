// The official SDKs' own files, batches, pictures and sound through UniRoute, as their documentation says.
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { clientsInstalled, loadOfficialClients, type OfficialClients } from '../support/official-clients.ts'
import type { Caller, Json } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const keys = {
  openai: createFakeKey('openai', 'alice'),
  anthropic: createFakeKey('anthropic', 'alice'),
  google: createFakeKey('google', 'alice'),
}
const serverKeys = {
  openai: createFakeKey('openai', 'operator'),
  anthropic: createFakeKey('anthropic', 'operator'),
  google: createFakeKey('google', 'operator'),
}

if (!clientsInstalled) console.warn('pass-through-sdk.test.ts did not run: test/clients is not installed')

describe.skipIf(!clientsInstalled)('official SDKs', () => {
  let fake: FakeProvider
  let uniroute: UniRoute
  let caller: Caller
  let sdk: OfficialClients
  beforeAll(async () => {
    sdk = loadOfficialClients()
    fake = await startFakeProvider()
    uniroute = await startUniRoute({ fake, serverKeys })
    caller = await uniroute.createCaller({ keys })
  })
  afterAll(async () => {
    await uniroute?.stop()
    await fake?.close()
    expect(uniroute?.scanAndRemove() ?? []).toEqual([])
  })
  afterEach(() => {
    const foreign = fake.requests.filter(({ vendor, key }) => key !== keys[vendor as keyof typeof keys])
    const violations = fake.violations()
    fake.forget()
    expect(foreign.map(({ path }) => `${path} with another key`)).toEqual([])
    expect(violations).toEqual([])
  })

  const bytes = randomBytes(500_000)
  const sha256 = (content: ArrayBuffer | Uint8Array): string =>
    createHash('sha256').update(new Uint8Array(content)).digest('hex')
  const file = (): File => new File([bytes], 'talk.mp3', { type: 'audio/mpeg' })
  const collect = async (pages: AsyncIterable<Json>): Promise<Json[]> => {
    const all: Json[] = []
    for await (const one of pages) all.push(one)
    return all
  }

  test('openai: files, a batch, an answer that was stored, pictures, sound', async () => {
    const { recordingFetch: fetch } = uniroute
    const client = new sdk.OpenAI({ apiKey: caller.apiKey, baseURL: `${uniroute.url}/v1`, maxRetries: 0, fetch })
    const up = await client.files.create({ file: file(), purpose: 'batch' })
    expect(up.bytes).toBe(bytes.length)
    expect((await collect(await client.files.list())).map(({ id }) => id)).toEqual([up.id])
    expect(sha256(await (await client.files.content(up.id)).arrayBuffer())).toBe(sha256(bytes))
    const made = { input_file_id: up.id, endpoint: '/v1/responses', completion_window: '24h' }
    const batch = await client.batches.create(made)
    expect((await client.batches.retrieve(batch.id)).input_file_id).toBe(up.id)
    expect((await client.files.delete(up.id)).deleted).toBe(true)
    await expect(client.files.retrieve(up.id)).rejects.toMatchObject({ status: 404 })
    const answer = await client.responses.create({ model: 'gpt-5', input: 'hello' })
    expect((await client.responses.retrieve(answer.id)).output_text).toBe(answer.output_text)
    const picture = await client.images.generate({ model: 'gpt-image-1', prompt: 'a cat' })
    expect(picture.data[0].b64_json).toBe(Buffer.from('a picture').toString('base64'))
    const heard = await client.audio.transcriptions.create({ file: file(), model: 'whisper-1' })
    expect(heard.text).toBe(`whisper-1 heard ${bytes.length} bytes of talk.mp3`)
  })

  test('anthropic: files, and a batch with its results', async () => {
    const { recordingFetch: fetch } = uniroute
    const client = new sdk.Anthropic({ apiKey: caller.apiKey, baseURL: uniroute.url, maxRetries: 0, fetch })
    const up = await client.beta.files.upload({ file: file() })
    expect(up.size_bytes).toBe(bytes.length)
    expect(sha256(await (await client.beta.files.download(up.id)).arrayBuffer())).toBe(sha256(bytes))
    expect((await client.beta.files.delete(up.id)).id).toBe(up.id)
    const params = { model: 'claude-sonnet-5', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] }
    const batch = await client.messages.batches.create({ requests: [{ custom_id: 'one', params }] })
    const results = await collect(await client.messages.batches.results(batch.id))
    expect(results.map(({ custom_id }) => custom_id)).toEqual(['one'])
  })

  test('google: an upload in parts, stays here and is found again', async () => {
    const client = new sdk.GoogleGenAI({ apiKey: caller.apiKey, httpOptions: { baseUrl: uniroute.url } })
    const big = new Blob([new Uint8Array(9 * 1024 * 1024)], { type: 'image/png' })
    const up = await client.files.upload({ file: big, config: { mimeType: 'image/png' } })
    expect(up.sizeBytes).toBe(String(big.size))
    expect((await client.files.get({ name: up.name })).name).toBe(up.name)
    await client.files.delete({ name: up.name })
    await expect(client.files.get({ name: up.name })).rejects.toMatchObject({ status: 404 })
  })
})
