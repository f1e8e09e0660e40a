// What one sees first: the last days by payer, and the last requests whole. One call for the whole page.
import { z } from 'zod'
import { requestDetailSchema } from './requests.ts'
import { usageQuerySchema, usageRowSchema } from './usage.ts'

/** Days of the answer, today included. */
export const OVERVIEW_DAYS = 14
export const OVERVIEW_REQUESTS = 5

export const overviewQuerySchema = z.strictObject({ time_zone: usageQuerySchema.shape.time_zone })

export const overviewSchema = z
  .object({
    time_zone: z.string(),
    /** The first and the last day told; days without a request have no row. */
    from: z.iso.date(),
    to: z.iso.date(),
    /** One row a day. */
    days: z.array(usageRowSchema),
    /** One row a day and payer; `billed_to` is null where no key was used. */
    payers: z.array(usageRowSchema),
    /** The newest first. */
    recent: z.array(requestDetailSchema),
  })
  .meta({ id: 'Overview' })
export type Overview = z.infer<typeof overviewSchema>
