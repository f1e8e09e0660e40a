// How the server is doing, put together for administrators. It is asked for when something is wrong, so a part that
// does not answer is left out and the others are told all the same.
import { statfs } from 'node:fs/promises'
import { healthSchema, type AdminHealth } from '../../../contract/health.ts'
import type { Database } from '../../database/database.ts'
import { type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ledger } from '../usage/ledger.ts'
import type { VaultRegistry } from './vault-registry.ts'

export interface HealthOptions {
  readonly version: string
  readonly dataDir: string
  readonly instanceId: string
  readonly database: Pick<Database, 'kind' | 'ping' | 'query'>
  readonly registry: Pick<VaultRegistry, 'listAlive'>
  readonly ledger: Pick<Ledger, 'readFigures'>
  readonly clock: Clock
  readonly readInProgress: () => AdminHealth['in_progress']
  readonly listBreakers: () => AdminHealth['breakers']
  readonly limits: AdminHealth['limits']
}

export function createHealthRoutes(options: HealthOptions): ControlRoute[] {
  const startedAt = options.clock.now()
  return [
    defineControlRoute({
      method: 'GET',
      path: '/admin/health',
      credential: 'session',
      role: 'admin',
      bodyCap: 0,
      rateClass: 'control',
      summary: 'How this server is doing: database, journal, breakers, disk, instances',
      answers: { 200: { description: 'What could be found out', schema: healthSchema } },
      handle: async () => ({ status: 200, body: await readHealth(options, startedAt) }),
    }),
  ]
}

/** What balancers are told: can this instance serve? */
export async function checkReady(database: Pick<Database, 'ping'>): Promise<{ ready: boolean; reasons: string[] }> {
  try {
    await database.ping()
    return { ready: true, reasons: [] }
  } catch (error) {
    return { ready: false, reasons: [error instanceof Error ? error.message : 'the database does not answer'] }
  }
}

async function readHealth(options: HealthOptions, startedAt: number): Promise<AdminHealth> {
  const { clock, database, ledger, registry, instanceId } = options
  const [latency, schema, alive, disk] = await Promise.all([
    orNull(timePing(database, clock)),
    orNull(readSchemaVersion(database)),
    orNull(registry.listAlive()),
    orNull(readDisk(options.dataDir)),
  ])
  const now = clock.now()
  const { oldestAt, ...journal } = ledger.readFigures()
  return {
    version: options.version,
    node: process.version,
    started_at: new Date(startedAt).toISOString(),
    uptime_s: Math.max(0, Math.floor((now - startedAt) / 1000)),
    in_progress: options.readInProgress(),
    database: { kind: database.kind, latency_ms: latency, schema_version: schema },
    journal: {
      segments: journal.segments,
      bytes: journal.bytes,
      waiting: journal.waiting,
      spilled_segments: journal.spilledSegments,
      lag_ms: oldestAt === null ? 0 : Math.max(0, Math.round(now - oldestAt)),
      failures: journal.failures,
    },
    breakers: options.listBreakers(),
    limits: options.limits,
    disk,
    instances:
      alive?.map(({ id, seenAt }) => ({ id, is_this: id === instanceId, seen_at: new Date(seenAt).toISOString() })) ??
      null,
  }
}

async function timePing(database: HealthOptions['database'], clock: Clock): Promise<number> {
  const before = clock.monotonic()
  await database.ping()
  return Math.round((clock.monotonic() - before) * 10) / 10
}

async function readSchemaVersion({ query }: HealthOptions['database']): Promise<string | null> {
  const row = await query.selectFrom('schema_migrations').select('name').orderBy('name', 'desc').executeTakeFirst()
  return row?.name ?? null
}

async function readDisk(path: string): Promise<AdminHealth['disk']> {
  const { bavail, blocks, bsize } = await statfs(path)
  return { free_bytes: bavail * bsize, total_bytes: blocks * bsize }
}

/** What cannot be found out now is told as unknown; why stands in the log of whoever failed. */
async function orNull<Value>(work: Promise<Value>): Promise<Value | null> {
  return work.catch((error: unknown) => {
    if (error instanceof Error) return null
    throw error
  })
}
