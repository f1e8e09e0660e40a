// Moments, money and numbers as people read them, in the language in use and the time zone that was chosen.
import { computed, onScopeDispose, ref, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { preferredZone } from './usePreferences.ts'

const STEPS: readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
]

export interface Format {
  /** "4 minutes ago" */
  ago(moment: string): string
  /** To the second, with its time zone. */
  exact(moment: string): string
  /** "22 Nov, 14:03:09" */
  clock(moment: string): string
  /** "1 December 2026" */
  day(moment: string): string
  /** The end of a wait, as short as it is clear: "09:20" today, "1 December" where a day begins, "30 Nov, 19:00". */
  until(moment: string): string
  /** "31 Jan 2026", of a calendar day as the server names it. */
  plainDay(day: string): string
  /** "31 Jan", likewise */
  shortDay(day: string): string
  number(value: number): string
  /** "1.2M" */
  short(value: number): string
  /** "0.4%" of a share between 0 and 1 */
  percent(share: number): string
  /** Enough digits that a small cost never looks like none. */
  money(usdMicros: number): string
  list(parts: readonly string[]): string
  /** "one or another" */
  either(parts: readonly string[]): string
  /** "96 ms", "1.84 s" */
  duration(ms: number): string
}

export function useFormat(): Format {
  const { locale } = useI18n()
  const now = useNow()
  const formats = computed(() => createFormats(locale.value, preferredZone()))
  return {
    ago(moment) {
      // The ticking moment is only what makes this be said again; it may lie before what happened just now.
      const at = Math.max(now.value, Date.now())
      return relative(formats.value.relative, (Date.parse(moment) - at) / 1000)
    },
    exact: (moment) => formats.value.exact.format(new Date(moment)),
    clock: (moment) => formats.value.clock.format(new Date(moment)),
    day: (moment) => formats.value.day.format(new Date(moment)),
    until: (moment) => sayUntil(formats.value, new Date(moment), new Date()),
    plainDay: (day) => formats.value.plainDay.format(new Date(`${day}T00:00:00Z`)),
    shortDay: (day) => formats.value.shortDay.format(new Date(`${day}T00:00:00Z`)),
    number: (value) => formats.value.number.format(value),
    short: (value) => formats.value.short.format(value),
    percent: (share) => formats.value.percent.format(share),
    money(usdMicros) {
      const usd = usdMicros / 1_000_000
      return (usd !== 0 && usd < 0.1 ? formats.value.cents : formats.value.money).format(usd)
    },
    list: (parts) => formats.value.list.format(parts),
    either: (parts) => formats.value.either.format(parts),
    // Symbols of units are the same in every language; they stay with their number.
    duration: (ms) =>
      ms < 1000
        ? `${formats.value.number.format(Math.round(ms))}\u00A0ms`
        : `${formats.value.three.format(ms / 1000)}\u00A0s`,
  }
}

/** Moments are said in the time zone; a day of the calendar is the same everywhere. */
function createFormats(locale: string, timeZone: string) {
  return {
    relative: new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }),
    exact: new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'long', timeZone }),
    clock: new Intl.DateTimeFormat(locale, {
      day: 'numeric',
      month: 'short',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      timeZone,
    }),
    day: new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone }),
    timeOfDay: new Intl.DateTimeFormat(locale, { timeStyle: 'short', timeZone }),
    dayOfYear: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', timeZone }),
    dayAndTime: new Intl.DateTimeFormat(locale, {
      day: 'numeric',
      month: 'short',
      hour: '2-digit',
      minute: '2-digit',
      timeZone,
    }),
    // The same in every language: whether a moment is the first of its day.
    midnight: new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium', timeZone }),
    plainDay: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }),
    shortDay: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' }),
    number: new Intl.NumberFormat(locale),
    short: new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 }),
    percent: new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 }),
    money: new Intl.NumberFormat(locale, { style: 'currency', currency: 'USD' }),
    cents: new Intl.NumberFormat(locale, { style: 'currency', currency: 'USD', maximumSignificantDigits: 2 }),
    list: new Intl.ListFormat(locale),
    either: new Intl.ListFormat(locale, { type: 'disjunction' }),
    three: new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 }),
  }
}

function sayUntil(formats: ReturnType<typeof createFormats>, moment: Date, now: Date): string {
  if (formats.midnight.format(moment) === '00:00:00') return formats.dayOfYear.format(moment)
  const isToday = formats.day.format(moment) === formats.day.format(now)
  return (isToday ? formats.timeOfDay : formats.dayAndTime).format(moment)
}

function relative(format: Intl.RelativeTimeFormat, seconds: number): string {
  const [unit, length] = STEPS.find(([, step]) => Math.abs(seconds) >= step) ?? ['second', 1]
  return format.format(Math.round(seconds / length), unit)
}

function useNow(): Ref<number> {
  const now = ref(Date.now())
  const timer = setInterval(() => (now.value = Date.now()), 30_000)
  onScopeDispose(() => clearInterval(timer))
  return now
}
