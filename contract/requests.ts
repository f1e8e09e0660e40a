// The log of requests: `/admin/requests` (one's own) and `/admin/requests/all` (administrators), newest first, and one
// request whole. Metadata only: no body is in it. What UniRoute answered itself (model lists, receipts) is no use of a
// model and is left out of the lists.
import { z } from 'zod'
import { payerSchema, timestampSchema } from './common.ts'
import { costSchema, receiptAttemptSchema, receiptSchema, tokensSchema, usageMomentSchema } from './usage.ts'

export const REQUEST_STATUSES = ['ok', 'error', '4xx', '5xx'] as const

const idSchema = z.string().min(1).max(64)

const queryFields = {
  /** error: a status of 400 or more, or broken off; ok: none of that. */
  status: z.enum(REQUEST_STATUSES).optional(),
  /** `pk_…`: the key that was used last. */
  provider_key: idSchema.optional(),
  /** `ak_…`; `none`: requests from the playground. */
  api_key: idSchema.optional(),
  billed_to: payerSchema.optional(),
  provider: z.string().min(1).max(64).optional(),
  /** The real model. */
  model: z.string().min(1).max(512).optional(),
  /** One request: `req_…`. */
  id: idSchema.optional(),
  /** Only those whose payer moved away from the user's own keys. */
  fell_back: z.literal('true').optional(),
  /** A day (UTC; as `to` the last one included) or a moment (as `to` the first one left out). */
  from: usageMomentSchema.optional(),
  to: usageMomentSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** The `next` of the page before. */
  cursor: z
    .string()
    .regex(/^\d{1,15}\.[0-9A-Z]{26}$/, 'Send the `next` of the page before')
    .optional(),
}

export const requestsQuerySchema = z.strictObject(queryFields).meta({ id: 'RequestsQuery' })
export type RequestsQuery = z.infer<typeof requestsQuerySchema>
export const requestsOfAllQuerySchema = z
  .strictObject({ ...queryFields, user: idSchema.optional() })
  .meta({ id: 'RequestsOfAllQuery' })
export type RequestsOfAllQuery = z.infer<typeof requestsOfAllQuerySchema>

/** One line of the table, and of the live tail. */
export const listedRequestSchema = z
  .object({
    id: z.string(),
    created_at: timestampSchema,
    user_id: z.string(),
    /** null: from the playground. */
    api_key_id: z.string().nullable(),
    operation: z.string(),
    requested_model: z.string().nullable(),
    model: z.string().nullable(),
    provider: z.string().nullable(),
    /** Of the call that was made last; null where none was. */
    billed_to: payerSchema.nullable(),
    provider_key_id: z.string().nullable(),
    /** `none`, or why another than the user paid. */
    fallback: z.string().nullable(),
    attempts: z.int(),
    status: z.int(),
    outcome: z.string(),
    error_code: z.string().nullable(),
    streamed: z.boolean(),
    input_tokens: z.int().nullable(),
    output_tokens: z.int().nullable(),
    cost_usd_micros: z.int().nullable(),
    cost_source: costSchema.shape.source,
    first_byte_ms: z.int().nullable(),
    duration_ms: z.int(),
  })
  .meta({ id: 'ListedRequest' })
export type ListedRequest = z.infer<typeof listedRequestSchema>

export const requestListSchema = z
  .object({ requests: z.array(listedRequestSchema), next: z.string().nullable() })
  .meta({ id: 'RequestList' })
export type RequestList = z.infer<typeof requestListSchema>

/** The receipt, with what only people ask for. */
export const requestDetailSchema = receiptSchema
  .extend({
    user_id: z.string(),
    /** The sign-in it came from, for requests from the playground. */
    session_id: z.string().nullable(),
    operation: z.string(),
    outcome: z.string(),
    /** `source`: who said so. null where nothing went wrong. */
    error: z.object({ code: z.string().nullable(), source: z.string().nullable() }).nullable(),
    client_request_id: z.string().nullable(),
    first_byte_ms: z.int().nullable(),
    duration_ms: z.int(),
    attempts: z.array(
      receiptAttemptSchema.extend({
        dialect: z.string(),
        upstream_request_id: z.string().nullable(),
        lease_id: z.string().nullable(),
        usage: tokensSchema,
        cost: costSchema,
      }),
    ),
  })
  .meta({ id: 'RequestDetail' })
export type RequestDetail = z.infer<typeof requestDetailSchema>
