// The audit log as it is read: `/admin/audit`, newest entries first, and its export, oldest first.
import { z } from 'zod'
import { momentSchema, timestampSchema } from './common.ts'

const idSchema = z.string().min(1).max(64)

const filterFields = {
  /** `true`: of what an administrator may see, only what they did themselves. Others see no more anyway. */
  own: z.enum(['true', 'false']).optional(),
  /** Who did it: a user's id. */
  actor: idSchema.optional(),
  /** What happened, for example `key.added`; with a dot at the end everything that begins so: `key.`. */
  action: z
    .string()
    .max(64)
    .regex(/^[a-z][a-z-]*\.(?:[a-z-]+)?$/, 'Name an action like key.added, or a kind of them like key.')
    .optional(),
  /** To what: its id, with or without prefix. */
  target: idSchema.optional(),
  from: momentSchema.optional(),
  /** The first moment that is left out. */
  to: momentSchema.optional(),
}

export const auditQuerySchema = z
  .strictObject({
    ...filterFields,
    limit: z.coerce.number().int().min(1).max(500).default(100),
    /** The `next` of the page before. */
    cursor: z.coerce.number().int().min(1).optional(),
  })
  .meta({ id: 'AuditQuery' })
export type AuditQuery = z.infer<typeof auditQuerySchema>

export const auditExportQuerySchema = z
  .strictObject({
    ...filterFields,
    format: z.enum(['ndjson', 'csv']).default('ndjson'),
    /** The `x-uniroute-next` of the answer before. */
    cursor: z.coerce.number().int().min(1).optional(),
  })
  .meta({ id: 'AuditExportQuery' })
export type AuditExportQuery = z.infer<typeof auditExportQuerySchema>

export const auditEntrySchema = z
  .object({
    id: z.string(),
    /** Its place in the chain, from 1. */
    sequence: z.int(),
    at: timestampSchema,
    actor_type: z.string(),
    actor_id: z.string().nullable(),
    ip: z.string().nullable(),
    action: z.string(),
    target_type: z.string().nullable(),
    target_id: z.string().nullable(),
    details: z.record(z.string(), z.unknown()),
    /** SHA-256 over this entry and, through `previous_hash`, over all before it. */
    hash: z.string(),
    previous_hash: z.string(),
  })
  .meta({ id: 'AuditEntry' })
export type AuditEntryAnswer = z.infer<typeof auditEntrySchema>

export const auditListSchema = z
  .object({ entries: z.array(auditEntrySchema), next: z.string().nullable() })
  .meta({ id: 'AuditList' })
