// Sizes and spans with the unit that makes them short. Symbols of units are the same in every language.
type Numbers = (value: number) => string

const SIZES = ['B', 'KB', 'MB', 'GB', 'TB'] as const
const SPANS: readonly [symbol: string, seconds: number][] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
]

export function formatBytes(bytes: number, number: Numbers): string {
  const step = Math.min(SIZES.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  const value = bytes / 1024 ** step
  return `${number(value < 10 && step > 0 ? Math.round(value * 10) / 10 : Math.round(value))}\u00A0${SIZES[step]}`
}

export function formatSpan(seconds: number, number: Numbers): string {
  const [symbol, length] = SPANS.find(([, step]) => seconds >= step) ?? ['s', 1]
  return `${number(Math.floor(seconds / length))}\u00A0${symbol}`
}
