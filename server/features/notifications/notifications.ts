// What an account is told without asking, each occasion once: in the account, and by mail where the operator set SMTP.
// Invariants: a notification names labels, last characters and models, never a secret; telling fails in the log, never
// in what it tells of.
import {
  notificationListSchema,
  notificationQuerySchema,
  readNotificationsBodySchema,
  type NotificationAnswer,
  type NotificationKind,
} from '../../../contract/notifications.ts'
import { messageAnswerSchema } from '../../../contract/accounts.ts'
import type { Database } from '../../database/database.ts'
import type { NotificationTable } from '../../database/schema.ts'
import { CONTROL_BODY_CAP, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createUlid, parsePublicId, toPublicId } from '../../kernel/ids.ts'
import type { Log } from '../../kernel/log.ts'
import type { Mail } from '../../upstream/mail.ts'
import { createNotificationStore } from './store.ts'

export interface Notice {
  readonly userId: string
  readonly kind: NotificationKind
  /** Bare id of the provider key. */
  readonly keyId: string
  /** One sentence: what happened, and what to do. */
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
  /** Told once per user, kind and occasion. */
  readonly occasion: string
}

export interface Notifications {
  readonly routes: readonly ControlRoute[]
  /** Never rejects. */
  notify(notice: Notice): Promise<void>
}

const SIGNED_IN = { credential: 'session', role: 'user', bodyCap: CONTROL_BODY_CAP, rateClass: 'control' } as const

export function createNotifications(options: {
  database: Database
  clock: Clock
  log: Log
  /** Absent where the operator set no mail server. */
  mail?: Pick<Mail, 'send'> | undefined
  publicUrl: () => string
  /** Told what was stored. */
  onNotified?: (userId: string, notification: NotificationAnswer) => void
}): Notifications {
  const { database, clock, log, mail, publicUrl, onNotified } = options
  const store = createNotificationStore(database)

  /** Not waited for: a mail server takes its time, and what is told of must go on. */
  async function sendByMail(row: NotificationTable, message: string): Promise<void> {
    try {
      const to = await store.emailOf(row.user_id)
      if (!mail || to === undefined) return
      const text = `${message}\n\n${publicUrl()}\n`
      if (await mail.send({ to, subject: 'UniRoute: about one of your provider keys', text })) {
        await store.markMailed(row.id, clock.now())
      }
    } catch (error) {
      log.warn({ err: error, kind: row.kind }, 'a notification could not be mailed')
    }
  }

  return {
    async notify({ userId, kind, keyId, message, details = {}, occasion }) {
      const now = clock.now()
      const row: NotificationTable = {
        id: createUlid(now),
        user_id: userId,
        kind,
        subject_id: keyId,
        occasion,
        details: JSON.stringify({ message, ...details }),
        created_at: now,
        read_at: null,
        mailed_at: null,
      }
      try {
        if (!(await store.insert(row))) return
        onNotified?.(row.user_id, describe(row))
        void sendByMail(row, message)
      } catch (error) {
        log.warn({ err: error, kind }, 'a notification could not be stored')
      }
    },
    routes: [
      defineControlRoute({
        ...SIGNED_IN,
        method: 'GET',
        path: '/admin/notifications',
        summary: 'What your account was told, the newest first',
        query: notificationQuerySchema,
        answers: { 200: { description: 'Notifications', schema: notificationListSchema } },
        async handle({ principal: { userId }, query }) {
          const before = query.before === undefined ? undefined : parsePublicId('note', query.before)
          const rows = await store.list(userId, { unread: query.unread === 'true', limit: query.limit + 1, before })
          const shown = rows.slice(0, query.limit)
          const next = rows.length > query.limit ? toPublicId('note', shown.at(-1)!.id) : null
          const unread = await store.countUnread(userId)
          return { status: 200, body: { notifications: shown.map(describe), unread, next } }
        },
      }),
      defineControlRoute({
        ...SIGNED_IN,
        method: 'POST',
        path: '/admin/notifications/read',
        summary: 'Mark notifications as read',
        body: readNotificationsBodySchema,
        answers: { 200: { description: 'Marked', schema: messageAnswerSchema } },
        async handle({ principal: { userId }, body }) {
          const ids = body.ids?.flatMap((id) => parsePublicId('note', id) ?? [])
          await store.markRead(userId, ids, clock.now())
          return { status: 200, body: { message: 'Marked as read.' } }
        },
      }),
    ],
  }
}

function describe(row: NotificationTable): NotificationAnswer {
  const { message, ...details } = JSON.parse(row.details) as { message: string } & Record<string, unknown>
  return {
    id: toPublicId('note', row.id),
    kind: row.kind as NotificationKind,
    subject_id: row.subject_id === null ? null : toPublicId('pk', row.subject_id),
    message,
    details,
    created_at: new Date(row.created_at).toISOString(),
    read_at: row.read_at === null ? null : new Date(row.read_at).toISOString(),
  }
}
