// Entries of the audit log as a file: JSON lines, or a table for spreadsheets.
import type { AuditEntryAnswer } from '../../../contract/audit.ts'
import { toSafeCell } from '../../http/csv.ts'

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
  const rows = entries.map((entry) => COLUMNS.map((column) => toSafeCell(entry[column])).join(','))
  return [COLUMNS.join(','), ...rows].map((row) => `${row}\r\n`).join('')
}
