// Usage as a file, written while it is read: a table for spreadsheets, or JSON. Every line names its day and the time
// zone it is meant in. Money is exact, in dollars with all nine digits, so that lines add up to the total.
import type { UsageGroup, UsageRow } from '../../../contract/usage.ts'
import { toSafeCell } from '../../http/csv.ts'

const FIGURES = [
  'requests',
  'errors',
  'cancelled',
  'rate_limited',
  'client_errors',
  'server_errors',
  'broken_off',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost_usd',
  'computed_usd',
  'estimated_usd',
  'unknown_cost_requests',
  'p50_ms',
  'p95_ms',
  'p99_ms',
  'first_byte_p50_ms',
  'first_byte_p95_ms',
] as const

interface FileFacts {
  readonly from: number
  readonly to: number
  readonly timeZone: string
  readonly groups: readonly UsageGroup[]
}

type Line = Record<string, string | number | null>

export async function* writeUsageFile(
  format: 'csv' | 'json',
  { from, to, timeZone, groups }: FileFacts,
  chunks: AsyncIterable<readonly UsageRow[]>,
): AsyncGenerator<string> {
  const columns = ['time_zone', ...groups, ...FIGURES]
  const range = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), time_zone: timeZone }
  yield format === 'csv' ? `${columns.join(',')}\r\n` : `${JSON.stringify(range).slice(0, -1)},"rows":[`
  let isFirst = true
  for await (const rows of chunks) {
    if (rows.length === 0) continue
    const lines = rows.map((row) => toLine(row, timeZone, groups))
    if (format === 'csv') {
      yield lines.map((line) => `${columns.map((column) => toSafeCell(line[column] ?? null)).join(',')}\r\n`).join('')
    } else {
      yield `${isFirst ? '\n' : ',\n'}${lines.map((line) => JSON.stringify(line)).join(',\n')}`
    }
    isFirst = false
  }
  if (format === 'json') yield '\n]}\n'
}

function toLine(row: UsageRow, timeZone: string, groups: readonly UsageGroup[]): Line {
  const { errors_by_class, cost_usd_nanos, computed_usd_nanos, estimated_usd_nanos } = row
  const line: Line = { time_zone: timeZone }
  for (const group of groups) line[group] = row[group] ?? null
  const facts: Line = {
    ...errors_by_class,
    cost_usd: toDollars(cost_usd_nanos),
    computed_usd: toDollars(computed_usd_nanos),
    estimated_usd: toDollars(estimated_usd_nanos),
  }
  for (const figure of FIGURES) line[figure] = figure in facts ? facts[figure]! : (row[figure as 'requests'] ?? null)
  return line
}

/** Nano-dollars as dollars, exactly. */
function toDollars(nanos: number): string {
  const digits = String(nanos).padStart(10, '0')
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`
}
