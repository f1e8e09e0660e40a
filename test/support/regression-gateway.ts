// A gateway for one regression after another: the whole app with real sockets, in front of a provider that answers what
// the test says, in the order it says it, and keeps what it was sent. A body that the vendor would refuse fails the
// test.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { checkMessagesBody } from '../fake-provider/anthropic.ts'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import {
  startFakeProvider,
  type FakeProvider,
  type RecordedRequest,
  type ReplayAnswer,
} from '../fake-provider/fake-provider.ts'
import { checkGenerateBody } from '../fake-provider/gemini.ts'
import { checkChatBody } from '../fake-provider/openai-chat.ts'
import { checkResponsesBody } from '../fake-provider/openai-responses.ts'
import { startInProcess, type InProcessApp } from './in-process-app.ts'
import { openStream, type OpenStream } from './open-stream.ts'
import type { Caller, Json, Reply } from './uniroute-client.ts'

export type Client = 'chat' | 'responses' | 'messages' | 'gemini'
export const CLIENTS: readonly Client[] = ['chat', 'responses', 'messages', 'gemini']

/** Servers of the Chat dialect, by the operator's word for each; models are asked for as `<word>-like/<model>`. */
const SERVERS = ['conservative', 'deepseek', 'mistral', 'ollama', 'vllm', 'openrouter'] as const

const PATHS = { chat: '/v1/chat/completions', responses: '/v1/responses', messages: '/v1/messages' }

export interface Asked {
  readonly caller?: Caller
  readonly headers?: Readonly<Record<string, string>>
}

export interface RegressionGateway {
  readonly app: InProcessApp
  readonly fake: FakeProvider
  /** Has a key of each vendor. */
  readonly caller: Caller
  /** What the provider answers to the coming calls, in order; without any the fake answers by itself. */
  answerWith(...answers: readonly ReplayAnswer[]): void
  /** One call in a client's dialect; Gemini's takes `model` and `stream` as the others do. */
  ask(client: Client, body: Json, asked?: Asked): Promise<Reply>
  /** The same, as a stream in the test's hands. */
  open(client: Client, body: Json, asked?: Asked): Promise<OpenStream>
  /** What reached the provider in this test. */
  sent(): RecordedRequest[]
  /** The body of the last call that reached it. */
  lastBody(): Json
}

/** Any reasoning state is taken: the state in scripted answers was never issued. */
const TRUSTING = { issue: () => '', refuse: () => undefined }

/** The gateway of a file of tests, from before its first test to after its last. */
export function useRegressionGateway(): RegressionGateway {
  const scripted: ReplayAnswer[] = []
  const complaints: string[] = []
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-regressions-'))
  let fake: FakeProvider
  let app: InProcessApp
  let caller: Caller

  function replay(request: RecordedRequest): ReplayAnswer | undefined {
    const answer = request.method === 'POST' ? scripted.shift() : undefined
    // A scripted refusal has judged the body itself.
    const complaint = answer && answer.status < 400 ? checkBody(request) : undefined
    if (complaint !== undefined) complaints.push(`${request.method} ${request.path}: ${complaint}`)
    return answer
  }

  beforeAll(async () => {
    fake = await startFakeProvider({ replay })
    app = await startInProcess({ fake, env: writeServers(folder, fake.urlOf('compat')) })
    const keys = Object.fromEntries((['openai', 'anthropic', 'google'] as const).map((id) => [id, createFakeKey(id)]))
    caller = await app.createCaller({ keys })
  })
  afterEach(() => {
    const wrong = [...fake.violations(), ...fake.complaints(), ...complaints.splice(0)]
    const unasked = scripted.splice(0).length
    fake.forget()
    expect({ wrong, unasked }).toEqual({ wrong: [], unasked: 0 })
  })
  afterAll(async () => {
    await app?.close()
    await fake?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const place = (client: Client, body: Json, asked: Asked): { path: string; sent: Json; headers: Json } => {
    const headers = { authorization: `Bearer ${(asked.caller ?? caller).apiKey}`, ...asked.headers }
    if (client !== 'gemini') return { path: PATHS[client], sent: body, headers }
    const { model, stream, ...sent } = body
    return {
      path: `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
      sent,
      headers,
    }
  }

  const sent = (): RecordedRequest[] => fake.requests.filter(({ method }) => method === 'POST')
  return {
    get app() {
      return app
    },
    get fake() {
      return fake
    },
    get caller() {
      return caller
    },
    answerWith: (...answers) => void scripted.push(...answers),
    ask(client, body, asked = {}) {
      const { path, sent: written, headers } = place(client, body, asked)
      return app.call('POST', path, { headers, body: written })
    },
    open(client, body, asked = {}) {
      const { path, sent: written, headers } = place(client, body, asked)
      return openStream(app.url + path, headers, written)
    },
    sent,
    lastBody: () => sent().at(-1)!.body,
  }
}

function checkBody({ operation, model, body, vendor, headers }: RecordedRequest): string | undefined {
  const version = headers.find(([name]) => name === 'anthropic-version')?.[1] ?? ''
  if (operation === 'messages') return checkMessagesBody(body, version, false, TRUSTING)
  if (operation === 'responses') return checkResponsesBody(body, TRUSTING)
  if (operation === 'chat') return checkChatBody(body, vendor)
  return operation.endsWith('generate') ? checkGenerateBody(model, body, TRUSTING) : undefined
}

function writeServers(folder: string, url: string): Record<string, string> {
  const file = join(folder, 'providers.json')
  const name = (word: string): string => `${word.toUpperCase()}_LIKE_API_KEY`
  const entries = SERVERS.map((word) => ({
    id: `${word}-like`,
    name: word,
    base_url: url,
    dialect: word,
    api_key_env: name(word),
  }))
  writeFileSync(file, JSON.stringify(entries))
  return { PROVIDERS_FILE: file, ...Object.fromEntries(SERVERS.map((word) => [name(word), createFakeKey('compat')])) }
}
