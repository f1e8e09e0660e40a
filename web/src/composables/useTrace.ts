// A receipt, or the explanation of a route, told as the stops of a route trace.
import type { Payer } from '../../../contract/common.ts'
import type { RouteExplanation, Simulate } from '../../../contract/route.ts'
import type { Receipt } from '../../../contract/usage.ts'
import { type Text, useText } from '../i18n.ts'
import en from '../locales/en.json'
import type { TraceStop } from '../ui/routeTrace.ts'
import { type Format, useFormat } from './useFormat.ts'
import { type ChainStep, walkPlan } from './walkPlan.ts'

/** What the ids in a route are called. */
export interface TraceNames {
  /** Labels of provider keys, by id. */
  readonly keys: Readonly<Record<string, string>>
  /** Names of providers, by id. */
  readonly providers?: Readonly<Record<string, string>>
  /** Of the API key that asked; left out: the playground did. */
  readonly apiKey?: { readonly name: string; readonly last4: string } | null
}

/** A receipt, or one with what only people ask for: then each call says what it cost. */
export type TracedReceipt = Pick<Receipt, 'model' | 'requested_model' | 'status' | 'usage' | 'cost'> & {
  readonly attempts: readonly (Omit<Receipt['attempts'][number], 'raw_usage'> & {
    readonly cost?: Receipt['cost']
  })[]
}

export interface PlannedTrace {
  readonly stops: TraceStop[]
  /** Behind what serves: keys that would come next. */
  readonly reserve: readonly ChainStep[]
}

export interface Traces {
  ofReceipt(receipt: TracedReceipt, names: TraceNames): TraceStop[]
  ofPlan(explanation: RouteExplanation, simulated: Simulate, names: TraceNames): PlannedTrace
  /** "Your key, Work account" */
  nameKey(step: { billed_to: Payer; provider_key_id: string | null }, names: TraceNames): string
  /** Why a step of a plan is in or out. */
  explainReason(step: ChainStep): string
}

export function useTrace(): Traces {
  const text = useText()
  const format = useFormat()
  const nameKey: Traces['nameKey'] = (step, names) => nameKeyIn(text, step, names)
  const explainReason: Traces['explainReason'] = (step) => explainReasonIn(text, format, step)
  return {
    nameKey,
    explainReason,
    ofReceipt(receipt, names) {
      const several = new Set(receipt.attempts.map(({ provider, model }) => `${provider}/${model}`)).size > 1
      const keys = receipt.attempts.map((attempt, index): TraceStop => {
        const served = attempt.outcome === 'served' || attempt.outcome === 'client_closed'
        // Refusals cost nothing: where all others are that, the whole is this one's.
        const othersFree = receipt.attempts.every((one, at) => at === index || one.outcome === 'refused')
        const cost = attempt.cost ?? (othersFree ? receipt.cost : undefined)
        return {
          kind: 'key',
          state: served ? 'done' : 'failed',
          payer: attempt.billed_to,
          title: nameKey(attempt, names),
          lines: [
            describeCall(text, format, attempt),
            ...(several ? [`${names.providers?.[attempt.provider] ?? attempt.provider}, ${attempt.model ?? '?'}`] : []),
            ...(cost && served ? [describeCost(text, format, cost)] : []),
          ],
        }
      })
      return [startStop(text, names), ...keys, endOfReceipt(text, format, receipt)]
    },
    ofPlan: (explanation, simulated, names) =>
      planTrace({ text, nameKey, explainReason }, explanation, { simulated, names }),
  }
}

function startStop(text: Text, { apiKey }: TraceNames): TraceStop {
  const [title, lines] = apiKey
    ? [apiKey.name, [text('trace.apiKey', { last4: apiKey.last4 })]]
    : [text('trace.playground'), [text('trace.session')]]
  return { kind: 'start', state: 'done', payer: null, title, lines }
}

function nameKeyIn(text: Text, step: { billed_to: Payer; provider_key_id: string | null }, names: TraceNames): string {
  const label = step.provider_key_id === null ? undefined : names.keys[step.provider_key_id]
  const kind = text(`trace.key.${step.billed_to}`)
  return label ? text('trace.labelled', { kind, label }) : kind
}

function describeCall(text: Text, format: Format, attempt: TracedReceipt['attempts'][number]): string {
  const after = format.duration(attempt.duration_ms)
  const { outcome, status } = attempt
  if (outcome === 'client_closed') return text('trace.stopped', { after })
  if (status !== null && (outcome === 'served' || outcome === 'refused')) return text('trace.status', { status, after })
  return text(isKnown(en.trace.outcome, outcome) ? `trace.outcome.${outcome}` : 'trace.outcome.failed', { after })
}

function describeCost(text: Text, format: Format, cost: Receipt['cost']): string {
  if (cost.usd_micros === null) return text('trace.costUnknown')
  const money = format.money(cost.usd_micros)
  return cost.source === 'estimated' ? text('trace.costEstimated', { money }) : money
}

function endOfReceipt(text: Text, format: Format, receipt: TracedReceipt): TraceStop {
  const failed = receipt.status >= 400 && receipt.status !== 499
  const { input_tokens: input, output_tokens: output } = receipt.usage
  const tokens =
    input === null && output === null
      ? []
      : [text('trace.tokens', { input: format.number(input ?? 0), output: format.number(output ?? 0) })]
  return {
    kind: 'end',
    state: failed ? 'failed' : 'done',
    payer: null,
    title: receipt.model ?? receipt.requested_model ?? text('trace.noModel'),
    lines: failed ? [text('trace.answered', { status: receipt.status })] : tokens,
  }
}

interface PlanTools {
  readonly text: Text
  readonly nameKey: Traces['nameKey']
  readonly explainReason: Traces['explainReason']
}

function planTrace(
  { text, nameKey, explainReason }: PlanTools,
  explanation: RouteExplanation,
  { simulated, names }: { simulated: Simulate; names: TraceNames },
): PlannedTrace {
  const { model, chain, result } = explanation
  const { way, reserve } = walkPlan(explanation, simulated)
  const several = new Set(chain.map((step) => `${step.provider}/${step.model}`)).size > 1
  const keys = way.map(({ step, fate, answer }): TraceStop => {
    const said =
      fate === 'serves' ? text('trace.serves') : answer ? text(`trace.answers.${answer}`) : explainReason(step)
    return {
      kind: 'key',
      state: fate === 'serves' ? 'done' : fate === 'failed' ? 'failed' : 'skipped',
      payer: step.billed_to,
      title: nameKey(step, names),
      lines: [...(several ? [`${names.providers?.[step.provider] ?? step.provider}, ${step.model}`] : []), said],
    }
  })
  const refused = result?.decision === 'refuse'
  const served = way.find(({ fate }) => fate === 'serves')?.step
  const end: TraceStop = {
    kind: 'end',
    state: refused ? 'failed' : 'done',
    payer: null,
    title: refused ? text('trace.refused') : (served?.model ?? model),
    lines: refused ? [text('trace.refusedWith', { status: result.status, code: result.code ?? '' })] : [],
  }
  return { stops: [startStop(text, names), ...keys, end], reserve }
}

function explainReasonIn(text: Text, format: Format, step: ChainStep): string {
  if (step.decision === 'try') {
    if (step.reason === 'last_resort') return text('trace.why.last_resort')
    if (step.billed_to !== 'server') {
      return text(step.reason === 'undecryptable' ? 'trace.why.undecryptable' : 'trace.wouldFollow')
    }
    const reasons = step.reason.split(',').filter((one) => isKnown(en.trace.fallback, one))
    return text('trace.onlyFor', { reasons: format.either(reasons.map((one) => text(`trace.fallback.${one}`))) })
  }
  return isKnown(en.trace.why, step.reason) ? text(`trace.why.${step.reason}`) : step.reason
}

function isKnown<T extends object>(texts: T, key: string): key is keyof T & string {
  return Object.hasOwn(texts, key)
}
