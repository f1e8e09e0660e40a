// How much to think, as the model takes it: a budget of tokens, or adaptively with a word for the effort. Where a call
// is forced, or a tool turn lost its thinking, thinking has to be off.
import type { ChatRequest, Effort, ReasoningWish } from '../canonical.ts'
import type { RequestEncoding } from '../codec.ts'
import { budgetOfEffort, effortOf, nearestEffort } from '../effort.ts'
import type { ModelProfile } from '../profile.ts'

const LEAST_BUDGET = 1024

export interface ThinkingFields {
  readonly thinking?: Record<string, unknown>
  readonly effort?: Effort
  readonly maxTokens: number
  readonly on: boolean
}

export interface ThinkingContext {
  /** The model must call a tool. */
  readonly forced: boolean
  /** The last tool turn has lost its thinking. */
  readonly bareToolTurn: boolean
}

type Encoding = Pick<RequestEncoding, 'profile' | 'losses'>

export function writeThinking(request: ChatRequest, encoding: Encoding, context: ThinkingContext): ThinkingFields {
  const { profile, losses } = encoding
  const maxTokens = request.maxOutput ?? profile.maxOutput
  const wish = request.reasoning
  const isOff = wish !== undefined && effortOf(wish) === 'none'
  if (wish === undefined || !asksForAnything(wish)) return { maxTokens, on: false }
  if (wish.adaptive === false && wish.budget === undefined && !isOff) {
    return { ...effortField(wish.effort, encoding), maxTokens, on: false }
  }
  if (profile.thinking === 'none') {
    if (!isOff) losses.drop('thinking', 'the model does not think')
    return { maxTokens, on: false }
  }
  if (isOff) return writeOff(encoding, maxTokens)
  return profile.thinking === 'budget'
    ? writeBudget(wish, encoding, context, maxTokens, request.maxOutput)
    : writeAdaptive(wish, encoding, context, maxTokens)
}

function asksForAnything({ effort, budget, adaptive, visible }: ReasoningWish): boolean {
  return effort !== undefined || budget !== undefined || adaptive === true || visible === true
}

function writeOff({ profile, losses }: Encoding, maxTokens: number): ThinkingFields {
  if (profile.canDisableThinking) return { thinking: { type: 'disabled' }, maxTokens, on: false }
  losses.approximate('thinking', 'the model always thinks')
  const least = nearestEffort('low', profile.efforts)
  const effort = least === undefined ? {} : { effort: least }
  return { thinking: { type: 'adaptive', display: 'omitted' }, ...effort, maxTokens, on: true }
}

function writeAdaptive(
  wish: ReasoningWish,
  encoding: Encoding,
  context: ThinkingContext,
  maxTokens: number,
): ThinkingFields {
  const { profile, losses } = encoding
  if (wish.budget !== undefined && wish.budget > 0) {
    losses.approximate('thinking_budget', 'the model takes an effort, not a budget')
  }
  const { effort } = effortField(effortOf(wish), encoding)
  if (context.forced && profile.canDisableThinking) {
    losses.approximate('thinking', 'a forced tool call comes without thinking')
    const capped = effort === 'xhigh' || effort === 'max' ? nearestEffort('high', profile.efforts) : effort
    return { thinking: { type: 'disabled' }, ...(capped ? { effort: capped } : {}), maxTokens, on: false }
  }
  // Who only named an effort sees no thoughts; a client of this dialect that left it open gets the model's way.
  const isOpen = wish.visible === undefined && wish.adaptive === true
  const display = isOpen ? {} : { display: wish.visible === true ? 'summarized' : 'omitted' }
  return { thinking: { type: 'adaptive', ...display }, ...(effort ? { effort } : {}), maxTokens, on: true }
}

function writeBudget(
  wish: ReasoningWish,
  encoding: Encoding,
  context: ThinkingContext,
  maxTokens: number,
  asked: number | undefined,
): ThinkingFields {
  const { profile, losses } = encoding
  const effort = wish.budget === undefined ? {} : effortField(wish.effort, encoding)
  if (context.forced || context.bareToolTurn) {
    const why = context.forced ? 'a forced tool call comes without thinking' : 'the last tool turn lost its thinking'
    losses.approximate('thinking', why)
    return { thinking: { type: 'disabled' }, ...effort, maxTokens, on: false }
  }
  const own = wish.budget !== undefined && wish.budget > 0
  if (!own) losses.approximate('thinking_budget', 'the model takes a budget, not an effort')
  if (own && wish.budget < LEAST_BUDGET) losses.approximate('thinking_budget', `the least is ${LEAST_BUDGET}`)
  const wanted = own ? Math.max(wish.budget, LEAST_BUDGET) : budgetOfEffort(effortOf(wish) ?? 'high', profile)
  const fitted = fitBudget(wanted, maxTokens, asked, profile, encoding)
  if (fitted === null) {
    losses.approximate('thinking', 'the output maximum leaves no room for thinking')
    return { thinking: { type: 'disabled' }, ...effort, maxTokens, on: false }
  }
  const display = wish.visible === true ? {} : { display: 'omitted' }
  const thinking = { type: 'enabled', budget_tokens: fitted.budget, ...display }
  return { thinking, ...effort, maxTokens: fitted.maxTokens, on: true }
}

/** The output maximum must exceed the budget: raised as far as the model goes, then the budget gives way. */
function fitBudget(
  wanted: number,
  maxTokens: number,
  asked: number | undefined,
  profile: ModelProfile,
  { losses }: Encoding,
): { budget: number; maxTokens: number } | null {
  if (maxTokens > wanted || asked === 0) return { budget: wanted, maxTokens }
  const raised = Math.max(Math.min(wanted + maxTokens, profile.maxOutput), maxTokens)
  // A tenth of what there is goes to the answer, as far as the least budget allows.
  const budget = raised > wanted ? wanted : Math.max(Math.floor(raised * 0.9), LEAST_BUDGET)
  if (budget >= raised) return null
  if (raised > maxTokens) losses.approximate('max_tokens', 'it must exceed the thinking budget')
  if (budget < wanted) losses.approximate('thinking_budget', 'it must be less than the output maximum')
  return { budget, maxTokens: raised }
}

function effortField(effort: Effort | undefined, { profile, losses }: Encoding): { effort?: Effort } {
  if (effort === undefined || effort === 'none') return {}
  const isKnown = profile.efforts.includes(effort)
  const nearest =
    effort === 'xhigh' && !isKnown && profile.efforts.includes('max') ? 'max' : nearestEffort(effort, profile.efforts)
  if (nearest === undefined) {
    losses.drop('effort', 'the model takes no effort')
    return {}
  }
  if (nearest !== effort) losses.approximate('effort', `the model has no effort \`${effort}\``)
  return { effort: nearest }
}
