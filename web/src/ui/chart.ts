// What a chart shows: values along one axis of names, for one or several series.

/** The payers' marks, and the cross of what failed. */
export type ChartMark = 'circle' | 'rectRot' | 'rect' | 'crossRot'

export interface ChartSeries {
  readonly id: string
  readonly label: string
  /** As many as there are names; null: nothing there. */
  readonly values: readonly (number | null)[]
  /** Of the style sheet: `--c1`. */
  readonly color: string
  readonly mark: ChartMark
  readonly dashed?: boolean
}

export const MARKS: Readonly<Record<ChartMark, string>> = { circle: '●', rectRot: '◆', rect: '■', crossRot: '✕' }
