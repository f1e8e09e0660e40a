// The names behind the ids that lists tell: one's own keys, and for administrators the people.
import { NAMED_PEOPLE, namesQuerySchema, namesSchema, type Names } from '../../../contract/names.ts'
import { type ControlRoute, defineControlRoute } from '../../http/route.ts'
import { toPublicId } from '../../kernel/ids.ts'
import type { NamedApiKey } from '../api-keys/api-keys.ts'
import type { ProviderKeyRecord } from '../provider-keys/record.ts'

export interface NamesOptions {
  readonly listProviderKeys: (userId: string) => readonly ProviderKeyRecord[] | Promise<readonly ProviderKeyRecord[]>
  readonly listApiKeys: (userId: string) => Promise<readonly NamedApiKey[]>
  /** The first so many. */
  readonly listPeople: (limit: number) => Promise<Names['people']>
}

export function createNamesRoutes({ listProviderKeys, listApiKeys, listPeople }: NamesOptions): ControlRoute[] {
  return [
    defineControlRoute({
      method: 'GET',
      path: '/admin/names',
      credential: 'session',
      role: 'user',
      bodyCap: 0,
      rateClass: 'control',
      summary: 'What your keys are called, by id; for administrators on demand the people too',
      query: namesQuerySchema,
      answers: { 200: { description: 'The names', schema: namesSchema } },
      async handle({ principal, query }) {
        const wantsPeople = query.people === 'true' && principal.role === 'admin'
        const [providerKeys, apiKeys, people] = await Promise.all([
          listProviderKeys(principal.userId),
          listApiKeys(principal.userId),
          wantsPeople ? listPeople(NAMED_PEOPLE) : [],
        ])
        const provider_keys = providerKeys.map(({ id, provider, label }) => ({
          id: toPublicId('pk', id),
          provider,
          label,
        }))
        const api_keys = apiKeys.map(({ id, name, last4, isActive, expiresAt }) => ({
          id: toPublicId('ak', id),
          name,
          last4,
          is_active: isActive,
          expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
        }))
        return { status: 200, body: { provider_keys, api_keys, people } satisfies Names }
      },
    }),
  ]
}
