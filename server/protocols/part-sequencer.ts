// Puts interleaved parts of an upstream in a row: the first open one streams at once, what others say meanwhile waits
// until it ends. Decoders write to it by their own keys; out come the events of law 1: one part open at a time,
// numbered from 0.
import type { PartDelta, PartMeta, StreamEvent } from './canonical.ts'

interface WaitingPart {
  readonly key: string
  meta: PartMeta | null
  readonly deltas: PartDelta[]
  ended: boolean
}

export interface PartSequencer {
  has(key: string): boolean
  /** `meta` null: deltas may come before the part is known (a call's name arrives late). */
  start(key: string, meta: PartMeta | null): void
  /** Makes known what a part is. */
  describe(key: string, meta: PartMeta): void
  delta(key: string, delta: PartDelta): void
  end(key: string): void
  /** Ends everything open, in order. */
  endAll(): void
  /** The events since the last time. */
  take(): StreamEvent[]
  /** The same, put behind those of `events`. */
  moveTo(events: StreamEvent[]): void
}

export function createPartSequencer(): PartSequencer {
  const parts: WaitingPart[] = []
  const byKey = new Map<string, WaitingPart>()
  let out: StreamEvent[] = []
  let index = 0
  let begun = false // the first part has been started on the wire

  function advance(): void {
    for (let head = parts[0]; head?.meta; head = parts[0]) {
      if (!begun) {
        out.push({ type: 'part-start', index, part: head.meta })
        begun = true
      }
      for (const delta of head.deltas.splice(0)) out.push({ type: 'part-delta', index, delta })
      if (!head.ended) return
      out.push({ type: 'part-end', index })
      index++
      begun = false
      parts.shift()
    }
  }

  return {
    has: (key) => byKey.has(key),
    start(key, meta) {
      const part: WaitingPart = { key, meta, deltas: [], ended: false }
      parts.push(part)
      byKey.set(key, part)
      advance()
    },
    describe(key, meta) {
      const part = byKey.get(key)
      if (part && part.meta === null) part.meta = meta
      advance()
    },
    delta(key, delta) {
      const part = byKey.get(key)
      if (!part) return
      // The first open one, nothing of it waiting: no need to look at the others.
      if (begun && part === parts[0] && part.deltas.length === 0) {
        out.push({ type: 'part-delta', index, delta })
        return
      }
      part.deltas.push(delta)
      advance()
    },
    end(key) {
      const part = byKey.get(key)
      if (!part) return
      part.ended = true
      byKey.delete(key)
      advance()
    },
    endAll() {
      for (const part of parts) part.ended = true
      byKey.clear()
      // A part that never said what it is has nothing to show.
      for (let at = parts.length - 1; at >= 0; at--) if (parts[at]!.meta === null) parts.splice(at, 1)
      advance()
    },
    take() {
      const events = out
      out = []
      return events
    },
    moveTo(events) {
      for (const event of out) events.push(event)
      out.length = 0
    },
  }
}
