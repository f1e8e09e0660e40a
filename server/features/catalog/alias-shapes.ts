// Aliases on their way between the contract, the database and requests.
import { z } from 'zod'
import type { Alias, AliasBody } from '../../../contract/catalog.ts'
import { ORDERS } from '../../../contract/routing.ts'
import { readTargetName, type ModelChoice, type ModelTarget, type ResolvedModel } from '../../catalog/choices.ts'
import type { ModelNames } from '../../catalog/model-names.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { AliasRow } from './store.ts'

/** What stands in the column; written by this file alone. */
const choiceSchema = z.object({
  order: z.enum(ORDERS).nullable(),
  targets: z.array(z.object({ provider: z.string(), model: z.string(), weight: z.number() })).min(1),
})

/** Throws validation_failed for a target of which nobody can tell whose model it is. */
export function toAliasRow(
  names: ModelNames,
  providers: readonly string[],
  { name, body, at }: { name: string; body: AliasBody; at: number },
): AliasRow {
  const read = (path: string, text: string, weight = 1): ModelTarget => {
    const named = readTargetName(names, text)
    if (named) return { ...named, weight }
    const message = `Nobody can tell whose model that is. Write it as <provider>/<model>; the providers here are ${providers.join(', ')}.`
    throw new GatewayError('validation_failed', { message: `${path}: ${message}`, details: [{ path, message }] })
  }
  const targets = body.targets?.map(({ model, weight }, index) => read(`targets.${index}.model`, model, weight)) ?? []
  const { provider, model } = targets[0] ?? read('target', body.target ?? '')
  const choice: ModelChoice = { order: body.strategy ?? null, targets }
  return { name, provider, model, choice: targets.length > 1 ? JSON.stringify(choice) : null, updated_at: at }
}

/** As requests use it, without targets whose provider is gone. */
export function toResolvedAlias(
  { name, provider, model, choice: text }: AliasRow,
  isProvider: (id: string) => boolean,
): { readonly name: string } & ResolvedModel {
  const choice = readChoice(text)
  const targets = choice?.targets.filter((target) => isProvider(target.provider)) ?? []
  const [first] = targets
  if (!choice || !first) return { name, provider, model }
  return { name, provider: first.provider, model: first.model, choice: { ...choice, targets } }
}

export function describeAlias({ name, provider, model, choice: text, updated_at }: AliasRow): Alias {
  const choice = readChoice(text)
  return {
    name,
    target: `${provider}/${model}`,
    provider,
    model,
    ...(choice && {
      targets: choice.targets.map((target) => ({
        model: `${target.provider}/${target.model}`,
        weight: target.weight,
      })),
      strategy: choice.order,
    }),
    updated_at: new Date(updated_at).toISOString(),
  }
}

function readChoice(text: string | null): ModelChoice | null {
  return text === null ? null : choiceSchema.parse(JSON.parse(text))
}
