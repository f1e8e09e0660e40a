// Comparing UniRoute's ledger with what a provider itself counted and charged: `POST /admin/reconcile`.
import { z } from 'zod'
import { timestampSchema } from './common.ts'

/** Longest range of one answer. */
export const RECONCILE_RANGE_DAYS = 93

const daySchema = z.iso.date('Give a day like 2026-01-31')

export const reconcileBodySchema = z
  .strictObject({
    provider: z.string().min(1).max(64),
    /** Used for this one call, never stored, never logged. */
    admin_key: z.string().min(1).max(4096),
    /** The first and the last day, both included. */
    from: daySchema,
    to: daySchema,
    /** Providers bill by the days of UTC. */
    time_zone: z.literal('UTC', 'Providers count by the days of UTC: give UTC, or leave it out').default('UTC'),
    /** `own`: what your own keys paid for. `server`: what the server's key paid for; administrators only. */
    keys: z.enum(['own', 'server']).default('own'),
    /** The provider's own ids of API keys, to leave out what other keys of the account used. */
    api_key_ids: z
      .array(z.string().regex(/^[\w-]{1,100}$/, 'Give ids as the provider shows them, like key_abc or apikey_01Abc'))
      .min(1)
      .max(50)
      .optional(),
  })
  .meta({ id: 'ReconcileBody' })
export type ReconcileBody = z.infer<typeof reconcileBodySchema>

/** null: that side does not tell. Input includes what was read from and written to the cache. */
export const billedFiguresSchema = z
  .object({
    requests: z.int().nullable(),
    input_tokens: z.int().nullable(),
    cache_read_tokens: z.int().nullable(),
    cache_write_tokens: z.int().nullable(),
    output_tokens: z.int().nullable(),
    cost_usd_micros: z.int().nullable(),
  })
  .meta({ id: 'BilledFigures' })
export type BilledFigures = z.infer<typeof billedFiguresSchema>

const sides = {
  ours: billedFiguresSchema,
  theirs: billedFiguresSchema,
  /** The provider's figure less ours. */
  difference: billedFiguresSchema,
}

export const reconcileAnswerSchema = z
  .object({
    provider: z.string(),
    keys: z.enum(['own', 'server']),
    from: timestampSchema,
    to: timestampSchema,
    time_zone: z.literal('UTC'),
    /**
     * By day and model, without the dates that name a model's version; days and models that neither side knows are left
     * out.
     */
    rows: z.array(z.object({ day: z.iso.date(), model: z.string(), ...sides }).meta({ id: 'ReconcileRow' })),
    total: z.object(sides).meta({ id: 'ReconcileTotal' }),
    /** Every figure that both sides tell is the same. */
    agrees: z.boolean(),
    /** What cannot match, in sentences. */
    notes: z.array(z.string()),
  })
  .meta({ id: 'ReconcileAnswer' })
export type ReconcileAnswer = z.infer<typeof reconcileAnswerSchema>
