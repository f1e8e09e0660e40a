// What administrators do with accounts: `/admin/users` and `/admin/invites`.
import { z } from 'zod'
import { emailSchema, newPasswordSchema, personNameSchema, roleSchema, userSchema } from './accounts.ts'
import { limitFields, timestampSchema } from './common.ts'

export const userListQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  /** The `next` of the page before. */
  after: emailSchema.optional(),
})
export type UserListQuery = z.infer<typeof userListQuerySchema>
export const userListSchema = z
  .object({ users: z.array(userSchema), next: z.string().nullable() })
  .meta({ id: 'UserList' })

/** Without a password the answer carries a link with which the person chooses one. */
export const createUserBodySchema = z
  .strictObject({
    email: emailSchema,
    name: personNameSchema.optional(),
    role: roleSchema.default('user'),
    password: newPasswordSchema.optional(),
  })
  .meta({ id: 'CreateUserBody' })
export type CreateUserBody = z.infer<typeof createUserBodySchema>

export const resetLinkSchema = z.object({ url: z.string(), expires_at: timestampSchema }).meta({ id: 'ResetLink' })
export const createUserAnswerSchema = z
  .object({
    user: userSchema,
    reset_link: resetLinkSchema.nullable(),
    /** The link was also handed to the mail server, for the user. */
    mailed: z.boolean(),
  })
  .meta({ id: 'CreateUserAnswer' })

export const updateUserBodySchema = z
  .strictObject({
    role: roleSchema.optional(),
    is_active: z.boolean().optional(),
    name: personNameSchema.optional(),
    ...limitFields,
  })
  .meta({ id: 'UpdateUserBody' })
export type UpdateUserBody = z.infer<typeof updateUserBodySchema>

export const userParamsSchema = z.strictObject({ id: z.string().max(64) })
export const userSessionParamsSchema = z.strictObject({ id: z.string().max(64), session_id: z.string().max(64) })

export const createInviteBodySchema = z
  .strictObject({
    /** When given, only this address can use the invitation. */
    email: emailSchema.optional(),
    expires_in_hours: z
      .number()
      .int()
      .min(1)
      .max(24 * 30)
      .default(72),
  })
  .meta({ id: 'CreateInviteBody' })
export type CreateInviteBody = z.infer<typeof createInviteBodySchema>
export const inviteSchema = z
  .object({
    id: z.string(),
    email: z.string().nullable(),
    url: z.string(),
    code: z.string(),
    /** The link was also handed to the mail server, for the address. */
    mailed: z.boolean(),
    expires_at: timestampSchema,
  })
  .meta({ id: 'Invite' })
