// The master key of a real server is changed under load and through kill -9: no request fails, every value opens at every
// instant, and the old secret is needed no more. `npm run drill:rotation` is the same at any size, with figures.
import { expect, test } from 'vitest'
import { createPostgresDatabase, describePostgres, dropPostgresDatabase } from '../support/databases.ts'
import { type DrillFigures, runRotationDrill } from '../support/rotation-drill.ts'
import type { Json } from '../support/uniroute-client.ts'

const KEYS = 10_000

function expectGoodDrill(figures: DrillFigures, kills: number): void {
  expect(figures.failed).toEqual([])
  expect(figures.requests).toBeGreaterThan(100)
  expect(figures).toMatchObject({ kills, unreadable: 0, progress: { wentBack: 0, inexact: 0 } })
  expect(figures.progress.looks).toBeGreaterThan(kills)
  expect(figures.last).toMatchObject({
    backend: 'local',
    fallback: false,
    active: { kid: figures.kids.new },
    rotation: {
      state: 'done',
      from: figures.kids.old,
      to: figures.kids.new,
      failed: 0,
      total: KEYS + 1,
      done: KEYS + 1,
    },
    failures: [],
  })
  // Those killed are listed for half a minute.
  expect(new Set(figures.last.instances.map((one: Json) => one.active_kid))).toEqual(new Set([figures.kids.new]))
  expect(figures.states).toContain('running')
  expect(figures.metrics).toContain(`uniroute_vault_dependents{kid="${figures.kids.new}",state="active"} ${KEYS + 1}`)
  expect(figures.metrics).toContain(`uniroute_vault_dependents{kid="${figures.kids.old}",state="decrypt"} 0`)
  expect(figures.metrics).toContain('uniroute_vault_rotation_remaining 0')
  expect(figures.metrics).toMatch(/uniroute_vault_open_total\{result="ok"\} \d\d+/)
  expect(figures.metrics).not.toMatch(/uniroute_vault_open_total\{result="(?!ok)/)
  // Refused while values depend on it, and for a minute after the last of them.
  expect(figures.retired).toEqual([409, 409, 202])
  expect(figures.refusal).toContain('78')
  expect(figures.refusal).toMatch(
    new RegExp(`secret for kid ${figures.kids.new} missing; ${KEYS} keys depend on it; nothing was changed`),
  )
}

test(
  'on SQLite, killed three times in the middle, and all the way back and there again',
  { timeout: 300_000 },
  async () => {
    const figures = await runRotationDrill({ keys: KEYS, kills: 3, patient: false, rollback: true })
    expectGoodDrill(figures, 3)
    expect(figures.rolledBack).toEqual({ done: KEYS + 1, total: KEYS + 1, left: 0 })
  },
)

describePostgres('on PostgreSQL', () => {
  test('killed twice in the middle', { timeout: 300_000 }, async () => {
    const databaseUrl = await createPostgresDatabase()
    try {
      expectGoodDrill(await runRotationDrill({ keys: KEYS, kills: 2, patient: false, databaseUrl }), 2)
    } finally {
      await dropPostgresDatabase(databaseUrl)
    }
  })
})
