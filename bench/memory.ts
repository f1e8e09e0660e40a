// How much memory a process and everything below it hold, as Linux tells it in /proc.
import { readFileSync } from 'node:fs'
import { listFamily } from './processor-time.ts'

export interface Memory {
  /** Kilobytes resident: pages that several processes share count in each. */
  readonly resident: number
  /** Kilobytes: of shared pages, each process has its share. */
  readonly proportional: number
}

/** `alone`: without what it has started. */
export function readMemory(pid: number, { alone = false } = {}): Memory {
  return (alone ? [pid] : listFamily(pid))
    .map((member) => parseMemory(readFileSync(`/proc/${member}/smaps_rollup`, 'utf8')))
    .reduce((sum, one) => ({
      resident: sum.resident + one.resident,
      proportional: sum.proportional + one.proportional,
    }))
}

/** Of `/proc/<pid>/smaps_rollup`. */
export function parseMemory(text: string): Memory {
  const read = (field: string): number => {
    const found = new RegExp(`^${field}: +(\\d+) kB$`, 'm').exec(text)
    if (!found) throw new Error(`The kernel says no ${field}.`)
    return Number(found[1])
  }
  return { resident: read('Rss'), proportional: read('Pss') }
}

/** How many files and sockets a process of ours may open. */
export function readDescriptorLimit(): number {
  const line = /^Max open files +\S+ +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return line === undefined || line === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line)
}
