// What goes wrong at the client, and where one request goes wrong among others: R11, R12, R20 to R23.
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { startChild } from '../../../bench/peers/child.ts'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { writeChatRequest } from '../drills/lean-client.ts'
import type { ProviderFigures } from '../drills/provider-peer.ts'
import { openStream, type OpenStream } from '../open-stream.ts'
import type { UniRoute } from '../uniroute-process.ts'
import { startEndlessProvider } from './endless-provider.ts'
import { seconds, waitUntil, type FaultCase, type Finding } from './fault-case.ts'
import { askChat, CHAT, createOpenaiCaller, MESSAGES, useFake, useUniRoute } from './gateways.ts'
import { MEGABYTE, memoryProblem, watchResident } from './memory.ts'

const EVENTS = 20
/** Each fills some 8 MB of the kernel's buffers; with many more of them the kernel itself runs out of room. */
const NON_READERS = 150
const SLOW_CLIENT_MS = 120_000
/** Held for one that does not read, with what a stream costs anyway. */
const MOST_PER_STREAM = (256 + 60) * 1024

const openChat = ({ url }: UniRoute, apiKey: string): Promise<OpenStream> =>
  openStream(url + CHAT.path(CHAT.model, true), CHAT.auth(apiKey), CHAT.body('hello', CHAT.model, true))

async function leaveAtEveryEvent(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const provider = await startChild<ProviderFigures>(new URL('../drills/provider-peer.ts', import.meta.url), [])
  stack.defer(() => provider.stop())
  await provider.ask('behave', { events: EVENTS * 10, gapMs: 20 })
  const uniroute = await useUniRoute(stack, finding, {
    env: { OPENAI_BASE_URL: `http://127.0.0.1:${provider.start.port}` },
  })
  const caller = await createOpenaiCaller(uniroute)
  let slowest = 0
  const ids: string[] = []
  for (let at = 1; at <= EVENTS; at++) {
    const stream = await openChat(uniroute, caller.apiKey)
    ids.push(String(stream.response.headers['x-request-id']))
    await stream.until((text) => text.split('\n\n').length > at)
    const from = performance.now()
    stream.leave()
    const isGone = async (): Promise<boolean> => (await provider.ask<ProviderFigures>('figures')).openStreams === 0
    const gone = await waitUntil(isGone, 10_000)
    slowest = Math.max(slowest, gone === null ? Infinity : performance.now() - from)
  }
  let told = 0
  for (const id of ids) {
    const receipt = await uniroute.readReceipt(caller.apiKey, id)
    if (receipt.status === 499 && receipt.usage.output_tokens > 0) told++
    else finding.expect(false, `a receipt says ${JSON.stringify({ status: receipt.status, usage: receipt.usage })}`)
  }
  finding.measured(`left after each of ${EVENTS} events: provider told within ${seconds(slowest)}, ${told} rows of 499`)
  // A second is promised; the rest is for a machine that has other things to do.
  finding.expect(slowest < 3_000, 'the provider went on for longer')
}

/** What a process holds after its garbage is collected: it tells when it is asked by a signal that means nothing else. */
function useMemoryTeller(stack: AsyncDisposableStack): {
  env: Record<string, string>
  readHeld(uniroute: UniRoute): Promise<number>
} {
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-memory-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const [module, answer] = [join(folder, 'tell.mjs'), join(folder, 'told')]
  writeFileSync(
    module,
    `import { writeFileSync } from 'node:fs'
     import { isMainThread } from 'node:worker_threads'
     if (isMainThread) process.on('SIGWINCH', () => {
       gc(); gc()
       const { heapUsed, external } = process.memoryUsage()
       writeFileSync(${JSON.stringify(answer)}, String(heapUsed + external))
     })\n`,
  )
  return {
    env: { NODE_OPTIONS: `--expose-gc --import=${pathToFileURL(module).href}` },
    async readHeld({ child }) {
      rmSync(answer, { force: true })
      child.kill('SIGWINCH')
      const isTold = (): boolean => existsSync(answer) && readFileSync(answer, 'utf8') !== ''
      if ((await waitUntil(isTold, 60_000)) === null) throw new Error('it does not tell what it holds')
      return Number(readFileSync(answer, 'utf8'))
    },
  }
}

async function readNothing(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const provider = await startEndlessProvider()
  stack.defer(() => provider.close())
  provider.speak('events', Infinity)
  const { env, readHeld } = useMemoryTeller(stack)
  const uniroute = await useUniRoute(stack, finding, { env: { OPENAI_BASE_URL: provider.url, ...env } })
  const caller = await createOpenaiCaller(uniroute)
  const port = Number(new URL(uniroute.url).port)
  const sent = writeChatRequest({ apiKey: caller.apiKey, model: CHAT.model, text: 'hello', stream: true })
  const sockets: Socket[] = []
  stack.defer(() => {
    for (const socket of sockets) socket.destroy()
  })
  const add = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const socket = connect({ port, host: '127.0.0.1' }).on('error', () => undefined)
      socket.pause()
      sockets.push(socket)
      await once(socket, 'connect')
      socket.write(sent)
    }
  }
  await add(20)
  await sleep(2_000)
  const base = await readHeld(uniroute)
  await add(NON_READERS)
  const from = performance.now()
  await waitUntil(() => provider.open >= NON_READERS + 20, 60_000)
  // What is written has come to rest once nobody takes any more.
  let taken = -1
  await waitUntil(async () => {
    const before = taken
    await sleep(1_000)
    taken = provider.bytes
    return before === taken
  }, 60_000)
  const atRest = performance.now()
  const each = ((await readHeld(uniroute)) - base) / NON_READERS
  finding.measured(`${NON_READERS} who read nothing hold ${Math.round(each / 1024)} KB each`)
  finding.expect(each <= MOST_PER_STREAM, `more than ${MOST_PER_STREAM / 1024} KB each`)
  finding.expect(provider.open === sockets.length, `${provider.open} of ${sockets.length} streams are open`)
  const gone = await waitUntil(() => provider.open === 0, SLOW_CLIENT_MS * 2)
  const now = performance.now()
  finding.measured(
    gone === null
      ? 'not all are let go'
      : `all let go ${seconds(now - from)} after they stopped, ${seconds(now - atRest)} after the kernel took no more for them`,
  )
  finding.expect(gone !== null, `${provider.open} streams are still open`)
}

async function stopTwice(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const fake = await useFake(stack)
  const uniroute = await useUniRoute(stack, finding, { fake })
  const caller = await createOpenaiCaller(uniroute, 'hang-midstream')
  const stream = await openChat(uniroute, caller.apiKey)
  await stream.until((text) => text.includes('data:'))
  const exited = once(uniroute.child, 'exit')
  uniroute.child.kill('SIGTERM')
  const refused = await waitUntil(
    () =>
      uniroute.call('GET', '/ready').then(
        ({ status }) => status === 503,
        () => true,
      ),
    5_000,
  )
  // A launcher's echo of the first signal does not count as a second one.
  await sleep(1_200)
  const isServing = uniroute.child.exitCode === null
  const from = performance.now()
  uniroute.child.kill('SIGTERM')
  await exited
  finding.measured(
    `not ready ${seconds(refused)} after SIGTERM, ended ${seconds(performance.now() - from)} after the second`,
  )
  finding.expect(refused !== null, 'it still says it is ready')
  finding.expect(isServing, 'it ended although a stream was running')
  finding.expect(uniroute.child.exitCode === 1, `it ended with ${uniroute.child.exitCode}`)
}

/** Bodies whose senders stop just before the end: they are held, and more of them are refused. */
async function fillMemory(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const fake = await useFake(stack)
  const uniroute = await useUniRoute(stack, finding, { fake, env: { NODE_OPTIONS: '--max-old-space-size=512' } })
  const keys = { openai: createFakeKey('openai'), anthropic: createFakeKey('anthropic') }
  const caller = await uniroute.createCaller({ keys, accountFallback: 'never' })
  const resident = watchResident(uniroute.child.pid!)
  const text = Buffer.alloc(24 * MEGABYTE, 'x')
  const answers = await Promise.all(
    Array.from({ length: 24 }, async (_, at) => {
      const dialect = at % 2 === 0 ? CHAT : MESSAGES
      return askSlowly(uniroute.url + dialect.path(dialect.model, false), dialect.auth(caller.apiKey), text)
    }),
  )
  const most = resident.stop()
  const refused = answers.filter(({ status }) => status === 503 || status === 529)
  const { status } = await askChat(uniroute, caller.apiKey)
  finding.measured(
    `24 bodies of 24 MB at a heap of 512 MB: ${refused.length} refused, RSS ≤ ${Math.round(most / MEGABYTE)} MB, then ${status}`,
  )
  finding.expect(refused.length > 0, `none was refused: ${answers.map((answer) => answer.status).join(' ')}`)
  finding.expect(
    refused.every(({ retryAfter }) => retryAfter !== undefined),
    'a refusal does not say when to come back',
  )
  finding.expect(
    refused.some(({ status: code }) => code === 529),
    'Anthropic clients are not told 529',
  )
  finding.expect(status === 200, 'it does not serve afterwards')
}

function askSlowly(
  url: string,
  headers: Readonly<Record<string, string>>,
  bytes: Buffer,
): Promise<{ status: number; retryAfter: string | undefined }> {
  return new Promise((resolve) => {
    const sent = request(url, {
      method: 'POST',
      agent: false,
      headers: { ...headers, 'content-type': 'application/json', 'content-length': String(bytes.length + 1) },
    })
    const timer = setTimeout(() => sent.destroy(), 8_000)
    sent.on('error', () => {
      clearTimeout(timer)
      resolve({ status: 0, retryAfter: undefined })
    })
    sent.on('response', (response) => {
      clearTimeout(timer)
      response.resume()
      resolve({ status: response.statusCode!, retryAfter: response.headers['retry-after'] })
      sent.destroy()
    })
    sent.write(bytes)
  })
}

async function throwOutside(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const fake = await useFake(stack)
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-fault-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const module = join(folder, 'fault.mjs')
  writeFileSync(
    module,
    `import { isMainThread } from 'node:worker_threads'
     if (isMainThread) process.on('SIGWINCH', () => { throw new Error('a fault that nobody caught') })\n`,
  )
  const uniroute = await useUniRoute(stack, finding, {
    fake,
    env: { NODE_OPTIONS: `--import=${pathToFileURL(module).href}` },
  })
  const caller = await createOpenaiCaller(uniroute, 'slow200')
  const stream = await openChat(uniroute, caller.apiKey)
  await stream.until((text) => text.includes('data:'))
  const exited = once(uniroute.child, 'exit')
  uniroute.child.kill('SIGWINCH')
  const { text, broken } = await stream.end()
  const isWhole = !broken && text.includes('[DONE]')
  await exited
  finding.measured(`the running stream ended ${isWhole ? 'whole' : 'broken'}, exit code ${uniroute.child.exitCode}`)
  finding.expect(isWhole, `the stream ended in ${JSON.stringify(text.slice(-200))}`)
  finding.expect(uniroute.child.exitCode === 1, `it ended with ${uniroute.child.exitCode}`)
  finding.expect(uniroute.stderr().includes('uncaught exception; draining'), 'nothing is logged')
}

export const CLIENT_FAULTS: readonly FaultCase[] = [
  {
    id: 'R11',
    failure: 'the client disconnects',
    promise: 'the provider is told within a second; the row says 499 and the tokens seen',
    tests: [{ file: 'test/e2e/streams.test.ts', named: /leaves/ }],
    run: leaveAtEveryEvent,
  },
  {
    id: 'R12',
    failure: 'the client reads nothing',
    promise: 'at most 256 KiB held for it; let go after 120 s',
    findProblem: memoryProblem,
    run: readNothing,
  },
  {
    id: 'R20',
    failure: 'SIGTERM under load',
    promise: 'not ready at once, what runs is finished, exit 0; a second signal ends it',
    tests: [
      { file: 'test/e2e/shutdown.test.ts' },
      { file: 'test/e2e/workers.test.ts', named: /without a failed request/ },
    ],
    run: stopTwice,
  },
  {
    id: 'R21',
    failure: 'memory pressure',
    promise: 'refused with 503 and Retry-After (529 to Anthropic clients) before the heap is full',
    tests: [{ file: 'server/http/body.test.ts', named: /in flight/ }],
    findProblem: memoryProblem,
    run: fillMemory,
  },
  {
    id: 'R22',
    failure: 'an API key is revoked at another instance',
    promise: 'refused within a second (npm run drill:revocation measures it)',
    tests: [
      { file: 'test/e2e/instances.test.ts', named: /forget at once/ },
      { file: 'test/e2e/workers.test.ts', named: /taken back/ },
    ],
  },
  {
    id: 'R23',
    failure: 'an exception',
    promise: 'of a request: that request alone; that nobody caught: what runs is finished, exit 1, started again',
    tests: [
      { file: 'server/http/server.test.ts', named: /throws/ },
      { file: 'test/e2e/workers.test.ts', named: /dies is replaced/ },
    ],
    run: throwOutside,
  },
]
