// `npm run drill:soak -- [--minutes 60] [--warm-up 10]`: mixed traffic for an hour. After the warm-up (a third of it at
// most) what the server holds after a collection must not grow by 1 % along the line through twenty samples,
// descriptors must stay as many, the event loop be late by less than 20 ms 99 times of 100, and no call fail.
import { parseArgs } from 'node:util'
import { describeMachine } from '../test/support/drills/machine.ts'
import { runSoakDrill } from '../test/support/drills/soak.ts'
import { memoryProblem } from '../test/support/faults/memory.ts'

const MOST_GROWTH = 0.01
const MOST_DELAY_MS = 20
/** Connections come and go: as many are more or fewer by chance. */
const MOST_DESCRIPTORS_MORE = 8
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '60' }, 'warm-up': { type: 'string', default: '10' } },
})
const minutes = Number(values.minutes)
const problem = memoryProblem()
if (problem !== undefined) {
  console.info(`NOT RUN: ${problem}`)
} else {
  console.info(describeMachine())
  const warmUpMinutes = Math.min(Number(values['warm-up']), minutes / 3)
  const figures = await runSoakDrill({ minutes, warmUpMinutes, say: (line) => console.info(line) })
  const { growth, meanBytes, uncollected, descriptors, loopDelayMs, failed, failures, counts, measuredSeconds } =
    figures
  for (const sentence of failed.slice(0, 5)) console.info(`  ${sentence}`)
  const broken = [
    growth >= MOST_GROWTH && 'memory grows',
    descriptors.last > descriptors.first + MOST_DESCRIPTORS_MORE && 'descriptors grow',
    loopDelayMs.p99 >= MOST_DELAY_MS && 'the event loop is late',
    failures > 0 && `${failures} calls failed`,
    Object.values(counts).some((count) => count === 0) && 'a kind of call did not happen',
  ].filter((sentence) => sentence !== false)
  console.info(JSON.stringify(counts))
  console.info(
    `${broken.length === 0 ? 'kept' : `NOT KEPT (${broken.join(', ')})`}: measured for ${(measuredSeconds / 60).toFixed(1)} min: ` +
      `memory ${inMegabytes(meanBytes)}, growth ${percent(growth)} (limit ${MOST_GROWTH * 100} %); ` +
      `without waiting for a collection ${inMegabytes(uncollected.meanBytes)}, growth ${percent(uncollected.growth)}; ` +
      `descriptors ${descriptors.first}, then ${descriptors.last}; ` +
      `loop delay p99 ${loopDelayMs.p99.toFixed(1)} ms (limit ${MOST_DELAY_MS}), ${loopDelayMs.most.toFixed(0)} ms at most`,
  )
  process.exitCode = broken.length === 0 ? 0 : 1
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(0)} MB`
}
