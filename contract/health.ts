// How this server is doing, for administrators: `/admin/health`. What several instances do not share is of the one that
// answers. Parts that need the database are null while it does not answer.
import { z } from 'zod'
import { timestampSchema } from './common.ts'

export const healthSchema = z
  .object({
    version: z.string(),
    node: z.string(),
    started_at: timestampSchema,
    uptime_s: z.int(),
    /** Requests in progress, of both planes; calls to providers; listeners to events. */
    in_progress: z.object({ requests: z.int(), upstream_calls: z.int(), event_streams: z.int() }),
    database: z.object({
      kind: z.enum(['sqlite', 'postgres']),
      /** How long it took to answer; null: it does not. */
      latency_ms: z.number().nullable(),
      /** The last migration. */
      schema_version: z.string().nullable(),
    }),
    /** Usage on its way into the database. */
    journal: z.object({
      segments: z.int(),
      bytes: z.int(),
      /** Finished requests that wait in memory, and segments whose requests have to be read again. */
      waiting: z.int(),
      spilled_segments: z.int(),
      /** For how long the oldest of them waits; 0: none does. */
      lag_ms: z.int(),
      /** Rounds in a row that the database refused. */
      failures: z.int(),
    }),
    /** Providers that are not called for a while; `one_owner`: for one user’s keys only. */
    breakers: z.array(
      z.object({
        provider: z.string(),
        model: z.string(),
        side: z.enum(['user', 'server']),
        one_owner: z.boolean(),
        /** 0: the next request probes. */
        opens_in_ms: z.int(),
      }),
    ),
    /** Where it is counted what callers may use: by each instance for itself (memory), or together. */
    limits: z.object({ rates: z.enum(['memory', 'redis']), budgets: z.enum(['memory', 'database']) }),
    /** Of the file system that holds DATA_DIR; null where it cannot be asked. */
    disk: z.object({ free_bytes: z.int(), total_bytes: z.int() }).nullable(),
    /** Those seen within 30 s. */
    instances: z.array(z.object({ id: z.string(), is_this: z.boolean(), seen_at: timestampSchema })).nullable(),
  })
  .meta({ id: 'AdminHealth' })
export type AdminHealth = z.infer<typeof healthSchema>
