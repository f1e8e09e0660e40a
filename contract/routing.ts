// How a request gets its model where several come into question: the order among the targets of an alias or a rule
// (`/admin/routing` for oneself, `/admin/routing/default` for everybody).
import { z } from 'zod'
import { FALLBACK_REASONS, fallbackSchema, timestampSchema } from './common.ts'
import { allowanceSchema } from './limits.ts'

/** How targets are put in order. */
export const ORDERS = ['priority', 'cost', 'latency', 'weighted'] as const
export type TargetOrder = (typeof ORDERS)[number]
/** `custom`: one's own rules decide; among targets that name no order, as listed. */
export const STRATEGIES = [...ORDERS, 'custom'] as const
export type Strategy = (typeof STRATEGIES)[number]

export const DIALECT_WORDS = [
  'openai-chat',
  'openai-responses',
  'anthropic-messages',
  'gemini',
  'uniroute-chat',
] as const

const textSchema = z.string().trim().min(1).max(256)
const tokensSchema = z.number().int().min(0).max(1_000_000_000)

export const targetSchema = z
  .strictObject({
    /** `<provider>/<model>`, or a bare name whose beginning says whose model it is. */
    model: textSchema,
    /** Under `weighted`, its share of conversations beside the other targets' weights. */
    weight: z.number().int().min(1).max(1_000).optional(),
  })
  .meta({ id: 'ModelTarget' })
export type TargetBody = z.infer<typeof targetSchema>

export const targetListSchema = z.array(targetSchema).min(1).max(10)
export const orderSchema = z.enum(ORDERS).meta({ id: 'TargetOrder' })

/** A request must meet all that is named; a condition that is left out is met by all. */
export const conditionsSchema = z
  .strictObject({
    /**
     * Any of these; `*` stands for any text. Held against the name as asked for, and `<provider>/<model>` behind it.
     */
    models: z.array(textSchema).min(1).max(50).optional(),
    /** Any of these UniRoute API keys. */
    api_keys: z.array(z.string().regex(/^ak_/, 'Name API keys by their ids, ak_…')).min(1).max(50).optional(),
    dialects: z.array(z.enum(DIALECT_WORDS)).min(1).max(DIALECT_WORDS.length).optional(),
    /** Of the prompt, estimated at four bytes a token. */
    min_prompt_tokens: tokensSchema.optional(),
    max_prompt_tokens: tokensSchema.optional(),
    has_tools: z.boolean().optional(),
    has_images: z.boolean().optional(),
    streamed: z.boolean().optional(),
  })
  .meta({ id: 'RoutingConditions' })
export type Conditions = z.infer<typeof conditionsSchema>

export const ruleSchema = z
  .strictObject({
    name: z
      .string()
      .trim()
      .min(1)
      .max(100)
      .regex(/^\P{Cc}*$/u, 'Leave out control characters'),
    enabled: z.boolean().default(true),
    when: conditionsSchema.default({}),
    targets: targetListSchema,
    /** Left out: `priority`. */
    strategy: orderSchema.optional(),
  })
  .meta({ id: 'RoutingRule' })
export type RuleBody = z.infer<typeof ruleSchema>

const settingsFields = {
  strategy: z.enum(STRATEGIES),
  /** The first that a request meets decides; only under `custom`. */
  rules: z.array(ruleSchema).max(50).default([]),
}

export const routingBodySchema = z.strictObject(settingsFields).meta({ id: 'RoutingBody' })
export type RoutingBody = z.infer<typeof routingBodySchema>

export const routingDefaultBodySchema = z
  .strictObject({
    ...settingsFields,
    /** true: what users set for themselves is out of force. */
    locked: z.boolean().default(false),
  })
  .meta({ id: 'RoutingDefaultBody' })
export type RoutingDefaultBody = z.infer<typeof routingDefaultBodySchema>

const storedSchema = z.object({ ...settingsFields, updated_at: timestampSchema })

export const routingDefaultSchema = z
  .object({ ...storedSchema.shape, locked: z.boolean(), updated_at: timestampSchema.nullable() })
  .meta({ id: 'RoutingDefault' })
export type RoutingDefault = z.infer<typeof routingDefaultSchema>

export const routingSchema = z
  .object({
    /** In force for you. */
    effective: z.object(settingsFields),
    source: z.enum(['own', 'default', 'built_in']),
    /** An administrator locked the default: your own settings wait. */
    locked: z.boolean(),
    own: storedSchema.nullable(),
    /** All there are, each with what it means in one line. */
    strategies: z.array(z.object({ id: z.enum(STRATEGIES), summary: z.string() })),
  })
  .meta({ id: 'Routing' })
export type RoutingView = z.infer<typeof routingSchema>

export const routingAnswerSchema = z
  .object({ message: z.string(), routing: routingSchema })
  .meta({ id: 'RoutingAnswer' })
export const routingDefaultAnswerSchema = z
  .object({ message: z.string(), routing: routingDefaultSchema })
  .meta({ id: 'RoutingDefaultAnswer' })

/** For which reasons the server's keys may pay for somebody (`/admin/fallback`), as one page tells it. */
export const fallbackViewSchema = z
  .object({
    /** The default of the account; `PUT /auth/profile` changes it. */
    fallback: fallbackSchema,
    /** Reasons that the operator grants; empty: never. */
    granted: z.array(z.enum(FALLBACK_REASONS)),
    allowance: allowanceSchema.shape.allowance,
    /** Keys whose own policy leaves some reasons out. */
    narrowed: z.array(
      z.object({
        kind: z.enum(['provider_key', 'api_key']),
        id: z.string(),
        /** Empty where it has none. */
        name: z.string(),
        fallback: fallbackSchema,
      }),
    ),
  })
  .meta({ id: 'FallbackView' })
export type FallbackView = z.infer<typeof fallbackViewSchema>
