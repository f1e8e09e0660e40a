// kill -9 under load on the same data: each call that reached the provider has exactly one record. `npm run
// drill:crash` does it hundreds of times.
import { expect, test } from 'vitest'
import { runCrashDrill } from '../support/drills/crash.ts'

const KILLS = Number(process.env['UNIROUTE_KILLS'] ?? 3)

test(`${KILLS} times kill -9 under load: no record lost, none doubled`, { timeout: 600_000 }, async () => {
  const figures = await runCrashDrill({ kills: KILLS })
  expect(figures.upstreamCalls).toBeGreaterThan(0)
  expect(figures).toMatchObject({
    kills: KILLS,
    lost: [],
    doubled: [],
    unrecorded: [],
    wronglySettled: [],
    failed: [],
    lastExit: 0,
    leaks: [],
  })
})
