// What a figure was measured on: without it, it says nothing.
import { execFileSync } from 'node:child_process'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

export function describeMachine(): string {
  const cores = cpus()
  const memory = Math.round(totalmem() / 1024 ** 3)
  const load = loadavg()[0]!.toFixed(1)
  return `${cores.length} × ${cores[0]?.model.trim() ?? process.arch}, ${memory} GB, Node ${process.versions.node}, load ${load}, commit ${readCommit()}, ${new Date().toISOString().slice(0, 16)}Z`
}

/** With a word where what runs is not what was committed; figures that lie about are no such change. */
export function readCommit(): string {
  try {
    const git = (...words: string[]): string => execFileSync('git', ['-C', ROOT, ...words], { encoding: 'utf8' }).trim()
    return (
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--', '.', ':!bench/results') === '' ? '' : ' with changes')
    )
  } catch (error) {
    // A copy without its history.
    return `unknown (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`
  }
}
