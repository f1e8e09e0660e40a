// How much processor time a process has used, user and system, with all its threads and children: the figure of the
// benchmark. The kernel tells it in ticks (10 ms as a rule), so windows must not be short.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessTimes {
  readonly parent: number
  /** Its own threads' and those of children that have ended, in ticks. */
  readonly user: number
  readonly system: number
}

/** Microseconds. Their sum is exact to a tick; many kernels share it out by what their clock happened to see. */
export interface ProcessorTime {
  readonly user: number
  readonly system: number
}

/** Why it cannot be known on this system; null when it can. */
export function findMeasuringObstacle(): string | null {
  if (process.platform === 'linux') return null
  return `Measuring processor time is not supported on ${process.platform}: run the benchmark on Linux, which tells it in /proc.`
}

/** So far. */
export function readProcessorTime(pid: number): ProcessorTime {
  const { user, system } = sumTicks(readProcesses(pid), pid)
  const microseconds = 1_000_000 / ticksPerSecond()
  return { user: user * microseconds, system: system * microseconds }
}

/** A process and everything below it, itself first. */
export function listFamily(pid: number): number[] {
  const all = readProcesses(pid)
  const below = (parent: number): number[] =>
    [...all].flatMap(([child, times]) => (times.parent === parent ? [child, ...below(child)] : []))
  return [pid, ...below(pid)]
}

/** All that run, of which one must. */
function readProcesses(pid: number): Map<number, ProcessTimes> {
  const all = new Map<number, ProcessTimes>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const text = readStat(name)
    if (text !== null) all.set(Number(name), parseStat(text))
  }
  if (!all.has(pid)) throw new Error(`Process ${pid} has ended.`)
  return all
}

/** The ticks of a process and of everything below it. */
export function sumTicks(all: ReadonlyMap<number, ProcessTimes>, pid: number): ProcessorTime {
  let { user, system } = all.get(pid) ?? { user: 0, system: 0 }
  for (const [child, { parent }] of all) {
    if (parent !== pid) continue
    const below = sumTicks(all, child)
    user += below.user
    system += below.system
  }
  return { user, system }
}

/** A line of /proc/<pid>/stat. The program's name stands in brackets and may hold brackets and spaces of its own. */
export function parseStat(text: string): ProcessTimes {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // Counted from the state, which proc(5) calls field 3: 4 ppid, 14 utime, 15 stime, 16 cutime, 17 cstime.
  const field = (number: number): number => Number(fields[number - 3])
  return { parent: field(4), user: field(14) + field(16), system: field(15) + field(17) }
}

/** null for one that ended since it was listed. */
function readStat(pid: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return null
    throw error
  }
}

let knownTicksPerSecond: number | null = null

function ticksPerSecond(): number {
  knownTicksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  return knownTicksPerSecond
}
