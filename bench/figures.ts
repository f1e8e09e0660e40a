// Results that are no processor time: one figure for each target and round, some more beside it, ratios of the same
// round. Printed and written down like all others.
import { alignColumns, describeMachine, readLoad, saveResult, writeMachine, writeRange } from './report.ts'
import { summarise, summariseRatios } from './statistics.ts'

export interface FigureTable {
  readonly id: string
  readonly summary: string
  readonly unit: string
  /** By the name in a round's figures: the first is the one that ratios are of. */
  readonly columns: Readonly<Record<string, string>>
  readonly digits: number
  readonly references: readonly string[]
  /** What a round is, where that needs saying. */
  readonly about?: string
}

export interface FigureRow {
  readonly id: string
  /** By round, each with a figure for every column. */
  readonly rounds: readonly Readonly<Record<string, number>>[]
}

export interface HowToSave {
  readonly keep: boolean
  readonly loadBefore: number
  print(text: string): void
}

/** Returns the path of the result. */
export function reportFigures(table: FigureTable, rows: readonly FigureRow[], how: HowToSave): string {
  const machine = { ...describeMachine(), loadBefore: how.loadBefore, loadAfter: readLoad() }
  const [main = '', ...others] = Object.keys(table.columns)
  const figuresOf = (row: FigureRow, name: string): number[] => row.rounds.map((round) => round[name]!)
  const references = rows.filter(({ id }) => table.references.includes(id))
  const targets = rows.map((row) => ({
    id: row.id,
    figure: summarise(figuresOf(row, main)),
    others: Object.fromEntries(others.map((name) => [name, summarise(figuresOf(row, name))])),
    ratios: Object.fromEntries(
      references.map((reference) => [reference.id, summariseRatios(figuresOf(row, main), figuresOf(reference, main))]),
    ),
    rounds: row.rounds,
  }))
  const head = [
    'target',
    table.columns[main]!,
    'min–max',
    ...references.flatMap(({ id }) => [`× ${id}`, 'min–max']),
    ...others.map((name) => table.columns[name]!),
  ]
  const lines = targets.map(({ id, figure, ratios, others: more }) => [
    id,
    figure.median.toFixed(table.digits),
    writeRange(figure, table.digits),
    ...references.flatMap((reference) => {
      const ratio = ratios[reference.id]!
      return [ratio.median.toFixed(2), writeRange(ratio, 2)]
    }),
    ...others.map((name) => more[name]!.median.toFixed(table.digits)),
  ])
  const about = [
    `${table.id}: ${table.summary}`,
    writeMachine(machine),
    table.about ?? `medians of ${rows[0]?.rounds.length ?? 0} rounds`,
  ]
  how.print(`\n${[...about, '', ...alignColumns([head, ...lines]), ''].join('\n')}\n`)
  const { id: scenario, summary, unit, columns } = table
  return saveResult(
    scenario,
    { scenario, summary, unit, columns, machine, targets },
    { keep: how.keep, date: new Date() },
  )
}
