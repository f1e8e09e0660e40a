// `/auth/api-keys`: UniRoute's own keys. A key itself comes in two answers only, those of making and of rotating it,
// and goes straight to the dialog that shows it.
import type { ApiKey, CreateApiKeyBody, UpdateApiKeyBody } from '../../../../contract/api-keys.ts'
import type { UsageAnswer } from '../../../../contract/usage.ts'
import { call } from './client.ts'

export type NewApiKey = ApiKey & { readonly key: string }

const one = (id: string): string => `auth/api-keys/${encodeURIComponent(id)}`

export const listApiKeys = async (): Promise<ApiKey[]> =>
  (await call<{ keys: ApiKey[] }>('GET', 'auth/api-keys?revoked=true')).keys
export const createApiKey = (body: CreateApiKeyBody): Promise<NewApiKey> => call('POST', 'auth/api-keys', { body })
export const editApiKey = (id: string, body: UpdateApiKeyBody): Promise<ApiKey> => call('PATCH', one(id), { body })
export const rotateApiKey = (id: string, overlapSeconds: number): Promise<NewApiKey> =>
  call('POST', `${one(id)}/rotate`, { body: { overlap_seconds: overlapSeconds } })
export const revokeApiKey = (id: string): Promise<{ message: string }> => call('DELETE', one(id))

export interface ApiKeyUse {
  readonly requests: number
  /** Micro-dollars; what is unknown is not in it. */
  readonly costUsdMicros: number
  readonly unknownCost: number
}

/** What each API key was used for in the last seven days (or today, in UTC), by id of the key; one call for all. */
export async function readUseByApiKey(span: 'week' | 'today'): Promise<Record<string, ApiKeyUse>> {
  const from = new Date(Date.now() - (span === 'week' ? 7 * 86_400_000 : 0)).toISOString().slice(0, 10)
  const { groups } = await call<UsageAnswer>('GET', `admin/usage?group_by=api_key&from=${from}&time_zone=UTC`)
  return Object.fromEntries(
    groups.map((group) => [
      group.api_key ?? '',
      { requests: group.requests, costUsdMicros: group.cost_usd_micros, unknownCost: group.unknown_cost_requests },
    ]),
  )
}
