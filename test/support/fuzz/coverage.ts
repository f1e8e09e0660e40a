// Which places of the server's code ran, by V8's own counters: an input that reaches a new one is worth changing
// further.
import { Session } from 'node:inspector/promises'

export interface CoverageWatch {
  /** Was a place reached since it was last asked that was never reached before? It is not noted yet. */
  hasGrown(): Promise<boolean>
  /** The same, and from now on it counts as known. */
  takeNew(): Promise<boolean>
  stop(): void
}

export async function watchCoverage(): Promise<CoverageWatch> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  const known = new Set<string>()

  async function readNew(): Promise<string[]> {
    // Taking the counters sets them back to nothing.
    const { result } = await session.post('Profiler.takePreciseCoverage')
    return result
      .filter(({ url }) => url.includes('/server/'))
      .flatMap(({ scriptId, functions }) =>
        functions
          .flatMap(({ ranges }) => ranges)
          .filter(({ count }) => count > 0)
          .map(({ startOffset, endOffset }) => `${scriptId} ${startOffset} ${endOffset}`),
      )
      .filter((place) => !known.has(place))
  }

  return {
    hasGrown: async () => (await readNew()).length > 0,
    async takeNew() {
      const places = await readNew()
      for (const place of places) known.add(place)
      return places.length > 0
    },
    stop() {
      session.disconnect()
    },
  }
}
