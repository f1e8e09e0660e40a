// One real HTTP server that plays OpenAI, Anthropic, Google and an OpenAI-compatible host. Which vendor is meant stands
// in the first path segment (`/openai`, `/anthropic`, `/google`, `/compat`); without one it is guessed as a person
// would. It keeps a record of every request, says whether each was legal, and behaves as the caller's key asks.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerAnthropicModels, answerCountTokens, answerMessages, checkMessagesBody } from './anthropic.ts'
import { answerBilling, isBillingPath, type BilledUse } from './billing.ts'
import { deliverAnswer, deliverBytes } from './delivery.ts'
import type { Vendor } from './fake-keys.ts'
import {
  answerGeminiCount,
  answerGeminiEmbed,
  answerGeminiModels,
  answerGenerate,
  answerStreamGenerate,
  checkGenerateBody,
} from './gemini.ts'
import { answerChat, checkChatBody } from './openai-chat.ts'
import { answerEmbeddings, answerOpenaiModels, checkEmbeddingsBody } from './openai-other.ts'
import { answerInputTokens, answerResponses, checkResponsesBody } from './openai-responses.ts'
import { checkCredential, checkHeaders, readCredential, type HeaderList, type Violation } from './request-checks.ts'
import { parseScenario, readScenario, type Scenario } from './scenarios.ts'
import { createSealer, type Sealer } from './signatures.ts'
import { createShelves, isStoredPath, type Shelves } from './stored.ts'
import { createHexId, createTextId, type Json, type Said } from './turn.ts'
import {
  badRequestAnswer,
  inBandErrorFrame,
  missingKeyAnswer,
  scenarioAnswer,
  serverErrorAnswer,
  unknownModelAnswer,
  unknownPathAnswer,
} from './vendor-errors.ts'
import type { Answer } from './wire.ts'

export type Operation =
  | 'chat'
  | 'responses'
  | 'embeddings'
  | 'messages'
  | 'count-tokens'
  | 'generate'
  | 'stream-generate'
  | 'embed'
  | 'models'
  | 'billing'
  | 'stored'
  | 'unknown'

export interface RecordedRequest {
  readonly number: number
  readonly vendor: Vendor
  readonly operation: Operation
  readonly method: string
  /** Without the vendor's segment. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: HeaderList
  readonly key: string
  readonly model: string
  rawBody: Buffer
  body: Json
  readonly scenario: Scenario
  readonly violations: Violation[]
  /** Why the vendor refuses the body, if it does. */
  complaint: string | undefined
  /** Reasoning state that the answer carried. */
  readonly issued: string[]
  readonly at: number
  /** open: not answered to the end yet · done · aborted: the connection broke first, on whichever side. */
  state: 'open' | 'done' | 'aborted'
  /** Settles when the state leaves `open`. */
  readonly ended: Promise<void>
}

export interface ReplayAnswer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: Buffer
  /** Byte positions at which the body is cut into writes. */
  readonly cuts?: readonly number[]
  /** Waited for at each cut, so that a client may have read what came before it. */
  readonly pause?: () => Promise<unknown>
}

export interface FakeProviderOptions {
  readonly port?: number
  /** Off when SDKs call the fake directly: then the headers of SDKs are no violation. */
  readonly behindGateway?: boolean
  /** Answers from recordings; undefined means: answer as usual. */
  readonly replay?: (request: RecordedRequest) => ReplayAnswer | undefined
  /** The text of an answer, instead of the echo, or a script for texts and calls. */
  readonly say?: (request: RecordedRequest) => Said
  /** Bodies are kept for the record unless there will be very many. */
  readonly keepBodies?: boolean
}

export interface FakeProvider {
  readonly url: string
  /** The base URL of one vendor, without a version segment. */
  urlOf(vendor: Vendor): string
  readonly requests: RecordedRequest[]
  requestsOf(key: string): RecordedRequest[]
  /** All violations so far, as sentences. */
  violations(): string[]
  /** Every body that was refused as the vendor would, as sentences. */
  complaints(): string[]
  /** Adds to what the vendor says an organization used. */
  bill(...uses: BilledUse[]): void
  /** Decides by the number of the call (from 1) and the request; a scenario's words or undefined for `ok`. */
  behave(key: string, decide: (call: number, request: { model: string; body: Json }) => string | undefined): void
  forget(): void
  close(): Promise<void>
}

type Decide = Parameters<FakeProvider['behave']>[1]

export async function startFakeProvider(options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const requests: RecordedRequest[] = []
  const calls = new Map<string, number>()
  const decisions = new Map<string, Decide>()
  const shelves = createShelves()
  const billed: BilledUse[] = []
  let number = 0

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      // Not `request.destroyed`: a request that was read to its end is that as well.
      if (response.destroyed) return
      response.writeHead(599, { 'content-type': 'text/plain' })
      response.end(`The fake provider failed: ${error instanceof Error ? error.stack : String(error)}`)
    })
  })
  server.keepAliveTimeout = 60_000
  server.requestTimeout = 0

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const record = readRequest(incoming, Buffer.concat(chunks), ++number, ended, chooseScenario)
    if (options.behindGateway === false) record.violations.splice(0, Infinity, ...withoutSdkHeaders(record))
    requests.push(record)
    response.on('close', () => {
      record.state = response.writableFinished ? 'done' : 'aborted'
      if (options.keepBodies === false) Object.assign(record, { rawBody: NOTHING, body: undefined })
      end()
    })
    await answer(record, response)
  }

  function chooseScenario(key: string, seen: { model: string; body: Json }): Scenario {
    const call = (calls.get(key) ?? 0) + 1
    calls.set(key, call)
    const decide = decisions.get(key)
    return decide === undefined ? readScenario(key) : parseScenario(decide(call, seen) ?? 'ok')
  }

  async function answer(record: RecordedRequest, response: ServerResponse): Promise<void> {
    const recorded = options.replay?.(record)
    if (recorded !== undefined) {
      response.writeHead(recorded.status, recorded.headers)
      await deliverBytes(response, recorded.body, recorded.cuts ?? [], recorded.pause)
      return
    }
    const { scenario } = record
    if (scenario.name === 'hang') return
    if (scenario.name === 'reset') {
      response.socket?.resetAndDestroy()
      return
    }
    const chosen = await chooseAnswer(record, options.say?.(record), shelves, billed)
    await deliverAnswer({
      response,
      answer: { ...chosen, headers: { ...vendorHeaders(record), ...chosen.headers } },
      scenario,
      acceptsGzip: record.headers.some(([name, value]) => name === 'accept-encoding' && value.includes('gzip')),
      errorFrame: inBandErrorFrame(record.vendor, record.operation),
    })
  }

  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    urlOf: (vendor) => `${url}/${vendor}`,
    requests,
    requestsOf: (key) => requests.filter((request) => request.key === key),
    violations: () =>
      requests.flatMap((request) =>
        request.violations.map(
          (violation) => `${request.method} ${request.path}: ${violation.kind}: ${violation.message}`,
        ),
      ),
    complaints: () =>
      requests.flatMap(({ method, path, complaint }) =>
        complaint === undefined ? [] : [`${method} ${path}: ${complaint}`],
      ),
    bill: (...uses) => void billed.push(...uses),
    behave: (key, decide) => void decisions.set(key, decide),
    forget() {
      requests.length = 0
      calls.clear()
      decisions.clear()
      billed.length = 0
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const NOTHING = Buffer.alloc(0)
const VENDORS: readonly Vendor[] = ['openai', 'anthropic', 'google', 'compat']

function readRequest(
  incoming: IncomingMessage,
  rawBody: Buffer,
  number: number,
  ended: Promise<void>,
  chooseScenario: (key: string, seen: { model: string; body: Json }) => Scenario,
): RecordedRequest {
  const target = new URL(incoming.url ?? '/', 'http://fake')
  const headers = pairHeaders(incoming.rawHeaders)
  const named = VENDORS.find((vendor) => target.pathname.startsWith(`/${vendor}/`))
  const path = named === undefined ? target.pathname : target.pathname.slice(named.length + 1)
  const vendor = named ?? guessVendor(path, headers)
  const operation = readOperation(vendor, incoming.method ?? '', path)
  const key = readCredential(headers, target.searchParams)
  const body = parseBody(rawBody)
  const model = String(/\/models\/([^/:]+)/.exec(path)?.[1] ?? body?.model ?? '')
  const violations = [
    ...checkHeaders(vendor, headers),
    ...checkCredential(vendor, headers, target.searchParams),
    ...(incoming.method === 'POST' && operation !== 'stored' && (typeof body !== 'object' || body === null)
      ? [{ kind: 'body' as const, message: 'the body is not a JSON object' }]
      : []),
  ]
  return {
    number,
    vendor,
    operation,
    method: incoming.method ?? '',
    path,
    query: target.searchParams,
    headers,
    key,
    model,
    rawBody,
    body,
    violations,
    complaint: undefined,
    issued: [],
    ended,
    scenario: chooseScenario(key, { model, body }),
    at: Date.now(),
    state: 'open',
  }
}

function pairHeaders(raw: readonly string[]): HeaderList {
  const pairs: [string, string][] = []
  for (let at = 0; at < raw.length; at += 2) pairs.push([raw[at]!.toLowerCase(), raw[at + 1]!])
  return pairs
}

function parseBody(raw: Buffer): Json {
  if (raw.length === 0) return undefined
  try {
    return JSON.parse(raw.toString())
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function guessVendor(path: string, headers: HeaderList): Vendor {
  const has = (name: string): boolean => headers.some(([candidate]) => candidate === name)
  if (path.includes('/messages') || has('anthropic-version')) return 'anthropic'
  if (/\/models\/[^/]+:/.test(path) || path.startsWith('/v1beta') || has('x-goog-api-key')) return 'google'
  return 'openai'
}

function readOperation(vendor: Vendor, method: string, path: string): Operation {
  if (isBillingPath(vendor, method, path)) return 'billing'
  if (isStoredPath(vendor, method, path)) return 'stored'
  const rest = path.replace(/^\/(v1beta|v1)(?=\/)/, '')
  if (method === 'GET') return /^\/models(\/|$)/.test(rest) ? 'models' : 'unknown'
  if (method !== 'POST') return 'unknown'
  if (vendor === 'anthropic') {
    return ({ '/messages': 'messages', '/messages/count_tokens': 'count-tokens' } as const)[rest] ?? 'unknown'
  }
  if (vendor === 'google') {
    const verb = /^\/models\/[^/:]+:(\w+)$/.exec(rest)?.[1] ?? ''
    const verbs: Record<string, Operation> = {
      generateContent: 'generate',
      streamGenerateContent: 'stream-generate',
      countTokens: 'count-tokens',
      embedContent: 'embed',
      batchEmbedContents: 'embed',
    }
    return verbs[verb] ?? 'unknown'
  }
  const paths: Record<string, Operation> = {
    '/chat/completions': 'chat',
    '/responses': 'responses',
    '/responses/input_tokens': 'count-tokens',
    '/embeddings': 'embeddings',
  }
  return paths[rest] ?? 'unknown'
}

async function chooseAnswer(record: RecordedRequest, text: Said, shelves: Shelves, uses: BilledUse[]): Promise<Answer> {
  const { vendor, operation, body, scenario, model, key } = record
  if (operation === 'unknown') return unknownPathAnswer(vendor, record.method, record.path)
  if (key === '') return missingKeyAnswer(vendor)
  const place = { vendor, model, key, number: scenario.number }
  const wrong = scenarioAnswer(scenario.name, operation === 'models', place)
  if (wrong !== undefined) return wrong
  if (operation === 'models') return answerModels(record)
  if (operation === 'billing') return answerBilling(record, uses)
  if (operation === 'stored')
    return (await shelves.answer(record)) ?? unknownPathAnswer(vendor, record.method, record.path)
  const seal = createSealer(key, model, record.issued)
  const complaint = checkBody(record, seal)
  record.complaint = complaint
  if (complaint !== undefined) return badRequestAnswer(vendor, complaint)
  if (model.includes('does-not-exist')) return unknownModelAnswer(vendor, model)
  const streamed = operation === 'stream-generate' || body.stream === true
  if (!streamed && scenario.name.startsWith('error-')) return serverErrorAnswer(place)
  const said = text ?? (scenario.name === 'big' ? 'Lorem ipsum 🙂 '.repeat((scenario.number ?? 256) * 60) : undefined)
  if (operation === 'chat') return answerChat(body, said, vendor)
  if (operation === 'responses') {
    const answer = answerResponses(body, said, seal)
    if (typeof answer.body === 'string') shelves.keep(key, 'responses', JSON.parse(answer.body))
    return answer
  }
  if (operation === 'embeddings') return answerEmbeddings(body)
  if (operation === 'messages') return answerMessages(body, said, seal)
  if (operation === 'generate') return answerGenerate(model, body, said, seal)
  if (operation === 'stream-generate') {
    return answerStreamGenerate(model, body, said, record.query.get('alt') === 'sse', seal)
  }
  if (operation === 'embed') return answerGeminiEmbed(body)
  if (vendor === 'google') return answerGeminiCount(body)
  return vendor === 'anthropic' ? answerCountTokens(body) : answerInputTokens(body)
}

function checkBody({ vendor, operation, model, body, headers }: RecordedRequest, seal: Sealer): string | undefined {
  const version = headers.find(([name]) => name === 'anthropic-version')?.[1] ?? ''
  if (operation === 'chat') return checkChatBody(body, vendor)
  if (operation === 'responses') return checkResponsesBody(body, seal)
  if (operation === 'embeddings') return checkEmbeddingsBody(body)
  if (vendor === 'anthropic') return checkMessagesBody(body, version, operation === 'count-tokens', seal)
  if (operation === 'generate' || operation === 'stream-generate') return checkGenerateBody(model, body, seal)
  return undefined
}

function answerModels({ vendor, path, query }: RecordedRequest): Answer {
  const id = /\/models\/(.+)$/.exec(path)?.[1]
  if (vendor === 'anthropic') return answerAnthropicModels(id, query)
  if (vendor === 'google') return answerGeminiModels(id)
  return answerOpenaiModels(id, vendor === 'compat' ? ['llama-3.3-70b', 'org/qwen-3'] : undefined)
}

function vendorHeaders({ vendor }: RecordedRequest): Record<string, string> {
  const noise = { server: 'fake', 'set-cookie': '__cf_bm=fake; path=/', 'cf-ray': '8f00', 'alt-svc': 'h3=":443"' }
  if (vendor === 'anthropic') {
    return {
      ...noise,
      'request-id': createTextId('req_011', 21),
      'anthropic-ratelimit-requests-limit': '4000',
      'anthropic-ratelimit-requests-remaining': '3999',
      'anthropic-ratelimit-requests-reset': '2026-11-22T16:00:00Z',
    }
  }
  if (vendor === 'google') return { ...noise, 'server-timing': 'gfet4t7; dur=41', vary: 'Origin' }
  return {
    ...noise,
    'x-request-id': createHexId('req_'),
    'openai-version': '2020-10-01',
    'openai-organization': 'org-of-the-key',
    'openai-processing-ms': '41',
    'x-ratelimit-limit-requests': '10000',
    'x-ratelimit-remaining-requests': '9999',
    'x-ratelimit-reset-requests': '6ms',
  }
}

/** What SDKs send when they call the fake themselves. */
function withoutSdkHeaders(record: RecordedRequest): Violation[] {
  return record.violations.filter((violation) => violation.kind !== 'header' || violation.message.includes('missing'))
}
