// `npm run drill:overload -- [--seconds 20] [--requests 5000]`: what a server can do, then twice as much, for as long, of
// small whole answers and of streams; and a provider that fails always. Kept is only what is promised, all of it: at twice the peak 80 % of it is served,
// every other request is refused with 503 and Retry-After within 50 ms, nobody waits in vain, streams that run
// end whole, and health and the control plane answer within a second; a failing provider is called 1.1 times a request
// at most. Figures of a machine that does other things as well say little.
import { parseArgs } from 'node:util'
import { describeMachine } from '../test/support/drills/machine.ts'
import { type OverloadFigures, runFailureDrill, runOverloadDrill } from '../test/support/drills/overload.ts'

const LEAST_SHARE = 0.8
const LONGEST_REFUSAL_MS = 50
const LONGEST_PROBE_MS = 1_000
/** Where nearly all is served, it was no overload, and the peak was higher. */
const OVERLOADED_SHARE = 0.95
const MOST_CALLS = 1.1

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '20' }, requests: { type: 'string', default: '5000' } },
})
console.info(describeMachine())
const { requests, calls } = await runFailureDrill({ requests: Number(values.requests) })
const amplification = calls / requests
const isHeld = amplification <= MOST_CALLS
console.info(
  `${isHeld ? 'kept' : 'NOT KEPT'}: of a provider that always fails: ${calls} calls for ${requests} requests, ${amplification.toFixed(3)} each (limit ${MOST_CALLS})`,
)
let areAllKept = isHeld
for (const traffic of ['whole', 'streamed'] as const) {
  const figures = await runOverloadDrill({ seconds: Number(values.seconds), traffic })
  console.info(`${traffic}: ${describeFigures(figures)}`)
  const broken = findBroken(figures)
  console.info(
    broken.length === 0 ? `kept: overload, ${traffic}` : `NOT KEPT: overload, ${traffic}: ${broken.join('; ')}`,
  )
  if (broken.length > 0) areAllKept = false
}
process.exitCode = areAllKept ? 0 : 1

function findBroken(of: OverloadFigures): string[] {
  const { peak, asked, goodput, refused, refusalMs, refusedWrongly, givenUp, streams, wholeStreams, probeMs } = of
  return [
    goodput > asked * OVERLOADED_SHARE && 'it was not overloaded: nothing is proved',
    goodput < peak * LEAST_SHARE && `${percent(goodput / peak)} of the peak served, not ${percent(LEAST_SHARE)}`,
    refused === 0 && 'nothing was refused',
    refusalMs.most >= LONGEST_REFUSAL_MS &&
      `the slowest refusal took ${refusalMs.most} ms, not less than ${LONGEST_REFUSAL_MS}`,
    refusedWrongly.length > 0 && `${refusedWrongly.length} refused otherwise: ${refusedWrongly[0]}`,
    givenUp > 0 && `${givenUp} neither answered nor refused`,
    wholeStreams < streams && `${streams - wholeStreams} of ${streams} streams cut`,
    of.probesFailed.length > 0 && `health or control plane: ${of.probesFailed.join(', ')}`,
    probeMs.most >= LONGEST_PROBE_MS && `health or control plane answered after ${probeMs.most} ms`,
  ].filter((sentence) => sentence !== false)
}

function describeFigures(of: OverloadFigures): string {
  const { peak, asked, goodput, answerMs, refused, refusalMs, givenUp, clientDelayMs, probeMs } = of
  return [
    `peak ${peak.toFixed(0)} a second; asked for ${asked.toFixed(0)}: ${goodput.toFixed(0)} served a second (${percent(goodput / peak)})`,
    `answers p50 ${answerMs.median} ms, p99 ${answerMs.p99} ms`,
    `${refused} refused, p50 ${refusalMs.median} ms, p99 ${refusalMs.p99} ms, the slowest ${refusalMs.most} ms; ${givenUp} given up`,
    `${of.wholeStreams} of ${of.streams} streams whole; ${of.probes} probes, the slowest ${probeMs.most} ms`,
    `clients late by p99 ${clientDelayMs.p99} ms, ${clientDelayMs.most} ms at most; ${of.isApart ? 'a processor for the server' : 'all on the same processors'}`,
  ].join('\n')
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
