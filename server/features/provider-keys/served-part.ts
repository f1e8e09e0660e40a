// What a provider key served, counted by what decides who would serve it otherwise.

/** Requests of one kind that a key served. */
export interface ServedPart {
  readonly userId: string
  readonly apiKeyId: string | null
  readonly provider: string
  readonly model: string | null
  readonly requestedModel: string | null
  readonly dialect: string
  readonly requests: number
}
