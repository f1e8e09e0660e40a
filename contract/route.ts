// What would happen to a request, without sending it: the chain of keys, and the outcome under simulated failures.
import { z } from 'zod'
import { FALLBACK_REASONS, payerSchema } from './common.ts'

/**
 * What a key, the server's keys or the provider are supposed to answer: `403` refuses the model to this account, `529`
 * is overload, and `5xx` stands for a connection that fails as well.
 */
export const SIMULATED = ['401', '403', '429', '5xx', '529', 'timeout', 'quota'] as const
export type Simulated = (typeof SIMULATED)[number]

/** By id of a provider key (`pk_…`), `server` for the server's key, `provider` for whichever key is asked. */
export const simulateSchema = z
  .record(
    z.string().regex(/^(pk_[0-9A-HJKMNP-TV-Z]{26}|server|provider)$/, {
      error: 'Name a provider key (pk_…), "server" or "provider"',
    }),
    z.enum(SIMULATED, { error: `Simulate one of ${SIMULATED.join(', ')}` }),
  )
  .refine((record) => Object.keys(record).length <= 100, 'Simulate at most 100 answers')
  .meta({ id: 'Simulate' })
export type Simulate = z.infer<typeof simulateSchema>

export const explanationSchema = z
  .object({
    /** The first that comes into question, as the provider knows it. */
    model: z.string(),
    /** Model by model in the order in which they are tried, each with its keys. */
    chain: z.array(
      z.object({
        provider: z.string(),
        model: z.string(),
        /** null for the server's key. */
        provider_key_id: z.string().nullable(),
        billed_to: payerSchema,
        decision: z.enum(['try', 'skip']),
        /**
         * `own_key`, or for the server's key the fallback reasons under which it serves, or `last_resort`: asked though
         * its provider is left alone, since nobody else is; of a key that is skipped, why: `too_many_calls` where six
         * calls are made before its turn; of all keys of a model that is passed over, `model_not_allowed`,
         * `model_switched_off`, `no_image_input` or `names_stored_things`; `budget_exceeded` and `rate_limit_exceeded`
         * where a limit of the caller has no room.
         */
        reason: z.string(),
      }),
    ),
    /** Under `simulate` only; a key that nothing is simulated for is supposed to serve. */
    result: z
      .object({
        decision: z.enum(['serve', 'refuse']),
        /** Of what serves, or whose refusal is told; where several models come into question. */
        provider: z.string().optional(),
        model: z.string().optional(),
        billed_to: payerSchema.nullable(),
        provider_key_id: z.string().nullable(),
        fallback: z.enum(['none', ...FALLBACK_REASONS]).nullable(),
        status: z.number(),
        /** Of a refusal. */
        code: z.string().nullable(),
      })
      .optional(),
  })
  .meta({ id: 'RouteExplanation' })
export type RouteExplanation = z.infer<typeof explanationSchema>
