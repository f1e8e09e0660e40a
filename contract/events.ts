// What happens, as it happens: `/admin/events`, one stream of server-sent events per tab, read with fetch because
// EventSource sends no Authorization. What was missed is read from the lists: nothing is kept for later.
import { z } from 'zod'
import { notificationSchema } from './notifications.ts'
import { listedRequestSchema } from './requests.ts'

export const eventsQuerySchema = z
  .strictObject({
    /** Administrators: `true` for everybody's requests; keys and notifications stay one's own. */
    all: z.enum(['true', 'false']).default('false'),
  })
  .meta({ id: 'EventsQuery' })

/** The data of each event, by the name behind `event:`. */
export const liveEventSchemas = {
  /** The stream stands; read the lists now, so that nothing falls between. */
  ready: z.object({}),
  /** A request that is over. */
  request: listedRequestSchema,
  /** One of one's provider keys changed, or (with null) any of them: read them again. */
  key: z.object({ id: z.string().nullable(), status: z.string().nullable() }),
  notification: notificationSchema,
  /**
   * The last one. slow: more happened than was read · session: the session is over · stopping: the server stops, come
   * back · role: no longer an administrator.
   */
  end: z.object({ reason: z.enum(['slow', 'session', 'stopping', 'role']) }),
} as const
export type LiveEventName = keyof typeof liveEventSchemas
export type LiveEvent<Name extends LiveEventName> = z.infer<(typeof liveEventSchemas)[Name]>
