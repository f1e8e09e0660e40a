// `npm run drill:streams -- [--streams 9000] [--gap 5000]`: so many streams at once through one process, silent first,
// then one event each so many milliseconds. Fails where one does not come whole, or costs more memory than is promised.
// Every stream takes two descriptors of the server: 9,000 fit in a limit of 20,000.
import { parseArgs } from 'node:util'
import { describeMachine } from '../test/support/drills/machine.ts'
import { runStreamsDrill } from '../test/support/drills/streams.ts'
import { memoryProblem } from '../test/support/faults/memory.ts'

const MOST_IDLE = 40 * 1024
const MOST_ACTIVE = 60 * 1024
const { values } = parseArgs({
  options: { streams: { type: 'string', default: '9000' }, gap: { type: 'string', default: '5000' } },
})
const problem = memoryProblem()
if (problem !== undefined) {
  console.info(`NOT RUN: ${problem}`)
} else {
  console.info(describeMachine())
  const figures = await runStreamsDrill({
    streams: Number(values.streams),
    gapMs: Number(values.gap),
    say: (line) => console.info(line),
  })
  const { streams, whole, events, failed, idleBytes, activeBytes } = figures
  for (const sentence of failed.slice(0, 5)) console.info(`  ${sentence}`)
  const isKept = whole === streams && failed.length === 0 && idleBytes <= MOST_IDLE && activeBytes <= MOST_ACTIVE
  console.info(
    `${isKept ? 'kept' : 'NOT KEPT'}: ${streams} streams: ${failed.length} failed, ${events.sent - events.received} of ${events.sent} events lost; ` +
      `silent ${(idleBytes / 1024).toFixed(1)} KB each (limit 40), speaking ${(activeBytes / 1024).toFixed(1)} KB (limit 60); ${figures.seconds.toFixed(0)} s`,
  )
  process.exitCode = isKept ? 0 : 1
}
