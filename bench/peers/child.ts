// A process of the benchmark's own, and how to ask it (parent.ts is its side).
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Child<Start> {
  readonly pid: number
  /** What it said when it was ready. */
  readonly start: Start
  ask<Value>(name: string, argument?: unknown): Promise<Value>
  stop(): Promise<void>
}

interface Waiting {
  resolve(value: any): void
  reject(error: Error): void
}

/** Starts a program of ours; resolves when it is ready. */
export async function startChild<Start>(program: URL, words: readonly string[]): Promise<Child<Start>> {
  const file = basename(program.pathname)
  const child = fork(fileURLToPath(program), words, { execArgv: [] })
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  child.on('message', ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
    const { resolve, reject } = waiting.get(id) ?? {}
    waiting.delete(id)
    if (error === undefined) resolve?.(value)
    else reject?.(new Error(`${file}: ${error}`))
  })
  child.once('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} ended with ${code}.`))
    waiting.clear()
  })
  const answerTo = <Value>(id: number): Promise<Value> =>
    new Promise((resolve, reject) => {
      if (child.exitCode !== null) reject(new Error(`${file} has ended.`))
      else waiting.set(id, { resolve, reject })
    })
  const start = await answerTo<Start>(0)
  return {
    pid: child.pid!,
    start,
    ask(name, argument) {
      const id = ++lastId
      const answer = answerTo<any>(id)
      child.send({ id, name, argument })
      return answer
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}
