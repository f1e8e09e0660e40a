// Any official client reaches any provider: every SDK against every provider's dialect, feature by feature. What the
// SDK hands its caller must be what the provider said, and the provider must have got a request that it takes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { defineMatrix, type Upstream } from '../support/matrix.ts'
import { createMatrixFeatures } from '../support/matrix-features.ts'
import { clientsInstalled } from '../support/official-clients.ts'
import { aiSdkDrivers } from '../support/sdk-drivers/ai-sdk.ts'
import { anthropic } from '../support/sdk-drivers/anthropic.ts'
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
  {
    name: 'DeepSeek-like',
    dialect: 'openai-chat',
    speaks: ['openai-chat'],
    provider: 'thinker',
    model: 'thinker/deepseek-v4',
  },
]

/** What keys do wrong; a compatible provider has one entry for each, since its keys are the server's. */
const SCENARIOS = ['invalid', 'ratelimit30', 'down500', 'error-midstream']

let fake: FakeProvider
let uniroute: UniRoute
let caller: Caller
let folder: string
const wrongCallers = new Map<string, Caller>()

function writeProviders(): Record<string, string> {
  const entry = (id: string, scenario: string, dialect?: string) => ({
    id,
    name: 'Compatible',
    base_url: fake.urlOf('compat'),
    api_key_env: `${id.toUpperCase().replaceAll('-', '_')}_API_KEY`,
    ...(dialect && { dialect }),
    scenario,
  })
  const entries = [
    entry('compat', 'ok'),
    entry('thinker', 'ok', 'deepseek'),
    ...SCENARIOS.flatMap((scenario) => [
      entry(`compat-${scenario}`, scenario),
      entry(`thinker-${scenario}`, scenario, 'deepseek'),
    ]),
  ]
  const file = join(folder, 'providers.json')
  writeFileSync(file, JSON.stringify(entries.map(({ scenario: _scenario, ...rest }) => rest)))
  const keys = entries.map(({ api_key_env: name, scenario }) => [name, createFakeKey('compat', scenario)] as const)
  return { PROVIDERS_FILE: file, ...Object.fromEntries(keys) }
}

const createCallerWith = (scenario: string): Promise<Caller> =>
  uniroute.createCaller({
    keys: {
      openai: createFakeKey('openai', scenario),
      anthropic: createFakeKey('anthropic', scenario),
      google: createFakeKey('google', scenario),
    },
  })

beforeAll(async () => {
  // Its own remarks on models it does not know.
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })
  fake = await startFakeProvider()
  folder = mkdtempSync(join(tmpdir(), 'uniroute-matrix-'))
  uniroute = await startUniRoute({ fake, env: writeProviders() })
  caller = await createCallerWith('ok')
  for (const scenario of SCENARIOS) wrongCallers.set(scenario, await createCallerWith(scenario))
  wrongCallers.set('no key', await uniroute.createCaller())
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

const FEATURES = createMatrixFeatures({
  fake: () => fake,
  url: () => uniroute.url,
  apiKey: (scenario) => (scenario === undefined ? caller : wrongCallers.get(scenario)!).apiKey,
})

if (!clientsInstalled) console.warn('matrix.test.ts did not run: test/clients is not installed')

describe.skipIf(!clientsInstalled)('matrix', () => defineMatrix(DRIVERS, UPSTREAMS, FEATURES))
