// Reading the audit log: pages of it, newest first, and exports, oldest first. Who may see what is decided by the
// scope, which every call names.
import { type Kysely, sql } from 'kysely'
import type { AuditEntryAnswer, AuditExportQuery, AuditQuery } from '../../../contract/audit.ts'
import type { Database } from '../../database/database.ts'
import type { AuditEntryTable, Schema } from '../../database/schema.ts'
import { toPublicId } from '../../kernel/ids.ts'

/** A user sees what they did; an administrator everything. */
export type AuditScope = { readonly userId: string } | { readonly everyone: true }

type Filter = Omit<AuditExportQuery, 'format' | 'cursor'>

export interface AuditReader {
  list(query: AuditQuery, scope: AuditScope): Promise<{ entries: AuditEntryAnswer[]; next: string | null }>
  /** At most MOST_EXPORTED entries from the cursor on; `next` is where the rest begins. */
  export(query: AuditExportQuery, scope: AuditScope): Promise<{ entries: AuditEntryAnswer[]; next: string | null }>
  /** The last entry; undefined while there is none. */
  readHead(): Promise<{ sequence: number; hash: string } | undefined>
}

export const MOST_EXPORTED = 10_000

export function createAuditReader({ query }: Database): AuditReader {
  return {
    async list({ limit, cursor, ...filter }, scope) {
      const rows = await select(query, filter, scope)
        .$if(cursor !== undefined, (rest) => rest.where('sequence', '<', cursor!))
        .orderBy('sequence', 'desc')
        .limit(limit + 1)
        .execute()
      const page = rows.slice(0, limit)
      return { entries: page.map(toAnswer), next: rows.length > limit ? String(page.at(-1)!.sequence) : null }
    },

    async export({ format: _format, cursor, ...filter }, scope) {
      const rows = await select(query, filter, scope)
        .$if(cursor !== undefined, (rest) => rest.where('sequence', '>', cursor!))
        .orderBy('sequence')
        .limit(MOST_EXPORTED + 1)
        .execute()
      const page = rows.slice(0, MOST_EXPORTED)
      return { entries: page.map(toAnswer), next: rows.length > MOST_EXPORTED ? String(page.at(-1)!.sequence) : null }
    },

    readHead: () =>
      query
        .selectFrom('audit_log')
        .select(['sequence', 'hash'])
        .orderBy('sequence', 'desc')
        .limit(1)
        .executeTakeFirst(),
  }
}

function select(query: Kysely<Schema>, filter: Filter, scope: AuditScope) {
  const { actor, action, target, from, to } = filter
  return query
    .selectFrom('audit_log')
    .selectAll()
    .$if('userId' in scope, (rest) => rest.where('actor_id', '=', (scope as { userId: string }).userId))
    .$if(actor !== undefined, (rest) => rest.where('actor_id', '=', actor!))
    .$if(action !== undefined && !action.endsWith('.'), (rest) => rest.where('action', '=', action!))
    .$if(action?.endsWith('.') === true, (rest) =>
      rest.where(sql<string>`substr(action, 1, ${sql.lit(action!.length)})`, '=', action!),
    )
    .$if(target !== undefined, (rest) => rest.where('target_id', '=', target!.replace(/^[a-z]+_/, '')))
    .$if(from !== undefined, (rest) => rest.where('at', '>=', Date.parse(from!)))
    .$if(to !== undefined, (rest) => rest.where('at', '<', Date.parse(to!)))
}

function toAnswer(row: AuditEntryTable): AuditEntryAnswer {
  return {
    id: toPublicId('aud', row.id),
    sequence: row.sequence,
    at: new Date(row.at).toISOString(),
    actor_type: row.actor_type,
    actor_id: row.actor_id,
    ip: row.ip,
    action: row.action,
    target_type: row.target_type,
    target_id: row.target_id,
    details: JSON.parse(row.details) as Record<string, unknown>,
    hash: row.hash,
    previous_hash: row.previous_hash,
  }
}
