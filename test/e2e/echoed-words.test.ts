// Vendors repeat in their errors what a request said: nobody writes the words into a request that would set aside a key
// which others use. What the vendor says itself counts, also to those who talk about it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { CHAT_ANSWER } from '../support/recording-upstream.ts'
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'

const claudeAnswer = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-5',
  content: [{ type: 'text', text: 'Hi' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 1, output_tokens: 1 },
}
const geminiAnswer = {
  candidates: [{ content: { role: 'model', parts: [{ text: 'Hi' }] }, finishReason: 'STOP' }],
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
}

interface Way {
  readonly path: string
  readonly body: Json
  readonly odd: (words: string) => { body?: Json; headers?: Record<string, string> }
  /** As the vendor says it. */
  readonly refusal: (words: string) => Json
  readonly answer: Json
}

const messages = [{ role: 'user', content: 'Hi' }]
const anthropicError = (message: string) => ({ type: 'error', error: { type: 'invalid_request_error', message } })
const WAYS: Readonly<Record<string, Way>> = {
  openai: {
    path: '/v1/chat/completions',
    body: { model: 'gpt-5', messages },
    odd: (words) => ({ body: { reasoning_effort: words } }),
    refusal: (words) => ({
      error: {
        message: `Invalid value: '${words}'. Supported values are: 'low', 'medium', and 'high'.`,
        type: 'invalid_request_error',
        param: 'reasoning_effort',
        code: 'invalid_value',
      },
    }),
    answer: CHAT_ANSWER,
  },
  anthropic: {
    path: '/v1/messages',
    body: { model: 'claude-sonnet-5', max_tokens: 9, messages },
    odd: (words) => ({ body: { tool_choice: { type: words } } }),
    refusal: (words) =>
      anthropicError(`tool_choice: Input tag '${words}' found using 'type' does not match any of the expected tags`),
    answer: claudeAnswer,
  },
  'anthropic, in a header': {
    path: '/v1/messages',
    body: { model: 'claude-sonnet-5', max_tokens: 9, messages },
    odd: (words) => ({ headers: { 'anthropic-beta': words } }),
    refusal: (words) => anthropicError(`Unexpected value(s) \`${words}\` for the \`anthropic-beta\` header.`),
    answer: claudeAnswer,
  },
  google: {
    path: '/v1beta/models/gemini-3.5-flash:generateContent',
    body: { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] },
    odd: (words) => ({ body: { safetySettings: [{ category: words, threshold: 'OFF' }] } }),
    refusal: (words) => ({
      error: {
        code: 400,
        message: `Invalid value at 'safety_settings[0].category' (type.googleapis.com/HarmCategory), "${words}"`,
        status: 'INVALID_ARGUMENT',
      },
    }),
    answer: geminiAnswer,
  },
}

const WORDS: Readonly<Record<string, readonly string[]>> = {
  openai: ['invalid api key', 'Incorrect API key provided'],
  anthropic: ['Your credit balance is too low', 'You have reached your usage limits', 'organization has been disabled'],
  'anthropic, in a header': ['credit balance is too low', 'missing api key'],
  google: ['API key not valid', 'API key expired', 'prepayment', 'billing account disabled', 'billing is not active'],
}

let upstream: ScriptedUpstream
let app: InProcessApp
let refuse: Json | null
beforeEach(async () => {
  refuse = null
  upstream = await startScriptedUpstream({ emptyModelLists: true })
  upstream.play = (response, { url }) => {
    const way = Object.values(WAYS).find(({ path }) => url?.includes(path.replace('/v1beta', '').slice(3)))
    const body = refuse ?? way?.answer ?? geminiAnswer
    response.writeHead(refuse ? 400 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const vendors = ['openai', 'anthropic', 'google'] as const
  const serverKeys = vendors.map((vendor) => [`${vendor.toUpperCase()}_API_KEY`, createFakeKey(vendor, 'operator')])
  app = await startInProcess({ env: { ...upstream.env, ...Object.fromEntries(serverKeys) } })
})
afterEach(async () => {
  await app.close()
  await upstream.close()
})

const ask = ({ apiKey }: Caller, { path, body }: Way, more: ReturnType<Way['odd']> = {}): Promise<Reply> =>
  app.call('POST', path, {
    headers: { authorization: `Bearer ${apiKey}`, ...more.headers },
    body: { ...body, ...more.body },
  })

describe.each(Object.keys(WAYS))('%s', (name) => {
  const way = WAYS[name]!

  test.each(WORDS[name]!)("one user's %j leaves the server's key to the others", async (words) => {
    const [one, other] = [await app.createCaller(), await app.createCaller()]
    refuse = way.refusal(words)
    const refused = await ask(one, way, way.odd(words))
    expect([refused.status, refused.text]).toEqual([400, JSON.stringify(refuse)])
    refuse = null
    expect((await ask(other, way)).status).toBe(200)
  })
})

test('what the vendor says itself counts, also where the request repeats it', async () => {
  const way = WAYS['anthropic']!
  const said = 'Your credit balance is too low to access the Anthropic API.'
  const caller = await app.createCaller({ keys: { anthropic: createFakeKey('anthropic') }, accountFallback: 'never' })
  refuse = anthropicError(said)
  const reply = await ask(caller, way, { body: { messages: [{ role: 'user', content: `Why "${said}"?` }] } })
  expect([reply.status, reply.body.error.details.code]).toEqual([402, 'provider_quota_exhausted'])
})
