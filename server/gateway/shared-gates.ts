// Open breakers of all instances, through Redis: who opens or closes one writes it there and says a word, and the
// others look. Whoever meets one that is half open asks there for the probe.
// Invariants: nothing is asked while all are closed, and nobody waits longer than one answer of Redis; while it is away
// each instance decides for itself; a lost word costs seconds, since all look again anyway.
import { type Redis, RedisAway } from '../database/redis.ts'
import { createUlid } from '../kernel/ids.ts'
import { parseJson } from '../protocols/read.ts'
import type { Claim, GateName, SharedGates, ToldGate } from './breaker.ts'
import { GATE_SCRIPT, LIST_SCRIPT, TURN_SCRIPT } from './shared-gates-scripts.ts'

export interface LookingGates extends SharedGates {
  /** Others said that something changed. */
  look(): void
  stop(): void
}

const GATES = 'uniroute:breakers'
const KEPT_UNTIL = 'uniroute:breakers:kept-until'
const TURN = 'uniroute:breakers:turn:'
const LOOK_EVERY_MS = 3_000
/** However many words come: a list of a thousand gates takes a millisecond to read. */
const LOOK_GAP_MS = 200
/** Until Redis is there. */
const LOOK_AGAIN_MS = 250
/** Model names are the clients'; what is longer stays per instance. */
const LONGEST_NAME = 512

export function createSharedGates(options: {
  redis: Pick<Redis, 'isUp' | 'run'>
  /** Tells the other instances to look. */
  announce: () => void
  /** Epoch ms, for tests that move time; otherwise Redis's own clock counts. */
  readNow?: () => number
}): LookingGates {
  const { redis, announce, readNow } = options
  const self = createUlid(Date.now())
  const now = (): string => (readNow ? String(readNow()) : '')
  let learn: (told: readonly ToldGate[]) => void = () => undefined
  let timer: NodeJS.Timeout | undefined
  let lookedAt = -Infinity
  /** What was written here while a list was on its way, which may be older; null = none is. */
  let writtenSince: Set<string> | null = null
  let isWordWaiting = false
  let isStopped = false

  function change(what: string, name: GateName, openMs = 0, openedAgoMs = 0): Promise<unknown> | null {
    const field = fieldOf(name)
    if (!redis.isUp || field === null) return null
    writtenSince?.add(field)
    const numbers = [openMs, openedAgoMs].map((each) => String(Math.round(each)))
    return redis.run(GATE_SCRIPT, [GATES, KEPT_UNTIL], [now(), what, field, self, ...numbers])
  }

  function tell(what: 'open' | 'close', name: GateName, openMs = 0): void {
    // Where another was first, the word of that one is on its way.
    change(what, name, openMs)?.then((done) => (done === 1 ? announce() : undefined), ignoreAway)
  }

  function schedule(afterMs: number): void {
    clearTimeout(timer)
    if (!isStopped) timer = setTimeout(() => void readList(), afterMs).unref()
  }

  async function readList(): Promise<void> {
    let wasRead = false
    const written = (writtenSince = new Set())
    isWordWaiting = false
    lookedAt = performance.now()
    try {
      const told = redis.isUp ? await redis.run(LIST_SCRIPT, [GATES], [now()]) : null
      if (told !== null && !isStopped) {
        learn(readTold(told as Listed, written))
        wasRead = true
      }
    } catch (error) {
      ignoreAway(error)
    } finally {
      writtenSince = null
      schedule(isWordWaiting ? LOOK_GAP_MS : wasRead ? LOOK_EVERY_MS : LOOK_AGAIN_MS)
    }
  }

  schedule(0)
  return {
    get isUp() {
      return redis.isUp
    },
    hear: (listener) => void (learn = listener),
    tellOpen: (name, openMs) => tell('open', name, openMs),
    tellClosed: (name) => tell('close', name),
    releaseProbe: (name) => void change('release', name)?.catch(ignoreAway),
    async claimProbe(name, { openMs, openedAgoMs }) {
      try {
        const [kind, leftMs, lengthMs] = ((await change('claim', name, openMs, openedAgoMs)) ?? [
          'mine',
          0,
          0,
        ]) as Claimed
        return { kind, leftMs, openMs: lengthMs }
      } catch (error) {
        ignoreAway(error)
        return { kind: 'mine', leftMs: 0, openMs: 0 }
      }
    },
    async claimTurn(name, lengthMs) {
      const field = fieldOf(name)
      if (!redis.isUp || field === null) return 0
      try {
        return (await redis.run(TURN_SCRIPT, [TURN + field], [now(), String(lengthMs)])) as number
      } catch (error) {
        ignoreAway(error)
        return 0
      }
    },
    look() {
      if (writtenSince !== null) isWordWaiting = true
      else schedule(Math.max(0, lookedAt + LOOK_GAP_MS - performance.now()))
    },
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}

type Claimed = readonly [kind: Claim['kind'], leftMs: number, lengthMs: number]
type Listed = readonly [now: string, hash: readonly string[]]

/** The connection has told of it, and each instance does without. */
function ignoreAway(error: unknown): void {
  if (!(error instanceof RedisAway)) throw error
}

function readTold([nowText, hash]: Listed, except: ReadonlySet<string>): ToldGate[] {
  const told: ToldGate[] = []
  const now = Number(nowText)
  for (let at = 0; at + 1 < hash.length; at += 2) {
    const name = except.has(hash[at]!) ? null : nameOf(hash[at]!)
    const [until, openMs, closedAt] = hash[at + 1]!.split(' ').map(Number)
    if (name === null || !Number.isFinite(until) || !Number.isFinite(openMs) || !Number.isFinite(closedAt)) continue
    told.push({ name, leftMs: until! - now, openMs: openMs!, closedAgoMs: closedAt === 0 ? null : now - closedAt! })
  }
  return told
}

function fieldOf({ provider, model, side, origin, owner }: GateName): string | null {
  const field = JSON.stringify([provider, model, side, origin, owner ?? ''])
  return field.length > LONGEST_NAME ? null : field
}

/** Anybody may write to Redis: what is no name of ours is none. */
function nameOf(field: string): GateName | null {
  const parts = parseJson(field)
  if (!Array.isArray(parts) || parts.length !== 5 || !parts.every((part) => typeof part === 'string')) return null
  const [provider, model, side, origin, owner] = parts as [string, string, string, string, string]
  if (side !== 'user' && side !== 'server') return null
  return { provider, model, side, origin, owner: owner === '' ? null : owner }
}
