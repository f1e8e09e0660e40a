// The audit log: who did what, appended only, each entry chained to the one before by a SHA-256 over all its columns,
// so that a changed, removed or inserted entry is noticed.
// Invariants: entries form one chain also when several processes write; a transaction records last, since the tail
// stays locked until it ends; details name ids, labels and counts, never a secret.
import { hash } from 'node:crypto'
import { sql, type Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { AuditEntryTable, Schema } from '../../database/schema.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createUlid } from '../../kernel/ids.ts'

export interface AuditEntry {
  readonly actorType: 'user' | 'system'
  readonly actorId: string | null
  readonly ip: string | null
  /** `<noun>.<what happened>`, for example `api-key.revoked`. */
  readonly action: string
  readonly targetType: string | null
  readonly targetId: string | null
  readonly details: object
}

export type AuditVerdict =
  | { readonly ok: true; readonly entries: number; readonly head: string }
  | { readonly ok: false; readonly sequence: number; readonly reason: string }

export interface Audit {
  /** Appends an entry; with a transaction, as part of it and as its last act. */
  record(entry: AuditEntry, transaction?: Transaction<Schema>): Promise<void>
  /** Walks the whole chain and says where it first breaks. */
  verify(): Promise<AuditVerdict>
}

/** What the first entry has as its predecessor. */
export const AUDIT_GENESIS = '0'.repeat(64)
/** Chosen once; any number no other advisory lock of ours uses. */
const TAIL_LOCK = 7_316_001
const PAGE = 500

export function createAudit(options: { database: Database; clock: Clock }): Audit {
  const { database, clock } = options

  async function append(entry: AuditEntry, transaction: Transaction<Schema>): Promise<void> {
    // SQLite transactions of ours are IMMEDIATE: there the whole database is ours already.
    if (database.kind === 'postgres') await sql`SELECT pg_advisory_xact_lock(${TAIL_LOCK})`.execute(transaction)
    const tail = await transaction
      .selectFrom('audit_log')
      .select(['sequence', 'hash'])
      .orderBy('sequence', 'desc')
      .limit(1)
      .executeTakeFirst()
    const at = clock.now()
    const row = {
      sequence: (tail?.sequence ?? 0) + 1,
      id: createUlid(at),
      at,
      actor_type: entry.actorType,
      actor_id: entry.actorId,
      ip: entry.ip,
      action: entry.action,
      target_type: entry.targetType,
      target_id: entry.targetId,
      details: JSON.stringify(entry.details),
      previous_hash: tail?.hash ?? AUDIT_GENESIS,
    }
    await transaction
      .insertInto('audit_log')
      .values({ ...row, hash: hashAuditEntry(row) })
      .execute()
  }

  return {
    record: (entry, transaction) =>
      transaction ? append(entry, transaction) : database.transaction((own) => append(entry, own)),
    async verify() {
      let sequence = 0
      let head = AUDIT_GENESIS
      for (;;) {
        const rows = await database.query
          .selectFrom('audit_log')
          .selectAll()
          .where('sequence', '>', sequence)
          .orderBy('sequence')
          .limit(PAGE)
          .execute()
        for (const row of rows) {
          const fault = findFault(row, sequence, head)
          if (fault) return { ok: false, sequence: sequence + 1, reason: fault }
          sequence = row.sequence
          head = row.hash
        }
        if (rows.length < PAGE) return { ok: true, entries: sequence, head }
      }
    },
  }
}

function findFault(row: AuditEntryTable, previousSequence: number, previousHash: string): string | undefined {
  if (row.sequence !== previousSequence + 1) return 'An entry is missing.'
  if (row.previous_hash !== previousHash) return 'The entry does not follow the one before it.'
  if (row.hash !== hashAuditEntry(row)) return 'The entry was changed.'
  return undefined
}

/** A JSON list of every column in a fixed order: no two different rows have the same text. */
export function hashAuditEntry(row: Omit<AuditEntryTable, 'hash'>): string {
  const canonical = JSON.stringify([
    row.sequence,
    row.id,
    row.at,
    row.actor_type,
    row.actor_id,
    row.ip,
    row.action,
    row.target_type,
    row.target_id,
    row.details,
    row.previous_hash,
  ])
  return hash('sha256', canonical, 'hex')
}
