// A provider's own search of the web, asked for in any dialect: which settings it is given, and which of them the
// search of another provider does not have.
import type { Builtin } from './canonical.ts'
import type { LossReport } from './codec.ts'
import { asCount, asObject, asText } from './read.ts'
import { both, fields, integer, listOf, text } from './shape.ts'

/** Settings that at least two dialects have. */
export interface SearchSettings {
  readonly allowed_domains?: readonly unknown[]
  readonly blocked_domains?: readonly unknown[]
  /** Of `city`, `region`, `country` and `timezone`, those that were given. */
  readonly user_location?: Readonly<Record<string, string>>
  /** low · medium · high. */
  readonly search_context_size?: string
  readonly max_uses?: number
}

const place = fields({ type: text, city: text, region: text, country: text, timezone: text })
const domains = { allowed_domains: listOf(text), blocked_domains: listOf(text) }
/** What the settings must be, in any dialect. */
export const SEARCH_SHAPES = {
  ...domains,
  filters: fields(domains),
  user_location: both(place, fields({ approximate: place })),
  search_context_size: text,
  max_uses: integer({ least: 1 }),
}

const PLACE_FIELDS = ['city', 'region', 'country', 'timezone']
/** What says that it is a search, and that it is wanted. */
const NAMES: ReadonlySet<string> = new Set(['type', 'name', 'enabled'])

/** The settings as far as this provider's search `has` them; each other one is told as a change of the search. */
export function readSearch(
  { raw }: Pick<Builtin, 'raw'>,
  has: ReadonlySet<keyof SearchSettings>,
  losses: LossReport,
): SearchSettings {
  const object = asObject(raw)
  const { filters, ...given } = asObject(object?.['web_search_options']) ?? object ?? {}
  const fields: Record<string, unknown> = { ...given, ...asObject(filters) }
  const settings: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined || value === null || NAMES.has(field)) continue
    if (field === 'user_location') reportPlace(value, losses)
    const read = readSetting(field, value)
    if (read !== undefined && (has as ReadonlySet<string>).has(field)) settings[field] = read
    else losses.approximate('web_search', `the provider's search has no \`${field.slice(0, 60)}\``)
  }
  return settings
}

function readSetting(field: string, value: unknown): unknown {
  switch (field) {
    case 'allowed_domains':
    case 'blocked_domains':
      return Array.isArray(value) ? value : undefined
    case 'search_context_size':
      return asText(value) ?? undefined
    case 'max_uses':
      return asCount(value) ?? undefined
    case 'user_location':
      return readPlace(value)
    default:
      return undefined
  }
}

function reportPlace(value: unknown, losses: LossReport): void {
  const { approximate, ...place } = asObject(value) ?? {}
  const named = ['type', ...PLACE_FIELDS]
  for (const name of Object.keys({ ...asObject(approximate), ...place }))
    if (!named.includes(name)) losses.approximate('web_search', `a place has no \`${name.slice(0, 60)}\``)
}

function readPlace(value: unknown): Record<string, string> | undefined {
  const place = asObject(value)
  const where = asObject(place?.['approximate']) ?? place
  const known = PLACE_FIELDS.flatMap((field) => {
    const text = asText(where?.[field])
    return text === null ? [] : [[field, text] as const]
  })
  return known.length === 0 ? undefined : Object.fromEntries(known)
}
