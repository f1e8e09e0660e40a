// What a browser calls itself, in a few words; only for recognising one's own sessions.
const BROWSERS: readonly [name: string, sign: RegExp][] = [
  ['Firefox', /Firefox\//],
  ['Edge', /Edg\//],
  ['Opera', /OPR\//],
  ['Chrome', /Chrome\/|HeadlessChrome\//],
  ['Safari', /Safari\//],
  ['curl', /^curl\//],
]
const SYSTEMS: readonly [name: string, sign: RegExp][] = [
  ['Android', /Android/],
  ['iPhone', /iPhone/],
  ['iPad', /iPad/],
  ['Windows', /Windows/],
  ['macOS', /Mac OS X/],
  ['Linux', /Linux/],
]

/** "Firefox, Linux"; null where nothing is recognised. */
export function nameBrowser(userAgent: string): string | null {
  const find = (list: typeof BROWSERS): string[] =>
    list.filter(([, sign]) => sign.test(userAgent)).map(([name]) => name)
  const parts = [...find(BROWSERS).slice(0, 1), ...find(SYSTEMS).slice(0, 1)]
  return parts.length > 0 ? parts.join(', ') : null
}
