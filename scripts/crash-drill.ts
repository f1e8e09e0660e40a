// `npm run drill:crash -- [--kills 500] [--minutes 60]`: kill -9 under load, again and again on the same SQLite data,
// then the provider's count against the records. Fails where one is lost or doubled, or the load was under 500 requests
// a second. Ends early, and says so, where the minutes are up.
import { parseArgs } from 'node:util'
import { runCrashDrill } from '../test/support/drills/crash.ts'
import { describeMachine } from '../test/support/drills/machine.ts'

const LEAST_PER_SECOND = 500
const { values } = parseArgs({
  options: { kills: { type: 'string', default: '500' }, minutes: { type: 'string', default: '60' } },
})
const deadline = performance.now() + Number(values.minutes) * 60_000
console.info(describeMachine())
const figures = await runCrashDrill({
  kills: Number(values.kills),
  // With a start each, 500 kills take about a quarter of an hour.
  loadMs: { least: 400, most: 1_200 },
  say: (line) => console.info(line),
  isOver: () => performance.now() > deadline,
})
const { lost, doubled, unrecorded, wronglySettled, failed, leaks, ...counts } = figures
const wrong = { lost, doubled, unrecorded, wronglySettled, failed, leaks }
console.info(JSON.stringify(counts))
for (const [name, all] of Object.entries(wrong)) {
  console.info(`${name}: ${all.length}${all.length > 0 ? ` ${JSON.stringify(all.slice(0, 5))}` : ''}`)
}
const isKept =
  Object.values(wrong).every((all) => all.length === 0) &&
  figures.lastExit === 0 &&
  figures.requestsPerSecond >= LEAST_PER_SECOND
console.info(
  `${isKept ? 'kept' : 'NOT KEPT'}: ${figures.kills} kills at ${figures.requestsPerSecond} requests a second: ${lost.length} lost, ${doubled.length} doubled of ${figures.upstreamCalls} upstream calls`,
)
process.exitCode = isKept ? 0 : 1
