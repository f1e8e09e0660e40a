// What is known of a model when a request is written for it: the facts of its family, beside the dialect of the server
// that speaks for it. Names come from clients, so the memory of look-ups is bounded; an unknown name gets facts that
// nothing is refused for.
import type { ChatDialect, ModelProfile } from '../protocols/profile.ts'
import { LOW_TO_HIGH, MODEL_FAMILIES, PLAIN, type ModelFacts, type ModelFamily } from './model-families.ts'
import { NO_OVERRIDES, type Overrides } from './overrides.ts'

export interface Profiles {
  profileOf(provider: string, model: string, dialect: ChatDialect): ModelProfile
  /** Is the model's family in the table, or its output maximum told by an administrator? */
  knows(provider: string, model: string): boolean
}

const MAX_REMEMBERED = 2_000
const LONGEST_MODEL_NAME = 256

export function createProfiles(overrides: Overrides = NO_OVERRIDES): Profiles {
  const remembered = new Map<string, ModelFacts | null>()

  function findFacts(model: string): ModelFacts | null {
    if (model.length > LONGEST_MODEL_NAME) return null
    const known = remembered.get(model)
    if (known !== undefined) return known
    const facts = findFamily(cleanModelName(model))?.facts ?? null
    if (remembered.size >= MAX_REMEMBERED) remembered.delete(remembered.keys().next().value as string)
    remembered.set(model, facts)
    return facts
  }

  return {
    profileOf: (provider, model, dialect) => ({
      ...(findFacts(model) ?? unknownFacts(dialect)),
      // Never remembered: an administrator's word holds from the next request on.
      ...overrides.find(provider, model)?.facts,
      model,
      dialect,
    }),
    knows: (provider, model) =>
      findFacts(model) !== null || overrides.find(provider, model)?.facts.maxOutput !== undefined,
  }
}

export function findFamily(cleanName: string): ModelFamily | undefined {
  return MODEL_FAMILIES.find(({ match }) => match.test(cleanName))
}

// A server that takes no schema gets one through a forced tool; one that fits the wish for thoughts to each model
// (`reasoning`) may be told of it for any.
function unknownFacts(dialect: ChatDialect): ModelFacts {
  const thinks = dialect.reasoningIn === 'reasoning' ? ({ thinking: 'effort', efforts: LOW_TO_HIGH } as const) : {}
  return { ...PLAIN, ...thinks, schema: dialect.schema === 'strict' ? 'native' : 'forced-tool' }
}

const RESELLER = /^(?:[a-z]{2,6}\.)?(?:anthropic|openai|google|meta|mistral|deepseek|qwen|zai|moonshotai)\./
const PLATFORM = /^(?:databricks|openai|anthropic|google|ft:)[-:]?(?=claude|gpt|gemini|o\d|meta|llama|qwen)/

/** The name a model has at home, without what resellers and platforms put before it. */
export function cleanModelName(model: string): string {
  const name = model.slice(model.lastIndexOf('/') + 1).toLowerCase()
  return name.replace(RESELLER, '').replace(PLATFORM, '')
}
