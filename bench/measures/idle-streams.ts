// Thousands of streams that have begun and are silent: what one costs in memory. Each must begin, and come whole in the
// end. Targets are measured one after another, each in a process that has served before: side by side, descriptors and
// local ports would not suffice.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { reportFigures, type FigureRow } from '../figures.ts'
import { readDescriptorLimit, readMemory } from '../memory.ts'
import type { HoldReport } from '../peers/hold.ts'
import { readLoad } from '../report.ts'
import { checkBooks, countAnswers, rest, startContestant, startUpstream, WrongResult } from '../run.ts'
import { IDLE } from '../scenarios/idle.ts'
import type { Target } from '../target.ts'
import { nullProxy } from '../targets/proxies.ts'
import { REFERENCES } from '../targets.ts'
import { keepAble, type Measure, type Wishes } from './measure.ts'

const MOST_STREAMS = 9_000
/** Of a target: one to the client, one to the provider; and what it needs besides. */
const DESCRIPTORS_EACH = 2
const DESCRIPTORS_BESIDE = 500
const WARM_UP_STREAMS = 500
const SETTLE_MS = 3_000
const ROUNDS = 2

/** At so many open streams: what they take, and of it what is not shared with other processes. */
export interface StreamMemory {
  readonly streams: number
  readonly kilobytesEach: number
  readonly proportionalEach: number
  /** Megabytes before any was opened. */
  readonly atRest: number
}

export const idleStreams: Measure = {
  id: IDLE.id,
  summary: `${IDLE.summary}: as many streams as descriptors allow, ${MOST_STREAMS} at most`,
  async run(wishes) {
    const { keep, print, say } = wishes
    const streams = countStreams()
    say(`${streams} streams`)
    const loadBefore = readLoad()
    const targets = findAble(wishes)
    const rounds = new Map<Target, StreamMemory[]>()
    for (let round = 0; round < (wishes.rounds ?? ROUNDS); round++) {
      for (const target of targets) {
        say(`round ${round + 1}: ${target.id}`)
        const [memory] = await measureStreams(target, [streams])
        rounds.set(target, [...(rounds.get(target) ?? []), memory!])
      }
    }
    const rows = targets.map(({ id }, place): FigureRow => ({
      id,
      rounds: rounds.get(targets[place]!)!.map(asFigures),
    }))
    const columns = { kilobytesEach: 'KB each', proportionalEach: 'of it its own', atRest: 'MB at rest' }
    const summary = `${IDLE.summary}, ${streams} streams`
    const table = { id: IDLE.id, summary, unit: 'KB per stream', columns, digits: 1, references: REFERENCES }
    return reportFigures(table, rows, { keep, loadBefore, print })
  },
}

function asFigures({ streams, kilobytesEach, proportionalEach, atRest }: StreamMemory): Record<string, number> {
  return { streams, kilobytesEach, proportionalEach, atRest }
}

function findAble({ targets, say }: Wishes): Target[] {
  const all = targets.filter(({ id }) => id !== nullProxy.id)
  return keepAble(all, (target) => target.findObstacle?.(IDLE) ?? null, { id: IDLE.id, say })
}

export function countStreams(): number {
  const streams = Math.floor((readDescriptorLimit() - DESCRIPTORS_BESIDE) / DESCRIPTORS_EACH)
  if (streams < WARM_UP_STREAMS) throw new Error('This system allows too few open files: see `ulimit -n`.')
  return Math.min(streams, MOST_STREAMS)
}

/** One fresh process, measured at each of the growing counts. Throws a WrongResult where a stream is lost. */
export async function measureStreams(
  target: Target,
  counts: readonly number[],
  settleMs = SETTLE_MS,
): Promise<StreamMemory[]> {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-bench-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const upstream = await startUpstream(IDLE, stack)
  const own = { upstream, folder: join(folder, 'target'), stack }
  const contestant = await startContestant({ scenario: IDLE, target }, { profileFolder: null }, own)
  const { load, running } = contestant

  const settle = async (): Promise<{ resident: number; proportional: number }> => {
    await sleep(settleMs)
    await rest(running.pid)
    return readMemory(running.pid)
  }
  const openTo = async (count: number, already: number): Promise<void> => {
    await load.ask('open', count - already)
  }
  const end = async (opened: number): Promise<void> => {
    const { released } = await upstream.ask<{ released: number }>('release')
    countAnswers(contestant, await load.ask<HoldReport>('finish'))
    if (released !== opened) throw new WrongResult(`${target.id}: ${released} of ${opened} streams were open at once.`)
  }

  await upstream.ask('hold')
  await openTo(WARM_UP_STREAMS, 0)
  await end(WARM_UP_STREAMS)
  const before = await settle()

  await upstream.ask('hold')
  const memories: StreamMemory[] = []
  let open = 0
  for (const count of counts) {
    await openTo(count, open)
    open = count
    const now = await settle()
    memories.push({
      streams: count,
      kilobytesEach: (now.resident - before.resident) / count,
      proportionalEach: (now.proportional - before.proportional) / count,
      atRest: before.resident / 1024,
    })
  }
  await end(open)
  const served = await upstream.ask<Record<string, number>>('served')
  await checkBooks(contestant, served)
  return memories
}
