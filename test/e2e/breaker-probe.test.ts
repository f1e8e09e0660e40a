// A provider that has failed is tried with one request when its time is over. That request may be a stream of minutes:
// as soon as it begins to be answered, the provider is back for everybody.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerResponse } from 'node:http'
import { systemClock } from '../../server/kernel/clock.ts'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { CHAT_ANSWER } from '../support/recording-upstream.ts'
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import type { Caller } from '../support/uniroute-client.ts'

const EVENT = 'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,'
const SAYING = `${EVENT}"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]}\n\n`
const ENDING = `${EVENT}"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`

let upstream: ScriptedUpstream
let app: InProcessApp
/** Moved by hand alone: what is let through once a second is let through once. */
let passed = 0
const began = systemClock.monotonic()

beforeAll(async () => {
  upstream = await startScriptedUpstream({ emptyModelLists: true })
  app = await startInProcess({
    clock: { now: () => systemClock.now() + passed, monotonic: () => began + passed },
    env: { ...upstream.env, SERVER_FALLBACK: 'never' },
  })
})
afterAll(async () => {
  await app?.close()
  await upstream?.close()
})

function ask({ apiKey }: Caller, stream = false): Promise<Response> {
  return fetch(`${app.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ model: 'gpt-4o', stream, messages: [{ role: 'user', content: 'Hi' }] }),
  })
}

async function statusOf(caller: Caller): Promise<number> {
  const response = await ask(caller)
  await response.text()
  return response.status
}

test('the first event of a stream that tries the provider opens it to others', async () => {
  const callers = []
  for (let count = 0; count < 3; count++) {
    callers.push(await app.createCaller({ keys: { openai: createFakeKey('openai') } }))
  }
  const [one, other, third] = callers as [Caller, Caller, Caller]
  upstream.play = (response) => void response.writeHead(500).end('{}')
  for (let count = 0; count < 12; count++) {
    for (const caller of [one, other]) expect(await statusOf(caller)).toBe(503)
  }
  passed += 10_500
  const held: ServerResponse[] = []
  upstream.play = (response) => void held.push(response)
  const probing = ask(one, true)
  await expect.poll(() => held.length).toBe(1)
  // One a second is let through to a provider that nobody else can stand in for.
  const second = ask(other, true)
  await expect.poll(() => held.length).toBe(2)
  expect([await statusOf(third), await statusOf(third)]).toEqual([503, 503])

  upstream.play = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(CHAT_ANSWER))
  }
  for (const response of held) response.writeHead(200, { 'content-type': 'text/event-stream' })
  held[0]!.write(SAYING)
  const probe = await probing
  const reader = probe.body!.getReader()
  await reader.read()
  expect([await statusOf(third), await statusOf(third)]).toEqual([200, 200])

  held[0]!.end(ENDING)
  held[1]!.end(SAYING + ENDING)
  let rest = ''
  for (let part = await reader.read(); !part.done; part = await reader.read())
    rest += Buffer.from(part.value).toString()
  expect(rest).toContain('[DONE]')
  expect(await (await second).text()).toContain('[DONE]')
})
