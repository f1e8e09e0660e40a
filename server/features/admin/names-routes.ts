// The names behind the ids that lists tell: one's own keys, and for administrators the people.
import { namesQuerySchema, namesSchema, type Names } from '../../../contract/names.ts'
import { type ControlRoute, defineControlRoute } from '../../http/route.ts'

export interface NamesOptions {
  readonly nameProviderKeys: (userId: string) => Promise<Names['provider_keys']>
  readonly nameApiKeys: (userId: string) => Promise<Names['api_keys']>
  readonly namePeople: () => Promise<Names['people']>
}

export function createNamesRoutes({ nameProviderKeys, nameApiKeys, namePeople }: NamesOptions): ControlRoute[] {
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
        const [provider_keys, api_keys, people] = await Promise.all([
          nameProviderKeys(principal.userId),
          nameApiKeys(principal.userId),
          wantsPeople ? namePeople() : [],
        ])
        return { status: 200, body: { provider_keys, api_keys, people } satisfies Names }
      },
    }),
  ]
}
