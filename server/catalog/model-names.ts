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
