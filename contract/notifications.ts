// What an account is told without asking: keys that stopped working, lost models, or soon expire.
import { z } from 'zod'
import { timestampSchema } from './common.ts'

export const NOTIFICATION_KINDS = [
  /** A provider rejected the key. */
  'key_rejected',
  /** It works again. */
  'key_recovered',
  /** The account behind it has no credit or quota left. */
  'key_exhausted',
  /** UniRoute cannot open it. */
  'key_unreadable',
  /** Models it could reach before are no longer in its list. */
  'key_lost_models',
  /** Within 14 days, and again within 3. */
  'key_expiring',
  'key_expired',
] as const
export type NotificationKind = (typeof NOTIFICATION_KINDS)[number]

export const notificationSchema = z
  .object({
    id: z.string(),
    kind: z.enum(NOTIFICATION_KINDS),
    /** The provider key it is about. */
    subject_id: z.string().nullable(),
    /** One sentence: what happened, and what to do. */
    message: z.string(),
    details: z.record(z.string(), z.unknown()),
    created_at: timestampSchema,
    read_at: timestampSchema.nullable(),
  })
  .meta({ id: 'Notification' })
export type NotificationAnswer = z.infer<typeof notificationSchema>

export const notificationQuerySchema = z.strictObject({
  /** `true` leaves out those read. */
  unread: z.enum(['true', 'false']).default('false'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** The `next` of the page before. */
  before: z.string().max(64).optional(),
})
export type NotificationQuery = z.infer<typeof notificationQuerySchema>
export const notificationListSchema = z
  .object({ notifications: z.array(notificationSchema), unread: z.number(), next: z.string().nullable() })
  .meta({ id: 'NotificationList' })
/** Those ids; all where absent. */
export const readNotificationsBodySchema = z
  .strictObject({ ids: z.array(z.string().max(64)).max(200).optional() })
  .meta({ id: 'ReadNotificationsBody' })
