// The addresses of the audit log. Everybody sees what they did themselves; administrators see everything.
import { auditExportQuerySchema, auditListSchema, auditQuerySchema } from '../../../contract/audit.ts'
import { CONTROL_BODY_CAP, type ControlRoute, defineControlRoute, type Principal } from '../../http/route.ts'
import { writeCsv, writeNdjson } from './audit-export.ts'
import type { Audit } from './audit.ts'
import type { AuditReader, AuditScope } from './audit-reader.ts'

const SHARED = {
  method: 'GET',
  credential: 'session',
  role: 'user',
  bodyCap: CONTROL_BODY_CAP,
  rateClass: 'control',
} as const

export function createAuditRoutes({
  reader,
  audit,
}: {
  reader: AuditReader
  audit: Pick<Audit, 'record'>
}): ControlRoute[] {
  return [
    defineControlRoute({
      ...SHARED,
      path: '/admin/audit',
      summary: 'The audit log, newest first: your own entries, for administrators all',
      query: auditQuerySchema,
      answers: { 200: { description: 'A page of entries', schema: auditListSchema } },
      handle: async ({ query, principal }) => ({
        status: 200,
        body: await reader.list(query, scopeOf(principal, query.own)),
      }),
    }),
    defineControlRoute({
      ...SHARED,
      path: '/admin/audit/export',
      summary: 'The same as a file, oldest first: JSON lines or CSV, 10 000 entries at a time',
      query: auditExportQuerySchema,
      answers: { 200: { description: 'The entries; the header x-uniroute-next is there when there are more' } },
      async handle({ query, principal, ip }) {
        const scope = scopeOf(principal, query.own)
        const { entries, next } = await reader.export(query, scope)
        if ('everyone' in scope) {
          await audit.record({
            actorType: 'user',
            actorId: principal.userId,
            ip,
            action: 'audit.exported',
            targetType: null,
            targetId: null,
            details: { entries: entries.length, format: query.format },
          })
        }
        const isCsv = query.format === 'csv'
        return {
          status: 200,
          headers: {
            'content-type': isCsv ? 'text/csv; charset=utf-8' : 'application/x-ndjson; charset=utf-8',
            'content-disposition': `attachment; filename="uniroute-audit.${query.format}"`,
            ...(next === null ? {} : { 'x-uniroute-next': next }),
          },
          text: isCsv ? writeCsv(entries) : writeNdjson(entries),
        }
      },
    }),
  ]
}

function scopeOf({ role, userId }: Principal, own: 'true' | 'false' | undefined): AuditScope {
  return role === 'admin' && own !== 'true' ? { everyone: true } : { userId }
}
