// `/admin/audit`: who did what, page by page, and all of it as a file.
import type { AuditEntryAnswer } from '../../../../contract/audit.ts'
import { call, callForAnswer } from './client.ts'
import { toQuery } from './query.ts'

export type { AuditEntryAnswer }

export interface AuditQuestion {
  readonly own?: string
  readonly actor?: string
  readonly action?: string
  readonly target?: string
  readonly from?: string
  readonly to?: string
}

export const listAudit = (
  query: AuditQuestion & { cursor?: string; limit?: number },
): Promise<{ entries: AuditEntryAnswer[]; next: string | null }> => call('GET', `admin/audit${toQuery({ ...query })}`)

/** All parts of it, one after the other: the server hands out so many entries at a time. */
export async function readAuditFile(query: AuditQuestion, format: 'csv' | 'ndjson'): Promise<Blob> {
  const parts: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const path = `admin/audit/export${toQuery({ ...query, format, cursor })}`
    const answer = await callForAnswer('GET', path, { accept: '*/*' })
    const text = await answer.text()
    // Every part of a table names its columns; the file does so once.
    parts.push(format === 'csv' && parts.length > 0 ? text.slice(text.indexOf('\n') + 1) : text)
    cursor = answer.headers.get('x-uniroute-next')
  }
  return new Blob(parts, { type: format === 'csv' ? 'text/csv' : 'application/x-ndjson' })
}
