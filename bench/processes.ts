// Programs that are not ours to talk to: what they print, and how they are ended.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

const LONGEST_STOP_MS = 30_000
const KEPT_CHARACTERS = 8_000

export interface Output {
  /** The end of what was printed. */
  text(): string
  /** Resolves with the match once it was printed; rejects when the program ends first. */
  find(pattern: RegExp): Promise<RegExpExecArray>
}

export function watchOutput(child: ChildProcess): Output {
  let text = ''
  const looks = new Set<() => void>()
  const add = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-KEPT_CHARACTERS)
    for (const look of looks) look()
  }
  child.stdout?.on('data', add)
  child.stderr?.on('data', add)
  // It ends with us, however we end.
  const killWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  child.once('exit', () => process.off('exit', killWithUs))
  return {
    text: () => text,
    find: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(text)
          if (!found) return
          looks.delete(look)
          resolve(found)
        }
        looks.add(look)
        child.once('error', reject)
        child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${text}`)))
        look()
      }),
  }
}

export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_STOP_MS)
  await exited
  clearTimeout(timer)
}
