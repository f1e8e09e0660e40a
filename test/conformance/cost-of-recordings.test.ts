// What recorded conversations cost, to the micro-dollar: a provider replays the recording, the answer goes through the
// whole pipeline, and the receipt is held against a cost worked out by hand from a price table of its own. What nobody
// can price is unknown, never 0.
// Left out, since vendors charge for more than the tokens that UniRoute counts: server tools (searches by the piece, an
// advisor at another model's price), audio, made pictures, and service at other prices than the standard.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider, type ReplayAnswer } from '../fake-provider/fake-provider.ts'
import { countByHand } from '../support/costs/counts.ts'
import { costByHand, findHandPrice, type HandPrice } from '../support/costs/hand-prices.ts'
import { CHAT_DIALECTS, readEvents, type Dialect } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { runMany } from '../support/random.ts'
import { readRecordings, recordingsAvailable, warnWithoutRecordings, type Recording } from '../support/recordings.ts'
import type { Caller, Json } from '../support/uniroute-client.ts'

warnWithoutRecordings('cost-of-recordings.test.ts')

interface CostCase {
  readonly name: string
  readonly source: string
  readonly model: string
  readonly client: Dialect
  readonly streamed: boolean
  readonly answer: string
  readonly recording: Recording
  readonly price: HandPrice | null
}

/** Who speaks what here: their own dialect, since elsewhere they are other providers. */
const SOURCES: Readonly<Record<string, RegExp>> = {
  openai: /^openai-/,
  anthropic: /^anthropic-messages$/,
  google: /^gemini$/,
  xai: /^openai-chat$/,
  'llama-cpp': /^openai-chat$/,
  ollama: /^openai-chat$/,
  openrouter: /^openai-chat$/,
  avian: /^openai-chat$/,
}
const MORE_THAN_TOKENS = /search|fetch|code_execution|audio|images_out|image_generation|advisor|priority|video|mcp/

const recordings = readRecordings().filter(
  ({ file, status, source, features, protocol }) =>
    /^(?:openai-chat|openai-responses|anthropic-messages|gemini-generate|gemini-stream)$/.test(file) &&
    status < 300 &&
    SOURCES[source]?.test(protocol.id) &&
    !features.some((feature) => MORE_THAN_TOKENS.test(feature)),
)
const isStandard = ({ answer }: Recording): boolean => !/"service_tier": ?"(?:priority|flex|batch)"/.test(answer)
const told = recordings.filter((one) => isStandard(one) && isWhole(one) && countByHand(one) !== null)

/** A stream of events or a whole answer; Gemini's array of JSON has no marks to stream it by. */
function isWhole({ isSse, answer }: Recording): boolean {
  return isSse || !answer.startsWith('[')
}

const dialectOf = ({ protocol }: Recording): Dialect => CHAT_DIALECTS.find(({ name }) => name === protocol.id)!

function caseOf(recording: Recording, change: Partial<CostCase> = {}): CostCase {
  const { source, model, isSse, answer, id } = recording
  const price = findHandPrice(source, model) ?? null
  return {
    name: `${id} (${source}/${model})`,
    source,
    model: model.replace(/^models\//, ''),
    client: dialectOf(recording),
    streamed: isSse,
    answer,
    recording,
    price,
    ...change,
  }
}

const answers = new Map<string, ReplayAnswer>()
let folder: string
let fake: FakeProvider
let app: InProcessApp
let caller: Caller
let asked = 0
/** Of the last request that the provider got. */
let sentBytes = 0

describe.skipIf(!recordingsAvailable)('the cost of what was recorded', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'uniroute-costs-'))
    fake = await startFakeProvider({
      replay: ({ rawBody }) => {
        sentBytes = rawBody.length
        return answers.get(/question \d+ of cost/.exec(rawBody.toString())?.[0] ?? '')
      },
    })
    const file = join(folder, 'providers.json')
    const others = ['xai', 'llama-cpp', 'openrouter', 'avian']
    const entries = others.map((id) => ({ id, name: id, base_url: fake.urlOf('compat') }))
    // Its address tells elsewhere.
    const known = entries.map((entry) => (entry.id === 'openrouter' ? { ...entry, dialect: entry.id } : entry))
    writeFileSync(file, JSON.stringify(known))
    app = await startInProcess({ fake, env: { PROVIDERS_FILE: file, OLLAMA_BASE_URL: fake.urlOf('compat') } })
    const compat = Object.fromEntries(others.map((id) => [id, createFakeKey('compat')]))
    const keys = {
      openai: createFakeKey('openai'),
      anthropic: createFakeKey('anthropic'),
      google: createFakeKey('google'),
    }
    caller = await app.createCaller({ keys: { ...keys, ...compat } })
  })
  afterAll(async () => {
    await app?.close()
    await fake?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Asks, and reads the receipt of it. */
  async function spend(one: CostCase): Promise<{ receipt: Json; sentBytes: number }> {
    const marker = `question ${++asked} of cost`
    const type = one.streamed ? 'text/event-stream' : 'application/json'
    answers.set(marker, { status: 200, headers: { 'content-type': type }, body: Buffer.from(one.answer) })
    const isNamed = ['openai', 'anthropic', 'google'].includes(one.source) && one.client === dialectOf(one.recording)
    const model = isNamed ? one.model : `${one.source}/${one.model}`
    const { client, streamed } = one
    const body = client.body(marker, model, streamed)
    const reply = await app.call('POST', client.path(model, streamed), { headers: client.auth(caller.apiKey), body })
    if (reply.status !== 200) throw new Error(`${one.name}: ${reply.status} ${reply.text.slice(0, 300)}`)
    const receipt = await app.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
    return { receipt, sentBytes }
  }

  async function spendAll(cases: readonly CostCase[]): Promise<string[]> {
    const wrong: string[] = []
    await runMany(cases, 8, async (one) => {
      const { receipt } = await spend(one)
      const count = countByHand(one.recording.answer === one.answer ? one.recording : { ...one.recording, ...one })!
      const wanted = one.price && {
        usd_micros: costByHand(one.price, count),
        source: 'computed',
        input_tokens: count.input + count.cacheRead + count.cacheWrite + count.cacheWrite1h,
        cache_read_tokens: count.cacheRead,
        cache_write_tokens: count.cacheWrite + count.cacheWrite1h,
        cache_write_1h_tokens: count.cacheWrite1h,
        output_tokens: count.output,
      }
      const { cost, usage } = receipt
      const got = one.price && {
        usd_micros: cost.usd_micros,
        source: cost.source,
        input_tokens: usage.input_tokens,
        cache_read_tokens: usage.cache_read_tokens ?? 0,
        cache_write_tokens: usage.cache_write_tokens ?? 0,
        cache_write_1h_tokens: usage.cache_write_1h_tokens ?? 0,
        output_tokens: usage.output_tokens,
      }
      const [want, have] = [JSON.stringify(wanted), JSON.stringify(got)]
      if (want !== have) wrong.push(`${one.name} as ${one.client.name}: ${have} instead of ${want}`)
    })
    return wrong
  }

  const priced = told.filter(({ source, model }) => findHandPrice(source, model) !== undefined)

  test('every recorded conversation whose price is written down costs what is worked out by hand', async () => {
    const cases = priced.map((recording) => caseOf(recording))
    report(await spendAll(cases))
    const streams = cases.filter(({ streamed }) => streamed)
    const counts = streams.map(({ recording }) => countByHand(recording)!)
    const reasons = ({ recording }: CostCase): boolean => recording.features.includes('reasoning_tokens')
    const figures = {
      cases: cases.length,
      streamed: streams.length,
      cacheRead: counts.filter(({ cacheRead }) => cacheRead > 0).length,
      cacheWrite: counts.filter(({ cacheWrite }) => cacheWrite > 0).length,
      reasoning: streams.filter(reasons).length,
      cacheOrReasoning: streams.filter((one, at) => reasons(one) || counts[at]!.cacheRead + counts[at]!.cacheWrite > 0)
        .length,
      models: new Set(cases.map(({ source, model }) => `${source}/${model}`)).size,
    }
    console.info(`Cost of recordings: ${JSON.stringify(figures)}`)
    expect(figures.streamed).toBeGreaterThanOrEqual(100)
    expect(figures.cacheOrReasoning).toBeGreaterThanOrEqual(30)
    expect(figures.cacheRead).toBeGreaterThanOrEqual(5)
    expect(figures.cacheWrite).toBeGreaterThanOrEqual(3)
    expect(figures.reasoning).toBeGreaterThanOrEqual(10)
    for (const vendor of ['openai', 'anthropic', 'google', 'xai']) {
      expect(streams.filter(({ source }) => source === vendor).length).toBeGreaterThan(0)
    }
  })

  test('the same conversations cost the same where the client speaks another dialect', async () => {
    const [chat, , messages] = CHAT_DIALECTS
    const other = (recording: Recording): Dialect => (recording.protocol.id.startsWith('openai') ? messages! : chat!)
    const streams = priced.filter(({ isSse, protocol, source }) => isSse && translates(protocol.id, source))
    const cases = streams.map((recording) => caseOf(recording, { client: other(recording) }))
    report(await spendAll(cases))
    console.info(`Cost of recordings: ${cases.length} streams translated`)
    expect(cases.length).toBeGreaterThanOrEqual(30)
  })

  /** Of OpenAI, other dialects reach the Responses; compatible servers, Chat Completions. */
  function translates(protocol: string, source: string): boolean {
    return source === 'openai' ? protocol === 'openai-responses' : true
  }

  // No recording writes a cache for an hour, reads one of Google's in a stream, or is as long as that: its figures are
  // changed, and the rest is as it was recorded.
  test('changed recordings: a cache written for an hour, a cache read of Google’s in a stream, and prompts so long that they cost more', async () => {
    const stream = (source: string, model: RegExp) =>
      priced.find((one) => one.isSse && one.source === source && model.test(one.model))!
    const changed = (name: string, recording: Recording, change: (usage: Json) => void): CostCase => {
      const answer = changeUsage(recording.answer, change)
      expect(answer).not.toBe(recording.answer)
      return caseOf(recording, { answer, name: `${name}, from ${recording.id}` })
    }
    const hour = (usage: Json): void => {
      if (usage.input_tokens === undefined) return
      Object.assign(usage, {
        cache_creation_input_tokens: 5_000,
        cache_read_input_tokens: 777,
        cache_creation: { ephemeral_5m_input_tokens: 1_234, ephemeral_1h_input_tokens: 3_766 },
      })
    }
    const prompt = (tokens: number, cachedTokens: number) => (usage: Json) => {
      if (usage.promptTokenCount !== undefined)
        Object.assign(usage, { promptTokenCount: tokens, cachedContentTokenCount: cachedTokens })
      else if (usage.input_tokens !== undefined)
        Object.assign(usage, { input_tokens: tokens - cachedTokens, cache_read_input_tokens: cachedTokens })
    }
    const sonnet = stream('anthropic', /^claude-sonnet-4-5/)
    const pro = stream('google', /^gemini-2\.5-pro/)
    const cases = [
      changed('an hour', stream('anthropic', /^claude-haiku-4-5/), hour),
      changed('an hour', stream('anthropic', /^claude-sonnet-4-6/), hour),
      changed('an hour', sonnet, hour),
      changed('cache read', stream('google', /^gemini-2\.5-flash/), prompt(4_000, 3_333)),
      changed('cache read', stream('google', /^gemini-3-flash/), prompt(9_999, 1)),
      changed('as long as costs the same', pro, prompt(200_000, 100_000)),
      changed('one token longer', pro, prompt(200_001, 100_000)),
      changed('as long as costs the same', sonnet, prompt(200_000, 100_000)),
      changed('one token longer', sonnet, prompt(200_001, 100_000)),
    ]
    report(await spendAll(cases))
    console.info(`Cost of recordings: ${cases.length} changed streams`)
  })

  test('a price that nobody knows makes the cost unknown and never 0: models nobody lists, and servers of one’s own', async () => {
    const unknown = told.filter(
      ({ source, model }) => ['llama-cpp', 'ollama'].includes(source) || model === 'muse-spark-1.1',
    )
    const renamed = priced
      .filter(({ isSse }) => isSse)
      .slice(0, 5)
      .map((recording) => caseOf(recording, { model: 'nobody-has-heard-of-it', client: CHAT_DIALECTS[0]! }))
      .filter(({ recording }) => recording.protocol.id === 'openai-chat')
    const cases = [...unknown.map((recording) => caseOf(recording, { price: null })), ...renamed]
    const wrong: string[] = []
    for (const one of cases) {
      const { receipt } = await spend(one)
      const { usd_micros, source } = receipt.cost
      if (usd_micros !== null || source !== 'unknown') wrong.push(`${one.name}: ${JSON.stringify(receipt.cost)}`)
      if (receipt.usage.output_tokens === null) wrong.push(`${one.name}: no tokens`)
    }
    report(wrong)
    expect(new Set(cases.map(({ source }) => source))).toEqual(new Set(['llama-cpp', 'ollama', 'openai']))
    const { total } = (await app.call('GET', '/admin/usage', { token: caller.token })).body
    expect(total.unknown_cost_requests).toBe(cases.length)
    console.info(`Cost of recordings: ${cases.length} of unknown price`)
  })

  test('what a provider says it charged is the cost, where it is known to say so in dollars', async () => {
    const charges = told.filter(({ answer }) => chargeByHand(answer) !== null && !/"error": ?\{/.test(answer))
    const [chat, , messages] = CHAT_DIALECTS
    const cases = charges
      .filter(({ source }) => source === 'openrouter')
      .flatMap((recording) => [chat!, messages!].map((client) => caseOf(recording, { client })))
    const wrong: string[] = []
    await runMany(cases, 8, async (one) => {
      const { usd_micros, source } = (await spend(one)).receipt.cost
      const wanted = chargeByHand(one.answer)
      if (usd_micros !== wanted || source !== 'provider')
        wrong.push(`${one.name} as ${one.client.name}: ${usd_micros} (${source}) instead of ${wanted}`)
    })
    report(wrong)
    console.info(`Cost of recordings: ${cases.length} told by the provider`)
    expect(cases.length).toBeGreaterThanOrEqual(30)
    // Of others nobody knows in which currency they count.
    const other = charges.find(({ source }) => source === 'avian')!
    expect((await spend(caseOf(other))).receipt.cost.source).not.toBe('provider')
  })

  test('a server of one’s own is free where an administrator says so: 0, and known', async () => {
    const recording = told.find(({ source }) => source === 'ollama')!
    const body = { price: { input: 0, output: 0 } }
    const token = await app.login()
    const path = `/admin/catalog/overrides/ollama/${encodeURIComponent(recording.model)}`
    expect((await app.call('PUT', path, { token, body })).status).toBe(200)
    const { receipt } = await spend(caseOf(recording))
    expect(receipt.cost).toMatchObject({ usd_micros: 0, source: 'computed' })
  })

  test('a stream that breaks off is estimated from what went in and what came out, and says so', async () => {
    const wanted = ['openai', 'anthropic', 'google', 'xai'].flatMap((source) =>
      priced
        .filter((one) => one.isSse && one.source === source && readEvents(cutInTheMiddle(one.answer)).length > 1)
        .slice(0, 3),
    )
    const wrong: string[] = []
    for (const recording of wanted) {
      const cut = cutInTheMiddle(recording.answer)
      const { receipt, sentBytes } = await spend(caseOf(recording, { answer: cut }))
      // A token is four bytes of text, and half of a stream is framing twice over: one token for 32 bytes, at least
      // what the stream itself had counted; the prompt where the stream does not tell it, four bytes of the request a
      // token.
      const seen = countByHand({ ...recording, answer: cut })
      const guessed = Math.ceil(Buffer.byteLength(cut) / 32)
      const count = {
        input: seen?.input ?? Math.ceil(sentBytes / 4),
        cacheRead: seen?.cacheRead ?? 0,
        cacheWrite: seen?.cacheWrite ?? 0,
        cacheWrite1h: seen?.cacheWrite1h ?? 0,
        output: Math.max(seen?.output ?? 0, guessed),
      }
      const want = {
        usd_micros: costByHand(findHandPrice(recording.source, recording.model)!, count),
        source: 'estimated',
      }
      const have = { usd_micros: receipt.cost.usd_micros, source: receipt.cost.source }
      if (JSON.stringify(want) !== JSON.stringify(have))
        wrong.push(`${recording.id}: ${JSON.stringify(have)} instead of ${JSON.stringify(want)}`)
    }
    report(wrong)
    console.info(`Cost of recordings: ${wanted.length} broken streams estimated`)
    expect(wanted.length).toBeGreaterThanOrEqual(7)
  })
})

/** Every object of figures in the stream, changed. */
function changeUsage(answer: string, change: (usage: Json) => void): string {
  return answer.replace(/^data: ?(\{.*\})(\s*)$/gm, (line, data: string, end: string) => {
    const event: Json = JSON.parse(data)
    const usages = [event.message?.usage, event.usage, event.usageMetadata].filter(Boolean)
    if (usages.length === 0) return line
    usages.forEach(change)
    return `data: ${JSON.stringify(event)}${end}`
  })
}

/** OpenRouter's own figure in whole micro-dollars, at least 1 where there is one; null where the answer has none. */
function chargeByHand(answer: string): number | null {
  const digits = /"usage": ?\{[^]*?"cost": ?([0-9.]+(?:e-?\d+)?)/.exec(answer)?.[1]
  if (digits === undefined || /"is_byok": ?true/.test(answer)) return null
  const nanos = Math.round(Number(digits) * 1e9)
  return nanos === 0 ? 0 : Math.max(1, Math.floor((nanos + 500) / 1000))
}

/** Whole events only, so that what was counted so far is there to be read. */
function cutInTheMiddle(answer: string): string {
  const half = answer.slice(0, answer.length / 2)
  const end = Math.max(half.lastIndexOf('\n\n') + 2, half.lastIndexOf('\r\n\r\n') + 4)
  return answer.slice(0, end)
}

function report(wrong: readonly string[]): void {
  expect({ wrong: wrong.length, first: wrong.slice(0, 12) }).toEqual({ wrong: 0, first: [] })
}
