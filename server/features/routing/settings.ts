// Routing settings on their way between the contract, the database and requests.
import { routingBodySchema, type RoutingBody, type RuleBody, type TargetBody } from '../../../contract/routing.ts'
import { readTargetName, type ModelChoice, type ModelTarget } from '../../catalog/choices.ts'
import type { ModelNames } from '../../catalog/model-names.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { parsePublicId, toPublicId } from '../../kernel/ids.ts'
import { BUILT_IN, type RoutingRule, type RoutingSettings } from './rules.ts'

export const BUILT_IN_BODY: RoutingBody = { strategy: 'priority', rules: [] }

export function readStoredSettings(text: string): RoutingBody {
  return routingBodySchema.parse(JSON.parse(text))
}

/** As stored and shown: targets by their full names. Throws validation_failed for what would mislead. */
export function normaliseSettings(
  names: ModelNames,
  providers: readonly string[],
  { strategy, rules }: RoutingBody,
): RoutingBody {
  return {
    strategy,
    rules: rules.map((rule, at) => ({
      ...rule,
      ...(rule.when.api_keys && { when: { ...rule.when, api_keys: rule.when.api_keys.map(readKeyId(at)) } }),
      targets: rule.targets.map((target, index) => {
        const named = readTargetName(names, target.model)
        if (named) return { ...target, model: `${named.provider}/${named.model}` }
        throw refuse(
          `rules.${at}.targets.${index}.model`,
          `Nobody can tell whose model that is. Write it as <provider>/<model>; the providers here are ${providers.join(', ')}.`,
        )
      }),
    })),
  }
}

/** Under `custom` the rules decide; otherwise they wait. A target whose provider is gone is left out. */
export function compileSettings(
  names: ModelNames,
  isProvider: (id: string) => boolean,
  { strategy, rules }: RoutingBody,
): RoutingSettings {
  if (strategy !== 'custom') return strategy === 'priority' ? BUILT_IN : { order: strategy, rules: [] }
  const compile = (rule: RuleBody): RoutingRule[] => {
    const targets = rule.targets.flatMap((target) => readTarget(names, isProvider, target))
    if (!rule.enabled || targets.length === 0) return []
    const choice: ModelChoice = { order: rule.strategy ?? 'priority', targets }
    return [{ when: rule.when, choice }]
  }
  return { order: 'priority', rules: rules.flatMap(compile) }
}

function readTarget(
  names: ModelNames,
  isProvider: (id: string) => boolean,
  { model, weight }: TargetBody,
): ModelTarget[] {
  const named = readTargetName(names, model)
  return named && isProvider(named.provider) ? [{ ...named, weight: weight ?? 1 }] : []
}

function readKeyId(rule: number): (text: string) => string {
  return (text) => {
    const id = parsePublicId('ak', text)
    if (id !== undefined) return toPublicId('ak', id)
    throw refuse(`rules.${rule}.when.api_keys`, 'Name API keys by their ids, ak_…, as GET /auth/api-keys lists them.')
  }
}

function refuse(path: string, message: string): GatewayError {
  return new GatewayError('validation_failed', { message: `${path}: ${message}`, details: [{ path, message }] })
}
