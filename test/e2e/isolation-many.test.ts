// As many requests of two tenants as show what happens once in thousands; the same drill is run with a million by hand.
import { expect, test } from 'vitest'
import { runTenantDrill } from '../support/drills/tenants.ts'

const REQUESTS = 100_000

test(`${REQUESTS} requests of two tenants, clients that leave and connections that are killed: no mix-up, no leak`, async () => {
  const { mixUps, failed, leaks, ...counts } = await runTenantDrill({ requests: REQUESTS })
  console.info(JSON.stringify(counts))
  expect({ mixUps, failed, leaks }).toEqual({ mixUps: [], failed: [], leaks: [] })
  expect(counts.answered + counts.aborted + counts.killed).toBe(REQUESTS)
  expect(counts.aborted / REQUESTS).toBeGreaterThan(0.1)
  expect(counts.killed).toBeGreaterThan(0)
})
