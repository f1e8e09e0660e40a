// From the answer to the lines and bars of a chart: one series per group, the largest ones with a colour of their own,
// the rest together; errors and percentiles have series of their own.
import type { UsageChart, UsageGroup } from '../../composables/useUsage.ts'
import type { UsageAnswer, UsageRow } from '../../services/api/usage.ts'
import type { ChartMark, ChartSeries } from '../../ui/chart.ts'

const COLORS = ['--c1', '--c2', '--c3', '--c4', '--c5', '--c6']
const SHAPES: readonly ChartMark[] = ['circle', 'rect', 'rectRot']
const PAYERS: Readonly<Record<string, { color: string; mark: ChartMark }>> = {
  user: { color: '--own', mark: 'circle' },
  team: { color: '--team', mark: 'rectRot' },
  server: { color: '--server', mark: 'rect' },
}

export const ERROR_CLASSES = ['rate_limited', 'client_errors', 'server_errors', 'broken_off', 'cancelled'] as const
export type ErrorClass = (typeof ERROR_CLASSES)[number]
const PERCENTILES = ['p50_ms', 'p95_ms', 'p99_ms'] as const
const FIRST_BYTES = ['first_byte_p50_ms', 'first_byte_p95_ms'] as const

export interface SeriesWords {
  nameGroup(value: string | null): string
  readonly rest: string
  readonly errors: Readonly<Record<ErrorClass, string>>
  readonly half: string
  readonly most: string
  readonly nearlyAll: string
}

/** What of a row a chart adds up. */
export function measure(
  chart: UsageChart,
  row: Pick<UsageRow, 'cost_usd_nanos' | 'requests' | 'input_tokens' | 'output_tokens'>,
): number {
  if (chart === 'cost') return row.cost_usd_nanos / 1000
  return chart === 'tokens' ? row.input_tokens + row.output_tokens : row.requests
}

export function makeSeries(
  answer: UsageAnswer,
  options: { chart: UsageChart; group: UsageGroup; days: readonly string[]; words: SeriesWords },
): ChartSeries[] {
  const { chart, days, words } = options
  const byDay = new Map((answer.subtotals?.['day'] ?? []).map((row) => [row.day, row]))
  const ofDays = <T>(pick: (row: UsageRow) => T, otherwise: T): T[] =>
    days.map((day) => {
      const row = byDay.get(day)
      return row ? pick(row) : otherwise
    })
  if (chart === 'errors') {
    return ERROR_CLASSES.map((name, i) => ({
      id: name,
      label: words.errors[name],
      values: ofDays((row) => row.errors_by_class[name], 0),
      color: COLORS[i]!,
      mark: SHAPES[i % SHAPES.length]!,
    })).filter(({ values }) => values.some((value) => value > 0))
  }
  if (chart === 'latency' || chart === 'first') {
    const names = chart === 'latency' ? PERCENTILES : FIRST_BYTES
    return names.map((name, i) => ({
      id: name,
      label: [words.half, words.most, words.nearlyAll][i]!,
      values: ofDays((row) => row[name], null),
      color: COLORS[i]!,
      mark: SHAPES[i]!,
      dashed: i > 0,
    }))
  }
  return makeGroupSeries(answer, options)
}

function makeGroupSeries(
  answer: UsageAnswer,
  { chart, group, days, words }: { chart: UsageChart; group: UsageGroup; days: readonly string[]; words: SeriesWords },
): ChartSeries[] {
  const totals = (answer.subtotals?.[group] ?? [])
    .map((row) => ({ value: row[group] ?? null, size: measure(chart, row) }))
    .filter(({ size }) => size > 0)
    .toSorted((one, other) => other.size - one.size)
  const isSplit = totals.length > COLORS.length
  const shown = isSplit ? totals.slice(0, COLORS.length - 1) : totals
  const places = new Map(days.map((day, i) => [day, i]))
  const empty = (): number[] => days.map(() => 0)
  const values = new Map(shown.map(({ value }) => [value, empty()]))
  const rest = empty()
  for (const row of answer.groups) {
    const place = places.get(row.day ?? '')
    if (place === undefined) continue
    const list = values.get(row[group] ?? null) ?? rest
    list[place]! += measure(chart, row)
  }
  const series = shown.map(({ value }, i) => ({
    id: value ?? 'none',
    label: words.nameGroup(value),
    values: values.get(value)!,
    color: COLORS[i]!,
    mark: SHAPES[i % SHAPES.length]!,
    ...(group === 'billed_to' && value !== null && PAYERS[value]),
  }))
  return isSplit
    ? [...series, { id: 'rest', label: words.rest, values: rest, color: COLORS.at(-1)!, mark: 'rect' as const }]
    : series
}
