// Rate limits counted by one of several instances that cannot ask each other: each lets in its share, the limit divided
// by the instances that were alive last, at least one.
import type { RateStore, Take } from './rate-store.ts'

export function createRateShare(options: { store: RateStore; countInstances: () => number }): RateStore {
  const { store, countInstances } = options

  function share(takes: readonly Take[]): readonly Take[] {
    const instances = countInstances()
    if (instances <= 1) return takes
    return takes.map(({ window, cost }) => ({
      window: { ...window, most: Math.max(Math.floor(window.most / instances), 1) },
      cost,
    }))
  }

  return {
    take: (takes) => store.take(share(takes)),
    correct: (takes, takenAt) => store.correct(share(takes), takenAt),
  }
}
