// Starting, and being there: how long until a gateway is ready the second time it starts, when code is compiled and the
// database is made, and how much memory it holds before anybody has asked it anything.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { reportFigures } from '../figures.ts'
import { readMemory } from '../memory.ts'
import { readProcessorTime } from '../processor-time.ts'
import { LEAST_ROUNDS, readLoad } from '../report.ts'
import { rest } from '../run.ts'
import { REFERENCES } from '../targets.ts'
import { createPortkeyTarget } from '../targets/portkey.ts'
import { nginx } from '../targets/nginx.ts'
import { nodeProxy } from '../targets/proxies.ts'
import { listWaysToStart, type Started, type WayToStart } from '../targets/ways-to-start.ts'
import { keepAble, type Measure, type Wishes } from './measure.ts'

const SETTLE_MS = 5_000

export const coldStart: Measure = {
  id: 'cold-start',
  summary: 'from the start of the program until it is ready: its second start, with what the first one left',
  async run(wishes) {
    const columns = { milliseconds: 'ms to ready', processor: 'CPU ms', first: 'first start' }
    const table = { measure: coldStart, unit: 'ms', columns, digits: 0 }
    return runStarts(wishes, table, async ({ pid }, milliseconds, first) => {
      const { user, system } = readProcessorTime(pid)
      return { milliseconds, processor: (user + system) / 1000, first }
    })
  },
}

export const atRest: Measure = {
  id: 'rest',
  summary: 'memory held after a start, before the first request; the launcher beside it apart',
  async run(wishes) {
    const columns = { resident: 'MB resident', proportional: 'of it its own', launcher: 'launcher' }
    return runStarts(wishes, { measure: atRest, unit: 'MB', columns, digits: 1 }, async ({ pid, hasLauncher }) => {
      await sleep(SETTLE_MS)
      await rest(pid)
      const all = readMemory(pid)
      const launcher = hasLauncher ? readMemory(pid, { alone: true }) : { resident: 0, proportional: 0 }
      return {
        resident: (all.resident - launcher.resident) / 1024,
        proportional: (all.proportional - launcher.proportional) / 1024,
        launcher: launcher.resident / 1024,
      }
    })
  },
}

interface StartTable {
  readonly measure: Measure
  readonly unit: string
  readonly columns: Readonly<Record<string, string>>
  readonly digits: number
}

async function runStarts(
  wishes: Wishes,
  { measure, ...table }: StartTable,
  look: (started: Started, milliseconds: number, first: number) => Promise<Record<string, number>>,
): Promise<string> {
  const { keep, print, say } = wishes
  const loadBefore = readLoad()
  const portkey = wishes.portkeyFolder === null ? [] : [createPortkeyTarget(wishes.portkeyFolder)]
  const all = listWaysToStart([nginx, nodeProxy, ...portkey])
  const ways = keepAble(all, (way) => way.findObstacle(), { id: measure.id, say })
  const root = mkdtempSync(join(tmpdir(), 'uniroute-bench-'))
  try {
    const rows = ways.map(({ id }) => ({ id, rounds: [] as Record<string, number>[] }))
    const first = new Map<WayToStart, number>()
    for (let round = -1; round < (wishes.rounds ?? LEAST_ROUNDS); round++) {
      say(round < 0 ? 'first starts' : `round ${round + 1}`)
      for (const [place, way] of ways.entries()) {
        const folder = join(root, way.id)
        mkdirSync(folder, { recursive: true })
        const begin = performance.now()
        const started = await way.start(folder)
        const milliseconds = performance.now() - begin
        if (round < 0) first.set(way, milliseconds)
        else rows[place]!.rounds.push(await look(started, milliseconds, first.get(way)!))
        await started.stop()
      }
    }
    const { id, summary } = measure
    return reportFigures({ id, summary, references: REFERENCES, ...table }, rows, { keep, loadBefore, print })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
