// How much memory a process holds, and at most while something goes on.
import { readFileSync } from 'node:fs'

export const MEGABYTE = 1024 * 1024

/** Resident bytes. */
export function readResident(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  return pages * 4096
}

export function watchResident(pid: number): { stop(): number } {
  let most = readResident(pid)
  const timer = setInterval(() => (most = Math.max(most, readResident(pid))), 50)
  return {
    stop() {
      clearInterval(timer)
      return Math.max(most, readResident(pid))
    },
  }
}

export const memoryProblem = (): string | undefined =>
  process.platform === 'linux' ? undefined : 'the memory of another process is told by /proc on Linux'
