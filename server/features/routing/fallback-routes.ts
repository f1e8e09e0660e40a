// For which reasons the server's keys may pay for somebody, as one answer: the account's default, what the operator
// grants, what is left of today's allowance, and which keys narrow it further.
import type { Allowance } from '../../../contract/limits.ts'
import { FALLBACK_REASONS, type FallbackPolicy } from '../../../contract/common.ts'
import { fallbackViewSchema, type FallbackView } from '../../../contract/routing.ts'
import { type ControlRoute, defineControlRoute } from '../../http/route.ts'
import { allowsFallback, type StoredFallback } from '../../kernel/fallback.ts'

interface Narrowing {
  readonly id: string
  readonly name: string
  readonly fallback: StoredFallback
}

export interface FallbackOptions {
  readonly granted: FallbackView['granted']
  readonly readAccountFallback: (userId: string) => Promise<StoredFallback>
  readonly readAllowance: (userId: string) => Promise<Allowance['allowance']>
  readonly listProviderKeys: (userId: string) => Promise<readonly Narrowing[]>
  /** Those that serve. */
  readonly listApiKeys: (userId: string) => Promise<readonly Narrowing[]>
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
  const narrowed = (kind: FallbackView['narrowed'][number]['kind'], keys: readonly Narrowing[]) =>
    keys
      .filter((key) => !FALLBACK_REASONS.every((reason) => allowsFallback(key.fallback, reason)))
      .map(({ id, name, fallback: policy }) => ({ kind, id, name, fallback: policy as FallbackPolicy }))
  return {
    fallback: fallback as FallbackPolicy,
    granted: options.granted,
    allowance,
    narrowed: [...narrowed('provider_key', providerKeys), ...narrowed('api_key', apiKeys)],
  }
}
