// Cells of a table for spreadsheets, which take what begins with = + - @ or a control character for a formula. Names in
// our tables were chosen by people: such cells get an apostrophe.

/** RFC 4180: quotes are doubled. null is empty. */
export function toSafeCell(value: unknown): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // Full-width forms count too: some programs read them as the plain ones.
  const safe = /^[\s\p{Cc}]*[=+\-@＝＋－＠\t\r\n]/u.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
