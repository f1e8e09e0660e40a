// Traces: what a collector hears of requests, calls, keys that failed and callers' own traces; nothing of what was
// said, and no key. Without a collector nothing is sent, and one that is away is nobody's problem.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Span } from '../../server/upstream/span-exporter.ts'
import { createFakeKey, rememberSecret } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { findFreePort } from '../support/redis-server.ts'
import type { Reply } from '../support/uniroute-client.ts'

let fake: FakeProvider
let bodies: string[]
let headers: Record<string, string | string[] | undefined>[]
let endpoint: string
let closeCollector: () => void
const open: InProcessApp[] = []

beforeEach(async () => {
  ;[bodies, headers] = [[], []]
  fake = await startFakeProvider()
  const collector = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    bodies.push(Buffer.concat(chunks).toString())
    headers.push(request.headers)
    response.end('{}')
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
  closeCollector = () => void [collector.closeAllConnections(), collector.close()]
})
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
  await fake.close()
  closeCollector()
})

async function start(env: Record<string, string> = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }): Promise<InProcessApp> {
  const app = await startInProcess({ fake, env })
  open.push(app)
  return app
}

/** Ends the server, which sends the rest. */
async function readSpans(): Promise<Span[]> {
  for (const app of open.splice(0)) await app.close()
  return bodies.flatMap((body) =>
    (JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }).resourceSpans.flatMap((one) =>
      one.scopeSpans.flatMap(({ spans }) => spans),
    ),
  )
}

const factsOf = ({ attributes }: Span): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

const chat = (app: InProcessApp, token: string, more: Record<string, string> = {}, content = 'Hi'): Promise<Reply> =>
  app.call('POST', '/v1/chat/completions', {
    token,
    headers: more,
    body: { model: 'gpt-4o', messages: [{ role: 'user', content }] },
  })

test('a request is one trace: its own span, and in it one for each call, with tokens, payer and cost', async () => {
  const token = rememberSecret('collectors-own-secret')
  const app = await start({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${token}`,
    OTEL_SERVICE_NAME: 'here',
  })
  const prompt = rememberSecret('words-that-nobody-else-may-read')
  const keys = [createFakeKey('openai', 'invalid'), createFakeKey('openai')]
  const caller = await app.createCaller({ keys: { openai: keys } })
  const reply = await chat(app, caller.apiKey, {}, prompt)
  expect(reply.status).toBe(200)
  const [own, refused, served, ...others] = await readSpans()
  expect(others).toEqual([])
  expect([own!.kind, refused!.kind, served!.kind]).toEqual([2, 3, 3])
  expect(new Set([own!.traceId, refused!.traceId, served!.traceId]).size).toBe(1)
  expect(own!.parentSpanId).toBeUndefined()
  expect([refused!.parentSpanId, served!.parentSpanId]).toEqual([own!.spanId, own!.spanId])
  expect(factsOf(own!)).toMatchObject({
    'uniroute.request.id': reply.headers.get('x-request-id'),
    'uniroute.billed_to': 'user',
    'uniroute.attempts': '2',
    'http.response.status_code': '200',
  })
  const [first, second] = caller.providerKeyIds['openai']!
  expect(factsOf(refused!)).toMatchObject({ 'uniroute.provider_key.id': first, 'error.type': 'refused' })
  expect(refused!.status).toEqual({ code: 2 })
  expect(served!.name).toBe('chat gpt-4o')
  const { usage } = reply.body as { usage: { prompt_tokens: number; completion_tokens: number } }
  expect(factsOf(served!)).toMatchObject({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.usage.input_tokens': String(usage.prompt_tokens),
    'gen_ai.usage.output_tokens': String(usage.completion_tokens),
    'http.request.resend_count': '1',
    'uniroute.provider_key.id': second,
    'uniroute.cost_usd': expect.any(Number),
  })
  expect(BigInt(own!.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(served!.endTimeUnixNano) - 2_000_000n)
  expect(headers[0]!['authorization']).toBe(`Bearer ${token}`)
  const all = bodies.join('')
  expect(all).toContain('{"key":"service.name","value":{"stringValue":"here"}}')
  for (const secret of [prompt, token, caller.apiKey, ...keys]) expect(all).not.toContain(secret)
})

test('every dialect has the names of the conventions', async () => {
  const app = await start()
  const keys = {
    openai: createFakeKey('openai'),
    anthropic: createFakeKey('anthropic'),
    google: createFakeKey('google'),
  }
  const caller = await app.createCaller({ keys })
  for (const dialect of CHAT_DIALECTS) expect((await ask(app, dialect, caller.apiKey)).status).toBe(200)
  const named = (await readSpans()).filter(({ kind }) => kind === 3).map(factsOf)
  expect(named.map((facts) => `${facts['gen_ai.provider.name']} ${facts['gen_ai.operation.name']}`)).toEqual([
    'openai chat',
    'openai chat',
    'anthropic chat',
    'gcp.gemini generate_content',
  ])
})

test('a caller’s own trace is gone on with; one that is not kept is not told, and an odd one is none', async () => {
  const app = await start()
  const caller = await app.createCaller({ keys: { openai: createFakeKey('openai') } })
  const [trace, span] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']
  await chat(app, caller.apiKey, { traceparent: `00-${trace}-${span}-01` })
  await chat(app, caller.apiKey, { traceparent: `00-${'1'.repeat(32)}-${span}-00` })
  await chat(app, caller.apiKey, { traceparent: `00-${'0'.repeat(32)}-${span}-01` })
  const own = (await readSpans()).filter(({ kind }) => kind === 2)
  expect(own).toHaveLength(2)
  expect(own[0]).toMatchObject({ traceId: trace, parentSpanId: span })
  expect(own[1]!.parentSpanId).toBeUndefined()
  expect(own[1]!.traceId).toMatch(/^0[0-9a-f]{31}$/)
  expect(fake.requests.flatMap((request) => request.headers.map(([name]) => name))).not.toContain('traceparent')
})

test('a collector that is not there is nobody’s problem: the log says it once', async () => {
  const app = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await findFreePort()}` })
  const caller = await app.createCaller({ keys: { openai: createFakeKey('openai') } })
  for (let at = 0; at < 3; at++) expect((await chat(app, caller.apiKey)).status).toBe(200)
  const { logged } = app
  expect(await readSpans()).toEqual([])
  expect(logged.filter((line) => line.includes('traces are not taken'))).toHaveLength(1)
})
