// `npm run drill:overload -- [--seconds 20] [--requests 5000]`: what a server can do, then twice as much; and a provider that
// fails always. Fails where less than 80 % of the peak is served, a refusal takes 50 ms or more, or a failing provider is
// called more than 1.1 times a request. Figures of a machine that does other things as well say little.
import { parseArgs } from 'node:util'
import { describeMachine } from '../test/support/drills/machine.ts'
import { runFailureDrill, runOverloadDrill } from '../test/support/drills/overload.ts'

const LEAST_SHARE = 0.8
const LONGEST_REFUSAL_MS = 50
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
const figures = await runOverloadDrill({ seconds: Number(values.seconds) })
const { peak, asked, goodput, refused, refusalMs, givenUp, answerMs } = figures
const isKept = goodput >= peak * LEAST_SHARE && (refused === 0 || refusalMs.p99 < LONGEST_REFUSAL_MS)
console.info(
  `${isKept ? 'kept' : 'NOT KEPT'}: peak ${peak.toFixed(0)} a second; asked for ${asked.toFixed(0)}: ${goodput.toFixed(0)} served a second (${Math.round((goodput / peak) * 100)} %), ` +
    `answers p50 ${answerMs.median} ms, p99 ${answerMs.p99} ms; ${refused} refused, p50 ${refusalMs.median} ms, p99 ${refusalMs.p99} ms; ${givenUp} given up by their clients`,
)
process.exitCode = isKept && isHeld ? 0 : 1
