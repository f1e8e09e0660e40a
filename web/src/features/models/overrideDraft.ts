// An override as a form holds it. An empty field keeps the built-in fact; what the form does not show is kept as it is.
import type { Override, OverrideBody, ReachableModel } from '../../../../contract/catalog.ts'
import type { TextKey } from '../../i18n.ts'

export const PRICES = ['input', 'output', 'cache_read', 'cache_write', 'cache_write_1h'] as const
export const FACTS = ['context_window', 'max_output'] as const
type Price = (typeof PRICES)[number]
type Fact = (typeof FACTS)[number]

export interface OverrideDraft {
  provider: string
  model: string
  enabled: boolean
  hidden: boolean
  hasPrice: boolean
  price: Record<Price, string>
  displayName: string
  facts: Record<Fact, string>
}
export type OverrideProblems = Partial<Record<Price | Fact | 'model', TextKey>>

const write = (value: number | null | undefined): string => (value === null || value === undefined ? '' : String(value))

/** Prices begin with those that hold now, so that one of them can be changed. */
export function draftOverride(
  name: Pick<Override, 'provider' | 'model'>,
  override: Override | undefined,
  listed: ReachableModel | undefined,
): OverrideDraft {
  const price = override?.price ?? listed?.price
  const priced = Object.fromEntries(PRICES.map((one) => [one, write(price?.[one])])) as Record<Price, string>
  return {
    provider: name.provider,
    model: name.model,
    enabled: override?.enabled ?? true,
    hidden: override?.hidden ?? false,
    hasPrice: Boolean(override?.price),
    price: priced,
    displayName: override?.profile.display_name ?? '',
    facts: {
      context_window: write(override?.profile.context_window),
      max_output: write(override?.profile.max_output),
    },
  }
}

export function checkOverride(draft: OverrideDraft): OverrideProblems {
  const problems: OverrideProblems = {}
  if (draft.model.trim() === '') problems.model = 'models.override.needsModel'
  for (const one of draft.hasPrice ? PRICES : []) {
    const text = draft.price[one]
    // Only what goes in has always a price.
    if (text === '' ? one === 'input' : !(Number(text) >= 0 && Number(text) <= 1_000_000)) {
      problems[one] = 'models.override.needsPrice'
    }
  }
  for (const one of FACTS) {
    const text = draft.facts[one]
    if (text !== '' && !(/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 1_000_000_000)) {
      problems[one] = 'models.override.needsTokens'
    }
  }
  return problems
}

export function overrideOf(draft: OverrideDraft, before: Override | undefined): OverrideBody {
  const { display_name: _name, context_window: _context, max_output: _most, ...kept } = before?.profile ?? {}
  const dollars = (one: Price): number | null => (draft.price[one] === '' ? null : Number(draft.price[one]))
  const tokens = (one: Fact) => (draft.facts[one] === '' ? {} : { [one]: Number(draft.facts[one]) })
  const name = draft.displayName.trim()
  return {
    enabled: draft.enabled,
    hidden: draft.hidden,
    price: draft.hasPrice
      ? {
          input: dollars('input') ?? 0,
          output: dollars('output'),
          cache_read: dollars('cache_read'),
          cache_write: dollars('cache_write'),
          cache_write_1h: dollars('cache_write_1h'),
        }
      : null,
    profile: {
      ...kept,
      ...(name !== '' && { display_name: name }),
      ...tokens('context_window'),
      ...tokens('max_output'),
    },
  }
}
