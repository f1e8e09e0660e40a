// What may be said of figures that drift: medians, and ratios of pairs measured in the same round.

export interface Range {
  readonly median: number
  readonly least: number
  readonly most: number
}

export function summarise(figures: readonly number[]): Range {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, least: sorted[0]!, most: sorted.at(-1)! }
}

/** Round by round, since absolute figures drift from one round to the next. */
export function summariseRatios(figures: readonly number[], reference: readonly number[]): Range {
  return summarise(figures.map((figure, round) => figure / reference[round]!))
}

export type Verdict = 'costs more' | 'costs less' | 'no verdict'

/** Only ranges that do not touch decide. */
export function compareRanges(range: Range, other: Range): Verdict {
  if (range.least > other.most) return 'costs more'
  if (range.most < other.least) return 'costs less'
  return 'no verdict'
}
