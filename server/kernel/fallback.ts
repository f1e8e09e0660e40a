// How a fallback policy is stored and asked: JSON text in a column, `allow`, `never` or a list of reasons.

export type StoredFallback = 'allow' | 'never' | readonly string[]

export function allowsFallback(policy: StoredFallback, reason: string): boolean {
  return policy === 'allow' || (policy !== 'never' && policy.includes(reason))
}

export function parseStoredFallback(text: string): StoredFallback {
  const value: unknown = JSON.parse(text)
  if (value === 'allow' || value === 'never') return value
  if (Array.isArray(value) && value.every((reason) => typeof reason === 'string')) return Object.freeze(value)
  // An unreadable policy permits nothing: the owner's money is at stake.
  return 'never'
}
