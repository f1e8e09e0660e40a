// The saved requests of the fuzzer and some new ones, over raw sockets to a real server; then its answers, logs,
// metrics, database, journal, backup, doctor's report and diagnostic report are searched for secrets. `npm run fuzz`
// sends more.
import { expect, test } from 'vitest'
import { fuzzWire } from '../support/fuzz/wire.ts'
import { createRandom } from '../support/random.ts'

test('changed requests break nothing and bring no secret anywhere', async () => {
  const { seed } = createRandom()
  const { found, leaks, statuses, scanned } = await fuzzWire({ cases: 200, seed })
  expect({ seed, found, leaks }).toEqual({ seed, found: [], leaks: [] })
  expect(Object.keys(statuses)).toContain('200')
  expect(scanned.answers).toBe(200)
})
