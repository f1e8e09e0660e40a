// For which reasons the server's keys may pay for somebody, as one answer: the account's default, what the operator
// grants, what is left of today's allowance, and which keys narrow it further.
import type { Allowance } from '../../../contract/limits.ts'
import { FALLBACK_REASONS, type FallbackPolicy } from '../../../contract/common.ts'
import { fallbackViewSchema, type FallbackView } from '../../../contract/routing.ts'
import { type ControlRoute, defineControlRoute } from '../../http/route.ts'
import { allowsFallback, type StoredFallback } from '../../kernel/fallback.ts'
import { toPublicId } from '../../kernel/ids.ts'
import type { NamedApiKey } from '../api-keys/api-keys.ts'
import type { ProviderKeyRecord } from '../provider-keys/record.ts'

interface Narrowing {
  readonly kind: FallbackView['narrowed'][number]['kind']
  readonly id: string
  readonly name: string
  readonly fallback: StoredFallback
}

export interface FallbackOptions {
  readonly granted: FallbackView['granted']
  readonly readAccountFallback: (userId: string) => Promise<StoredFallback>
  readonly readAllowance: (userId: string) => Promise<Allowance['allowance']>
  readonly listProviderKeys: (userId: string) => readonly ProviderKeyRecord[] | Promise<readonly ProviderKeyRecord[]>
  readonly listApiKeys: (userId: string) => Promise<readonly NamedApiKey[]>
}

export function createFallbackRoutes(options: FallbackOptions): ControlRoute[] {
  return [
    defineControlRoute({
      method: 'GET',
      path: '/admin/fallback',
      credential: 'session',
      role: 'user',
      bodyCap: 0,
      rateClass: 'control',
      summary: "For which reasons the server's keys may pay for you, and what narrows it",
      answers: { 200: { description: 'The default of your account and what bounds it', schema: fallbackViewSchema } },
      handle: async ({ principal }) => ({ status: 200, body: await readFallback(options, principal.userId) }),
    }),
  ]
}

async function readFallback(options: FallbackOptions, userId: string): Promise<FallbackView> {
  const [fallback, allowance, providerKeys, apiKeys] = await Promise.all([
    options.readAccountFallback(userId),
    options.readAllowance(userId),
    options.listProviderKeys(userId),
    options.listApiKeys(userId),
  ])
  const policies: Narrowing[] = [
    ...providerKeys.map(({ id, label, fallback: own }) => ({
      kind: 'provider_key' as const,
      id: toPublicId('pk', id),
      name: label,
      fallback: own,
    })),
    // A revoked one serves nobody; a provider key that says never binds as long as it is there.
    ...apiKeys
      .filter(({ isActive }) => isActive)
      .map(({ id, name, fallback: own }) => ({
        kind: 'api_key' as const,
        id: toPublicId('ak', id),
        name,
        fallback: own,
      })),
  ]
  const narrowed = policies.filter((one) => !FALLBACK_REASONS.every((reason) => allowsFallback(one.fallback, reason)))
  return {
    fallback: fallback as FallbackPolicy,
    granted: options.granted,
    allowance,
    narrowed: narrowed.map((one) => ({ ...one, fallback: one.fallback as FallbackPolicy })),
  }
}
