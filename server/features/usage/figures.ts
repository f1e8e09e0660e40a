// From cells to figures: added up, rounded once at the end, in an order that both databases share.
import { setImmediate } from 'node:timers/promises'
import type { UsageGroup, UsageRow, UsageTotal } from '../../../contract/usage.ts'
import { toPublicId } from '../../kernel/ids.ts'
import type { Day } from './days.ts'
import { findPercentiles, type Percentiles, readDurations } from './percentiles.ts'
import { toMicros } from './receipt.ts'
import type { Cell } from './store.ts'
import { createSums, SUMS } from './tally.ts'

/** A cell whose durations were read. */
export interface Counted {
  readonly keys: Cell['keys']
  readonly sums: Cell['sums']
  readonly durations: readonly Uint32Array[]
  readonly firstBytes: readonly Uint32Array[]
}

/** So many durations are read before others get their turn. */
const READ_AT_ONCE = 100_000

export async function countCells(cells: readonly Cell[]): Promise<Counted[]> {
  const counted: Counted[] = []
  let read = 0
  for (const { keys, sums, durations, firstBytes } of cells) {
    counted.push({ keys, sums, durations: [readDurations(durations)], firstBytes: [readDurations(firstBytes)] })
    read += sums.requests
    if (read < READ_AT_ONCE) continue
    read = 0
    await setImmediate()
  }
  return counted
}

/** The same cells with fewer keys. */
export async function addCells(cells: readonly Counted[], keysOf: (cell: Counted) => Cell['keys']): Promise<Counted[]> {
  await setImmediate()
  const added = new Map<string, Counted & { durations: Uint32Array[]; firstBytes: Uint32Array[] }>()
  for (const cell of cells) {
    const keys = keysOf(cell)
    const name = JSON.stringify(keys)
    let sum = added.get(name)
    if (sum === undefined) {
      added.set(name, (sum = { keys, sums: createSums(), durations: [], firstBytes: [] }))
    }
    for (const column of SUMS) sum.sums[column] += cell.sums[column]
    sum.durations.push(...cell.durations)
    sum.firstBytes.push(...cell.firstBytes)
  }
  return [...added.values()]
}

const NOTHING: Counted = { keys: [], sums: createSums(), durations: [], firstBytes: [] }

export function toFigures({ sums, durations, firstBytes }: Counted = NOTHING, withPercentiles = true): UsageTotal {
  const classes = {
    cancelled: sums.cancelled,
    rate_limited: sums.rate_limited,
    client_errors: sums.client_errors,
    server_errors: sums.server_errors,
    broken_off: sums.broken_off,
  }
  const whole: Percentiles = findPercentiles(withPercentiles ? durations : [])
  const first: Percentiles = findPercentiles(withPercentiles ? firstBytes : [])
  return {
    requests: sums.requests,
    errors: Object.values(classes).reduce((total, count) => total + count, 0),
    errors_by_class: classes,
    input_tokens: sums.input_tokens,
    output_tokens: sums.output_tokens,
    cache_read_tokens: sums.cache_read_tokens,
    cache_write_tokens: sums.cache_write_tokens,
    reasoning_tokens: sums.reasoning_tokens,
    cost_usd_micros: toMicros(sums.cost_usd_nanos),
    cost_usd_nanos: sums.cost_usd_nanos,
    computed_usd_nanos: sums.computed_usd_nanos,
    estimated_usd_nanos: sums.estimated_usd_nanos,
    unknown_cost_requests: sums.unknown_cost_requests,
    p50_ms: whole.p50,
    p95_ms: whole.p95,
    p99_ms: whole.p99,
    first_byte_p50_ms: first.p50,
    first_byte_p95_ms: first.p95,
  }
}

export function toRows(
  cells: readonly Counted[],
  groups: readonly UsageGroup[],
  days: readonly Day[],
  withPercentiles = true,
): UsageRow[] {
  return cells
    .map((cell) => {
      const row: Record<string, unknown> = {}
      groups.forEach((group, i) => {
        row[group] = toGroupValue(group, cell.keys[i] ?? null, days)
      })
      return { ...row, ...toFigures(cell, withPercentiles) }
    })
    .sort((a, b) => compareRows(a, b, groups))
}

function toGroupValue(group: UsageGroup, value: string | number | null, days: readonly Day[]): string | null {
  if (value === null) return null
  if (group === 'day') return days[Number(value)]!.day
  if (group === 'provider_key') return toPublicId('pk', String(value))
  if (group === 'api_key') return toPublicId('ak', String(value))
  return String(value)
}

/** By code unit, null last: databases sort text each in their own way. */
function compareRows(a: UsageRow, b: UsageRow, groups: readonly UsageGroup[]): number {
  for (const group of groups) {
    const [left, right] = [a[group] ?? null, b[group] ?? null]
    if (left === right) continue
    if (left === null) return 1
    if (right === null) return -1
    return left < right ? -1 : 1
  }
  return 0
}
