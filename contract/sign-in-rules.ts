// What administrators decide about signing in (`/admin/sign-in`).
import { z } from 'zod'

/** Of whom a second factor is demanded when they sign in with a password. */
export const SECOND_FACTOR_RULES = ['none', 'admins', 'everyone'] as const
export type SecondFactorRule = (typeof SECOND_FACTOR_RULES)[number]

export const signInRulesSchema = z
  .object({ require_second_factor: z.enum(SECOND_FACTOR_RULES) })
  .meta({ id: 'SignInRules' })
export type SignInRules = z.infer<typeof signInRulesSchema>

export const signInRulesBodySchema = z
  .strictObject({ require_second_factor: z.enum(SECOND_FACTOR_RULES) })
  .meta({ id: 'SignInRulesBody' })
