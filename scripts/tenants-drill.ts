// `npm run drill:tenants -- [--requests 100000] [--minutes 60]`: so many requests of two tenants, interleaved, one in
// five aborted by its client and one in fifty killed on the provider's side. Fails where anything of one reached the
// other.
import { parseArgs } from 'node:util'
import { describeMachine } from '../test/support/drills/machine.ts'
import { runTenantDrill } from '../test/support/drills/tenants.ts'

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '100000' }, minutes: { type: 'string', default: '60' } },
})
const deadline = performance.now() + Number(values.minutes) * 60_000
console.info(describeMachine())
const { mixUps, failed, leaks, ...counts } = await runTenantDrill({
  requests: Number(values.requests),
  isOver: () => performance.now() > deadline,
  say: (line) => console.info(line),
})
console.info(JSON.stringify(counts))
for (const sentence of [...mixUps, ...failed].slice(0, 10)) console.info(`  ${sentence}`)
const isKept = mixUps.length + failed.length + leaks.length === 0
console.info(
  `${isKept ? 'kept' : 'NOT KEPT'}: ${counts.requests} requests, ${counts.aborted} aborted, ${counts.killed} killed: ${mixUps.length} mix-ups, ${failed.length} failed, ${leaks.length} leaks`,
)
process.exitCode = isKept ? 0 : 1
