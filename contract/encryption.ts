// The master key and its change (`/admin/encryption`): for administrators who signed in a moment ago.
import { z } from 'zod'
import { timestampSchema } from './common.ts'

const kidSchema = z.string().regex(/^[0-9a-f]{16}$/, 'A kid has 16 hex digits, as GET /admin/encryption shows them')

export const rotateBodySchema = z
  .strictObject({
    /** Without: `start`, which also goes on after a pause. */
    action: z.enum(['start', 'pause', 'retire']).optional(),
    /** start: the key to seal under (without: the one configured); retire: the key to give up. */
    kid: kidSchema.optional(),
  })
  .meta({ id: 'RotateBody' })
export type RotateBody = z.infer<typeof rotateBodySchema>

export const rotationSchema = z
  .object({
    state: z.enum(['idle', 'running', 'paused', 'waiting_for_instances', 'done', 'done_with_failures']),
    from: z.string().nullable(),
    to: z.string().nullable(),
    /** Done, and what is still sealed under other keys. */
    total: z.int(),
    done: z.int(),
    failed: z.int(),
    /** Some instance is at work. */
    running: z.boolean(),
    rate_per_s: z.number(),
    started_at: timestampSchema.nullable(),
    finished_at: timestampSchema.nullable(),
  })
  .meta({ id: 'Rotation' })

export const rotationAnswerSchema = z.object({ rotation: rotationSchema }).meta({ id: 'RotationAnswer' })

export const encryptionStatusSchema = z
  .object({
    backend: z.literal('local'),
    /** JWT_SECRET stands in for the master secret. */
    fallback: z.boolean(),
    active: z.object({ kid: z.string(), created_at: timestampSchema }).nullable(),
    keys: z.array(
      z.object({
        kid: z.string(),
        state: z.enum(['active', 'decrypt', 'retired']),
        /** The instance that answers has its secret. */
        in_ring: z.boolean(),
        /** Values sealed under it. */
        dependents: z.int(),
        /** How often it was used to seal; over 2^31 there is a warning, from 2^32 on a refusal. */
        wraps: z.int(),
      }),
    ),
    rotation: rotationSchema,
    /** Values that could not be moved; the first 1000. */
    failures: z.array(z.object({ record_id: z.string(), reason: z.string() })),
    /** Those seen within 30 s. */
    instances: z.array(
      z.object({ id: z.string(), active_kid: z.string(), kids: z.array(z.string()), seen_at: timestampSchema }),
    ),
    warnings: z.array(z.object({ code: z.string(), message: z.string() })),
  })
  .meta({ id: 'EncryptionStatus' })
export type EncryptionStatus = z.infer<typeof encryptionStatusSchema>
