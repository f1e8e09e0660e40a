// Shapes that several slices share.
import { z } from 'zod'

/** Why a server key may stand in for a user's own. */
export const FALLBACK_REASONS = ['no_key', 'invalid', 'outage', 'rate_limited', 'exhausted'] as const
export type FallbackReason = (typeof FALLBACK_REASONS)[number]

/** A policy on an account, a provider key or an API key: all reasons, none, or those listed. */
export const fallbackSchema = z
  .union([z.literal('allow'), z.literal('never'), z.array(z.enum(FALLBACK_REASONS)).max(FALLBACK_REASONS.length)], {
    error: `fallback takes "allow", "never" or a list of ${FALLBACK_REASONS.join(', ')}`,
  })
  .meta({ id: 'Fallback' })
export type FallbackPolicy = z.infer<typeof fallbackSchema>

export const PAYERS = ['user', 'team', 'server'] as const
export type Payer = (typeof PAYERS)[number]
export const payerSchema = z.enum(PAYERS).meta({ id: 'Payer' })

/** A spending limit: US dollars per period. Periods end at UTC midnight; `total` never ends. */
export const budgetSchema = z
  .strictObject({ usd: z.number().positive().max(1_000_000), period: z.enum(['day', 'month', 'total']) })
  .meta({ id: 'Budget' })
export type Budget = z.infer<typeof budgetSchema>

const limitSchema = z.number().int().min(1).max(1_000_000_000)

/** How much a user, a team or an API key may use; null means no limit. Days are those of UTC. */
export const limitFields = {
  rate_limit_per_minute: limitSchema.nullable().optional(),
  rate_limit_per_day: limitSchema.nullable().optional(),
  token_limit_per_minute: limitSchema.nullable().optional(),
  token_limit_per_day: limitSchema.nullable().optional(),
  budget: budgetSchema.nullable().optional(),
}
export const limitAnswerFields = {
  rate_limit_per_minute: z.number().nullable(),
  rate_limit_per_day: z.number().nullable(),
  token_limit_per_minute: z.number().nullable(),
  token_limit_per_day: z.number().nullable(),
  budget: budgetSchema.nullable(),
}

export const errorSchema = z
  .object({ error: z.string(), code: z.string(), details: z.unknown().optional() })
  .meta({ id: 'Error' })

/** ISO 8601 in UTC. */
export const timestampSchema = z.iso.datetime()

/** A moment as clients may write it: ISO 8601 in UTC or with an offset. */
export const momentSchema = z.iso.datetime({
  offset: true,
  error: 'Write a moment like 2030-01-31T12:00:00Z, or with an offset like +01:00',
})
