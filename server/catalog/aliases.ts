// Aliases: names that stand for a provider's model. A request's name is looked up once, before anything else is
// decided; what it stands for is a model, never another alias, so there is no chain to follow and no circle to fall
// into.
import type { ResolvedModel } from './choices.ts'
import { bareModelName, type ModelNames } from './model-names.ts'

export type AliasTable = ReadonlyMap<string, ResolvedModel>

export const NO_ALIASES: AliasTable = new Map()

const NAME = /^[A-Za-z0-9][A-Za-z0-9._:@+-]*(?:\/[A-Za-z0-9._:@+-]+)*$/
const LONGEST_NAME = 100
/** Beginnings that mean something in Gemini's addresses. */
const RESERVED_SEGMENTS = new Set(['models', 'tunedModels'])

/** What is wrong with a name for an alias, as a sentence; null where nothing is. */
export function findAliasFault(name: string, isProvider: (id: string) => boolean): string | null {
  const segments = name.split('/')
  if (name.length > LONGEST_NAME || !NAME.test(name) || segments.some((segment) => /^\.+$/.test(segment))) {
    return `An alias has at most ${LONGEST_NAME} letters, digits and . _ : @ + - with single slashes between, and begins with a letter or digit.`
  }
  const [first = ''] = segments
  if (segments.length > 1 && (isProvider(first) || RESERVED_SEGMENTS.has(first))) {
    return `"${first}/…" already means a model of ${first}. Choose a name that begins otherwise.`
  }
  return null
}

/** Aliases as they may be used: none stands in the way of `<provider>/<model>`, also of a provider added since. */
export function createAliasTable(
  aliases: readonly ({ readonly name: string } & ResolvedModel)[],
  isProvider: (id: string) => boolean,
): AliasTable {
  return new Map(
    aliases
      .filter(({ name }) => findAliasFault(name, isProvider) === null)
      .map(({ name, ...resolved }) => [name, resolved]),
  )
}

/** The model a name stands for: one's own alias, else everybody's, else the name itself. */
export function resolveName(
  names: ModelNames,
  { own, shared }: { own: AliasTable; shared: AliasTable },
  name: string,
  vendor: string,
): ResolvedModel {
  const bare = bareModelName(name)
  return own.get(bare) ?? shared.get(bare) ?? names.resolve(name, vendor)
}
