// Things kept in memory for a while, per tenant: each tenant has a bound of its own, so that nobody pushes out what
// others need, and all together have one. What was not asked for in a long while goes.
import type { Clock } from '../kernel/clock.ts'

export interface StateShelf<Value> {
  get(tenant: string, name: string): Value | undefined
  /** `bytes`: what it takes of the bounds. */
  put(tenant: string, name: string, value: Value, bytes: number): void
  holdsFor(tenant: string): boolean
  readonly size: number
  readonly bytes: number
}

export interface ShelfLimits {
  /** Since it was last put or asked for. */
  readonly keptMs: number
  readonly entriesPerTenant: number
  readonly bytesPerTenant: number
  readonly entries: number
  readonly bytes: number
}

interface Kept<Value> {
  at: number
  readonly value: Value
  readonly bytes: number
}

/** One tenant's things, those used last at the end. */
interface Board<Value> {
  readonly entries: Map<string, Kept<Value>>
  bytes: number
}

/** What a map entry takes besides its value, roughly. */
const ENTRY_BYTES = 200

export function createStateShelf<Value>(limits: ShelfLimits, clock: Clock): StateShelf<Value> {
  const boards = new Map<string, Board<Value>>()
  let size = 0
  let bytes = 0

  function remove(tenant: string, board: Board<Value>, name: string, kept: Kept<Value>): void {
    board.entries.delete(name)
    board.bytes -= kept.bytes
    size--
    bytes -= kept.bytes
    if (board.entries.size === 0) boards.delete(tenant)
  }

  function removeOldest(tenant: string, board: Board<Value>): void {
    for (const [name, kept] of board.entries) return remove(tenant, board, name, kept)
  }

  function touch(tenant: string): Board<Value> {
    const board = boards.get(tenant) ?? { entries: new Map(), bytes: 0 }
    boards.delete(tenant)
    boards.set(tenant, board)
    return board
  }

  const isExpired = (kept: Kept<Value>): boolean => clock.monotonic() - kept.at > limits.keptMs

  /** The tenant who came last loses last. */
  function makeRoom(tenant: string, board: Board<Value>): void {
    for (const [name, kept] of board.entries) {
      const over = board.entries.size > limits.entriesPerTenant || board.bytes > limits.bytesPerTenant
      if (!over && !isExpired(kept)) break
      remove(tenant, board, name, kept)
    }
    for (const [other, others] of boards) {
      while (others.entries.size > 0 && (size > limits.entries || bytes > limits.bytes)) removeOldest(other, others)
      if (size <= limits.entries && bytes <= limits.bytes) return
    }
  }

  return {
    get(tenant, name) {
      const kept = boards.get(tenant)?.entries.get(name)
      if (!kept) return undefined
      const board = touch(tenant)
      if (isExpired(kept)) {
        remove(tenant, board, name, kept)
        return undefined
      }
      kept.at = clock.monotonic()
      board.entries.delete(name)
      board.entries.set(name, kept)
      return kept.value
    },
    put(tenant, name, value, valueBytes) {
      const board = touch(tenant)
      const before = board.entries.get(name)
      if (before) remove(tenant, board, name, before)
      boards.set(tenant, board)
      const kept = { at: clock.monotonic(), value, bytes: valueBytes + name.length + ENTRY_BYTES }
      board.entries.set(name, kept)
      board.bytes += kept.bytes
      size++
      bytes += kept.bytes
      makeRoom(tenant, board)
    },
    holdsFor: (tenant) => boards.has(tenant),
    get size() {
      return size
    },
    get bytes() {
      return bytes
    },
  }
}
