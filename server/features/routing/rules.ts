// Rules as requests meet them: the first whose conditions all hold says which models come into question. Pure.
import type { Conditions, TargetOrder } from '../../../contract/routing.ts'
import type { ModelChoice } from '../../catalog/choices.ts'

/** Settings as requests use them. */
export interface RoutingSettings {
  /** Among targets that name no order of their own. */
  readonly order: TargetOrder
  /** Empty unless the strategy is `custom`. */
  readonly rules: readonly RoutingRule[]
}

export interface RoutingRule {
  readonly when: Conditions
  readonly choice: ModelChoice
}

/** What rules may ask of a request; the costly answers are asked for last. */
export interface RuleFacts {
  /** The name as asked for, the model behind it, and `<provider>/<model>`. */
  readonly names: readonly string[]
  /** As in the contract; null where none was used. */
  readonly apiKey: string | null
  readonly dialect: string
  readonly promptTokens: number
  readonly streamed: boolean
  readonly hasTools: () => boolean
  readonly hasImages: () => boolean
}

export const BUILT_IN: RoutingSettings = { order: 'priority', rules: [] }

export function findRule(rules: readonly RoutingRule[], facts: RuleFacts): RoutingRule | undefined {
  return rules.find(({ when }) => meets(when, facts))
}

function meets(when: Conditions, facts: RuleFacts): boolean {
  const { models, api_keys: apiKeys, dialects, min_prompt_tokens: least, max_prompt_tokens: most } = when
  if (models && !models.some((pattern) => facts.names.some((name) => fitsPattern(pattern, name)))) return false
  if (apiKeys && (facts.apiKey === null || !apiKeys.includes(facts.apiKey))) return false
  if (dialects && !(dialects as readonly string[]).includes(facts.dialect)) return false
  if (least !== undefined && facts.promptTokens < least) return false
  if (most !== undefined && facts.promptTokens > most) return false
  if (when.streamed !== undefined && when.streamed !== facts.streamed) return false
  if (when.has_tools !== undefined && when.has_tools !== facts.hasTools()) return false
  return when.has_images === undefined || when.has_images === facts.hasImages()
}

/** `*` stands for any text, also none. Each piece is looked for once, from left to right. */
export function fitsPattern(pattern: string, name: string): boolean {
  const [head = '', ...pieces] = pattern.split('*')
  const tail = pieces.pop()
  if (tail === undefined) return name === pattern
  if (!name.startsWith(head)) return false
  let at = head.length
  for (const piece of pieces) {
    const found = name.indexOf(piece, at)
    if (found === -1) return false
    at = found + piece.length
  }
  return name.length - at >= tail.length && name.endsWith(tail)
}
