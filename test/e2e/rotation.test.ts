// The master key of a real server is changed under load and through kill -9: no request fails, every value opens at
// every instant, and the old secret is needed no more. `npm run drill:rotation` is the same at any size, with figures.
import { expect, test } from 'vitest'
import { createPostgresDatabase, describePostgres, dropPostgresDatabase } from '../support/databases.ts'
import { type DrillFigures, runRotationDrill } from '../support/rotation-drill.ts'
import type { Json } from '../support/uniroute-client.ts'

/**
 * How often the server is killed; in `npm run test:nightly` ten times, with so many more keys that each hits the
 * middle.
 */
const NIGHTLY_KILLS = Number(process.env['ROTATION_KILLS'] ?? 0)
const KEYS = NIGHTLY_KILLS > 0 ? 30_000 : 6_000
const timeout = NIGHTLY_KILLS > 0 ? 30 * 60_000 : 900_000
const KILLS = { sqlite: NIGHTLY_KILLS || 2, postgres: NIGHTLY_KILLS || 1 }

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
  `on SQLite, killed ${KILLS.sqlite} times in the middle, and all the way back and there again`,
  { timeout },
  async () => {
    const figures = await runRotationDrill({ keys: KEYS, kills: KILLS.sqlite, patient: false, rollback: true })
    expectGoodDrill(figures, KILLS.sqlite)
    expect(figures.rolledBack).toEqual({ done: KEYS + 1, total: KEYS + 1, left: 0 })
  },
)

describePostgres('on PostgreSQL', () => {
  test(`killed ${KILLS.postgres} times in the middle`, { timeout }, async () => {
    const databaseUrl = await createPostgresDatabase()
    try {
      const figures = await runRotationDrill({ keys: KEYS, kills: KILLS.postgres, patient: false, databaseUrl })
      expectGoodDrill(figures, KILLS.postgres)
    } finally {
      await dropPostgresDatabase(databaseUrl)
    }
  })
})
