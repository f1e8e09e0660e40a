// Days in a time zone, as the server takes them.
export const RANGES = [1, 7, 30, 90, 365]

const MINUTE_MS = 60_000
/** No zone is farther from UTC. */
const FARTHEST_MINUTES = 15 * 60

/** `2026-01-31`, of a moment. */
function createDayIn(timeZone: string): (moment?: number) => string {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' })
  return (moment) => {
    const parts = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, value]))
    return `${parts['year']}-${parts['month']}-${parts['day']}`
  }
}

/** `2026-01-31`, of this moment. */
export function todayIn(timeZone: string): string {
  return createDayIn(timeZone)()
}

/** The first moment of a day (`2026-01-31`), which is not midnight everywhere on every day. */
export function startOfDay(day: string, timeZone: string): Date {
  const dayIn = createDayIn(timeZone)
  const utc = Date.parse(`${day}T00:00:00Z`)
  let [before, after] = [-FARTHEST_MINUTES, FARTHEST_MINUTES]
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (dayIn(utc + middle * MINUTE_MS) < day) before = middle
    else after = middle
  }
  return new Date(utc + after * MINUTE_MS)
}

/** The last second of a day, as it is sent; null where that is no day. */
export function endOfDay(day: string, timeZone: string): string | null {
  if (Number.isNaN(Date.parse(`${day}T00:00:00Z`))) return null
  return new Date(startOfDay(addDays(day, 1), timeZone).getTime() - 1_000).toISOString()
}

export function addDays(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * 86_400_000).toISOString().slice(0, 10)
}

/** Every day from the first to the last. */
export function listDays(from: string, to: string): string[] {
  const days: string[] = []
  for (let day = from; day <= to; day = addDays(day, 1)) days.push(day)
  return days
}

/** What can be chosen; those named here come first. */
export function listZones(...first: string[]): { value: string; label: string }[] {
  const known = new Set(['UTC', Intl.DateTimeFormat().resolvedOptions().timeZone, ...first])
  for (const name of Intl.supportedValuesOf('timeZone')) known.add(name)
  return [...known].map((name) => ({ value: name, label: name.replaceAll('_', ' ') }))
}
