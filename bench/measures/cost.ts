// Processor time of a load, and latency at a fixed rate.
import { direct, reportLatency } from '../latency.ts'
import { createReport, LEAST_ROUNDS, printReport, readLoad, saveReport } from '../report.ts'
import { runScenario } from '../run.ts'
import { REFERENCES } from '../targets.ts'
import type { Scenario } from '../scenario.ts'
import type { Target } from '../target.ts'
import { keepAble, WARM_UP_MS, type Measure, type Wishes } from './measure.ts'

export function createCostMeasure(scenario: Scenario): Measure {
  return {
    id: scenario.id,
    summary: scenario.summary,
    async run(wishes) {
      const targets = findAble(scenario, wishes)
      const loadBefore = readLoad()
      const results = await runScenario({ scenario, targets, ...readPace(wishes) })
      const references = REFERENCES.filter((id) => targets.some((target) => target.id === id))
      const report = createReport({ scenario, loadBefore, loadAfter: readLoad(), references }, results)
      wishes.print(`\n${printReport(report)}\n`)
      return saveReport(report, { keep: wishes.keep, date: new Date() })
    },
  }
}

export function createLatencyMeasure(scenario: Scenario): Measure {
  return {
    id: `latency-${scenario.id}`,
    summary: `what a gateway adds to the time of an answer at a fixed rate: ${scenario.summary}`,
    run(wishes) {
      const { keep, perSecond, print } = wishes
      const targets = [direct, ...findAble(scenario, wishes)]
      const run = { scenario, targets, perSecond, keep, ...readPace(wishes) }
      return reportLatency(run, (text) => print(`\n${text}\n`))
    },
  }
}

function findAble(scenario: Scenario, { targets, say }: Wishes): Target[] {
  return keepAble(targets, (target) => target.findObstacle?.(scenario) ?? null, { id: scenario.id, say })
}

function readPace({ rounds, windowMs, profileFolder, say }: Wishes) {
  return { rounds: rounds ?? LEAST_ROUNDS, windowMs, warmUpMs: WARM_UP_MS, profileFolder, say }
}
