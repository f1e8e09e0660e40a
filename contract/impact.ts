// What requests would use without something they use now: a provider key, or a lease of one.
import { z } from 'zod'
import { payerSchema } from './common.ts'

/** What requests would use instead, each way once. */
export const insteadSchema = z
  .array(
    z.object({
      decision: z.enum(['serve', 'refuse']),
      billed_to: payerSchema.nullable(),
      /** Of the viewer's own keys only. */
      provider_key_id: z.string().nullable(),
      code: z.string().nullable(),
      /** Where another model of those the name stands for would serve. */
      provider: z.string().optional(),
      model: z.string().optional(),
      requests: z.number(),
    }),
  )
  .meta({ id: 'Instead' })
export type Instead = z.infer<typeof insteadSchema>
