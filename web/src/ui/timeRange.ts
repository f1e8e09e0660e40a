// Days in a time zone, as the server takes them.
export const RANGES = [1, 7, 30, 90, 365]

/** `2026-01-31`, of this moment. */
export function todayIn(timeZone: string): string {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' })
  const parts = Object.fromEntries(format.formatToParts().map(({ type, value }) => [type, value]))
  return `${parts['year']}-${parts['month']}-${parts['day']}`
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
