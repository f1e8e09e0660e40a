// What a key's owner is told of models it does not serve just now: rate limits and missing entitlements, which the
// gateway knows from answers and which are in no row. They say nothing of the key as a whole, so a state of its own
// stands above them.
import type { ModelHealth, ProviderKeyRecord } from './record.ts'

/** What this process found: `unfit` is in no row, since it may be the address of this one machine that is not taken. */
export type SeenHealth = Omit<ModelHealth, 'status'> & { readonly status: ModelHealth['status'] | 'unfit' }

/** What this process knows of a key; handed in by the gateway. Another secret is another key. */
export type ReadHealth = (key: Pick<ProviderKeyRecord, 'id' | 'keyVersion'>) => readonly SeenHealth[]

const MOST_NAMED = 5
const LONGEST_NAME = 100

/** Models that wait, those that wait longest first. */
export interface HeldModels {
  readonly named: readonly SeenHealth[]
  /** How many more there are. */
  readonly more: number
}

/** The key as its owner sees it: one that works, but not for every model, says for which and until when. */
export function withModelHealth<Key extends ProviderKeyRecord>(
  key: Key,
  readHealth: ReadHealth | undefined,
  now: number,
): Key & { readonly held?: HeldModels } {
  const works = key.isActive && (key.status === 'active' || key.status === 'untested')
  const models = works
    ? mergeModels(
        key.models.filter(({ until }) => until > now),
        readHealth?.(key) ?? [],
      )
    : []
  if (models.length === 0) return key
  const cooling = models.filter(({ status }) => status === 'cooling')
  const restricted = models.filter(({ status }) => status === 'restricted')
  const unfit = models.filter(({ status }) => status === 'unfit')
  // The temporary one is the news; the lasting one is told beside it.
  const parts = [
    ...(cooling.length > 0 ? [`rate limited: ${nameModels(cooling)}`] : []),
    ...(restricted.length > 0 ? [`not enabled for this account: ${nameModels(restricted)}`] : []),
    ...(unfit.length > 0
      ? [`the key lacks a permission, or may not be used from this server's address: ${nameModels(unfit)}`]
      : []),
    ...(unfit.length === 0 ? ['other models work'] : []),
  ]
  return {
    ...key,
    status: cooling.length > 0 ? 'cooling' : 'restricted',
    statusReason: parts.join('; '),
    held: chooseNamed(models),
  }
}

/** What this process saw itself is newer than what it read. */
function mergeModels(stored: readonly SeenHealth[], seen: readonly SeenHealth[]): SeenHealth[] {
  return [...new Map([...stored, ...seen].map((one) => [one.model, one])).values()]
}

function nameModels(models: readonly SeenHealth[]): string {
  const { named, more } = chooseNamed(models)
  const names = named.map(({ model, until }) => `${model} until ${new Date(until).toISOString()}`).join(', ')
  return more > 0 ? `${names} and ${more} more` : names
}

function chooseNamed(models: readonly SeenHealth[]): HeldModels {
  const named = models.toSorted((a, b) => b.until - a.until).slice(0, MOST_NAMED)
  return {
    named: named.map((one) => ({ ...one, model: shorten(one.model) })),
    more: models.length - named.length,
  }
}

function shorten(model: string): string {
  return model.length > LONGEST_NAME ? `${model.slice(0, LONGEST_NAME)}…` : model
}
