// What the management addresses refuse for a reason that an attacker would meet too: rights, input and pace. It is in the
// log, the first at once, and what follows of the same kind within a minute as one line with its count, so that nobody
// floods the log by insisting. Nothing of what was sent is in it.
import type { Log } from '../kernel/log.ts'

export interface RefusedAct {
  /** null: nobody had signed in. */
  readonly userId: string | null
  readonly ip: string
  readonly method: string
  /** As in the route table, never as it was sent. */
  readonly path: string
  readonly code: string
}

/** What is noted, and in which words. What is missing here is an ordinary answer, or told elsewhere. */
const WORDS: Readonly<Record<string, string>> = {
  forbidden: 'refused by rights',
  reauthentication_required: 'refused by rights',
  validation_failed: 'refused input',
  invalid_json: 'refused input',
  bad_request: 'refused input',
  payload_too_large: 'refused input',
  unsupported_media_type: 'refused input',
  rate_limit_exceeded: 'refused by pace',
  too_many_attempts: 'refused by pace',
}
export const isNoted = (code: string): boolean => Object.hasOwn(WORDS, code)

const QUIET_MS = 60_000
/** Beyond so many kinds within a minute they are counted together. */
const MOST_KINDS = 500

export function createRefusedActs(log: Log): (act: RefusedAct) => void {
  const repeated = new Map<string, { readonly act: RefusedAct; times: number }>()
  let others = 0
  let timer: NodeJS.Timeout | undefined

  function sumUp(): void {
    timer = undefined
    for (const { act, times } of repeated.values()) if (times > 0) write(act, times)
    if (others > 0) log.warn({ times: others }, 'refused: many others')
    repeated.clear()
    others = 0
  }

  function write({ userId, ip, method, path, code }: RefusedAct, times: number): void {
    log.warn({ user_id: userId, ip, method, path, code, times }, WORDS[code] ?? 'refused')
  }

  return (act) => {
    timer ??= setTimeout(sumUp, QUIET_MS).unref()
    const kind = `${act.userId ?? act.ip} ${act.method} ${act.path} ${act.code}`
    const known = repeated.get(kind)
    if (known) known.times++
    else if (repeated.size >= MOST_KINDS) others++
    else {
      repeated.set(kind, { act, times: 0 })
      write(act, 1)
    }
  }
}
