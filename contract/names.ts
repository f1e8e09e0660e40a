// What people call the things that lists name by id (`/admin/names`): their keys, and for administrators the people.
// One call for a whole page, and nothing that it does not need.
import { z } from 'zod'
import { timestampSchema } from './common.ts'

/** Of people, the most that are named. */
export const NAMED_PEOPLE = 500

export const namesQuerySchema = z.strictObject({
  /** Administrators: `true` for the people as well. */
  people: z.enum(['true', 'false']).default('false'),
})

export const namesSchema = z
  .object({
    provider_keys: z.array(z.object({ id: z.string(), provider: z.string(), label: z.string() })),
    /** The revoked ones too, the newest first. */
    api_keys: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        last4: z.string(),
        is_active: z.boolean(),
        expires_at: timestampSchema.nullable(),
      }),
    ),
    /** Empty for whoever is no administrator. */
    people: z.array(z.object({ id: z.string(), name: z.string(), email: z.string() })),
  })
  .meta({ id: 'Names' })
export type Names = z.infer<typeof namesSchema>
