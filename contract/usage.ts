// What was used and what it cost: summaries for people (`/admin/usage`), the receipt of one request for programs
// (`/v1/generations/:request_id`).
import { z } from 'zod'
import { payerSchema, timestampSchema } from './common.ts'

export const USAGE_GROUPS = ['day', 'provider', 'model', 'provider_key', 'api_key', 'billed_to', 'fallback'] as const
/** Administrators may also ask by user. */
export const USAGE_GROUPS_OF_ALL = [...USAGE_GROUPS, 'user'] as const
export type UsageGroup = (typeof USAGE_GROUPS_OF_ALL)[number]

/** Longest range of one answer. */
export const USAGE_RANGE_DAYS = 400

const MOMENT = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/

/**
 * A day (in the time zone asked for; as `to` it is the last one included) or a moment (as `to` the first one left out).
 */
export const usageMomentSchema = z
  .string()
  .max(40)
  .refine(isMoment, 'Give a day like 2026-01-31, or a moment like 2026-01-31T12:00:00Z')

const timeZoneSchema = z.string().max(64).refine(isTimeZone, 'Give the name of a time zone, like Europe/Berlin or UTC')

function groupBySchema(groups: readonly string[]) {
  return z
    .string()
    .max(200)
    .refine((text) => isGroupList(text, groups), `Name some of these once each, with commas: ${groups.join(', ')}`)
}

const idSchema = z.string().min(1).max(64)

const rangeFields = {
  from: usageMomentSchema.optional(),
  to: usageMomentSchema.optional(),
  time_zone: timeZoneSchema.optional(),
  provider: z.string().min(1).max(64).optional(),
  model: z.string().min(1).max(512).optional(),
  /** `pk_…`; `none`: where no provider key of a user paid. */
  provider_key: idSchema.optional(),
  /** `ak_…`; `none`: from the playground. */
  api_key: idSchema.optional(),
  billed_to: payerSchema.optional(),
  /** totals: in `subtotals` and `total` only, and null in `groups`; quicker where there are many. */
  percentiles: z.enum(['all', 'totals']).optional(),
}
const ownFields = { ...rangeFields, group_by: groupBySchema(USAGE_GROUPS).optional() }
const fieldsOfAll = {
  ...rangeFields,
  group_by: groupBySchema(USAGE_GROUPS_OF_ALL).optional(),
  user: idSchema.optional(),
}

export const usageQuerySchema = z.strictObject(ownFields).meta({ id: 'UsageQuery' })
export const usageOfAllQuerySchema = z.strictObject(fieldsOfAll).meta({ id: 'UsageOfAllQuery' })
export type UsageQuery = z.infer<typeof usageQuerySchema>
export type UsageOfAllQuery = z.infer<typeof usageOfAllQuerySchema>

/** As a file: a line per group, with the day and the time zone it is meant in. */
const formatSchema = z.enum(['csv', 'json']).default('csv')
export const usageExportQuerySchema = z
  .strictObject({ ...ownFields, format: formatSchema })
  .meta({ id: 'UsageExportQuery' })
export const usageExportOfAllQuerySchema = z
  .strictObject({ ...fieldsOfAll, format: formatSchema })
  .meta({ id: 'UsageExportOfAllQuery' })
export type UsageExportQuery = z.infer<typeof usageExportOfAllQuerySchema>

const figures = {
  /**
   * Where they ended: by the model, key and payer tried last. What UniRoute answers itself (model lists, receipts) is
   * not counted.
   */
  requests: z.int(),
  /** Answered with a status of 400 or more, or broken off. */
  errors: z.int(),
  /** The same, by what went wrong; together they are `errors`. */
  errors_by_class: z.object({
    /** The client left. */
    cancelled: z.int(),
    /** 429 */
    rate_limited: z.int(),
    /** Every other 4xx. */
    client_errors: z.int(),
    /** 5xx */
    server_errors: z.int(),
    /** Began well and ended in the middle. */
    broken_off: z.int(),
  }),
  /** Tokens and cost stand with the key and payer of each call, failed ones that may have run included. */
  input_tokens: z.int(),
  output_tokens: z.int(),
  cache_read_tokens: z.int(),
  cache_write_tokens: z.int(),
  reasoning_tokens: z.int(),
  /** Of the calls whose cost is known. Rounded after summing, so groups may differ from the total by their rounding. */
  cost_usd_micros: z.int(),
  /** The same, exact. */
  cost_usd_nanos: z.int(),
  /** Of it, what was worked out from tokens and price; the rest is what providers said. */
  computed_usd_nanos: z.int(),
  /**
   * Of it, what was estimated: an answer broke off, or it searched, at the fee that Google publishes or, where nobody
   * knows one, without any.
   */
  estimated_usd_nanos: z.int(),
  /** Requests that reached a provider at a cost nobody knows. */
  unknown_cost_requests: z.int(),
  /** The duration that half of the requests (95 of 100) did not exceed: always one that occurred. */
  p50_ms: z.int().nullable(),
  p95_ms: z.int().nullable(),
  p99_ms: z.int().nullable(),
  /** The same of the time to the first byte, of streamed answers. */
  first_byte_p50_ms: z.int().nullable(),
  first_byte_p95_ms: z.int().nullable(),
}

export const usageTotalSchema = z.object(figures).meta({ id: 'UsageTotal' })
export type UsageTotal = z.infer<typeof usageTotalSchema>

/** Has exactly the keys of `group_by`; null where a request had none, for example no provider. */
export const usageRowSchema = z
  .object({
    day: z.iso.date().optional(),
    provider: z.string().nullable().optional(),
    model: z.string().nullable().optional(),
    provider_key: z.string().nullable().optional(),
    api_key: z.string().nullable().optional(),
    billed_to: payerSchema.nullable().optional(),
    /** Why another's key served: the reason, or `none` for one's own. */
    fallback: z.string().nullable().optional(),
    user: z.string().optional(),
    ...figures,
  })
  .meta({ id: 'UsageRow' })
export type UsageRow = z.infer<typeof usageRowSchema>

export const usageAnswerSchema = z
  .object({
    from: timestampSchema,
    to: timestampSchema,
    time_zone: z.string(),
    groups: z.array(usageRowSchema),
    /** Grouped by several: the same by each alone, for example `{ day: […], model: […] }`. */
    subtotals: z.record(z.string(), z.array(usageRowSchema)).optional(),
    total: usageTotalSchema,
  })
  .meta({ id: 'UsageAnswer' })
export type UsageAnswer = z.infer<typeof usageAnswerSchema>

export const receiptAttemptSchema = z.object({
  provider: z.string(),
  model: z.string().nullable(),
  provider_key_id: z.string().nullable(),
  billed_to: payerSchema,
  status: z.int().nullable(),
  outcome: z.string(),
  reason: z.string().nullable(),
  first_byte_ms: z.int().nullable(),
  duration_ms: z.int(),
})

/** null: nobody said. Input includes cached tokens, output includes reasoning. */
export const tokensSchema = z.object({
  input_tokens: z.int().nullable(),
  cache_read_tokens: z.int().nullable(),
  cache_write_tokens: z.int().nullable(),
  cache_write_1h_tokens: z.int().nullable(),
  output_tokens: z.int().nullable(),
  reasoning_tokens: z.int().nullable(),
  /** Searches of the web that the provider ran and counts apart. */
  searches: z.int().nullable(),
})

export const costSchema = z.object({
  usd_micros: z.int().nullable(),
  source: z.enum(['provider', 'computed', 'estimated', 'unknown']),
  price_version: z.string().nullable(),
})

export const receiptSchema = z
  .object({
    id: z.string(),
    created_at: timestampSchema,
    api_key_id: z.string().nullable(),
    requested_model: z.string().nullable(),
    model: z.string().nullable(),
    provider: z.string().nullable(),
    dialects: z.object({ client: z.string(), upstream: z.string().nullable() }),
    status: z.int(),
    streamed: z.boolean(),
    billed_to: payerSchema.nullable(),
    provider_key_id: z.string().nullable(),
    fallback: z.string().nullable(),
    warnings: z.array(z.unknown()),
    attempts: z.array(
      receiptAttemptSchema.extend({
        /** The provider's own usage object, as it wrote it; null: it gave none, or one of over 4096 bytes. */
        raw_usage: z.record(z.string(), z.unknown()).nullable(),
      }),
    ),
    /** Of all attempts together, as the cost is. */
    usage: tokensSchema,
    cost: costSchema,
  })
  .meta({ id: 'Receipt' })
export type Receipt = z.infer<typeof receiptSchema>

function isMoment(text: string): boolean {
  if (!MOMENT.test(text) || text < '1970-01-02') return false
  const day = text.slice(0, 10)
  const midnight = Date.parse(`${day}T00:00:00Z`)
  // The parser takes 31 February for a day in March.
  return !Number.isNaN(Date.parse(text)) && new Date(midnight).toISOString().startsWith(day)
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

function isGroupList(text: string, groups: readonly string[]): boolean {
  const names = text.split(',')
  return new Set(names).size === names.length && names.every((name) => groups.includes(name))
}
