// A gateway before one server that plays every kind of provider and keeps each header it was sent: the vendors with
// users' own keys, and a compatible server, Azure and another server of Anthropic's dialect with the server's.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startInProcess, type InProcessApp } from './in-process-app.ts'
import { startRecordingUpstream, type RecordingUpstream, type UpstreamAnswer } from './recording-upstream.ts'
import type { Caller, Json, Reply } from './uniroute-client.ts'

export const question = (model: string, more: Json = {}): Json => ({
  model,
  messages: [{ role: 'user', content: 'hello' }],
  ...more,
})

/** A small request of each dialect. */
export const CLIENTS = {
  chat: (model: string, more: Json = {}) => ({ path: '/v1/chat/completions', body: question(model, more) }),
  responses: (model: string, more: Json = {}) => ({ path: '/v1/responses', body: { model, input: 'hello', ...more } }),
  messages: (model: string, more: Json = {}) => ({
    path: '/v1/messages?beta=true',
    body: question(model, { max_tokens: 500, ...more }),
  }),
  gemini: (model: string, more: Json = {}) => ({
    path: `/v1beta/models/${model}:generateContent`,
    body: { contents: [{ role: 'user', parts: [{ text: 'hello' }] }], ...more },
  }),
  own: (model: string, more: Json = {}) => ({ path: '/v1/chat', body: question(model, more) }),
} as const
export type Client = keyof typeof CLIENTS

export interface Ask {
  readonly more?: Json
  readonly headers?: Readonly<Record<string, string>>
  readonly answers?: readonly UpstreamAnswer[]
}

export interface HeaderGateway {
  readonly app: InProcessApp
  readonly upstream: RecordingUpstream
  readonly caller: Caller
  readonly keys: Readonly<Record<'openai' | 'anthropic' | 'google' | 'compat' | 'azure' | 'antlike', string>>
  ask(client: Client, model: string, asked?: Ask): Promise<Reply>
}

/** The gateway of a file of tests, from before its first test to after its last. */
export function useHeaderGateway(): HeaderGateway {
  let upstream: RecordingUpstream
  let app: InProcessApp
  let caller: Caller
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-headers-'))
  const [openai, anthropic, google] = [createFakeKey('openai'), createFakeKey('anthropic'), createFakeKey('google')]
  const [compat, azure, antlike] = [createFakeKey('compat'), createFakeKey('compat'), createFakeKey('compat')]

  beforeAll(async () => {
    upstream = await startRecordingUpstream()
    const entry = (id: string, path: string, dialect?: string) => ({
      id,
      name: id,
      base_url: upstream.url + path,
      api_key_env: `${id.toUpperCase()}_API_KEY`,
      ...(dialect && { dialect }),
    })
    const entries = [
      entry('compat', '/compat/v1'),
      entry('azure', '/azure/openai/v1', 'azure'),
      entry('antlike', '/antlike', 'anthropic-messages'),
    ]
    const file = join(folder, 'providers.json')
    writeFileSync(file, JSON.stringify(entries))
    const { url } = upstream
    const places = { OPENAI_BASE_URL: url, ANTHROPIC_BASE_URL: url, GOOGLE_BASE_URL: url, PROVIDERS_FILE: file }
    app = await startInProcess({
      env: { ...places, COMPAT_API_KEY: compat, AZURE_API_KEY: azure, ANTLIKE_API_KEY: antlike },
    })
    caller = await app.createCaller({ keys: { openai, anthropic, google } })
  })
  afterAll(async () => {
    await app?.close()
    await upstream?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  afterEach(() => {
    const unasked = upstream.answers.length
    upstream.forget()
    expect(unasked).toBe(0)
  })

  return {
    get app() {
      return app
    },
    get upstream() {
      return upstream
    },
    get caller() {
      return caller
    },
    keys: { openai, anthropic, google, compat, azure, antlike },
    ask(client, model, { more, headers, answers = [] } = {}) {
      upstream.answers.push(...answers)
      const { path, body } = CLIENTS[client](model, more)
      return app.call('POST', path, { headers: { authorization: `Bearer ${caller.apiKey}`, ...headers }, body })
    },
  }
}
