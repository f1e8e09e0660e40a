// The health of a server whose database answers, and of one whose database does not.
import { expect, test } from 'vitest'
import { healthSchema } from '../../../contract/health.ts'
import { createMovableClock } from '../../../test/support/account-rooms.ts'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import type { Database } from '../../database/database.ts'
import { createHealthRoutes } from './health.ts'
import { createVaultRegistry } from './vault-registry.ts'

function read(database: Database, more: { dataDir?: string } = {}) {
  const clock = createMovableClock()
  const [route] = createHealthRoutes({
    version: '1.2.3',
    dataDir: more.dataDir ?? '.',
    instanceId: 'here',
    database,
    registry: createVaultRegistry(database),
    ledger: {
      readFigures: () => ({
        segments: 3,
        bytes: 9,
        spilledSegments: 0,
        waiting: 2,
        oldestAt: clock.now() - 700,
        failures: 1,
      }),
    },
    clock,
    readInProgress: () => ({ requests: 1, upstream_calls: 0, event_streams: 0 }),
    listBreakers: () => [],
    limits: { rates: 'memory', budgets: 'memory' },
  })
  clock.advance(65_432)
  return route!.handle({} as never)
}

describeOnEachDatabase('health', (open, kind) => {
  test('tells of every part, and which of the instances answers', async () => {
    const database = await open()
    const registry = createVaultRegistry(database)
    for (const id of ['here', 'there']) await registry.announce({ id, activeKid: 'k', kids: ['k'] })
    const { body } = await read(database)
    expect(healthSchema.parse(body)).toEqual(body)
    expect(body).toMatchObject({
      version: '1.2.3',
      uptime_s: 65,
      database: { kind, latency_ms: expect.any(Number), schema_version: expect.stringMatching(/^\d{3}_/) },
      journal: { segments: 3, bytes: 9, waiting: 2, lag_ms: 700, failures: 1 },
      disk: { free_bytes: expect.any(Number) },
      instances: [
        { id: 'here', is_this: true },
        { id: 'there', is_this: false },
      ],
    })
  })

  test('while the database is away, the rest is told all the same', async () => {
    const database = await open()
    await database.close()
    const { body } = await read(database, { dataDir: '/no/such/folder' })
    expect(healthSchema.parse(body)).toEqual(body)
    expect(body).toMatchObject({
      database: { kind, latency_ms: null, schema_version: null },
      instances: null,
      disk: null,
      journal: { waiting: 2 },
    })
  })
})
