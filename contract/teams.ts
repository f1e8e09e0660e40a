// Teams and leases: people who work together, and provider keys that one of them shares with the others without showing
// them. A lease's borrower uses the key; its owner pays and keeps it.
import { z } from 'zod'
import { emailSchema } from './accounts.ts'
import { budgetSchema, limitAnswerFields, limitFields, momentSchema, timestampSchema } from './common.ts'
import { insteadSchema } from './impact.ts'

/** owner: everything, and the last one cannot leave · admin: people and leases · member: uses what is shared. */
export const TEAM_ROLES = ['owner', 'admin', 'member'] as const
export const teamRoleSchema = z.enum(TEAM_ROLES).meta({ id: 'TeamRole' })
export type TeamRole = z.infer<typeof teamRoleSchema>

/** What a role may or may not do; the server says which (`rights`). */
export const TEAM_ACTS = [
  'use',
  'share',
  'api_keys',
  'leave',
  'invite',
  'people',
  'unshare',
  'settings',
  'owners',
  'dissolve',
] as const
export type TeamAct = (typeof TEAM_ACTS)[number]
const teamRightSchema = z.object({ act: z.enum(TEAM_ACTS), roles: z.array(teamRoleSchema) }).meta({ id: 'TeamRight' })
export type TeamRight = z.infer<typeof teamRightSchema>

const teamNameSchema = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^\P{Cc}*$/u, 'Leave out control characters')

export const teamBodySchema = z.strictObject({ name: teamNameSchema }).meta({ id: 'TeamBody' })
/** Only the fields sent are changed. */
export const updateTeamBodySchema = z
  .strictObject({ name: teamNameSchema.optional(), ...limitFields })
  .meta({ id: 'UpdateTeamBody' })
export type UpdateTeamBody = z.infer<typeof updateTeamBodySchema>
export const teamParamsSchema = z.strictObject({ id: z.string().max(64) })
export const memberParamsSchema = z.strictObject({ id: z.string().max(64), user_id: z.string().max(64) })
export const memberBodySchema = z.strictObject({ role: teamRoleSchema }).meta({ id: 'TeamMemberBody' })

const personSchema = z.object({ id: z.string(), email: z.string(), name: z.string() }).meta({ id: 'Person' })
export type Person = z.infer<typeof personSchema>

export const teamSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    /** The caller's own. */
    role: teamRoleSchema,
    members: z.number(),
    leases: z.number(),
    /** Of all that is used for the team: with its API keys, and (the budget alone) under its leases. */
    ...limitAnswerFields,
    created_at: timestampSchema,
  })
  .meta({ id: 'Team' })
export type Team = z.infer<typeof teamSchema>
export const teamListSchema = z
  .object({
    teams: z.array(teamSchema),
    /** Which roles may do what, in every team. */
    rights: z.array(teamRightSchema),
  })
  .meta({ id: 'TeamList' })
export type TeamList = z.infer<typeof teamListSchema>

export const teamMemberSchema = z
  .object({ ...personSchema.shape, role: teamRoleSchema, joined_at: timestampSchema })
  .meta({ id: 'TeamMember' })
export const teamInviteSchema = z
  .object({
    id: z.string(),
    email: z.string().nullable(),
    role: teamRoleSchema,
    created_at: timestampSchema,
    expires_at: timestampSchema,
  })
  .meta({ id: 'TeamInvite' })
export const teamDetailsSchema = z
  .object({
    team: teamSchema,
    members: z.array(teamMemberSchema),
    /** Open ones; empty for members, who do not invite. */
    invites: z.array(teamInviteSchema),
    /** Which roles may do what. */
    rights: z.array(teamRightSchema),
  })
  .meta({ id: 'TeamDetails' })
export type TeamDetails = z.infer<typeof teamDetailsSchema>

export const createTeamInviteBodySchema = z
  .strictObject({
    /** When given, only the account with this address can use the invitation. */
    email: emailSchema.optional(),
    role: z.enum(['admin', 'member']).default('member'),
    expires_in_hours: z
      .number()
      .int()
      .min(1)
      .max(24 * 30)
      .default(72),
  })
  .meta({ id: 'CreateTeamInviteBody' })
export type CreateTeamInviteBody = z.infer<typeof createTeamInviteBodySchema>
export const newTeamInviteSchema = z
  .object({
    ...teamInviteSchema.shape,
    url: z.string(),
    code: z.string(),
    /** The link was also handed to the mail server, for the address. */
    mailed: z.boolean(),
  })
  .meta({ id: 'NewTeamInvite' })
export const inviteParamsSchema = z.strictObject({ id: z.string().max(64), invite_id: z.string().max(64) })
export const joinTeamBodySchema = z.strictObject({ code: z.string().min(1).max(200) }).meta({ id: 'JoinTeamBody' })

const allowedModelsSchema = z.array(z.string().trim().min(1).max(200)).min(1).max(500)
const termFields = {
  allowed_models: allowedModelsSchema.nullable().optional(),
  /** What all borrowers of this lease together may spend. */
  cap: budgetSchema.nullable().optional(),
  expires_at: momentSchema.nullable().optional(),
}
export const createLeaseBodySchema = z
  .strictObject({
    /** A provider key of one's own: `pk_…`, or a provider's name for the first one. */
    provider_key: z.string().min(1).max(64),
    team_id: z.string().max(64),
    /** One member; all members where absent. */
    user_id: z.string().max(64).nullable().optional(),
    ...termFields,
  })
  .meta({ id: 'CreateLeaseBody' })
export type CreateLeaseBody = z.infer<typeof createLeaseBodySchema>
/** Only the fields sent are changed. */
export const updateLeaseBodySchema = z
  .strictObject({ ...termFields, version: z.number().int().min(1).optional() })
  .meta({ id: 'UpdateLeaseBody' })
export type UpdateLeaseBody = z.infer<typeof updateLeaseBodySchema>

export const leaseSchema = z
  .object({
    id: z.string(),
    /** Its label is shown to its owner only; to nobody more than its last characters. */
    provider_key: z.object({ id: z.string(), provider: z.string(), label: z.string().nullable(), last4: z.string() }),
    owner: personSchema,
    team: z.object({ id: z.string(), name: z.string() }),
    borrower: personSchema.nullable(),
    allowed_models: z.array(z.string()).nullable(),
    cap: budgetSchema.nullable(),
    /** Within the period of the cap; of all time without one. */
    spent_usd_micros: z.number(),
    expires_at: timestampSchema.nullable(),
    version: z.number(),
    created_at: timestampSchema,
  })
  .meta({ id: 'Lease' })
export type LeaseAnswer = z.infer<typeof leaseSchema>
/** A key of somebody else that served one until lately, and why it no longer does. */
export const endedLeaseSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    last4: z.string(),
    owner: personSchema,
    team: z.object({ id: z.string(), name: z.string() }),
    /** unshared: its owner or an admin of the team ended it · owner_left: the owner is no longer in the team. */
    reason: z.enum(['unshared', 'owner_left']),
    ended_at: timestampSchema,
  })
  .meta({ id: 'EndedLease' })
export type EndedLeaseAnswer = z.infer<typeof endedLeaseSchema>
/** `lent`: of one's own keys · `borrowed`: one may use · `ended`: one could use until within the last seven days. */
export const leaseListSchema = z
  .object({ lent: z.array(leaseSchema), borrowed: z.array(leaseSchema), ended: z.array(endedLeaseSchema) })
  .meta({ id: 'LeaseList' })
/** What the end of a lease would change for those who used it in the last seven days. */
export const leaseImpactSchema = z
  .object({
    from: timestampSchema,
    to: timestampSchema,
    requests: z.number(),
    people: z.number(),
    instead: insteadSchema,
  })
  .meta({ id: 'LeaseImpact' })
export type LeaseImpact = z.infer<typeof leaseImpactSchema>
const departurePartSchema = z.object({
  /** That are shared now. */
  keys: z.number(),
  /** Of the last seven days. */
  requests: z.number(),
  people: z.number(),
  instead: insteadSchema,
})
/**
 * What it would change if a member left: `lent`: for the others, who use keys of theirs · `borrowed`: for themselves,
 * who use keys of others.
 */
export const departureImpactSchema = z
  .object({
    from: timestampSchema,
    to: timestampSchema,
    lent: departurePartSchema,
    borrowed: departurePartSchema,
    /** Of the team, that they made and that are revoked with it. */
    api_keys: z.number(),
  })
  .meta({ id: 'DepartureImpact' })
export type DepartureImpact = z.infer<typeof departureImpactSchema>
/**
 * What it would change if a team were dissolved: `lent`: for the others, who use what is shared in it · `borrowed`: for
 * oneself · `api_keys`: everybody's.
 */
export const dissolutionImpactSchema = departureImpactSchema.meta({ id: 'DissolutionImpact' })
export const leaseParamsSchema = z.strictObject({ id: z.string().max(64) })

/** Who used a lease: the owner and the team's admins see everybody, a borrower themselves. */
export const leaseUsageSchema = z
  .object({
    borrowers: z.array(
      z.object({
        /** null: the account is deleted. */
        user: personSchema.nullable(),
        requests: z.number(),
        input_tokens: z.number(),
        output_tokens: z.number(),
        cost_usd_micros: z.number(),
        unknown_cost_requests: z.number(),
        last_used_at: timestampSchema.nullable(),
      }),
    ),
  })
  .meta({ id: 'LeaseUsage' })
export type LeaseUsage = z.infer<typeof leaseUsageSchema>
