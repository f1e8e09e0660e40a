// What goes wrong at the provider: R1 to R10.
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild, type Child } from '../../../bench/peers/child.ts'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { CHAT_DIALECTS } from '../dialects.ts'
import type { ProviderFigures } from '../drills/provider-peer.ts'
import { openStream } from '../open-stream.ts'
import { findFreePort } from '../redis-server.ts'
import { startEndlessProvider, type Endless } from './endless-provider.ts'
import { seconds, waitUntil, type FaultCase, type Finding } from './fault-case.ts'
import { askChat, CHAT, createOpenaiCaller, MESSAGES, useInProcess, useUniRoute } from './gateways.ts'
import { MEGABYTE, memoryProblem, watchResident } from './memory.ts'

const PATIENCE_MS = 1_000
/** Of each endless answer. */
const ENDLESS_BYTES = Number(process.env['UNIROUTE_ENDLESS_MB'] ?? 1_024) * MEGABYTE

async function useProviderProcess(stack: AsyncDisposableStack): Promise<Child<ProviderFigures>> {
  const provider = await startChild<ProviderFigures>(new URL('../drills/provider-peer.ts', import.meta.url), [])
  stack.defer(async () => {
    process.kill(provider.pid, 'SIGCONT')
    await provider.stop()
  })
  return provider
}

async function refuseConnections(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-certificate-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  execFileSync('openssl', [...words, '-subj', '/CN=localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' })
  let served = 0
  const impostor = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) => {
    served++
    response.end('{}')
  })
  impostor.on('tlsClientError', () => undefined).listen(0, '127.0.0.1')
  await once(impostor, 'listening')
  stack.defer(() => void impostor.close())
  const uniroute = await useUniRoute(stack, finding, {
    env: {
      OPENAI_BASE_URL: `http://127.0.0.1:${await findFreePort()}`,
      ANTHROPIC_BASE_URL: `https://127.0.0.1:${(impostor.address() as AddressInfo).port}`,
      GOOGLE_BASE_URL: 'http://no-such-host.invalid',
    },
  })
  const what = { openai: 'closed port', anthropic: 'bad certificate', google: 'unknown name' }
  for (const dialect of CHAT_DIALECTS.filter(({ name }) => name !== 'openai-responses')) {
    const keys = { [dialect.vendor]: createFakeKey(dialect.vendor) }
    const caller = await uniroute.createCaller({ keys, accountFallback: 'never' })
    const from = performance.now()
    const { status, headers } = await uniroute.call('POST', dialect.path(dialect.model, false), {
      headers: dialect.auth(caller.apiKey),
      body: dialect.body('hello', dialect.model, false),
    })
    const attempts = headers.get('x-uniroute-attempts')
    finding.measured(
      `${what[dialect.vendor]} ${status} after ${attempts} calls in ${seconds(performance.now() - from)}`,
    )
    finding.expect(status === 503, `${what[dialect.vendor]}: ${status} instead of 503`)
    finding.expect(attempts === '2', `${what[dialect.vendor]}: ${attempts} calls instead of one and its repeat`)
  }
  finding.expect(served === 0, 'a key was shown to a server without a good certificate')
}

async function stopBeforeAnswer(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const provider = await useProviderProcess(stack)
  const app = await useInProcess(stack, {
    env: { OPENAI_BASE_URL: `http://127.0.0.1:${provider.start.port}` },
    timers: { firstByte: PATIENCE_MS, streamSilence: PATIENCE_MS },
  })
  const caller = await createOpenaiCaller(app)
  await askChat(app, caller.apiKey)
  for (const stream of [false, true]) {
    process.kill(provider.pid, 'SIGSTOP')
    const { status, body, headers, ms } = await askChat(app, caller.apiKey, { model: `gpt-stopped-${stream}`, stream })
    process.kill(provider.pid, 'SIGCONT')
    await provider.ask('figures')
    const calls = Object.fromEntries(await provider.ask<[string, number][]>('takeCalls'))[`gpt-stopped-${stream}`] ?? 0
    finding.measured(
      `${stream ? 'streamed' : 'whole'} ${status} ${body?.error?.code} after ${seconds(ms)}, ${calls} calls`,
    )
    finding.expect(
      status === 504 && body?.error?.code === 'timeout',
      `${status} ${body?.error?.code} instead of a timeout`,
    )
    finding.expect(calls <= 1, `${calls} calls of a request that may have run`)
    finding.expect(headers.get('x-should-retry') === 'false', 'the client is not told that a repeat may bill twice')
  }
}

async function stopInMidStream(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const provider = await useProviderProcess(stack)
  await provider.ask('behave', { events: 500, gapMs: 20 })
  const app = await useInProcess(stack, {
    env: { OPENAI_BASE_URL: `http://127.0.0.1:${provider.start.port}` },
    timers: { streamSilence: PATIENCE_MS },
  })
  const caller = await createOpenaiCaller(app)
  const stream = await openStream(app.url + CHAT.path(CHAT.model, true), CHAT.auth(caller.apiKey), {
    ...CHAT.body('hello', CHAT.model, true),
    stream_options: { include_usage: true },
  })
  await stream.until((text) => text.split('\n\n').length > 5)
  process.kill(provider.pid, 'SIGSTOP')
  const from = performance.now()
  const { text, broken } = await stream.end()
  const after = performance.now() - from
  process.kill(provider.pid, 'SIGCONT')
  const receipt = await app.readReceipt(caller.apiKey, String(stream.response.headers['x-request-id']))
  finding.measured(`error event ${seconds(after)} after the last, ${receipt.usage?.output_tokens} tokens written down`)
  finding.expect(!broken && text.includes('"code":"timeout"'), `it ended in ${JSON.stringify(text.slice(-200))}`)
  finding.expect(!text.includes('[DONE]'), 'a good end was made up')
  finding.expect(receipt.usage?.output_tokens > 0, 'what was heard is not written down')
}

interface Drained {
  readonly status: number
  readonly bytes: number
  readonly tail: string
  readonly broken: boolean
}

/** Reads an answer of any length, and keeps its end only. */
function drain(url: string, headers: Readonly<Record<string, string>>, body: object): Promise<Drained> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', ...headers },
    })
    sent.on('error', reject).on('response', (response) => {
      let bytes = 0
      let tail: Buffer = Buffer.alloc(0)
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        tail = chunk.length > 2_000 ? chunk.subarray(-2_000) : Buffer.concat([tail, chunk]).subarray(-2_000)
      })
      response.on('error', () => undefined)
      response.on('close', () =>
        resolve({ status: response.statusCode!, bytes, tail: tail.toString(), broken: !response.complete }),
      )
    })
    sent.end(JSON.stringify(body))
  })
}

async function neverEnd(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const provider = await startEndlessProvider()
  stack.defer(() => provider.close())
  const uniroute = await useUniRoute(stack, finding, { env: { OPENAI_BASE_URL: provider.url } })
  const caller = await createOpenaiCaller(uniroute)
  const ways: readonly [string, typeof CHAT, Endless, boolean, (got: Drained) => string | null][] = [
    ['relayed line', CHAT, 'line', true, endsInError(ENDLESS_BYTES - MEGABYTE)],
    ['relayed events', CHAT, 'events', true, endsInError(ENDLESS_BYTES - MEGABYTE)],
    ['translated line', MESSAGES, 'response-line', true, endsInError(0)],
    ['translated body', MESSAGES, 'json', false, ({ status }) => (status === 502 ? null : `${status} instead of 502`)],
  ]
  for (const [name, dialect, kind, stream, judge] of ways) {
    provider.speak(kind, ENDLESS_BYTES)
    await drain(uniroute.url + CHAT.path(CHAT.model, true), CHAT.auth(caller.apiKey), { model: CHAT.model })
    const resident = watchResident(uniroute.child.pid!)
    const from = performance.now()
    const got = await drain(
      uniroute.url + dialect.path(CHAT.model, stream),
      dialect.auth(caller.apiKey),
      dialect.body('hello', CHAT.model, stream),
    )
    const took = seconds(performance.now() - from)
    const most = resident.stop()
    finding.measured(
      `${name}: ${got.status}, ${Math.round(got.bytes / MEGABYTE)} MB in ${took}, RSS ≤ ${Math.round(most / MEGABYTE)} MB`,
    )
    finding.expect(most < 600 * MEGABYTE, `${name}: ${Math.round(most / MEGABYTE)} MB of memory`)
    const wrong = judge(got)
    finding.expect(wrong === null, `${name}: ${wrong}`)
  }
  const gone = await waitUntil(() => provider.open === 0, 5_000)
  finding.expect(gone !== null, 'the provider is still being read')
}

/** At least so many bytes went through, and the end is the dialect's error. */
const endsInError =
  (least: number) =>
  ({ status, bytes, tail, broken }: Drained): string | null =>
    status === 200 && bytes >= least && !broken && tail.includes('"error"')
      ? null
      : `${status}, ${bytes} bytes${broken ? ', broken off' : ''}, ended in ${JSON.stringify(tail.slice(-200))}`

const FAULTS = 'test/e2e/faults.test.ts'
const FALLBACK = 'test/e2e/fallback.test.ts'

export const PROVIDER_FAULTS: readonly FaultCase[] = [
  {
    id: 'R1',
    failure: '401, 402, 403',
    promise: 'that key’s own state, one call on it, others unaffected',
    tests: [{ file: FALLBACK, named: /rejected|no credit|may not use|another is served/ }],
  },
  {
    id: 'R2',
    failure: '429',
    promise: 'that key pauses for that model, the next one serves, else 429 with the earliest Retry-After',
    tests: [{ file: FALLBACK, named: /rate limit/ }, { file: 'test/e2e/parallel-failures.test.ts' }],
  },
  {
    id: 'R3',
    failure: '500, 502, 503, 529',
    promise: 'one repeat within the budget, the outage step, else 503; at most 1.1 calls a request',
    tests: [
      { file: FAULTS, named: /R3/ },
      { file: FALLBACK, named: /provider down|overload/ },
    ],
  },
  {
    id: 'R4',
    failure: 'refused, unknown name, bad certificate',
    promise: 'one repeat, then 503; nothing shown to an impostor',
    findProblem: () => (spawnSync('openssl', ['version']).status === 0 ? undefined : 'there is no openssl here'),
    run: refuseConnections,
  },
  {
    id: 'R5',
    failure: 'takes the request and never answers',
    promise: '504 timeout after the limit, one call, no repeat',
    tests: [{ file: FAULTS, named: /R5/ }],
    run: stopBeforeAnswer,
  },
  {
    id: 'R6',
    failure: 'silence in mid-stream',
    promise: 'the dialect’s error event after the limit, what was heard is written down',
    tests: [{ file: FAULTS, named: /R6/ }],
    run: stopInMidStream,
  },
  {
    id: 'R7',
    failure: 'reset, or an end without the terminal event',
    promise: 'the dialect’s error event, an error in every official client',
    tests: [
      { file: 'test/e2e/streams.test.ts', named: /truncate|reset|error-midstream|cutjson/ },
      { file: 'test/e2e/sdk-faults.test.ts', named: /truncate|reset|torn/ },
    ],
  },
  {
    id: 'R8',
    failure: 'HTML with 200, cut JSON, bad UTF-8, wrong type',
    promise: '502 from upstream; split characters stay whole',
    tests: [{ file: FAULTS, named: /R8/ }, { file: 'test/e2e/broken-answers.test.ts' }],
  },
  {
    id: 'R9',
    failure: 'slow drip',
    promise: 'complete events are progress, nothing else is',
    tests: [{ file: FAULTS, named: /R9/ }],
  },
  {
    id: 'R10',
    failure: 'an endless line or body',
    promise: 'memory stays bounded; past the bounds 502, or the dialect’s error event',
    tests: [{ file: FAULTS, named: /R10/ }],
    findProblem: memoryProblem,
    run: neverEnd,
  },
]
