// Models that a key has served and no price list knows: names that are real all the same, for that key.
const MODELS_PER_KEY = 256
const MOST_KEYS = 10_000

export interface ServedModels {
  note(key: string, model: string): void
  has(key: string, model: string): boolean
}

export function createServedModels(): ServedModels {
  const keys = new Map<string, Set<string>>()
  return {
    note(key, model) {
      const models = keys.get(key) ?? new Set()
      if (models.has(model)) return
      models.add(model)
      if (models.size > MODELS_PER_KEY) models.delete(models.keys().next().value!)
      keys.set(key, models)
      if (keys.size > MOST_KEYS) keys.delete(keys.keys().next().value!)
    },
    has: (key, model) => keys.get(key)?.has(model) ?? false,
  }
}
