// What the server's keys may still pay for the caller today.
import { z } from 'zod'
import { timestampSchema } from './common.ts'

export const allowanceSchema = z
  .object({
    /** null where the operator set none: then the server's keys are not bounded by it. */
    allowance: z
      .object({
        usd: z.number(),
        period: z.literal('day'),
        spent_usd_micros: z.int(),
        /** Without what calls under way hold. */
        left_usd_micros: z.int(),
        resets_at: timestampSchema,
      })
      .nullable(),
  })
  .meta({ id: 'Allowance' })
export type Allowance = z.infer<typeof allowanceSchema>
