// `npm run drill:usage -- [--rows 1000000] [--repeats 5] [--postgres]`: fills a ledger of that many requests and prints
// how long usage takes to add up: at first, and once the sums of past days are there, in two time zones, over several
// ranges, groups and filters. Fails where 95 of 100 looks take longer than 200 ms, where the sums change an answer, or
// where days, total and file are not the same in each of the time zones.
import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { UsageOfAllQuery } from '../contract/usage.ts'
import { type Database, openDatabase } from '../server/database/database.ts'
import { migrate } from '../server/database/migrator.ts'
import { createDaySums } from '../server/features/usage/day-sums.ts'
import { createUsage, type UsageReports } from '../server/features/usage/service.ts'
import { createUsageStore } from '../server/features/usage/store.ts'
import type { UsageScope } from '../server/features/usage/tally.ts'
import { systemClock } from '../server/kernel/clock.ts'
import { createPostgresDatabase, dropPostgresDatabase, silentLog } from '../test/support/databases.ts'
import { EVERY_MS, fillLedger, STARTED } from '../test/support/large-ledger.ts'

const LIMIT_MS = 200
const DAY_MS = 86_400_000

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    repeats: { type: 'string', default: '5' },
    postgres: { type: 'boolean', default: false },
  },
})
const rows = Number(values.rows)
const repeats = Number(values.repeats)
const now = STARTED + rows * EVERY_MS
const clock = { ...systemClock, now: () => now }
const ledger = { flush: async () => undefined }

const SCOPES: [string, UsageScope][] = [
  ['own', { userId: '11111111-1111-4111-8111-000000000000' }],
  ['all', { everyone: true }],
]
const ZONES = ['Europe/Berlin', 'America/New_York']
const SPANS = [7, 30, 90]
const GROUPS = ['provider', 'model', 'provider_key', 'api_key', 'billed_to']
const FILTERS: UsageOfAllQuery[] = [{}, { provider: 'anthropic' }, { billed_to: 'server' }]

function* listQueries(): Generator<[string, UsageScope, UsageOfAllQuery]> {
  for (const [name, scope] of SCOPES) {
    for (const time_zone of ZONES) {
      for (const span of SPANS) {
        const from = new Date(now - span * DAY_MS).toISOString().slice(0, 10)
        for (const group of [...GROUPS, ...(name === 'all' ? ['user'] : [])]) {
          // More than 10,000 groups are refused.
          if (name === 'all' && group === 'api_key' && span > 30) continue
          for (const filter of FILTERS) {
            const shown = `${name} ${time_zone} ${span} days by ${group} ${Object.values(filter).join(' ')}`
            yield [shown, scope, { from, time_zone, group_by: `day,${group}`, percentiles: 'totals', ...filter }]
          }
        }
      }
    }
  }
}

/** Days, total and file of a view, added up exactly. */
async function compare(usage: UsageReports, time_zone: string, scope: UsageScope): Promise<void> {
  const from = new Date(now - 30 * DAY_MS).toISOString().slice(0, 10)
  const query = { from, time_zone, group_by: 'day,model' }
  const { groups, subtotals, total } = await usage.summarise(query, scope)
  let file = ''
  for await (const part of usage.export({ ...query, format: 'csv' }, scope)(new AbortController().signal)) file += part
  const [head, ...lines] = file
    .trimEnd()
    .split('\r\n')
    .map((line) => line.split(','))
  const column = (name: string): string[] => lines.map((line) => line[head!.indexOf(name)]!)
  const add = (parts: readonly { readonly requests: number; readonly cost_usd_nanos: number }[]) => ({
    requests: parts.reduce((sum, part) => sum + part.requests, 0),
    nanos: parts.reduce((sum, part) => sum + BigInt(part.cost_usd_nanos), 0n),
  })
  const whole = add([total])
  deepStrictEqual(add(groups), whole)
  deepStrictEqual(add(subtotals!['day']!), whole)
  const inFile = {
    requests: column('requests').reduce((sum, text) => sum + Number(text), 0),
    nanos: column('cost_usd').reduce((sum, text) => sum + BigInt(text.replace('.', '')), 0n),
  }
  deepStrictEqual(inFile, whole)
  ok(whole.requests > 0)
  deepStrictEqual(new Set(column('time_zone')), new Set([time_zone]))
  strictEqual(new Set(column('day')).size, subtotals!['day']!.length)
  console.info(
    `${time_zone}: days, total and file are the same: ${whole.requests} requests, ${whole.nanos} nano-dollars`,
  )
}

const percentile = (times: readonly number[], share: number): number =>
  times.toSorted((a, b) => a - b)[Math.ceil(times.length * share) - 1]!

async function measure(database: Database): Promise<number> {
  const daySums = createDaySums({ database, clock, log: silentLog })
  const usage = createUsage({ store: createUsageStore(database, daySums), ledger, clock })
  const plain = createUsage({ store: createUsageStore(database), ledger, clock })
  for (const time_zone of ZONES) {
    const from = new Date(now - 100 * DAY_MS).toISOString().slice(0, 10)
    let before = performance.now()
    await usage.summarise({ from, time_zone, group_by: 'day,model' }, { everyone: true })
    console.info(`${time_zone}: the first look at 100 days of everybody ${(performance.now() - before).toFixed(0)} ms`)
    before = performance.now()
    await daySums.settle()
    console.info(`${time_zone}: past days added up in ${((performance.now() - before) / 1000).toFixed(1)} s`)
  }
  const all: number[] = []
  const busy: number[] = []
  for (const [name, scope, query] of listQueries()) {
    const times: number[] = []
    const processorBefore = process.cpuUsage()
    for (let i = 0; i < repeats; i++) {
      const before = performance.now()
      await usage.summarise(query, scope)
      times.push(performance.now() - before)
    }
    all.push(...times)
    const { user, system } = process.cpuUsage(processorBefore)
    busy.push((user + system) / 1000 / repeats)
    if (percentile(times, 0.5) > LIMIT_MS / 2) {
      console.info(
        `${name}: median ${percentile(times, 0.5).toFixed(0)} ms, of the processor ${busy.at(-1)!.toFixed(0)} ms`,
      )
    }
  }
  for (const time_zone of ZONES) for (const [, scope] of SCOPES) await compare(usage, time_zone, scope)
  const [, scope, query] = [...listQueries()].find(([name]) => name.includes('90 days by model'))!
  deepStrictEqual(await usage.summarise(query, scope), await plain.summarise(query, scope))
  const [p50, p95] = [percentile(all, 0.5), percentile(all, 0.95)]
  console.info(
    `${all.length} looks: p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, longest ${Math.max(...all).toFixed(0)} ms`,
  )
  // On a busy machine this says more. PostgreSQL's own share is not in it.
  console.info(
    `of the processor: p50 ${percentile(busy, 0.5).toFixed(0)} ms, p95 ${percentile(busy, 0.95).toFixed(0)} ms`,
  )
  await daySums.close()
  return p95
}

const folder = mkdtempSync(join(tmpdir(), 'uniroute-drill-'))
const url = values.postgres ? await createPostgresDatabase() : undefined
const database = await openDatabase({
  ...(url === undefined ? { file: join(folder, 'drill.db') } : { url }),
  statementTimeoutMs: 600_000,
})
try {
  await migrate(database, { clock: systemClock, log: silentLog })
  const before = performance.now()
  await fillLedger(database, rows)
  console.info(
    `${database.kind}, ${rows} rows filled in ${((performance.now() - before) / 1000).toFixed(0)} s, ${cpus().length} cores`,
  )
  const p95 = await measure(database)
  console.info(`p95 ${p95.toFixed(0)} ms (limit ${LIMIT_MS} ms)`)
  process.exitCode = p95 > LIMIT_MS ? 1 : 0
} finally {
  await database.close()
  if (url !== undefined) await dropPostgresDatabase(url)
  rmSync(folder, { recursive: true, force: true })
}
