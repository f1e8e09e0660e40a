// kill -9 under load, again and again on the same data: each call that reached the provider has exactly one record.
// Every request asks for a model of its own name, so a record can be told from the others even if no answer ever came.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { expect, test } from 'vitest'
import { createFakeKey, createFakePassword } from '../fake-provider/fake-keys.ts'
import { startFakeProvider } from '../fake-provider/fake-provider.ts'
import { createRandom } from '../support/random.ts'
import type { Caller } from '../support/uniroute-client.ts'
import { startUniRoute } from '../support/uniroute-process.ts'

const CYCLES = Number(process.env['UNIROUTE_KILL_CYCLES'] ?? 20)
const WIDTH = 32

test(`${CYCLES} times kill -9 under load: no record lost, none doubled`, { timeout: 600_000 }, async () => {
  const random = createRandom()
  const fake = await startFakeProvider({ keepBodies: false })
  const dataDir = mkdtempSync(join(tmpdir(), 'uniroute-kill-'))
  const adminAccount = { email: 'admin@example.com', password: createFakePassword() }
  const start = () => startUniRoute({ fake, dataDir, adminAccount })
  let caller: Caller | undefined
  let sent = 0
  const answered = new Set<string>()
  const startTimes: number[] = []

  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const from = performance.now()
    const uniroute = await start()
    startTimes.push(performance.now() - from)
    caller ??= await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'load') } })
    const agent = new Agent({ connections: WIDTH, pipelining: 1 })
    const load = { running: true }
    const lane = async (): Promise<void> => {
      while (load.running) {
        const model = `gpt-kill-${sent++}`
        const stream = random.chance(0.3)
        try {
          const reply = await request(`${uniroute.url}/v1/chat/completions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: `Bearer ${caller!.apiKey}` },
            body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'hello' }] }),
            dispatcher: agent,
          })
          await reply.body.dump()
          if (reply.statusCode === 200) answered.add(model)
          else if (reply.statusCode !== 503) throw new Error(`status ${reply.statusCode}`)
        } catch (error) {
          // The killed process breaks every connection; before that nothing may fail.
          if (load.running) await setTimeout(1)
          if (!uniroute.child.killed) throw error
        }
      }
    }
    const lanes = Array.from({ length: WIDTH }, lane)
    await setTimeout(300 + random.below(900))
    await uniroute.kill9()
    load.running = false
    await Promise.all(lanes)
    await agent.destroy()
  }

  // A clean start adopts what the killed ones left, a clean stop writes all of it.
  const last = await start()
  await setTimeout(1500)
  expect(await last.stop()).toBe(0)

  const calls = countBy(fake.requests.map((call) => call.model))
  const { attempts, requests } = readRecords(dataDir)
  const rows = countBy(attempts.map((row) => row.model))
  const lost = [...calls.keys()].filter((model) => !rows.has(model))
  const doubled = [...rows].filter(([model, count]) => count > Math.max(1, calls.get(model) ?? 0))
  const unsent = attempts.filter((row) => !calls.has(row.model))
  const unrecorded = [...answered].filter((model) => !requests.some((row) => row.model === model))
  console.info(
    `kill -9: ${CYCLES} cycles, ${calls.size} upstream calls, ${attempts.length} attempts, ${unsent.length} never sent, ` +
      `slowest start ${Math.round(Math.max(...startTimes))} ms, seed ${random.seed}`,
  )
  expect(calls.size).toBeGreaterThan(CYCLES * WIDTH)
  expect(lost).toEqual([])
  expect(doubled).toEqual([])
  expect(unrecorded).toEqual([])
  // An intent whose call the kill prevented is kept as interrupted; there can be one per lane and kill.
  expect(unsent.filter((row) => row.outcome !== 'interrupted')).toEqual([])
  expect(unsent.length).toBeLessThanOrEqual(CYCLES * WIDTH)
  expect(fake.violations()).toEqual([])
  await fake.close()
  expect(last.scanAndRemove()).toEqual([])
  rmSync(dataDir, { recursive: true, force: true })
})

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

interface Row {
  readonly model: string
  readonly outcome: string
}

function readRecords(dataDir: string): { attempts: Row[]; requests: Row[] } {
  const file = readdirSync(dataDir).find((name) => /\.(db|sqlite3?)$/.test(name) && !name.startsWith('journal'))
  if (file === undefined) throw new Error(`No database in ${readdirSync(dataDir).join(', ')}`)
  const database = new DatabaseSync(join(dataDir, file), { readOnly: true })
  const read = (table: string, column: string): Row[] =>
    database
      .prepare(`SELECT ${column} AS model, outcome FROM ${table} WHERE ${column} LIKE 'gpt-kill-%'`)
      .all() as unknown as Row[]
  const records = { attempts: read('attempts', 'model'), requests: read('requests', 'requested_model') }
  database.close()
  return records
}
