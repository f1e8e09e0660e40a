// Whose model is it? A first segment that names a configured provider decides; else the beginning of the name; else the
// client's dialect names its own vendor.

export interface ModelName {
  readonly provider: string
  /** As the provider knows it. */
  readonly model: string
}

export interface ModelNames {
  resolve(name: string, vendor: string): ModelName
}

/**
 * Is a model one of a list of names, whatever spelling the list and the request chose? `claude-*` stands
 * for all that begin so; null allows every model.
 */
export function isAllowedModel(names: ModelNames, allowed: Iterable<string> | null, wanted: ModelName): boolean {
  if (allowed === null) return true
  const bare = bareModelName(wanted.model)
  for (const name of allowed) {
    if (name.endsWith('*')) {
      const beginning = name.slice(0, -1)
      if (bare.startsWith(beginning) || `${wanted.provider}/${bare}`.startsWith(beginning)) return true
      continue
    }
    const { provider, model } = names.resolve(name, wanted.provider)
    if (provider === wanted.provider && bareModelName(model) === bare) return true
  }
  return false
}

/** Without Google's `models/`. */
export function bareModelName(model: string): string {
  return model.replace(/^models\//, '')
}

/** `prefixes`: beginnings of bare model names per provider; the longest match wins. */
export function createModelNames(
  providers: readonly { readonly id: string; readonly modelPrefixes: readonly string[] }[],
): ModelNames {
  const ids = new Set(providers.map(({ id }) => id))
  const prefixes = providers
    .flatMap(({ id, modelPrefixes }) => modelPrefixes.map((prefix) => ({ prefix, id })))
    .sort((a, b) => b.prefix.length - a.prefix.length)
  return {
    resolve(name, vendor) {
      const slash = name.indexOf('/')
      if (slash > 0 && slash < name.length - 1) {
        const first = name.slice(0, slash)
        if (ids.has(first)) return { provider: first, model: name.slice(slash + 1) }
      }
      const match = prefixes.find(({ prefix }) => name.startsWith(prefix))
      return { provider: match?.id ?? vendor, model: name }
    },
  }
}
