// Percentiles of durations, exact, by nearest rank: of n durations in order, the one at place ⌈n·p⌉, so always one that
// occurred.

export interface Percentiles {
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

const NONE: Percentiles = { p50: null, p95: null, p99: null }
/** More are counted, not sorted, unless one of them is enormous. */
const MOST_SORTED = 4_096
const MOST_COUNTED_MS = 4_000_000
const COMMA = 44
const ZERO = 48

/** Whole numbers with commas between them, as the databases join them. */
export function readDurations(texts: readonly string[]): Uint32Array {
  let count = 0
  for (const text of texts) {
    count++
    for (let i = text.indexOf(','); i !== -1; i = text.indexOf(',', i + 1)) count++
  }
  const values = new Uint32Array(count)
  let place = 0
  for (const text of texts) {
    let value = 0
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code === COMMA) {
        values[place++] = value
        value = 0
      } else {
        value = value * 10 + (code - ZERO)
      }
    }
    values[place++] = value
  }
  return values
}

export function findPercentiles(lists: readonly Uint32Array[]): Percentiles {
  const count = lists.reduce((sum, list) => sum + list.length, 0)
  if (count === 0) return NONE
  const ranks = [50, 95, 99].map((percent) => Math.ceil((count * percent) / 100))
  const [p50, p95, p99] = pickAt(lists, count, ranks) as [number, number, number]
  return { p50, p95, p99 }
}

/** The values at these places (from 1, ascending) of all lists together in order. */
function pickAt(lists: readonly Uint32Array[], count: number, ranks: readonly number[]): number[] {
  let longest = 0
  if (count > MOST_SORTED) for (const list of lists) for (const value of list) if (value > longest) longest = value
  if (count <= MOST_SORTED || longest > MOST_COUNTED_MS) {
    const all = new Uint32Array(count)
    let place = 0
    for (const list of lists) {
      all.set(list, place)
      place += list.length
    }
    all.sort()
    return ranks.map((rank) => all[rank - 1]!)
  }
  const counts = new Uint32Array(longest + 1)
  for (const list of lists) for (const value of list) counts[value]!++
  let value = 0
  let before = 0
  return ranks.map((rank) => {
    while (before + counts[value]! < rank) before += counts[value++]!
    return value
  })
}
