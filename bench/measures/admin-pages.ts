// The dashboard's pages over a long ledger: how long the calls of each take, as a browser makes them, all at once. On
// SQLite and on PostgreSQL, through a whole UniRoute. (`drill:usage` and `drill:requests` go on to every filter and
// group.)
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LAUNCHER_ENVIRONMENT } from '../../test/support/launcher-environment.ts'
import { createFakeKey } from '../../test/fake-provider/fake-keys.ts'
import { createPostgresDatabase, dropPostgresDatabase, postgresProblem } from '../../test/support/databases.ts'
import { EVERY_MS, fillLedger } from '../../test/support/large-ledger.ts'
import { startUniRoute, type UniRoute } from '../../test/support/uniroute-process.ts'
import { openDatabase } from '../../server/database/database.ts'
import { reportFigures, type FigureRow } from '../figures.ts'
import { quantile } from '../latency.ts'
import { readLoad } from '../report.ts'
import type { Measure } from './measure.ts'

const ROWS = 1_000_000
const LOOKS = 40
/** The first look at usage has the sums of past days made, in the background. */
const SETTLE_MS = 60_000
const DAY_MS = 86_400_000
const ZONE = 'time_zone=Europe%2FBerlin'

const dayAgo = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 10)

interface Page {
  readonly name: string
  /** As the administrator; otherwise as the user whose six of ten rows are. */
  readonly isOperators?: true
  /** What the page asks for. */
  calls(ids: { readonly providerKey: string; readonly request: string }): readonly string[]
}

const PAGES: readonly Page[] = [
  { name: 'overview', calls: () => [`/admin/overview?${ZONE}`, '/admin/requests?limit=10'] },
  { name: 'usage, own, 30 days', calls: () => [askUsage('', 'day,model', 30)] },
  { name: 'usage, own, 90 days', calls: () => [askUsage('', 'day,provider', 90)] },
  { name: 'usage of all, 30 days', isOperators: true, calls: () => [askUsage('/all', 'day,user', 30)] },
  { name: 'usage of all, 90 days', isOperators: true, calls: () => [askUsage('/all', 'day,model', 90)] },
  { name: 'requests, own', calls: ({ request }) => ['/admin/requests', `/admin/requests/${request}`] },
  { name: 'requests of all', isOperators: true, calls: () => ['/admin/requests/all'] },
  {
    name: 'provider keys',
    calls: () => [
      '/admin/provider-keys?include=stand_in,borrowed',
      `/admin/usage?group_by=provider_key&from=${dayAgo(7)}`,
    ],
  },
  {
    name: 'a provider key',
    calls: ({ providerKey }) => [
      `/admin/provider-keys/${providerKey}/impact`,
      `/admin/provider-keys/${providerKey}/usage`,
    ],
  },
  {
    name: 'API keys',
    calls: () => ['/auth/api-keys?revoked=true', `/admin/usage?group_by=api_key&from=${dayAgo(30)}&time_zone=UTC`],
  },
  { name: 'models', calls: () => ['/admin/models'] },
  { name: 'routing', calls: () => ['/admin/routing', '/admin/allowance', '/auth/profile'] },
  { name: 'audit', calls: () => ['/admin/audit'] },
  { name: 'users', isOperators: true, calls: () => ['/admin/users'] },
  { name: 'health', isOperators: true, calls: () => ['/admin/health', '/admin/installation'] },
]

function askUsage(place: string, groups: string, days: number): string {
  return `/admin/usage${place}?from=${dayAgo(days)}&to=${dayAgo(0)}&${ZONE}&group_by=${groups}&percentiles=totals`
}

export const adminPages: Measure = {
  id: 'admin-pages',
  summary: `the dashboard's pages over ${ROWS.toLocaleString('en')} usage rows, all calls of a page at once`,
  async run({ rounds, say, keep, print }) {
    const loadBefore = readLoad()
    const looks = rounds === null ? LOOKS : rounds
    const failed: string[] = []
    const rows = await measurePages('sqlite', undefined, { looks, say, failed })
    if (postgresProblem === undefined) {
      const url = await createPostgresDatabase()
      try {
        rows.push(...(await measurePages('postgres', url, { looks, say, failed })))
      } finally {
        await dropPostgresDatabase(url)
      }
    } else say(`no PostgreSQL: ${postgresProblem}`)
    const columns = { p95: 'p95 ms', median: 'median ms', first: 'first look' }
    const { id } = adminPages
    // A page that fails has no figure, and says so wherever the others are shown.
    const summary = adminPages.summary + (failed.length > 0 ? `; **failed: ${failed.join(', ')}**` : '')
    const about = `${looks} looks at each page after the first`
    const table = { id, summary, unit: 'ms', columns, digits: 0, references: [], about }
    return reportFigures(table, rows, { keep, loadBefore, print })
  },
}

async function measurePages(
  kind: string,
  databaseUrl: string | undefined,
  { looks, say, failed }: { looks: number; say: (line: string) => void; failed: string[] },
): Promise<FigureRow[]> {
  await using stack = new AsyncDisposableStack()
  // With PostgreSQL no secret is made by itself.
  const [key, jwt] = [randomBytes(48).toString('base64'), randomBytes(48).toString('base64')]
  const uniroute = await startUniRoute({
    ...(databaseUrl !== undefined && { databaseUrl }),
    env: { ...LAUNCHER_ENVIRONMENT, LOG_LEVEL: 'warn', PROVIDER_KEY_ENCRYPTION_KEY: key, JWT_SECRET: jwt },
  })
  stack.defer(async () => {
    await uniroute.stop()
    uniroute.remove()
  })
  const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'bench-pages') } })
  const [providerKey = ''] = caller.providerKeyIds['openai'] ?? []
  say(`${kind}: filling the ledger with ${ROWS.toLocaleString('en')} requests`)
  const database = await openDatabase({
    ...(databaseUrl === undefined ? { file: `${uniroute.dataDir}/uniroute.db` } : { url: databaseUrl }),
    statementTimeoutMs: 3_600_000,
  })
  const owner = { userId: caller.id, apiKeyId: bare(caller.apiKeyId), providerKeyId: bare(providerKey) }
  await fillLedger(database, ROWS, { owner, started: Date.now() - ROWS * EVERY_MS })
  await database.close()
  // Filling took longer than a token lasts.
  const tokens = { own: await uniroute.login(caller.email, caller.password), operator: await uniroute.login() }
  const look = (page: Page): ReturnType<typeof timeLook> => {
    const paths = page.calls({ providerKey, request: 'req_01J00000000000000000000000' })
    return timeLook(uniroute, paths, page.isOperators ? tokens.operator : tokens.own)
  }
  const first = new Map<Page, number>()
  for (const page of PAGES) first.set(page, (await look(page)).milliseconds)
  say(`${kind}: past days are being added up`)
  await sleep(SETTLE_MS)
  const rows: FigureRow[] = []
  for (const page of PAGES) {
    say(`${kind}: ${page.name}`)
    const name = `${page.name} (${kind})`
    const times: number[] = []
    let wrong: string | null = null
    while (times.length < looks && wrong === null) {
      const { milliseconds, wrong: found } = await look(page)
      times.push(milliseconds)
      wrong = found
    }
    if (wrong !== null) {
      say(`${name} FAILED: ${wrong}`)
      failed.push(name)
      continue
    }
    const sorted = times.toSorted((a, b) => a - b)
    const figures = { p95: quantile(sorted, 0.95), median: quantile(sorted, 0.5), first: first.get(page)! }
    rows.push({ id: name, rounds: [figures] })
  }
  return rows
}

async function timeLook(uniroute: UniRoute, paths: readonly string[], token: string) {
  const before = performance.now()
  const replies = await Promise.all(paths.map((path) => uniroute.call('GET', path, { token })))
  const milliseconds = performance.now() - before
  const place = replies.findIndex(({ status }) => status !== 200)
  const wrong = place < 0 ? null : `GET ${paths[place]} answered ${replies[place]!.status}: ${replies[place]!.text}`
  return { milliseconds, wrong }
}

/** As it stands in the database: without `pk_` or `ak_`. */
const bare = (id: string): string => id.replace(/^[a-z]+_/, '')
