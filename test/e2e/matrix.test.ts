// Any official client reaches any provider: every SDK against every provider's dialect, feature by feature. What the SDK
// hands its caller must be what the provider said, and the provider must have got a request that it takes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { defineMatrix, type Feature, type Pair, type Upstream } from '../support/matrix.ts'
import { clientsInstalled } from '../support/official-clients.ts'
import { aiSdkDrivers } from '../support/sdk-drivers/ai-sdk.ts'
import { anthropic } from '../support/sdk-drivers/anthropic.ts'
import { withHeaders, type Question, type Said } from '../support/sdk-drivers/driver.ts'
import { googleGenai } from '../support/sdk-drivers/google.ts'
import { langchain } from '../support/sdk-drivers/langchain.ts'
import { openaiChat, openaiResponses } from '../support/sdk-drivers/openai.ts'
import type { Caller } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const DRIVERS = [openaiChat, openaiResponses, anthropic, googleGenai, ...aiSdkDrivers, langchain]

const UPSTREAMS: readonly Upstream[] = [
  {
    name: 'OpenAI',
    dialect: 'openai-responses',
    speaks: ['openai-chat', 'openai-responses'],
    provider: 'openai',
    model: 'gpt-5',
  },
  {
    name: 'Anthropic',
    dialect: 'anthropic-messages',
    speaks: ['anthropic-messages'],
    provider: 'anthropic',
    model: 'claude-sonnet-5',
  },
  { name: 'Gemini', dialect: 'gemini', speaks: ['gemini'], provider: 'google', model: 'gemini-3.5-flash' },
  {
    name: 'compatible',
    dialect: 'openai-chat',
    speaks: ['openai-chat'],
    provider: 'compat',
    model: 'compat/llama-3.3-70b',
  },
]

let fake: FakeProvider
let uniroute: UniRoute
let caller: Caller
let folder: string

beforeAll(async () => {
  fake = await startFakeProvider()
  folder = mkdtempSync(join(tmpdir(), 'uniroute-matrix-'))
  const providersFile = join(folder, 'providers.json')
  const entry = { id: 'compat', name: 'Compatible', base_url: fake.urlOf('compat'), api_key_env: 'COMPAT_API_KEY' }
  writeFileSync(providersFile, JSON.stringify([entry]))
  uniroute = await startUniRoute({
    fake,
    env: { PROVIDERS_FILE: providersFile, COMPAT_API_KEY: createFakeKey('compat') },
  })
  caller = await uniroute.createCaller({
    keys: { openai: createFakeKey('openai'), anthropic: createFakeKey('anthropic'), google: createFakeKey('google') },
  })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

interface Answered {
  readonly said: Said
  readonly headers: Headers
}

/** One call; the provider must have got what it takes, and the answer says who served it and what was lost. */
async function ask(
  { driver, upstream, relayed }: Pair,
  question: Omit<Question, 'model'>,
  options: { stream?: boolean; warnings?: string | null } = {},
): Promise<Answered> {
  fake.forget()
  const place = { url: uniroute.url, apiKey: caller.apiKey }
  const full = { ...question, model: upstream.model }
  const { value: said, headers } = await withHeaders(() => driver[options.stream ? 'stream' : 'ask'](place, full))
  expect(fake.violations()).toEqual([])
  expect(fake.requests).toHaveLength(1)
  expect(headers.get('x-uniroute-provider')).toBe(upstream.provider)
  expect(headers.get('x-uniroute-attempts')).toBe('1')
  expect(headers.get('x-uniroute-warnings')).toBe(relayed ? null : (options.warnings ?? null))
  expect(said.usage.input).toBeGreaterThan(0)
  expect(said.usage.output).toBeGreaterThan(0)
  return { said, headers }
}

const user = (text: string) => ({ by: 'user', text }) as const
const ECHO = (text: string) => `You said: ${text} 🙂 – ünïcödé, 漢字.`

const FEATURES: readonly Feature[] = [
  {
    name: 'text',
    async run(pair) {
      const { said } = await ask(pair, { turns: [user('hello')], system: 'Be kind.' })
      expect(said).toMatchObject({ text: ECHO('hello'), calls: [], finish: 'stop' })
      expect(fake.requests[0]!.rawBody.toString()).toContain('Be kind.')
    },
  },
  {
    name: 'stream',
    async run(pair) {
      const { said } = await ask(pair, { turns: [user('hello, all of you')] }, { stream: true })
      expect(said).toMatchObject({ text: ECHO('hello, all of you'), calls: [], finish: 'stop' })
      expect(said.pieces!.join('')).toBe(said.text)
      expect(said.pieces!.length).toBeGreaterThan(2)
    },
  },
]

if (!clientsInstalled) console.warn('matrix.test.ts did not run: test/clients is not installed')

describe.skipIf(!clientsInstalled)('matrix', () => defineMatrix(DRIVERS, UPSTREAMS, FEATURES))
