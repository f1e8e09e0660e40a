// A call has one result. Clients that send two (a retry beside what it repeats) would have their request refused, so
// the first is passed on. Ids may come again in later turns: a result belongs to the latest call of its id before it.
import type { CallItem, Item } from './canonical.ts'
import type { LossReport } from './codec.ts'

/** The items without further results of calls that have one. */
export function withoutSecondResults(items: readonly Item[], losses: LossReport): readonly Item[] {
  const latest = new Map<string, CallItem>()
  const answered = new Set<CallItem>()
  const kept = items.filter((item) => {
    if (item.kind === 'call') latest.set(item.id, item)
    const call = item.kind === 'result' ? latest.get(item.callId) : undefined
    if (!call) return true
    if (answered.has(call)) return false
    answered.add(call)
    return true
  })
  if (kept.length === items.length) return items
  losses.drop('tool_result', 'a call has more than one result; the first is passed on')
  return kept
}
