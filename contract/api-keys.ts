// UniRoute's own API keys (`ur_…`): what `/auth/api-keys` takes and answers. The key itself is in one answer only,
// the one that made it.
import { z } from 'zod'
import { fallbackSchema, limitAnswerFields, limitFields, momentSchema, payerSchema, timestampSchema } from './common.ts'

const nameSchema = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^\P{Cc}*$/u, 'Leave out control characters')
const allowedModelsSchema = z.array(z.string().trim().min(1).max(200)).min(1).max(500)
const allowedPayersSchema = z.array(payerSchema).min(1).max(3)

/** null means no limit. */
const optionalFields = {
  expires_at: momentSchema.nullable().optional(),
  ...limitFields,
  allowed_models: allowedModelsSchema.nullable().optional(),
  allowed_payers: allowedPayersSchema.nullable().optional(),
  fallback: fallbackSchema.optional(),
}

export const createApiKeyBodySchema = z
  .strictObject({
    name: nameSchema,
    /** A team one is in: the key uses what is shared with that team, and nothing else of its maker's. */
    team_id: z.string().max(64).nullable().optional(),
    ...optionalFields,
  })
  .meta({ id: 'CreateApiKeyBody' })
export type CreateApiKeyBody = z.infer<typeof createApiKeyBodySchema>

/** Only the fields sent are changed. With `version`, the change fails with 409 if somebody was faster. */
export const updateApiKeyBodySchema = z
  .strictObject({ name: nameSchema.optional(), ...optionalFields, version: z.number().int().min(1).optional() })
  .meta({ id: 'UpdateApiKeyBody' })
export type UpdateApiKeyBody = z.infer<typeof updateApiKeyBodySchema>

export const ROTATION_OVERLAPS = [0, 900, 3600, 21_600, 86_400] as const
export const rotateApiKeyBodySchema = z
  .strictObject({
    /** How long the old key lives on beside the new one; a second rotation ends it early. */
    overlap_seconds: z.literal(ROTATION_OVERLAPS).default(0),
  })
  .meta({ id: 'RotateApiKeyBody' })

const apiKeyFields = {
  id: z.string(),
  name: z.string(),
  team_id: z.string().nullable(),
  prefix: z.literal('ur_'),
  last4: z.string(),
  is_active: z.boolean(),
  expires_at: timestampSchema.nullable(),
  ...limitAnswerFields,
  /** What counts against the budget in its running period; null where there is no budget. */
  budget_use: z.object({ spent_usd_micros: z.int(), resets_at: timestampSchema.nullable() }).nullable(),
  allowed_models: z.array(z.string()).nullable(),
  allowed_payers: z.array(payerSchema).nullable(),
  fallback: fallbackSchema,
  /** Until when the key before the last rotation still works; null when it does not. */
  previous_expires_at: timestampSchema.nullable(),
  version: z.number(),
  last_used_at: timestampSchema.nullable(),
  created_at: timestampSchema,
  updated_at: timestampSchema,
}
export const apiKeySchema = z.object(apiKeyFields).meta({ id: 'ApiKey' })
export type ApiKey = z.infer<typeof apiKeySchema>
export const newApiKeySchema = z.object({ ...apiKeyFields, key: z.string() }).meta({ id: 'NewApiKey' })
export const apiKeyListSchema = z.object({ keys: z.array(apiKeySchema) }).meta({ id: 'ApiKeyList' })
export const apiKeyListQuerySchema = z.strictObject({
  /** `true` lists the revoked ones too. */
  revoked: z.enum(['true', 'false']).default('false'),
})
export const apiKeyParamsSchema = z.strictObject({ id: z.string().max(64) })
