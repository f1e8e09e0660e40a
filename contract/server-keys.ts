// The operator's own keys (`/admin/server-keys`): masked, from the environment, testable, not editable.
import { z } from 'zod'

export const serverKeySchema = z
  .object({
    provider: z.string(),
    name: z.string(),
    /** Where it is set; null: the provider needs none, or none was named for it. */
    variable: z.string().nullable(),
    is_set: z.boolean(),
    /** The server may serve with it: there is a key, or none is needed. */
    serves: z.boolean(),
    /** The vendor's public beginning, or empty. */
    prefix: z.string(),
    /** Empty for keys under 16 characters. */
    last4: z.string(),
  })
  .meta({ id: 'ServerKey' })
export type ServerKey = z.infer<typeof serverKeySchema>
export const serverKeyListSchema = z.object({ keys: z.array(serverKeySchema) }).meta({ id: 'ServerKeyList' })
export const serverKeyParamsSchema = z.strictObject({ provider: z.string().max(64) })
