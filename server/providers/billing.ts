// What a provider's own count of an account looks like: where it is asked for, with which kind of key, and which fields
// of the answer hold what. Facts only; features/usage reads by them.
// Shared by the vendors: pages of `data[]` with `has_more` and `next_page`, buckets of one UTC day with `results[]`,
// `bucket_width`, `group_by[]`, `limit` and `page`.

/** Dotted paths whose values are added up; empty: the provider does not tell. */
type Sum = readonly string[]

export interface UsageReport {
  readonly path: string
  readonly requests: Sum
  /** With what was read from and written to the cache. */
  readonly input: Sum
  readonly cacheRead: Sum
  readonly cacheWrite: Sum
  readonly output: Sum
}

export interface BillingApi {
  readonly adminKeyPrefix: string
  /** Where such a key is made, as the end of a sentence. */
  readonly adminKeyFrom: string
  /** What it must be allowed to read, in the provider's own word. */
  readonly scope: string
  readonly range: {
    readonly from: string
    /** The first moment left out. */
    readonly to: string
    readonly as: 'seconds' | 'rfc3339'
  }
  /** Field of a bucket that holds its beginning, in the same form. */
  readonly bucketStart: string
  readonly mostBuckets: number
  readonly usage: readonly UsageReport[]
  readonly costs: {
    readonly path: string
    readonly groupBy: string
    readonly amount: string
    readonly currency: string
    /** Micro-dollars in one unit of the amount. */
    readonly microsPerUnit: number
    /** The field that names the model; where other words follow it, they stand behind a comma. */
    readonly model: string
    /** What stands for the model where that field is empty. */
    readonly otherwise: string
    /** Can it be narrowed to some API keys? */
    readonly byApiKey: boolean
  }
  /** What stands behind a model's name and names its version. */
  readonly version: RegExp
}
