// Entries of the audit log as a file: JSON lines, or a table for spreadsheets. Spreadsheets take a cell that begins with
// = + - @ or a control character for a formula, and details hold words that users chose: such cells get an apostrophe.
import type { AuditEntryAnswer } from '../../../contract/audit.ts'

const COLUMNS = [
  'sequence',
  'id',
  'at',
  'actor_type',
  'actor_id',
  'ip',
  'action',
  'target_type',
  'target_id',
  'details',
  'previous_hash',
  'hash',
] as const satisfies readonly (keyof AuditEntryAnswer)[]

export function writeNdjson(entries: readonly AuditEntryAnswer[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
}

/** RFC 4180: lines end with CRLF, quotes are doubled. */
export function writeCsv(entries: readonly AuditEntryAnswer[]): string {
  const rows = entries.map((entry) => COLUMNS.map((column) => toCell(entry[column])).join(','))
  return [COLUMNS.join(','), ...rows].map((row) => `${row}\r\n`).join('')
}

function toCell(value: unknown): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // Full-width forms count too: some programs read them as the plain ones.
  const safe = /^[\s\p{Cc}]*[=+\-@＝＋－＠\t\r\n]/u.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
