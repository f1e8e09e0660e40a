// What goes wrong where things are kept, and with the clock: R13 to R19, R24.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock, type Clock } from '../../../server/kernel/clock.ts'
import { createFakeKey, createFakePassword, randomText, rememberSecret } from '../../fake-provider/fake-keys.ts'
import { postgresProblem } from '../databases.ts'
import { runCrashDrill } from '../drills/crash.ts'
import { startInstances } from '../instances.ts'
import { openStream } from '../open-stream.ts'
import { findPostgresServerProblem, startPostgres } from '../postgres-server.ts'
import { redisProblem } from '../redis-server.ts'
import type { UniRoute } from '../uniroute-process.ts'
import { seconds, waitUntil, type FaultCase, type Finding } from './fault-case.ts'
import { askChat, CHAT, countRequests, createOpenaiCaller, useFake, useInProcess, useUniRoute } from './gateways.ts'

const LOCKED_MS = 10_000
const AWAY_MS = 70_000
const MINUTES = 60_000

/** One call after the other until it is over; how long each took, and what was not 200. */
async function askUntil(
  uniroute: UniRoute,
  apiKey: string,
  isOver: () => boolean,
): Promise<{ calls: number; slowest: number; others: number[] }> {
  let [calls, slowest] = [0, 0]
  const others: number[] = []
  while (!isOver()) {
    const { status, ms } = await askChat(uniroute, apiKey)
    calls++
    slowest = Math.max(slowest, ms)
    if (status !== 200) others.push(status)
    await sleep(20)
  }
  return { calls, slowest, others }
}

async function lockSqlite(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const fake = await useFake(stack)
  const uniroute = await useUniRoute(stack, finding, { fake })
  const caller = await createOpenaiCaller(uniroute)
  await askChat(uniroute, caller.apiKey)
  const outside = new DatabaseSync(join(uniroute.dataDir, 'uniroute.db'))
  stack.defer(() => outside.close())
  outside.exec('BEGIN EXCLUSIVE')
  const until = performance.now() + LOCKED_MS
  const account = { email: caller.email, password: caller.password }
  const [{ calls, slowest, others }, signIn, profile] = await Promise.all([
    askUntil(uniroute, caller.apiKey, () => performance.now() > until),
    uniroute.call('POST', '/auth/login', { body: account }),
    uniroute.call('GET', '/auth/profile', { token: caller.token }),
  ])
  outside.exec('ROLLBACK')
  const recorded = await countRequests(uniroute, caller.token, calls + 1)
  finding.measured(
    `locked for 10 s: ${calls} calls served, the slowest ${seconds(slowest)}, sign-in ${signIn.status}, session ${profile.status}, then ${recorded} of ${calls + 1} recorded`,
  )
  finding.expect(others.length === 0, `calls were answered with ${[...new Set(others)].join(', ')}`)
  finding.expect(signIn.status === 503 && signIn.headers.has('retry-after'), `sign-in: ${signIn.status} ${signIn.text}`)
  finding.expect(profile.status === 200, `a session that was open: ${profile.status}`)
  finding.expect(recorded === calls + 1, `${recorded} of ${calls + 1} are recorded`)
  finding.expect((await uniroute.login(caller.email, caller.password)) !== '', 'nobody can sign in afterwards')
}

async function killPostgres(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const postgres = await startPostgres()
  stack.defer(() => postgres.remove())
  const fake = await useFake(stack)
  const uniroute = await useUniRoute(stack, finding, {
    fake,
    databaseUrl: postgres.url,
    env: {
      PROVIDER_KEY_ENCRYPTION_KEY: rememberSecret(`CANARY${randomText(48)}`),
      JWT_SECRET: rememberSecret(`CANARY${randomText(48)}`),
      LOG_LEVEL: 'fatal',
    },
  })
  const known = await createOpenaiCaller(uniroute)
  const unknown = await createOpenaiCaller(uniroute)
  await askChat(uniroute, known.apiKey)
  await postgres.kill()
  const from = performance.now()
  let [served, lastServed] = [1, 0]
  const statuses = new Set<number>()
  while (performance.now() - from < AWAY_MS) {
    const { status } = await askChat(uniroute, known.apiKey)
    if (status === 200) {
      served++
      lastServed = performance.now() - from
    } else statuses.add(status)
    await sleep(50)
  }
  const stranger = await askChat(uniroute, unknown.apiKey)
  await postgres.start()
  const back = await waitUntil(async () => (await askChat(uniroute, unknown.apiKey)).status === 200, 30_000)
  const recorded = await countRequests(uniroute, known.token, served)
  finding.measured(
    `killed for 70 s: known keys served for ${seconds(lastServed)}, then ${[...statuses].join(', ')}, strangers ${stranger.status}; ${recorded} of ${served} recorded ${seconds(back)} after the start`,
  )
  finding.expect(lastServed > 20_000 && lastServed < 66_000, 'known keys are to be served for a minute and no longer')
  finding.expect(stranger.status === 503, `a stranger got ${stranger.status}`)
  finding.expect(
    [...statuses].every((status) => status === 503),
    'another answer than 503',
  )
  finding.expect(back !== null, 'it does not serve again')
  finding.expect(recorded >= served, `${recorded} of ${served} are recorded`)
}

async function fillDisk(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const fake = await useFake(stack)
  const uniroute = await useUniRoute(stack, finding, { fake, env: { LOG_LEVEL: 'fatal' } })
  const caller = await createOpenaiCaller(uniroute)
  await askChat(uniroute, caller.apiKey)
  const limit = (bytes: string): void => {
    const { status } = spawnSync('prlimit', ['--pid', String(uniroute.child.pid), `--fsize=${bytes}:unlimited`])
    if (status !== 0) throw new Error('prlimit refused')
  }
  limit('65536')
  let served = 1
  let full: { status: number; code: string | undefined } | null = null
  const refusedBefore = (): number => fake.requests.length
  // The segment on disk is a megabyte; a call takes less than a kilobyte of it.
  for (let calls = 0; calls < 6_000 && full === null; calls += 8) {
    const replies = await Promise.all(Array.from({ length: 8 }, () => askChat(uniroute, caller.apiKey)))
    served += replies.filter(({ status }) => status === 200).length
    const other = replies.find(({ status }) => status !== 200)
    if (other) full = { status: other.status, code: other.body?.error?.code }
  }
  const before = refusedBefore()
  const again = await askChat(uniroute, caller.apiKey)
  const called = refusedBefore() - before
  limit('unlimited')
  const back = await waitUntil(async () => {
    const { status } = await askChat(uniroute, caller.apiKey)
    if (status === 200) served++
    return status === 200
  }, 30_000)
  const recorded = await countRequests(uniroute, caller.token, served)
  finding.measured(
    `${served - 1} calls served from the space held ready, then ${full?.status} ${full?.code} without a call; again ${seconds(back)} after there was space, ${recorded} recorded, ${fake.requests.length} upstream`,
  )
  finding.expect(full?.status === 503 && full.code === 'storage_full', `it refused with ${JSON.stringify(full)}`)
  finding.expect(again.status === 503 && called === 0, `${called} calls were made without space to record them`)
  finding.expect(back !== null, 'it does not recover')
  finding.expect(recorded >= served, `${recorded} of ${served} are recorded`)
}

async function damageKey(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const fake = await useFake(stack)
  const dataDir = mkdtempSync(join(tmpdir(), 'uniroute-damaged-'))
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }))
  const adminAccount = { email: 'admin@example.com', password: createFakePassword() }
  await using first = new AsyncDisposableStack()
  const before = await useUniRoute(first, finding, { fake, dataDir, adminAccount })
  const harmed = await before.createCaller({ keys: { openai: createFakeKey('openai') }, accountFallback: 'allow' })
  const other = await createOpenaiCaller(before)
  await first.disposeAsync()
  const database = new DatabaseSync(join(dataDir, 'uniroute.db'))

  const { sealed } = database
    .prepare('SELECT api_key_encrypted AS sealed FROM user_provider_keys WHERE user_id = ?')
    .get(harmed.id) as { sealed: string }
  const at = sealed.length - 12
  const flipped = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1)
  database.prepare('UPDATE user_provider_keys SET api_key_encrypted = ? WHERE user_id = ?').run(flipped, harmed.id)
  database.close()
  const server = createFakeKey('openai', 'server')
  const uniroute = await useUniRoute(stack, finding, { fake, dataDir, adminAccount, serverKeys: { openai: server } })
  const [a, b] = [await askChat(uniroute, harmed.apiKey), await askChat(uniroute, other.apiKey)]
  finding.measured(`a damaged key ${a.status} ${a.body?.error?.code}, another one ${b.status}`)
  finding.expect(a.status === 503 && a.body?.error?.code === 'provider_key_unreadable', a.text.slice(0, 200))
  finding.expect(b.status === 200, b.text.slice(0, 200))
  finding.expect(fake.requestsOf(server).length === 0, 'the server’s key paid for a key that does not open')
}

async function killRedis(finding: Finding): Promise<void> {
  const instances = await startInstances({ count: 2, redis: true, env: { LOG_LEVEL: 'fatal' } })
  try {
    const [here, there] = instances.servers as [UniRoute, UniRoute]
    const caller = await here.createCaller({ keys: { openai: createFakeKey('openai') } })
    const { key } = await here.createApiKey(caller.token, { rate_limit_per_minute: 1_000_000 })
    const revoked = await here.createApiKey(caller.token)
    await askChat(there, revoked.key)
    const until = performance.now() + 6_000
    const loads = [here, there].map((server) => askUntil(server, key, () => performance.now() > until))
    await sleep(2_000)
    await instances.redis!.kill()
    await here.call('DELETE', `/auth/api-keys/${revoked.id}`, { token: caller.token })
    const gone = await waitUntil(async () => (await askChat(there, revoked.key)).status === 401, 5_000)
    const results = await Promise.all(loads)
    const calls = results.reduce((sum, result) => sum + result.calls, 0)
    const others = results.flatMap((result) => result.others)
    finding.measured(
      `killed under load: ${others.length} of ${calls} calls failed, the slowest ${seconds(Math.max(...results.map(({ slowest }) => slowest)))}, a key revoked meanwhile is refused after ${seconds(gone)}`,
    )
    finding.expect(others.length === 0, `answers ${[...new Set(others)].join(', ')}`)
    finding.expect(gone !== null, 'a revoked key is still served')
  } finally {
    const leaks = await instances.stop()
    finding.expect(leaks.length === 0, `secrets stand in ${JSON.stringify(leaks.slice(0, 3))}`)
  }
}

/** A wall clock that can be moved; durations are measured by the other one. */
function createMovableClock(): Clock & { move(ms: number): void } {
  let offset = 0
  return {
    now: () => systemClock.now() + offset,
    monotonic: systemClock.monotonic,
    move: (ms) => void (offset += ms),
  }
}

async function moveClock(finding: Finding): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const fake = await useFake(stack)
  const clock = createMovableClock()
  const app = await useInProcess(stack, { fake, clock })
  const caller = await createOpenaiCaller(app, 'slow100')
  const limited = await app.createApiKey(caller.token, { rate_limit_per_day: 3 })
  const account = { email: caller.email, password: caller.password }
  const login = await app.call('POST', '/auth/login', { body: account })
  let cookie = login.headers.getSetCookie()[0]!.split(';')[0]!
  /** As the dashboard does: with its token, and where that is refused with a new one for its cookie. */
  const readProfile = async (): Promise<string> => {
    const { status } = await app.call('GET', '/auth/profile', { token: login.body.token })
    if (status !== 401) return String(status)
    const renewed = await app.call('POST', '/auth/refresh', { headers: { cookie, origin: app.url } })
    cookie = renewed.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
    return `renewed ${(await app.call('GET', '/auth/profile', { token: renewed.body?.token })).status}`
  }
  const statuses = async (): Promise<string> => {
    const replies = await Promise.all(Array.from({ length: 4 }, () => askChat(app, limited.key)))
    return replies
      .map(({ status }) => status)
      .toSorted((a, b) => a - b)
      .join(' ')
  }
  const first = await statuses()
  const told: string[] = []
  for (const [name, ms] of [
    ['+10 min', 10 * MINUTES],
    ['-10 min', -20 * MINUTES],
  ] as const) {
    const stream = await openStream(app.url + CHAT.path(CHAT.model, true), CHAT.auth(caller.apiKey), {
      ...CHAT.body('hello', CHAT.model, true),
    })
    await stream.until((text) => text.includes('data:'))
    clock.move(ms)
    const { text } = await stream.end()
    const session = await readProfile()
    const windows = await statuses()
    const plain = await askChat(app, caller.apiKey)
    told.push(`${name}: stream ${text.includes('[DONE]') ? 'whole' : 'broken'}, session ${session}, limit ${windows}`)
    finding.expect(text.includes('[DONE]'), `${name}: a running stream broke`)
    finding.expect(session.endsWith('200'), `${name}: a session that was open got ${session}`)
    finding.expect(windows === '429 429 429 429', `${name}: the window of a limit began anew: ${windows}`)
    finding.expect(plain.status === 200, `${name}: a call got ${plain.status}`)
  }
  finding.expect(first === '200 200 200 429', `before: ${first}`)
  finding.measured(told.join('; '))
}

async function killAmidWrites(finding: Finding): Promise<void> {
  const figures = await runCrashDrill({ kills: 5 })
  const { lost, doubled, failed, upstreamCalls, startMs } = figures
  finding.measured(
    `5 kills: ${lost.length} lost, ${doubled.length} doubled of ${upstreamCalls} calls; start in ${seconds(startMs.median)} (npm run drill:crash does more)`,
  )
  finding.expect(lost.length + doubled.length + failed.length === 0, JSON.stringify({ lost, doubled, failed }))
}

export const STORAGE_FAULTS: readonly FaultCase[] = [
  {
    id: 'R13',
    failure: 'SQLite locked',
    promise: 'callers are served from memory, sign-in is 503 with Retry-After, usage waits',
    tests: [{ file: 'server/database/sqlite.test.ts', named: /lock/ }],
    run: lockSqlite,
  },
  {
    id: 'R14',
    failure: 'PostgreSQL down',
    promise: 'known keys served for a minute from memory, then 503; nothing lost',
    tests: [{ file: 'test/e2e/database-away.test.ts' }],
    findProblem: findPostgresServerProblem,
    run: killPostgres,
  },
  {
    id: 'R15',
    failure: 'disk full',
    promise: '503 storage_full before the provider is called; recovers by itself',
    tests: [
      { file: 'server/database/sqlite.test.ts', named: /full disk/ },
      { file: 'server/features/usage/ledger.test.ts', named: /full disk/ },
    ],
    findProblem: () =>
      spawnSync('prlimit', ['--version']).status === 0 ? undefined : 'there is no prlimit on this machine',
    run: fillDisk,
  },
  {
    id: 'R16',
    failure: 'database damaged',
    promise: 'start refused, nothing recreated; a damaged key affects that key only',
    tests: [
      { file: 'server/database/sqlite.test.ts', named: /damaged/ },
      { file: 'test/e2e/boot-matrix.test.ts', named: /damaged|that is none/ },
    ],
    run: damageKey,
  },
  {
    id: 'R17',
    failure: 'Redis down',
    promise: 'limits divided, NOTIFY carries revocation, no burst of errors',
    tests: [{ file: 'test/e2e/instances.test.ts', named: /Redis is away/ }],
    findProblem: () => postgresProblem ?? redisProblem,
    run: killRedis,
  },
  {
    id: 'R18',
    failure: 'the clock jumps by ten minutes',
    promise: 'timers run on, sessions hold, windows of limits do not begin anew',
    tests: [{ file: 'server/features/accounts/access-token.test.ts', named: /leeway/ }],
    run: moveClock,
  },
  {
    id: 'R19',
    failure: 'kill -9 amid writes',
    promise: 'no usage lost or doubled',
    tests: [{ file: 'test/e2e/kill.test.ts' }],
    run: killAmidWrites,
  },
  {
    id: 'R24',
    failure: 'migration killed midway',
    promise: 'a rerun completes it; an older program refuses a newer schema',
    tests: [{ file: 'server/database/migrator.test.ts', named: /killed|newer|fails/ }],
  },
]
