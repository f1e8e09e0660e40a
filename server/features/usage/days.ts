// Calendar days in a time zone as ranges of epoch milliseconds. They are worked out here, not in SQL, so that both
// databases cut days at the same moments; days of 23 and 25 hours, and days a zone skipped, included.

export interface Day {
  /** `2026-01-31` */
  readonly day: string
  readonly start: number
  readonly end: number
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** The days that touch the range, in order and without gaps. */
export function listDays(timeZone: string, from: number, to: number): Day[] {
  const dateAt = createDateReader(timeZone)
  const days: Day[] = []
  let day = dateAt(from)
  let start = findDayStart(dateAt, day, NaN)
  while (start < to) {
    const next = dateAfter(day)
    const end = findDayStart(dateAt, next, start + DAY_MS)
    if (end > start) days.push({ day, start, end })
    day = next
    start = end
  }
  return days
}

/** When that calendar day begins in the zone. */
export function startOfDay(timeZone: string, day: string): number {
  return findDayStart(createDateReader(timeZone), day, NaN)
}

export function dateAfter(day: string, count = 1): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10)
}

/** The calendar day of a moment. */
export function dayAt(timeZone: string, at: number): string {
  return createDateReader(timeZone)(at)
}

type DateReader = (at: number) => string

function createDateReader(timeZone: string): DateReader {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
  return (at) => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]))
    return `${parts['year']!.padStart(4, '0')}-${parts['month']}-${parts['day']}`
  }
}

/**
 * The first moment of the day, or of the next one where the zone skipped it: mostly the guess, else found by halving.
 */
function findDayStart(dateAt: DateReader, day: string, guess: number): number {
  if (dateAt(Number.isNaN(guess) ? 0 : guess) === day && dateAt(guess - 1) < day) return guess
  const utcMidnight = Date.parse(`${day}T00:00:00Z`)
  let before = utcMidnight - 16 * HOUR_MS
  let after = utcMidnight + 16 * HOUR_MS
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (dateAt(middle) < day) before = middle
    else after = middle
  }
  return after
}
