// The middle model between the wire dialects. Issue by issue it grows from what relaying needs (usage, finish) to whole
// requests and streams; nothing here knows a provider.

/** Tokens of one call. null = the provider did not say; an explicit 0 is a 0. `input` includes cached tokens, `output` includes reasoning. */
export interface Usage {
  readonly input: number | null
  readonly cacheRead: number | null
  /** All tokens written to a cache, whatever their lifetime. */
  readonly cacheWrite: number | null
  /** Those of `cacheWrite` that live an hour. */
  readonly cacheWrite1h: number | null
  readonly output: number | null
  readonly reasoning: number | null
}

export const UNKNOWN_USAGE: Usage = {
  input: null,
  cacheRead: null,
  cacheWrite: null,
  cacheWrite1h: null,
  output: null,
  reasoning: null,
}
