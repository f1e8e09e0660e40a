// The keys users bring (`/admin/provider-keys`): what goes in and the metadata that comes out. The key itself goes in
// and never comes out; `PATCH` has no field that could carry one.
import { z } from 'zod'
import { budgetSchema, fallbackSchema, momentSchema, timestampSchema } from './common.ts'
import { insteadSchema } from './impact.ts'
import { endedLeaseSchema, leaseSchema } from './teams.ts'
import { usageQuerySchema, usageRowSchema, usageTotalSchema } from './usage.ts'

/**
 * The states a key can be in, as they are shown. A key that was never used or tested is `active` with both dates empty.
 */
export const PROVIDER_KEY_STATES = [
  'active',
  'cooling',
  'exhausted',
  'invalid',
  'restricted',
  'capped',
  'disabled',
  'expired',
  'undecryptable',
] as const
const TEST_STATES = ['active', 'invalid', 'restricted', 'exhausted', 'cooling', 'unreachable'] as const

const labelSchema = z
  .string()
  .trim()
  .max(100)
  .regex(/^\P{Cc}*$/u, 'Leave out control characters')
// Only outer bounds: what a key may look like is said in one sentence by the service.
const secretSchema = z.string().max(8_192, 'A key has at most 4096 characters')
const providerNameSchema = z.string().min(1).max(64)
const baseUrlSchema = z.string().max(2_048)
const allowedModelsSchema = z.array(z.string().trim().min(1).max(200)).min(1).max(500)
// 1 is the first key tried.
const positionSchema = z.number().int().min(0).max(1_000)

const settingFields = {
  label: labelSchema.optional(),
  position: positionSchema.optional(),
  is_active: z.boolean().optional(),
  /** null: never. */
  expires_at: momentSchema.nullable().optional(),
  fallback: fallbackSchema.optional(),
  /** null: every model. */
  allowed_models: allowedModelsSchema.nullable().optional(),
  /** null: none. */
  cap: budgetSchema.nullable().optional(),
}

export const addProviderKeyBodySchema = z
  .strictObject({
    provider: providerNameSchema,
    api_key: secretSchema,
    base_url: baseUrlSchema.optional(),
    ...settingFields,
  })
  .meta({ id: 'AddProviderKeyBody' })
export type AddProviderKeyBody = z.infer<typeof addProviderKeyBodySchema>

export const replaceProviderKeyBodySchema = z
  .strictObject({ api_key: secretSchema, base_url: baseUrlSchema.optional() })
  .meta({ id: 'ReplaceProviderKeyBody' })
export type ReplaceProviderKeyBody = z.infer<typeof replaceProviderKeyBodySchema>

/** Only the fields sent are changed. With `version`, the change fails with 409 if somebody was faster. */
export const editProviderKeyBodySchema = z
  .strictObject({ ...settingFields, version: z.number().int().min(1).optional() })
  .meta({ id: 'EditProviderKeyBody' })
export type EditProviderKeyBody = z.infer<typeof editProviderKeyBodySchema>

export const testProviderKeyBodySchema = z
  .strictObject({ provider: providerNameSchema, api_key: secretSchema, base_url: baseUrlSchema.optional() })
  .meta({ id: 'TestProviderKeyBody' })
export type TestProviderKeyBody = z.infer<typeof testProviderKeyBodySchema>

/** A provider's name (the first key in order) or a key id. */
export const providerKeyParamsSchema = z.strictObject({ ref: z.string().min(1).max(64) })

export const providerKeySchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    base_url: z.string().nullable(),
    label: z.string(),
    is_active: z.boolean(),
    position: z.number(),
    /** The vendor's public beginning of its keys, or empty. */
    prefix: z.string(),
    /** Empty for keys under 16 characters. */
    last4: z.string(),
    /** Eight hex digits that tell two keys apart and say nothing about them. */
    fingerprint: z.string(),
    status: z.enum(PROVIDER_KEY_STATES),
    status_reason: z.string().nullable(),
    /** Models it does not serve just now, and when each is tried again; those that wait longest first. */
    held_models: z.array(
      z.object({ model: z.string(), status: z.enum(['cooling', 'restricted', 'unfit']), until: timestampSchema }),
    ),
    /** How many more of them there are. */
    held_models_more: z.number(),
    /** When its owner switched it off; null while it is on, and where that is not known. */
    disabled_at: timestampSchema.nullable(),
    last_tested_at: timestampSchema.nullable(),
    /** How long that test took; null where it did not pass. */
    last_test_ms: z.number().nullable(),
    last_used_at: timestampSchema.nullable(),
    expires_at: timestampSchema.nullable(),
    fallback: fallbackSchema,
    allowed_models: z.array(z.string()).nullable(),
    /** The owner's own spending limit on it. */
    cap: budgetSchema.nullable(),
    /** What counts against the cap in its running period; null where there is none. */
    cap_use: z.object({ spent_usd_micros: z.int(), resets_at: timestampSchema.nullable() }).nullable(),
    /** How often the secret was set. */
    key_version: z.number(),
    /** For `PATCH`. */
    version: z.number(),
    shared_with: z.array(z.string()),
    created_at: timestampSchema,
    updated_at: timestampSchema,
  })
  .meta({ id: 'ProviderKey' })
export type ProviderKey = z.infer<typeof providerKeySchema>

/** What happened in the place of a key since it stopped serving. */
export const providerKeyStandInSchema = z
  .object({
    /** When it stopped; null while it serves. */
    since: timestampSchema.nullable(),
    /** Requests that the server's keys paid for since then, for that reason. */
    requests: z.number(),
    /** From when on such requests count: the log shows the same ones from there. null while it serves. */
    from: timestampSchema.nullable(),
  })
  .meta({ id: 'ProviderKeyStandIn' })
export type ProviderKeyStandIn = z.infer<typeof providerKeyStandInSchema>

/** What else the list is asked for: `include=stand_in,borrowed,ended,down`. */
export const PROVIDER_KEY_EXTRAS = ['stand_in', 'borrowed', 'ended', 'down'] as const
export const providerKeyListQuerySchema = z.strictObject({
  include: z
    .string()
    .transform((words) => words.split(','))
    .pipe(z.array(z.enum(PROVIDER_KEY_EXTRAS, `include takes ${PROVIDER_KEY_EXTRAS.join(', ')}, with commas between`)))
    .optional(),
})
export const providerKeyListSchema = z
  .object({
    keys: z.array(
      // With `include=stand_in`.
      z.object({ ...providerKeySchema.shape, stand_in: providerKeyStandInSchema.optional() }),
    ),
    /** With `include=borrowed`: the keys of others that one may use. */
    borrowed: z.array(leaseSchema).optional(),
    /** With `include=ended`: those that one could use until within the last seven days. */
    ended: z.array(endedLeaseSchema).optional(),
    /** With `include=down`: models that a provider did not answer for, and until when it is left alone. */
    down: z.array(z.object({ provider: z.string(), model: z.string(), until: timestampSchema })).optional(),
  })
  .meta({ id: 'ProviderKeyList' })
export type ProviderKeyList = z.infer<typeof providerKeyListSchema>
export const providerKeyAnswerSchema = z
  .object({ message: z.string(), provider: z.string(), key: providerKeySchema })
  .meta({ id: 'ProviderKeyAnswer' })
export const providerKeyDeletedSchema = z
  .object({ message: z.string(), provider: z.string() })
  .meta({ id: 'ProviderKeyDeleted' })

export const providerKeyTestSchema = z
  .object({
    valid: z.boolean(),
    status: z.enum(TEST_STATES),
    latency_ms: z.number(),
    models: z.array(z.string()).optional(),
    message: z.string(),
  })
  .meta({ id: 'ProviderKeyTest' })
export type ProviderKeyTest = z.infer<typeof providerKeyTestSchema>

export const providerKeyImpactSchema = z
  .object({
    from: timestampSchema,
    to: timestampSchema,
    /** Requests of its owner that this key paid for in that time. */
    requests: z.number(),
    /** The same of those to whom it is shared. */
    borrowed: z.object({ requests: z.number(), people: z.number(), instead: insteadSchema.nullable() }),
    api_keys: z.array(
      z.object({
        /** null: made in the dashboard. */
        id: z.string().nullable(),
        /** null: that API key is gone. */
        name: z.string().nullable(),
        requests: z.number(),
        last_used_at: timestampSchema,
      }),
    ),
    /** What those requests would use without this key; null where it cannot be told yet. */
    instead: insteadSchema.nullable(),
  })
  .meta({ id: 'ProviderKeyImpact' })
export type ProviderKeyImpact = z.infer<typeof providerKeyImpactSchema>

export const keyUsageQuerySchema = usageQuerySchema.omit({ group_by: true })
export type KeyUsageQuery = z.infer<typeof keyUsageQuerySchema>

export const providerKeyUsageSchema = z
  .object({
    from: timestampSchema,
    to: timestampSchema,
    time_zone: z.string(),
    days: z.array(usageRowSchema),
    models: z.array(usageRowSchema),
    payers: z.array(usageRowSchema),
    total: usageTotalSchema,
  })
  .meta({ id: 'ProviderKeyUsage' })
export type ProviderKeyUsage = z.infer<typeof providerKeyUsageSchema>
