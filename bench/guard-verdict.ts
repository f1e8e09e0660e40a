// Whether UniRoute got dearer since somebody wrote down what it costs. Ratios to a reference of the same run, never
// times: those are the machine's. And only what is seen twice counts, since any single look may have met a bad moment.

/** Of a committed file. */
export interface StoredRatios {
  readonly date: string
  readonly commit: string
  readonly machine: object
  /** By case and reference: the median of UniRoute's cost over the reference's, round by round. */
  readonly ratios: Readonly<Record<string, Readonly<Record<string, number>>>>
}

export interface Look {
  readonly id: string
  readonly reference: string
  readonly ratio: number
}

export type Finding = 'kept' | 'dearer' | 'cheaper' | 'nothing stored'

/** So much more is noise, and so much less is worth writing down. */
export const SLACK = 0.25

export function judge(stored: StoredRatios | null, { id, reference, ratio }: Look): Finding {
  const before = findStored(stored, { id, reference })
  if (before === null) return 'nothing stored'
  if (ratio > before * (1 + SLACK)) return 'dearer'
  return ratio < before / (1 + SLACK) ? 'cheaper' : 'kept'
}

/** `again`: the second look, which only a case that got dearer gets. */
export function isFailure(stored: StoredRatios | null, first: Look, again: Look | null): boolean {
  if (judge(stored, first) === 'nothing stored') return true
  return judge(stored, first) === 'dearer' && again !== null && judge(stored, again) === 'dearer'
}

export function describe(stored: StoredRatios | null, look: Look): string {
  const before = findStored(stored, look)
  const now = `${look.ratio.toFixed(2)} × ${look.reference}`
  if (before === null) return `${look.id}: ${now}; nothing is stored to compare with`
  const change = Math.round((look.ratio / before - 1) * 100)
  const words = { kept: '', dearer: ': DEARER', cheaper: ': cheaper, --update keeps that', 'nothing stored': '' }
  const percent = `${change < 0 ? '' : '+'}${change} %`
  return `${look.id}: ${now}, stored ${before.toFixed(2)}, ${percent}${words[judge(stored, look)]}`
}

function findStored(stored: StoredRatios | null, { id, reference }: Pick<Look, 'id' | 'reference'>): number | null {
  return stored?.ratios[id]?.[reference] ?? null
}
