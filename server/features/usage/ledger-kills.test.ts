// The ledger of a process that is killed at random, on real databases and a real journal: nothing lost, nothing doubled.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  createPostgresDatabase,
  describePostgres,
  dropPostgresDatabase,
  silentLog,
} from '../../../test/support/databases.ts'
import { createPrices } from '../../catalog/prices.ts'
import { type Database, type DatabaseOptions, openDatabase } from '../../database/database.ts'
import { migrate } from '../../database/migrator.ts'
import { systemClock } from '../../kernel/clock.ts'
import { createLedger } from './ledger.ts'
import { describeFinished, describeIntent, describeSettled, readAttempts, readRequests } from './testing.ts'

const prices = createPrices({ clock: systemClock })
let dataDir: string

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'uniroute-ledger-'))
})

afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

/** What dead processes left is written down. */
async function recover(database: Database): Promise<void> {
  const ledger = createLedger({ database, dataDir, clock: systemClock, log: silentLog, prices })
  try {
    await ledger.recover()
  } finally {
    await ledger.close()
  }
}

// Says on stdout what it did, after it did it: `i <id> <attempt>` once a provider could be dialled, `f <id>` once the
// answer has gone out.
const WRITER = `
  import { writeSync } from 'node:fs'
  // A pipe that is full for a moment takes the line a moment later; lines this short are never cut.
  const say = (line) => {
    for (;;) {
      try {
        return writeSync(1, line)
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error
      }
    }
  }
  const { openDatabase } = await import(${href('../../database/database.ts')})
  const { createLedger } = await import(${href('./ledger.ts')})
  const { createUlid } = await import(${href('../../kernel/ids.ts')})
  const [dataDir, database, intent, settled, finished] = process.argv.slice(2).map((text, i) => (i === 0 ? text : JSON.parse(text)))
  const log = { info() {}, warn() {}, error() {} }
  const clock = { now: Date.now, monotonic: () => performance.now() }
  const ledger = createLedger({ database: await openDatabase(database), dataDir, clock, log, limits: { segmentBytes: 65536 } })
  console.log('ready')
  for (let round = 0; ; round++) {
    const ended = []
    for (let i = 0; i < 5; i++) {
      const requestId = createUlid()
      const attempts = 1 + (round % 2)
      for (let attempt = 1; attempt <= attempts; attempt++) {
        ledger.intend({ ...intent, requestId, attempt })
        say('i ' + requestId + ' ' + attempt + '\\n')
        if (i === 4 && round % 10 === 0) break
        ledger.settle({ ...settled, requestId, attempt })
      }
      if (i === 4 && round % 10 === 0) continue
      ledger.finish({ ...finished, requestId, attempts })
      ended.push(requestId)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
    for (const requestId of ended) say('f ' + requestId + '\\n')
  }
`

function href(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href)
}

/** Lets a process write for a while, kills it, and returns what it had said. */
async function writeAndKill(options: DatabaseOptions): Promise<{ intents: string[]; finished: string[] }> {
  const records = [options, describeIntent('', 0), describeSettled('', 0), describeFinished('')].map((part) =>
    JSON.stringify(part),
  )
  const script = join(dataDir, 'writer.mjs')
  writeFileSync(script, WRITER)
  const child = spawn(process.execPath, [script, dataDir, ...records], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const intents: string[] = []
  const finished: string[] = []
  // By what it has said, not by the clock: a slow machine is killed at the same places.
  let left = 50 + Math.floor(Math.random() * 1_000)
  for await (const line of createInterface({ input: child.stdout })) {
    if (left-- === 0) child.kill('SIGKILL')
    const [kind, id, attempt] = line.split(' ')
    if (kind === 'i' && attempt !== undefined) intents.push(`${id} ${attempt}`)
    if (kind === 'f' && id?.length === 26) finished.push(id)
  }
  if (child.signalCode === null) await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  return { intents, finished }
}

async function killRepeatedly(options: DatabaseOptions, cycles: number): Promise<void> {
  const database = await openDatabase(options)
  try {
    await migrate(database, { clock: systemClock, log: silentLog })
    const intents: string[] = []
    const finished: string[] = []
    for (let cycle = 0; cycle < cycles; cycle++) {
      const said = await writeAndKill(options)
      intents.push(...said.intents)
      finished.push(...said.finished)
      // Not after each kill: journals of several dead processes wait together.
      if (cycle % 3 === 1) continue
      await recover(database)
    }
    await recover(database)
    expect(readdirSync(join(dataDir, 'journal')).filter((name) => /\.\d+$/.test(name))).toEqual([])

    const attempts = await readAttempts(database)
    const recorded = new Set(attempts.map((row) => `${row.request_id} ${row.attempt}`))
    expect(recorded.size).toBe(attempts.length)
    expect(intents.filter((intent) => !recorded.has(intent))).toEqual([])
    // A killed process may have announced one call it could not tell us about, and no more.
    expect(attempts.length - new Set(intents).size).toBeLessThanOrEqual(cycles)

    const requests = new Map((await readRequests(database)).map((row) => [row.id, row]))
    expect(new Set(attempts.map((row) => row.request_id))).toEqual(new Set(requests.keys()))
    expect(finished.filter((id) => requests.get(id)?.outcome !== 'done')).toEqual([])
    const ofFinished = attempts.filter((row) => requests.get(row.request_id)!.outcome === 'done')
    expect(ofFinished.every((row) => row.outcome === 'done' && row.cost_usd_nanos === 42)).toBe(true)
    expect(finished.length).toBeGreaterThan(5 * cycles)
  } finally {
    await database.close()
  }
}

describe('killed at random, again and again', () => {
  test('on SQLite no record is lost or doubled', { timeout: 600_000 }, async () => {
    await killRepeatedly({ file: join(dataDir, 'usage.db') }, Number(process.env['KILL_CYCLES'] ?? 6))
  })

  describePostgres('killed at random on PostgreSQL', () => {
    test('no record is lost or doubled', { timeout: 600_000 }, async () => {
      const url = await createPostgresDatabase()
      try {
        await killRepeatedly({ url }, Number(process.env['KILL_CYCLES'] ?? 3))
      } finally {
        await dropPostgresDatabase(url)
      }
    })
  })
})
