// Whatever happens, no secret gets out: every dialect in every scenario, mistakes with secrets in the wrong place, then
// all answers, logs, metrics, the database with its log, and the journal are scanned, also after kill -9.
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeKey, createFakePassword, listFakeSecrets } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { SCENARIOS } from '../fake-provider/scenarios.ts'
import { scanForSecrets } from '../support/canary-scan.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import { runMany } from '../support/random.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

let fake: FakeProvider
let uniroute: UniRoute
beforeAll(async () => {
  fake = await startFakeProvider()
  const serverKeys = {
    openai: createFakeKey('openai', 'leaky'),
    anthropic: createFakeKey('anthropic', 'leaky'),
    google: createFakeKey('google', 'leaky'),
  }
  uniroute = await startUniRoute({ fake, serverKeys, env: { LOG_LEVEL: 'trace' } })
})
afterAll(async () => {
  await fake?.close()
})

// These two never answer; what they could leak is covered by streams.test.ts.
const SILENT = new Set(['hang', 'hang-midstream'])

test('every scenario in every dialect, whole and streamed', async () => {
  const names = Object.keys(SCENARIOS).filter((name) => !SILENT.has(name))
  await runMany(names, 4, async (scenario) => {
    const keys = {
      openai: createFakeKey('openai', scenario),
      anthropic: createFakeKey('anthropic', scenario),
      google: createFakeKey('google', scenario),
    }
    const caller = await uniroute.createCaller({ keys })
    for (const dialect of CHAT_DIALECTS) {
      for (const stream of [false, true]) {
        await ask(uniroute, dialect, caller.apiKey, { stream }).catch((error: unknown) => {
          // A broken connection is an answer too.
          if (!(error instanceof TypeError)) throw error
        })
      }
      await uniroute.call('POST', `/admin/provider-keys/${dialect.vendor}/test`, { token: caller.token, body: {} })
      await uniroute.call('GET', `/admin/provider-keys/${dialect.vendor}/impact`, { token: caller.token })
    }
    await uniroute.call('GET', '/v1/models', { token: caller.apiKey })
  })
}, 300_000)

test('secrets in the wrong place are not repeated', async () => {
  const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  const { token, apiKey, password, email } = caller
  const secret = (): string => createFakeKey('openai')
  const mistakes: [string, string, object][] = [
    ['POST', '/admin/provider-keys', { provider: secret(), api_key: 'x' }],
    ['POST', '/admin/provider-keys', { provider: 'openai', key: secret() }],
    ['POST', '/admin/provider-keys', { provider: 'openai', api_key: [secret()] }],
    ['POST', '/admin/provider-keys', { provider: 'openai', api_key: `${secret()} ` }],
    ['POST', '/admin/provider-keys', { provider: 'openai', api_key: `${secret()}\u0000` }],
    ['PATCH', '/admin/provider-keys/openai', { api_key: secret() }],
    ['POST', '/admin/provider-keys/test', { provider: 'openai', api_key: { value: secret() } }],
    ['PUT', `/admin/provider-keys/${secret()}`, { api_key: secret() }],
    ['DELETE', `/admin/provider-keys/${secret()}`, {}],
    ['POST', '/auth/login', { email: password, password }],
    ['POST', '/auth/login', { email, password: [password] }],
    ['POST', '/auth/login', { email, password: createFakePassword() }],
    ['PUT', '/auth/profile/password', { current_password: createFakePassword(), new_password: createFakePassword() }],
    ['PUT', '/auth/profile/password', { current_password: password, new_password: 'x' }],
    ['POST', '/auth/api-keys', { name: 'x', expires_at: secret() }],
    ['GET', `/nowhere/${secret()}`, {}],
    ['GET', `/v1/generations/${apiKey}`, {}],
  ]
  for (const [method, path, body] of mistakes) {
    await uniroute.call(method, path, { token, ...(method !== 'GET' && { body }) })
  }
  const wrongKeys = [secret(), `ur_${secret()}`, `${apiKey}x`, apiKey.toLowerCase()]
  for (const key of wrongKeys) {
    for (const dialect of CHAT_DIALECTS) await ask(uniroute, dialect, key)
    await uniroute.call('POST', `/v1beta/models/gemini-3.5-flash:generateContent?key=${key}`, { body: {} })
    await uniroute.call('GET', `/v1/models?key=${encodeURIComponent(key)}`)
  }
  const raw = `{"model": "gpt-4o", "key": "${secret()}", `
  await uniroute.call('POST', '/v1/chat/completions', {
    token: apiKey,
    raw,
    headers: { 'content-type': 'application/json' },
  })
  await uniroute.call('POST', '/admin/provider-keys', { token, raw, headers: { 'content-type': 'application/json' } })
  await ask(uniroute, CHAT_DIALECTS[0]!, apiKey, { headers: { 'x-uniroute-fallback': secret() } })
  await uniroute.call('GET', '/metrics')
  await uniroute.call('GET', '/openapi.json')
})

test('nothing of it is in the answers, the logs, the metrics, the database or the journal', async () => {
  // Killed, so that the write-ahead log and the journal stay as they were.
  await uniroute.kill9()
  const files = readdirSync(uniroute.dataDir, { recursive: true }).map(String)
  expect(files.length).toBeGreaterThan(2)
  expect(uniroute.recorded.length).toBeGreaterThan(200)
  expect(listFakeSecrets().length).toBeGreaterThan(100)
  // The scan does read the database: what is no secret is found by it.
  const email = uniroute.adminAccount.email
  expect(scanForSecrets({ roots: [uniroute.dataDir], secrets: [email] })).not.toEqual([])
  expect(uniroute.stderr().length).toBeGreaterThan(100)
  expect(uniroute.scanAndRemove()).toEqual([])
})
