// `npm run drill:requests -- [--rows 1000000] [--postgres]`: fills a log of that many requests and prints how long the
// first page of it takes under each filter, and a page deep inside; then opens the page in a real browser. Fails where
// one takes longer than a second, or where the page opens with more than one call for the log. Needs `npm run
// build:web`.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { requestsOfAllQuerySchema } from '../contract/requests.ts'
import { type Database, openDatabase } from '../server/database/database.ts'
import { createRequestLog, type LogScope } from '../server/features/usage/request-log.ts'
import { createFakePassword } from '../test/fake-provider/fake-keys.ts'
import { launchBrowser } from '../test/support/browser.ts'
import { createPostgresDatabase, dropPostgresDatabase } from '../test/support/databases.ts'
import { fillLedger, STARTED } from '../test/support/large-ledger.ts'
import { startUniRoute } from '../test/support/uniroute-process.ts'

const LIMIT_MS = 1_000
const REPEATS = 5

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, postgres: { type: 'boolean', default: false } },
})
const rows = Number(values.rows)

const OWNER = '11111111-1111-4111-8111-000000000000'
const EMAIL = 'has-many@example.com'
const OWN: LogScope = { userId: OWNER }
const QUIET: LogScope = { userId: '11111111-1111-4111-8111-000000000089' }
const ALL: LogScope = { everyone: true }
const FILTERS: readonly Record<string, string>[] = [
  {},
  { status: 'ok' },
  { status: 'error' },
  { status: '4xx' },
  { status: '5xx' },
  { provider_key: 'pk_01J00000000000000000000003' },
  { provider_key: 'pk_01J00000000000000000000099' },
  { provider_key: 'pk_01J00000000000000000000098' },
  { api_key: 'ak_01J00000000000000000000003' },
  { api_key: 'ak_01J00000000000000000000999' },
  { api_key: 'none' },
  { billed_to: 'user' },
  { billed_to: 'server' },
  { provider: 'google' },
  { provider: 'nobody' },
  { model: 'gpt-4o' },
  { model: 'o-rare' },
  { model: 'no-such-model' },
  { fell_back: 'true' },
  { fell_back: 'true', model: 'gpt-4o' },
  { model: 'o-rare', status: 'error' },
  { status: 'error', billed_to: 'team' },
  { from: '2026-02-01', to: '2026-02-01' },
  { model: 'o-rare', from: '2026-02-01', to: '2026-03-01' },
  { id: 'req_01J00000000000000000012345' },
  { cursor: `${STARTED + rows * 4500}.01J00000000000000000000000` },
]

async function measure(database: Database): Promise<number> {
  const log = createRequestLog({ database, ledger: { flush: async () => undefined } })
  let worst = 0
  for (const [name, scope] of [
    ['own', OWN],
    ['own, few', QUIET],
    ['all', ALL],
  ] as const) {
    for (const filter of FILTERS) {
      const query = requestsOfAllQuerySchema.parse(filter)
      const times: number[] = []
      let found = 0
      for (let i = 0; i < REPEATS; i++) {
        const before = performance.now()
        found = (await log.list(query, scope)).requests.length
        times.push(performance.now() - before)
      }
      const first = times[0]!
      const median = times.toSorted((a, b) => a - b)[Math.floor(REPEATS / 2)]!
      worst = Math.max(worst, ...times)
      const shown =
        Object.entries(filter)
          .map(([key, value]) => `${key}=${value}`)
          .join(' ') || 'no filter'
      console.info(
        `${name.padEnd(8)} ${shown.padEnd(46)} ${String(found).padStart(3)} rows  first ${first.toFixed(1)} ms  median ${median.toFixed(1)} ms`,
      )
    }
  }
  return worst
}

/** The page of whoever made most of the requests, in a browser: its calls for the log, and the time of the longest. */
async function openPage(person: { email: string; password: string }): Promise<{ calls: string[]; ms: number }> {
  const uniroute = await startUniRoute(place)
  const browser = await launchBrowser()
  try {
    const { page } = await browser.open(`${uniroute.url}/requests`)
    await page.getByLabel('E-mail').fill(person.email)
    await page.getByLabel('Password', { exact: true }).fill(person.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    const row = page.getByRole('table', { name: 'Requests' }).locator('tbody tr').first()
    await row.waitFor()
    const ended: { url: string; ms: number }[] = []
    page.on('requestfinished', (request: any) => {
      if (/\/admin\/requests/.test(request.url())) ended.push({ url: request.url(), ms: request.timing().responseEnd })
    })
    await page.reload()
    await row.waitFor()
    await page.waitForLoadState('domcontentloaded')
    return { calls: ended.map(({ url }) => url), ms: Math.max(...ended.map(({ ms }) => ms)) }
  } finally {
    await browser.close()
    await uniroute.stop()
  }
}

const createSecret = (): string => randomBytes(32).toString('base64')
const folder = mkdtempSync(join(tmpdir(), 'uniroute-drill-'))
const url = values.postgres ? await createPostgresDatabase() : undefined
const place = {
  dataDir: folder,
  // Where instances could share a database, none makes up secrets of its own.
  ...(url !== undefined && {
    databaseUrl: url,
    env: { PROVIDER_KEY_ENCRYPTION_KEY: createSecret(), JWT_SECRET: createSecret() },
  }),
  adminAccount: { email: 'admin@example.com', password: createFakePassword() },
}
const first = await startUniRoute(place)
const person = await first.createUser()
await first.stop()
const database = await openDatabase({
  ...(url === undefined ? { file: join(folder, 'uniroute.db') } : { url }),
  statementTimeoutMs: 600_000,
})
try {
  const { query } = database
  const row = await query.selectFrom('users').selectAll().where('id', '=', person.id).executeTakeFirstOrThrow()
  await query
    .insertInto('users')
    .values({ ...row, id: OWNER, email: EMAIL })
    .execute()
  const before = performance.now()
  await fillLedger(database, rows)
  console.info(
    `${database.kind}, ${rows} rows filled in ${((performance.now() - before) / 1000).toFixed(0)} s, ${cpus().length} cores`,
  )
  const worst = await measure(database)
  console.info(`worst: ${worst.toFixed(0)} ms (limit ${LIMIT_MS} ms)`)
  const { calls, ms } = await openPage({ email: EMAIL, password: person.password })
  console.info(`the page opens with ${calls.length} call for the log, answered after ${ms.toFixed(0)} ms`)
  process.exitCode = worst > LIMIT_MS || ms > LIMIT_MS || calls.length !== 1 ? 1 : 0
} finally {
  await database.close()
  if (url !== undefined) await dropPostgresDatabase(url)
  rmSync(folder, { recursive: true, force: true })
}
