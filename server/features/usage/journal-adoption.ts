// Taking over the journals of processes that died. A journal belongs to one process; only one whose lock can be taken
// belongs to nobody.
import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../kernel/log.ts'
import { takeJournalLock } from './journal-lock.ts'

export interface AdoptedFile {
  readonly path: string
  readonly number: number
}

const SEGMENT_NAME = /^journal-([0-9A-HJKMNP-TV-Z]{26})\.(\d+)$/
const LOCK_NAME = /^journal-([0-9A-HJKMNP-TV-Z]{26})\.lock$/

/**
 * Renames the segments of dead processes into this journal's names. Within one journal the last goes first, to the
 * highest new number: a crash half-way leaves two journals that, read by age, are still in order.
 */
export function adoptDeadJournals(options: { directory: string; bootId: string; firstNumber: number; log: Log }): {
  files: AdoptedFile[]
  nextNumber: number
} {
  const { directory, bootId, log } = options
  const numbersByBoot = new Map<string, number[]>()
  for (const name of readdirSync(directory)) {
    const boot = LOCK_NAME.exec(name)?.[1]
    if (boot !== undefined && !numbersByBoot.has(boot)) numbersByBoot.set(boot, [])
    const segment = SEGMENT_NAME.exec(name)
    if (segment === null) continue
    const numbers = numbersByBoot.get(segment[1]!) ?? []
    numbers.push(Number(segment[2]))
    numbersByBoot.set(segment[1]!, numbers)
  }
  numbersByBoot.delete(bootId)
  const adopted: AdoptedFile[] = []
  let firstNumber = options.firstNumber
  for (const boot of [...numbersByBoot.keys()].sort()) {
    const lock = takeJournalLock(join(directory, `journal-${boot}.lock`))
    if (lock === undefined) continue
    const numbers = numbersByBoot.get(boot)!.sort((a, b) => a - b)
    for (let i = numbers.length - 1; i >= 0; i--) {
      const number = firstNumber + i
      const path = join(directory, `journal-${bootId}.${number}`)
      if (renameIfThere(join(directory, `journal-${boot}.${numbers[i]!}`), path)) {
        adopted.push({ path, number })
      }
    }
    firstNumber += numbers.length
    lock.release({ remove: true })
    log.info({ journal: boot, segments: numbers.length }, 'took over the usage journal of a process that is gone')
  }
  return { files: adopted.sort((a, b) => a.number - b.number), nextNumber: firstNumber }
}

function renameIfThere(from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    // Another process that started at the same moment was faster.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
