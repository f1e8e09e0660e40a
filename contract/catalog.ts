// The catalogue of models: what a signed-in person can reach (`/admin/models`), names that stand for models
// (`/admin/catalog/aliases` for everybody, `/admin/aliases` for oneself), and what administrators say of a model in the
// place of the built-in data (`/admin/catalog/overrides`).
import { z } from 'zod'
import { payerSchema, timestampSchema } from './common.ts'
import { orderSchema, targetListSchema } from './routing.ts'

export const MODALITY_WORDS = ['text', 'image', 'pdf', 'audio', 'video', 'embedding'] as const
export const EFFORT_WORDS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const

const modelSchema = z.string().trim().min(1).max(256)
const tokensSchema = z.number().int().min(1).max(1_000_000_000)
/** Dollars per million tokens, to the nano-dollar. */
const usdSchema = z.number().min(0).max(1_000_000)
const modalitiesSchema = z.array(z.enum(MODALITY_WORDS)).min(1).max(MODALITY_WORDS.length)

// ---- Aliases -------------------------------------------------------------------------------------------------------

/** The name; what it may look like is said in one sentence by the service. */
export const aliasParamsSchema = z.strictObject({ name: z.string().min(1).max(300) })

export const aliasBodySchema = z
  .strictObject({
    /** `<provider>/<model>`, or a bare name whose beginning says whose model it is. */
    target: modelSchema.optional(),
    /** In the place of `target`: several models, tried in an order. */
    targets: targetListSchema.optional(),
    /** Among several; left out: as the routing settings of whoever asks say. */
    strategy: orderSchema.optional(),
  })
  .refine(({ target, targets }) => (target === undefined) !== (targets === undefined), {
    error: 'Send either "target", or "targets" with a list of them',
    path: ['target'],
  })
  .refine(({ targets, strategy }) => targets !== undefined || strategy === undefined, {
    error: 'A strategy is for several targets',
    path: ['strategy'],
  })
  .meta({ id: 'AliasBody' })
export type AliasBody = z.infer<typeof aliasBodySchema>

const aliasFields = {
  name: z.string(),
  /** The first, where there are several. */
  target: z.string(),
  provider: z.string(),
  model: z.string(),
  /** All of them, where there are several. */
  targets: targetListSchema.optional(),
  strategy: orderSchema.nullable().optional(),
}

export const aliasSchema = z.object({ ...aliasFields, updated_at: timestampSchema }).meta({ id: 'Alias' })
export type Alias = z.infer<typeof aliasSchema>
export const aliasListSchema = z.object({ aliases: z.array(aliasSchema) }).meta({ id: 'AliasList' })
export const aliasAnswerSchema = z.object({ message: z.string(), alias: aliasSchema }).meta({ id: 'AliasAnswer' })

// ---- Overrides -----------------------------------------------------------------------------------------------------

export const priceSchema = z
  .strictObject({
    input: usdSchema,
    /** null for models that give no tokens out, as those that make embeddings. */
    output: usdSchema.nullable(),
    /** Left out: as `input`. */
    cache_read: usdSchema.nullable().optional(),
    cache_write: usdSchema.nullable().optional(),
    /** Left out: as `cache_write`. */
    cache_write_1h: usdSchema.nullable().optional(),
  })
  .meta({ id: 'ModelPrice' })
export type ModelPriceBody = z.infer<typeof priceSchema>

/** What differs from the built-in facts; a field that is left out keeps them. */
export const modelProfileSchema = z
  .strictObject({
    display_name: z
      .string()
      .trim()
      .min(1)
      .max(100)
      .regex(/^\P{Cc}*$/u, 'Leave out control characters')
      .optional(),
    context_window: tokensSchema.optional(),
    max_output: tokensSchema.optional(),
    max_thinking_budget: tokensSchema.optional(),
    input_modalities: modalitiesSchema.optional(),
    output_modalities: modalitiesSchema.optional(),
    /** How the model takes a wish for effort. */
    thinking: z.enum(['none', 'budget', 'adaptive', 'level', 'effort']).optional(),
    efforts: z.array(z.enum(EFFORT_WORDS)).max(EFFORT_WORDS.length).optional(),
    can_disable_thinking: z.boolean().optional(),
    /** `one`: never temperature and top_p together. */
    sampling: z.enum(['all', 'none', 'one']).optional(),
    schema: z.enum(['native', 'forced-tool']).optional(),
    mid_system: z.boolean().optional(),
    image_in_tool_result: z.boolean().optional(),
    needs_thought_signature: z.boolean().optional(),
    cache_breakpoints: z.boolean().optional(),
  })
  .meta({ id: 'ModelProfile' })
export type ModelProfileBody = z.infer<typeof modelProfileSchema>

/** The whole override: what is left out is not overridden. */
export const overrideBodySchema = z
  .strictObject({
    price: priceSchema.nullable().optional(),
    profile: modelProfileSchema.optional(),
    /** false: requests for the model are refused. */
    enabled: z.boolean().default(true),
    /** true: left out of model lists, served all the same. */
    hidden: z.boolean().default(false),
  })
  .meta({ id: 'OverrideBody' })
export type OverrideBody = z.infer<typeof overrideBodySchema>

/** A model's name may hold slashes; with `*` at its end it stands for all that begin so. */
export const overrideParamsSchema = z.strictObject({ provider: z.string().min(1).max(64), model: modelSchema })

export const overrideSchema = z
  .object({
    provider: z.string(),
    model: z.string(),
    price: z
      .object({
        input: z.number(),
        output: z.number().nullable(),
        cache_read: z.number().nullable(),
        cache_write: z.number().nullable(),
        cache_write_1h: z.number().nullable(),
      })
      .nullable(),
    profile: modelProfileSchema,
    enabled: z.boolean(),
    hidden: z.boolean(),
    updated_at: timestampSchema,
  })
  .meta({ id: 'Override' })
export type Override = z.infer<typeof overrideSchema>
export const overrideListSchema = z.object({ overrides: z.array(overrideSchema) }).meta({ id: 'OverrideList' })
export const overrideAnswerSchema = z
  .object({ message: z.string(), override: overrideSchema })
  .meta({ id: 'OverrideAnswer' })

export const removedSchema = z.object({ message: z.string() }).meta({ id: 'Removed' })

// ---- Models --------------------------------------------------------------------------------------------------------

export const reachableModelSchema = z
  .object({
    /** As a request asks for it. */
    id: z.string(),
    provider: z.string(),
    provider_name: z.string(),
    /** As the provider knows it. */
    model: z.string(),
    display_name: z.string(),
    /** null: unknown. */
    context_window: z.int().nullable(),
    max_output: z.int().nullable(),
    input_modalities: z.array(z.enum(MODALITY_WORDS)).nullable(),
    output_modalities: z.array(z.enum(MODALITY_WORDS)).nullable(),
    /** Dollars per million tokens; null: unknown, which is not free. */
    price: z
      .object({
        input: z.number().nullable(),
        output: z.number().nullable(),
        cache_read: z.number().nullable(),
        cache_write: z.number().nullable(),
        cache_write_1h: z.number().nullable(),
        /** Long prompts cost more per token; these are the prices of short ones. */
        tiered: z.boolean(),
      })
      .nullable(),
    price_source: z.enum(['list', 'override', 'unknown']),
    price_version: z.string().nullable(),
    aliases: z.array(z.string()),
    /** Whose key reached it. */
    billed_to: payerSchema,
    provider_key_id: z.string().nullable(),
  })
  .meta({ id: 'ReachableModel' })
export type ReachableModel = z.infer<typeof reachableModelSchema>
export const reachableModelListSchema = z
  .object({ models: z.array(reachableModelSchema) })
  .meta({ id: 'ReachableModelList' })
