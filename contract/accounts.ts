// Signing in: set-up, registration, sessions, profile and password reset, as `/auth/*` takes and answers them.
import { z } from 'zod'
import { fallbackSchema, limitAnswerFields, timestampSchema } from './common.ts'
import { factorCodeSchema } from './second-factor.ts'

/** Lower case, so that one mailbox is one account however it is typed. */
export const emailSchema = z
  .string()
  .trim()
  .toLowerCase()
  .max(254)
  .pipe(z.email('Give an e-mail address like name@example.com'))

// Only the outer bounds stand here; the least length is the operator's (PASSWORD_MIN_LENGTH) and checked by the
// service.
export const newPasswordSchema = z.string().min(1).max(256, 'A password has at most 256 characters')
const presentedPasswordSchema = z.string().min(1).max(256)
export const personNameSchema = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^\P{Cc}*$/u, 'Leave out control characters')
const codeSchema = z.string().trim().min(1).max(200)

export const roleSchema = z.enum(['admin', 'user']).meta({ id: 'Role' })

export const userSchema = z
  .object({
    id: z.uuid(),
    email: z.string(),
    name: z.string(),
    role: roleSchema,
    is_active: z.boolean(),
    /** false: they sign in with the provider only, or have not chosen one yet. */
    has_password: z.boolean(),
    fallback: fallbackSchema,
    /** Set by administrators; they hold for everything the user causes, whoever pays. */
    ...limitAnswerFields,
    last_login_at: timestampSchema.nullable(),
    created_at: timestampSchema,
    updated_at: timestampSchema,
  })
  .meta({ id: 'User' })
export type User = z.infer<typeof userSchema>
export const userAnswerSchema = z.object({ user: userSchema }).meta({ id: 'UserAnswer' })

export const messageAnswerSchema = z.object({ message: z.string() }).meta({ id: 'MessageAnswer' })

export const setupStatusSchema = z.object({ needed: z.boolean() }).meta({ id: 'SetupStatus' })
export const setupBodySchema = z
  .strictObject({
    code: codeSchema,
    email: emailSchema,
    password: newPasswordSchema,
    name: personNameSchema.optional(),
  })
  .meta({ id: 'SetupBody' })
export type SetupBody = z.infer<typeof setupBodySchema>

export const registerBodySchema = z
  .strictObject({
    email: emailSchema,
    /** May be left out where the answer is 202: it is chosen with the link in the mail. */
    password: newPasswordSchema.optional(),
    name: personNameSchema.optional(),
    /** From an invitation, or from the mail that confirms the address. */
    invite: codeSchema.optional(),
  })
  .meta({ id: 'RegisterBody' })
export type RegisterBody = z.infer<typeof registerBodySchema>

export const loginBodySchema = z
  .strictObject({
    email: emailSchema,
    password: presentedPasswordSchema,
    /** Where the answer was 401 `second_factor_required`: of the authenticator app, or a recovery code. */
    code: factorCodeSchema.optional(),
  })
  .meta({ id: 'LoginBody' })
export type LoginBody = z.infer<typeof loginBodySchema>

/** The access token; the refresh token travels in an HttpOnly cookie only. */
export const sessionAnswerSchema = z
  .object({
    token: z.string(),
    expires_at: timestampSchema,
    user: userSchema,
    /**
     * There where this server demands a second factor that the account lacks: until it is added, nothing else is open.
     */
    must_add_second_factor: z.literal(true).optional(),
  })
  .meta({ id: 'SessionAnswer' })
export type SessionAnswer = z.infer<typeof sessionAnswerSchema>

export const profileBodySchema = z
  .strictObject({ name: personNameSchema.optional(), fallback: fallbackSchema.optional() })
  .meta({ id: 'ProfileBody' })
export type ProfileBody = z.infer<typeof profileBodySchema>

export const passwordBodySchema = z
  .strictObject({ current_password: presentedPasswordSchema, new_password: newPasswordSchema })
  .meta({ id: 'PasswordBody' })
export type PasswordBody = z.infer<typeof passwordBodySchema>

export const deleteAccountBodySchema = z
  .strictObject({
    /** Left out by who has none: then the sign-in has to be recent. */
    password: presentedPasswordSchema.optional(),
  })
  .meta({ id: 'DeleteAccountBody' })

/** What goes with an account that its owner deletes. */
export const accountDeletionSchema = z
  .object({
    /** Why it cannot be deleted yet; null: it can. */
    obstacle: z.enum(['last_admin', 'team_owner']).nullable(),
    provider_keys: z.number(),
    /** Who loses a shared key: names of teams and people. */
    shared_with: z.array(z.string()),
    /** Those that work. */
    api_keys: z.number(),
    teams: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        members: z.number(),
        /**
         * `dissolved`: nobody else is in it · `needs_owner`: in the way, since others would be left without an owner.
         */
        outcome: z.enum(['left', 'dissolved', 'needs_owner']),
      }),
    ),
  })
  .meta({ id: 'AccountDeletion' })
export type AccountDeletion = z.infer<typeof accountDeletionSchema>

export const resetRequestBodySchema = z.strictObject({ email: emailSchema }).meta({ id: 'ResetRequestBody' })
export const resetBodySchema = z
  .strictObject({ code: codeSchema, password: newPasswordSchema })
  .meta({ id: 'ResetBody' })
export type ResetBody = z.infer<typeof resetBodySchema>

export const sessionSchema = z
  .object({
    id: z.string(),
    current: z.boolean(),
    user_agent: z.string(),
    ip: z.string(),
    created_at: timestampSchema,
    last_used_at: timestampSchema,
    expires_at: timestampSchema,
  })
  .meta({ id: 'Session' })
export const sessionListSchema = z.object({ sessions: z.array(sessionSchema) }).meta({ id: 'SessionList' })
export type SessionList = z.infer<typeof sessionListSchema>
export const sessionParamsSchema = z.strictObject({ id: z.string().max(64) })
