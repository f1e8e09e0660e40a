// Whose key a pasted one looks like. A suggestion only: vendors change their prefixes, so nothing is refused for it,
// apart from what can be no provider's key at all.
import type { Installation } from '../../../../contract/installation.ts'

type Providers = Installation['providers']

/** `own`: a UniRoute key · `admin`: one that administers an account at a provider. */
export type Refusal = 'own' | 'admin'

export function guessProvider(secret: string, providers: Providers): string | null {
  let best: { id: string; length: number } | null = null
  for (const { id, key_prefixes: prefixes, takes_keys: takesKeys } of providers) {
    if (!takesKeys) continue
    for (const prefix of prefixes) {
      if (secret.startsWith(prefix) && prefix.length > (best?.length ?? 0)) best = { id, length: prefix.length }
    }
  }
  return best?.id ?? null
}

export function refuseKey(secret: string): Refusal | null {
  if (secret.startsWith('ur_')) return 'own'
  return /^sk-(?:admin-|ant-admin)/.test(secret) ? 'admin' : null
}
