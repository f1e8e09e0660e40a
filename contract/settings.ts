// What this installation was started with: `/admin/settings`, for administrators. Settings are changed where they come
// from and take effect at the next start; the dashboard shows them and their origin.
import { z } from 'zod'

/**
 * environment: a variable of the process · .env: the file of the working directory · file: a `_FILE` or the service
 * manager's credentials.
 */
export const SETTING_ORIGINS = ['environment', '.env', 'file', 'default'] as const

export const effectiveSettingSchema = z
  .object({
    name: z.string(),
    group: z.string(),
    origin: z.enum(SETTING_ORIGINS),
    /**
     * As it would be written in the environment. null: nothing is set and there is no default; always null for secrets.
     */
    value: z.string().nullable(),
    /** Its value is never told, only whether there is one. */
    secret: z.boolean(),
    is_set: z.boolean(),
    default: z.string().nullable(),
    /** What holds where nothing is set and there is no default. */
    absent: z.string().nullable(),
    meaning: z.string(),
    /** It does nothing in this release. */
    planned: z.boolean(),
  })
  .meta({ id: 'EffectiveSetting' })
export type EffectiveSetting = z.infer<typeof effectiveSettingSchema>

export const settingListSchema = z.object({ settings: z.array(effectiveSettingSchema) }).meta({ id: 'SettingList' })
