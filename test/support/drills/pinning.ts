// Gives the server a processor of its own where there is another one for those who ask it: else what is measured is how
// they take the processor from one another. Without taskset, or with one processor, all share.
import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/**
 * Returns whether it could. Only the thread that serves is pinned; collectors and writers find a place of their own.
 */
export function keepApart(server: number, askers: readonly number[]): boolean {
  const count = availableParallelism()
  if (count < 2) return false
  try {
    pin(['-p', '-c', '0', String(server)])
    for (const asker of askers) pin(['-a', '-p', '-c', `1-${count - 1}`, String(asker)])
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

function pin(words: readonly string[]): void {
  execFileSync('taskset', words, { stdio: ['ignore', 'ignore', 'inherit'] })
}
