// Recorded traffic of real providers through UniRoute: what the provider said arrives byte for byte, except for the
// exceptions that are listed and counted here; errors about keys and providers come in UniRoute's own words.
// Set UNIROUTE_RECORDINGS to the folder with the recordings; they are no part of this project.
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider, type RecordedRequest } from '../fake-provider/fake-provider.ts'
import { expectError, type Dialect } from '../support/dialects.ts'
import { createRandom, runMany } from '../support/random.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const folder = process.env['UNIROUTE_RECORDINGS'] ?? ''
const available = folder !== '' && existsSync(join(folder, 'openai-chat.ndjson'))
if (!available) console.warn('replay.test.ts did not run: UNIROUTE_RECORDINGS does not name a folder with recordings')

const PROTOCOLS = [
  'openai-chat',
  'openai-responses',
  'openai-embeddings',
  'anthropic-messages',
  'anthropic-count-tokens',
  'gemini-generate',
  'gemini-stream',
  'gemini-count-tokens',
  'gemini-embed',
] as const
type Protocol = (typeof PROTOCOLS)[number]

/** One exchange, made ready: what the client sends, what the provider must receive and what it answers. */
interface Exchange {
  readonly index: number
  readonly id: string
  readonly protocol: Protocol
  readonly family: Dialect['family']
  readonly vendor: 'openai' | 'anthropic' | 'google' | 'compat'
  readonly path: string
  readonly headers: Record<string, string>
  readonly sent: string
  readonly expectedUpstream: string
  readonly status: number
  readonly answer: Buffer
  readonly answerHeaders: Record<string, string>
}

const random = createRandom()
const exchanges: Exchange[] = available ? PROTOCOLS.flatMap(readProtocol).map((make, index) => make(index)) : []
const exceptions = new Map<string, string[]>()
const counts = new Map<Protocol, { total: number; identical: number; excepted: number; ours: number }>()

let fake: FakeProvider
let uniroute: UniRoute

describe.skipIf(!available)('replay', () => {
  beforeAll(async () => {
    fake = await startFakeProvider({ replay: (request) => answerFromRecording(request) })
    const providersFile = join(mkdtempSync(join(tmpdir(), 'providers-')), 'providers.json')
    writeFileSync(providersFile, JSON.stringify([{ id: 'compat', name: 'Compatible', base_url: fake.urlOf('compat') }]))
    uniroute = await startUniRoute({ fake, env: { PROVIDERS_FILE: providersFile } })
  })
  afterAll(async () => {
    await uniroute?.stop()
    await fake?.close()
    report()
    expect(uniroute?.scanAndRemove() ?? []).toEqual([])
  })

  const createCaller = (): Promise<Caller> =>
    uniroute.createCaller({
      accountFallback: 'never',
      keys: {
        openai: createFakeKey('openai', 'replay'),
        anthropic: createFakeKey('anthropic', 'replay'),
        google: createFakeKey('google', 'replay'),
        compat: createFakeKey('compat', 'replay'),
      },
    })

  test.each(PROTOCOLS)('%s: answers and request-shaped errors pass byte for byte', async (protocol) => {
    const mine = exchanges.filter(
      (exchange) => exchange.protocol === protocol && expectationOf(exchange) === 'identical',
    )
    const failures: string[] = []
    const caller = await createCaller()
    await runMany(mine, 16, async (exchange) => {
      // A 404 or 400 must not colour the next exchange, so each error has a caller of its own.
      const own = exchange.status < 400 ? caller : await createCaller()
      const before = count(protocol)
      before.total++
      const verdict = judge(exchange, await send(exchange, own))
      if (verdict === 'identical') before.identical++
      else if (verdict.startsWith('exception: ')) {
        before.excepted++
        const name = verdict.slice('exception: '.length)
        exceptions.set(name, [...(exceptions.get(name) ?? []), exchange.id])
      } else failures.push(`${exchange.id}: ${verdict}`)
    })
    expect(failures).toEqual([])
    expect(mine.length).toBeGreaterThan(0)
  })

  test.each(PROTOCOLS)("%s: errors about keys and providers come in UniRoute's envelope", async (protocol) => {
    for (const exchange of exchanges) {
      const expected = expectationOf(exchange)
      if (exchange.protocol !== protocol || expected === 'identical') continue
      const reply = await send(exchange, await createCaller())
      count(protocol).total++
      expect([exchange.id, expected.statuses.includes(reply.status), reply.status]).toEqual([
        exchange.id,
        true,
        reply.status,
      ])
      expectError(exchange.family, reply, { status: reply.status, source: 'upstream' })
      const theirs = /"message": ?"([^"]{20,})/.exec(exchange.answer.toString())?.[1]
      if (theirs !== undefined) expect(reply.body.error.message).not.toContain(theirs)
      count(protocol).ours++
    }
  })

  test('the provider received legal requests only, and the bytes that the client sent', () => {
    expect(fake.violations()).toEqual([])
    const wrong: string[] = []
    const injected: string[] = []
    const listed: string[] = []
    for (const request of fake.requests) {
      const exchange = findExchange(request)
      if (exchange === undefined) {
        wrong.push(`${request.path}: the body no longer ends as the client's did`)
        continue
      }
      const got = request.rawBody.toString()
      if (got === exchange.expectedUpstream) continue
      const isInjection =
        exchange.protocol === 'openai-chat' &&
        request.body.stream_options?.include_usage === true &&
        isInsertion(exchange.expectedUpstream, got)
      // The list is the gateway's to walk; the provider is asked for one of them.
      const isListTaken = !('models' in request.body) && isInsertion(got, exchange.expectedUpstream)
      if (isInjection) injected.push(exchange.id)
      else if (isListTaken && exchange.expectedUpstream.includes('"models":')) listed.push(exchange.id)
      else wrong.push(`${exchange.id}: ${firstDifference(exchange.expectedUpstream, got)}`)
    }
    if (injected.length > 0) exceptions.set('request: include_usage injected', injected)
    if (listed.length > 0) exceptions.set('request: list of models taken out', listed)
    expect(wrong).toEqual([])
  })
})

async function send(exchange: Exchange, caller: Caller): Promise<Reply & { bytes: Buffer }> {
  const auth: Record<string, string> =
    exchange.vendor === 'anthropic'
      ? { 'x-api-key': caller.apiKey }
      : exchange.vendor === 'google'
        ? { 'x-goog-api-key': caller.apiKey }
        : { authorization: `Bearer ${caller.apiKey}` }
  const response = await fetch(uniroute.url + exchange.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...exchange.headers, ...auth },
    body: exchange.sent,
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  const text = bytes.toString()
  const isJson = response.headers.get('content-type')?.includes('json') ?? false
  const body: Json = isJson && !response.ok ? JSON.parse(text) : undefined
  return { status: response.status, headers: response.headers, text, body, bytes }
}

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

function judge(exchange: Exchange, reply: Reply & { bytes: Buffer }): string {
  if (reply.status !== exchange.status) {
    return `status ${exchange.status} became ${reply.status}: ${reply.text.slice(0, 300)}`
  }
  const wanted = exchange.answerHeaders['content-type']
  if (reply.headers.get('content-type') !== wanted) {
    return `content-type ${wanted} became ${reply.headers.get('content-type')}`
  }
  if (hash(reply.bytes) === hash(exchange.answer)) return 'identical'
  const without = dropUsageChunks(exchange.answer.toString())
  if (exchange.protocol === 'openai-chat' && reply.text === without) {
    return 'exception: answer: the usage chunk that the client had not asked for is removed'
  }
  return firstDifference(exchange.answer.toString(), reply.text)
}

/** The chunks with usage and without choices, which a client gets only if it asked for them. */
function dropUsageChunks(text: string): string {
  return text.replace(/data: ?(\{.*\})\r?\n\r?\n/g, (frame, data: string) => {
    const chunk: Json = JSON.parse(data)
    return Array.isArray(chunk.choices) && chunk.choices.length === 0 && chunk.usage ? '' : frame
  })
}

type Expectation = 'identical' | { readonly statuses: readonly number[] }

/** What 03 and 04 §7 make of the recorded answer. */
function expectationOf({ status, answer }: Exchange): Expectation {
  if (status < 400) return 'identical'
  const text = answer.toString()
  if (status === 401 || /API_KEY_INVALID|incorrect api key/i.test(text)) return { statuses: [424] }
  if (status === 403) return { statuses: [403] }
  // Google says "quota" for a rate limit too; only its RetryInfo and quota ids tell the two apart.
  if (status === 429) return { statuses: /quota/i.test(text) ? [402, 429] : [429] }
  if (status >= 500) return { statuses: [503, 504, 529] }
  return 'identical'
}

function answerFromRecording(request: RecordedRequest) {
  const exchange = findExchange(request)
  if (exchange === undefined || request.method !== 'POST') return undefined
  const { answer } = exchange
  const cuts = new Set<number>()
  if (exchange.answerHeaders['content-type']?.includes('event-stream')) {
    for (let i = 0; i < 1 + random.below(40); i++) cuts.add(random.below(answer.length))
  }
  return {
    status: exchange.status,
    headers: exchange.answerHeaders,
    body: answer,
    cuts: [...cuts].sort((a, b) => a - b),
  }
}

// Every body ends in a number of spaces of its own. A gateway that relays keeps them, so they tell which exchange it is
// without a single changed byte elsewhere.
const findExchange = (request: RecordedRequest): Exchange | undefined =>
  exchanges[/ *$/.exec(request.rawBody.toString())![0].length - 1]

function readProtocol(protocol: Protocol): ((index: number) => Exchange)[] {
  const lines = readFileSync(join(folder, `${protocol}.ndjson`), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => {
    const record: Json = JSON.parse(line)
    return (index) => prepare(protocol, record, index)
  })
}

function prepare(protocol: Protocol, record: Json, index: number): Exchange {
  const isStream = record.response_stream !== undefined && record.response_stream !== null
  const padding = ' '.repeat(index + 1)
  const original = nameModel(protocol, record.request_body ?? minimalBody(protocol, isStream))
  const { vendor, family, path, model } = placeOf(protocol, record, original)
  const sentBody = model === undefined ? original : { ...original, model }
  const {
    'content-type': contentType = isStream ? 'text/event-stream' : 'application/json',
    'content-length': _length,
    'content-encoding': _encoding,
    'transfer-encoding': _transfer,
    date: _date,
    ...others
  } = record.response_headers
  const version = record.request_headers['anthropic-version'] ?? '2023-06-01'
  const beta = record.request_headers['anthropic-beta']
  return {
    index,
    id: record.id,
    protocol,
    family,
    vendor,
    path,
    headers: vendor === 'anthropic' ? { 'anthropic-version': version, ...(beta && { 'anthropic-beta': beta }) } : {},
    sent: JSON.stringify(sentBody) + padding,
    expectedUpstream: JSON.stringify(original) + padding,
    status: record.status,
    answer: Buffer.from(isStream ? record.response_stream : JSON.stringify(record.response_body)),
    answerHeaders: { ...others, 'content-type': contentType },
  }
}

/** Azure's older addresses name the deployment in the path; here the body must. */
function nameModel(protocol: Protocol, body: Json): Json {
  if (!protocol.startsWith('openai') || body.model !== undefined || body.prompt !== undefined) return body
  return { ...body, model: 'deployment' }
}

function placeOf(protocol: Protocol, record: Json, body: Json) {
  if (protocol.startsWith('anthropic')) {
    return { vendor: 'anthropic', family: 'anthropic', path: record.path, model: undefined } as const
  }
  if (protocol.startsWith('gemini')) {
    const place = /models\/([^/:]+):(\w+)/.exec(record.path)!
    const query = record.path.includes('alt=sse') ? '?alt=sse' : ''
    const path = `/v1beta/models/${place[1]}:${place[2]}${query}`
    return { vendor: 'google', family: 'gemini', path, model: undefined } as const
  }
  const paths: Partial<Record<Protocol, string>> = {
    'openai-chat': '/v1/chat/completions',
    'openai-responses': '/v1/responses',
    'openai-embeddings': '/v1/embeddings',
  }
  const path = paths[protocol]!
  const isOpenai = record.provider_host === 'api.openai.com' || protocol === 'openai-responses'
  const vendor = isOpenai ? 'openai' : 'compat'
  // Names that other rules would send elsewhere are asked for with their provider in front.
  const named = body.model !== undefined && (record.provider_host !== 'api.openai.com' || body.model.includes('/'))
  return { vendor, family: 'openai', path, model: named ? `${vendor}/${body.model}` : undefined } as const
}

function minimalBody(protocol: Protocol, stream: boolean): Json {
  const messages = [{ role: 'user', content: 'hello' }]
  if (protocol === 'openai-chat') return { model: 'gpt-4o', messages, ...(stream && { stream }) }
  if (protocol === 'openai-responses') return { model: 'gpt-5', input: 'hello', ...(stream && { stream }) }
  if (protocol === 'openai-embeddings') return { model: 'text-embedding-3-small', input: 'hello' }
  if (protocol.startsWith('anthropic')) {
    return { model: 'claude-sonnet-5', max_tokens: 100, messages, ...(stream && { stream }) }
  }
  if (protocol === 'gemini-embed') return { content: { parts: [{ text: 'hello' }] } }
  return { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] }
}

function count(protocol: Protocol) {
  const found = counts.get(protocol) ?? { total: 0, identical: 0, excepted: 0, ours: 0 }
  counts.set(protocol, found)
  return found
}

/** Is the second text the first with one piece put in? */
function isInsertion(before: string, after: string): boolean {
  let start = 0
  while (start < before.length && before[start] === after[start]) start++
  const rest = before.length - start
  return after.length > before.length && after.slice(after.length - rest) === before.slice(start)
}

function firstDifference(wanted: string, got: string): string {
  let at = 0
  while (at < wanted.length && wanted[at] === got[at]) at++
  const show = (text: string): string => JSON.stringify(text.slice(Math.max(0, at - 60), at + 120))
  return `differs at ${at} of ${wanted.length} (got ${got.length}): wanted ${show(wanted)}, got ${show(got)}`
}

function report(): void {
  const lines = [...counts].map(
    ([protocol, { total, identical, excepted, ours }]) =>
      `${protocol}: ${total} replayed, ${identical} byte-identical, ${excepted} listed exceptions, ${ours} errors in our envelope`,
  )
  const listed = [...exceptions].map(([name, ids]) => `${name}: ${ids.length} (${ids.slice(0, 5).join(', ')}…)`)
  console.info(['Replay', ...lines, 'Exceptions:', ...listed, `seed ${random.seed}`].join('\n  '))
}
