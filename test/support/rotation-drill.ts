// The whole change of a master key on a real server under load: many stored keys, callers who never stop asking, kill
// -9 in the middle, retirement, and the start that must be refused afterwards. Gives figures; the tests judge them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { type Database, openDatabase } from '../../server/database/database.ts'
import { createFakeKey, createFakePassword, randomText, rememberSecret } from '../fake-provider/fake-keys.ts'
import { startFakeProvider } from '../fake-provider/fake-provider.ts'
import type { Caller, Json } from './uniroute-client.ts'
import { startUniRoute, type UniRoute } from './uniroute-process.ts'
import { createOpener, kidOf, openAll, startVaultInstance, storeSealedKeys } from './vault-instances.ts'

export interface DrillOptions {
  readonly keys: number
  /** How often the server is killed in the middle of the work. */
  readonly kills: number
  /** Without: SQLite. */
  readonly databaseUrl?: string
  /** Waits out what a killed leader left (30 s); else the lease is ended by hand. */
  readonly patient: boolean
  /** Once everything is moved, the secrets are exchanged again, everything moved back, and then there again. */
  readonly rollback?: boolean
  readonly say?: (line: string) => void
}

export interface DrillFigures {
  readonly keys: number
  readonly kills: number
  readonly requests: number
  /** Answers other than 200, and connections that broke while nobody killed the server. */
  readonly failed: readonly string[]
  /** Broken by kill -9. */
  readonly broken: number
  /** Of the work alone, without what the kills cost. */
  readonly rotationMs: number
  readonly rowsPerSecond: number
  readonly slowestRequestMs: { readonly before: number; readonly during: number }
  readonly p99Ms: { readonly before: number; readonly during: number }
  /** Values that did not open with {old, new} right after a kill. */
  readonly unreadable: number
  readonly states: readonly string[]
  /** Of all looks at the progress: how often it was less than before, and how often not what the database held. */
  readonly progress: { readonly looks: number; readonly wentBack: number; readonly inexact: number }
  /** Where everything went back: values under the old secret then, and whether each opened with it alone. */
  readonly rolledBack: { readonly done: number; readonly total: number; readonly left: number } | null
  readonly last: Json
  readonly metrics: string
  readonly kids: { readonly old: string; readonly new: string }
  /** Statuses: retire while values depend on it, while needed by memory, and afterwards. */
  readonly retired: readonly number[]
  /** Of a start with the old secret alone. */
  readonly refusal: string
}

interface Lap {
  ms: number[]
}

// size: one story, told in order.
export async function runRotationDrill(options: DrillOptions): Promise<DrillFigures> {
  const { keys, kills, databaseUrl, patient, say = () => {} } = options
  const dataDir = mkdtempSync(join(tmpdir(), 'uniroute-rotation-'))
  const adminAccount = { email: 'admin@example.com', password: createFakePassword() }
  const [old, next, jwt] = [1, 2, 3].map(() => rememberSecret(`CANARY${randomText(48)}`)) as [string, string, string]
  const kids = { old: kidOf(old), new: kidOf(next) }
  const fake = await startFakeProvider({ keepBodies: false })
  const launch = (env: Record<string, string>): Promise<UniRoute> =>
    startUniRoute({
      fake,
      dataDir,
      adminAccount,
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
      env: { JWT_SECRET: jwt, LOG_LEVEL: 'warn', ...env },
    })
  const both = { PROVIDER_KEY_ENCRYPTION_KEY: next, PROVIDER_KEY_ENCRYPTION_KEYS_OLD: old }
  const openOwn = (): Promise<Database> =>
    openDatabase(
      databaseUrl === undefined
        ? { file: join(dataDir, 'uniroute.db') }
        : { url: databaseUrl, statementTimeoutMs: 60_000 },
    )

  let uniroute = await launch({ PROVIDER_KEY_ENCRYPTION_KEY: old })
  const callers: Caller[] = []
  for (let i = 0; i < 16; i++) callers.push(await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } }))
  await uniroute.stop()
  const database = await openOwn()
  const filler = await startVaultInstance(database, { current: old })
  await storeSealedKeys(database, filler.booted.vault, keys - callers.length)
  await filler.stop()
  say(`${keys} keys are stored under ${kids.old}`)

  uniroute = await launch(both)
  const load = startLoad(() => uniroute, callers)
  await sleep(2_000)
  const before = load.lap()
  const login = async (): Promise<string> => uniroute.login()
  const token = await login()
  const retire = async (): Promise<number> =>
    (await uniroute.call('POST', '/admin/encryption/rotate', { token, body: { action: 'retire', kid: kids.old } }))
      .status
  const states = new Set<string>()
  const progress = { looks: 0, wentBack: 0, inexact: 0 }
  let seen = 0
  /** What is said lies between what the database holds before and after. */
  const look = async (): Promise<Json> => {
    const before = await countUnder(database, kids.new)
    const { body } = await uniroute.call('GET', '/admin/encryption', { token })
    const after = await countUnder(database, kids.new)
    const { state, done } = body.rotation
    states.add(state)
    progress.looks++
    if (done < before || done > after) progress.inexact++
    if (done < seen) progress.wentBack++
    seen = done
    return body
  }
  const retired: number[] = []
  const begun = performance.now()
  await begin(uniroute, token)
  let killed = 0
  let killAt = keys / (kills + 1)
  let lostMs = 0
  let unreadable = 0
  let looking: Promise<unknown> | null = null
  while (killed < kills) {
    // One look at a time, and none is waited for: the moment of the kill is of the database's own count.
    looking ??= look()
      .catch(() => undefined)
      .finally(() => (looking = null))
    if (retired.length === 0) retired.push(await retire())
    const moved = await countUnder(database, kids.new)
    if (moved > keys) throw new Error(`Everything was moved after ${killed} of ${kills} kills`)
    if (moved < killAt) {
      await sleep(1)
      continue
    }
    const from = performance.now()
    load.expectBreaks(true)
    await uniroute.kill9()
    killed++
    await looking
    const left = keys - (await countUnder(database, kids.new))
    killAt = keys - left + left / (kills - killed + 1)
    say(`kill -9 with ${left} of ${keys} left`)
    try {
      await openAll(database, createOpener(next, old))
    } catch {
      unreadable++
    }
    if (!patient) await sql`UPDATE vault_jobs SET lease_until = 0`.execute(database.query)
    uniroute = await launch(both)
    load.expectBreaks(false)
    lostMs += performance.now() - from
  }
  let last = await look()
  while (!last.rotation.state.startsWith('done')) {
    if (retired.length === 0) retired.push(await retire())
    // Each look counts all values: often enough to see the states, seldom enough to disturb nobody.
    await sleep(keys / 200)
    last = await look()
  }
  const rotationMs = performance.now() - begun - lostMs
  await sleep(500)
  const during = load.lap()
  let metrics = (await uniroute.call('GET', '/metrics')).text
  // Figures that stand in the database are left out while it is too busy to count.
  for (let tries = 0; tries < 20 && !metrics.includes('uniroute_vault_dependents{'); tries++) {
    await sleep(500)
    metrics = (await uniroute.call('GET', '/metrics')).text
  }
  let rolledBack: DrillFigures['rolledBack'] = null
  if (options.rollback) {
    const moveUnder = async (env: Record<string, string>): Promise<Json> => {
      load.expectBreaks(true)
      await uniroute.stop()
      uniroute = await launch(env)
      load.expectBreaks(false)
      return moveAll(uniroute, token)
    }
    const { rotation } = await moveUnder({ PROVIDER_KEY_ENCRYPTION_KEY: old, PROVIDER_KEY_ENCRYPTION_KEYS_OLD: next })
    await openAll(database, createOpener(old))
    const { done, total } = rotation
    rolledBack = { done, total, left: await countUnder(database, kids.new) }
    say(`and back: ${done} of ${total}`)
    await moveUnder(both)
  }
  const { requests, failed, broken } = await load.stop()
  say(`done: ${last.rotation.done} of ${last.rotation.total}`)
  await openAll(database, createOpener(next))

  retired.push(await retire())
  if (patient) await sleep(61_000)
  else await sql`UPDATE vault_rotation SET progressed_at = progressed_at - 61000`.execute(database.query)
  retired.push(await retire())
  await uniroute.stop()
  const refusal = await launch({ PROVIDER_KEY_ENCRYPTION_KEY: old }).then(
    async (started) => `served: ${await started.stop()}`,
    (error: Error) => error.message,
  )
  await database.close()
  await fake.close()
  rmSync(dataDir, { recursive: true, force: true })
  return {
    keys,
    kills: killed,
    requests,
    failed,
    broken,
    rotationMs,
    rowsPerSecond: Math.round((last.rotation.done / rotationMs) * 1000),
    slowestRequestMs: { before: Math.max(...before), during: Math.max(...during) },
    p99Ms: { before: percentile(before, 0.99), during: percentile(during, 0.99) },
    unreadable,
    states: [...states],
    progress,
    rolledBack,
    last,
    metrics,
    kids,
    retired,
    refusal,
  }
}

async function begin(uniroute: UniRoute, token: string): Promise<void> {
  const { status, text } = await uniroute.call('POST', '/admin/encryption/rotate', { token, body: {} })
  if (status !== 202) throw new Error(`The change did not begin: ${status} ${text}`)
}

/** A whole change, to its end. */
async function moveAll(uniroute: UniRoute, token: string): Promise<Json> {
  await begin(uniroute, token)
  for (;;) {
    const { body } = await uniroute.call('GET', '/admin/encryption', { token })
    if (body.rotation.state.startsWith('done')) return body
    await sleep(100)
  }
}

/** All values of that key, the vault's own included. */
async function countUnder({ query }: Database, kid: string): Promise<number> {
  const { rows } = await sql<{ count: number | string }>`
    SELECT (SELECT COUNT(*) FROM user_provider_keys WHERE kid = ${kid}) + (SELECT COUNT(*) FROM vault_secrets WHERE kid = ${kid}) AS count`.execute(
    query,
  )
  return Number(rows[0]!.count)
}

/** Callers who ask again as soon as they are answered. */
function startLoad(uniroute: () => UniRoute, callers: readonly Caller[]) {
  const failed: string[] = []
  const load = { running: true }
  let breaksExpected = false
  let requests = 0
  let broken = 0
  let lap: Lap = { ms: [] }

  async function lane(caller: Caller): Promise<void> {
    while (load.running) {
      const from = performance.now()
      const asked = uniroute()
      try {
        const reply = await fetch(`${asked.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${caller.apiKey}`, 'content-type': 'application/json' },
          body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }),
        })
        const text = await reply.text()
        requests++
        lap.ms.push(performance.now() - from)
        if (reply.status !== 200) failed.push(`${reply.status} ${text.slice(0, 200)}`)
        else if (reply.headers.get('x-uniroute-billed-to') !== 'user') failed.push('somebody else paid')
      } catch (error) {
        if (breaksExpected || asked.child.killed) broken++
        else failed.push(String(error))
        await sleep(20)
      }
      await sleep(2)
    }
  }
  const lanes = callers.map(lane)
  return {
    lap(): number[] {
      const { ms } = lap
      lap = { ms: [] }
      return ms
    },
    expectBreaks(expected: boolean): void {
      breaksExpected = expected
    },
    async stop(): Promise<{ requests: number; failed: string[]; broken: number }> {
      load.running = false
      await Promise.all(lanes)
      return { requests, failed, broken }
    },
  }
}

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}
