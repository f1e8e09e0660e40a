// A second proof at sign-in: a code of an authenticator app, or a recovery code (`/auth/second-factor`).
import { z } from 'zod'
import { timestampSchema } from './common.ts'

/** Six digits of the app, or a recovery code. */
export const factorCodeSchema = z.string().trim().min(6).max(40)

export const provePasswordBodySchema = z
  .strictObject({ password: z.string().min(1).max(256) })
  .meta({ id: 'ProvePasswordBody' })
export const confirmFactorBodySchema = z.strictObject({ code: factorCodeSchema }).meta({ id: 'ConfirmFactorBody' })

export const secondFactorSchema = z
  .object({
    /** Since when it is asked for; null: it is not. */
    confirmed_at: timestampSchema.nullable(),
    recovery_codes_left: z.int(),
  })
  .meta({ id: 'SecondFactor' })
export type SecondFactorAnswer = z.infer<typeof secondFactorSchema>

export const begunFactorSchema = z
  .object({
    /** In base 32, to be typed. */
    secret: z.string(),
    /** `otpauth://…`, to be read from a picture or opened on the phone. */
    uri: z.string(),
  })
  .meta({ id: 'BegunFactor' })
export type BegunFactor = z.infer<typeof begunFactorSchema>

export const recoveryCodesSchema = z.object({ recovery_codes: z.array(z.string()) }).meta({ id: 'RecoveryCodes' })
