// `/admin/provider-keys`: metadata comes, secrets only go.
import type {
  AddProviderKeyBody,
  EditProviderKeyBody,
  ProviderKey,
  ProviderKeyImpact,
  ProviderKeyList,
  ProviderKeyTest,
  ReplaceProviderKeyBody,
  TestProviderKeyBody,
} from '../../../../contract/provider-keys.ts'
import { call } from './client.ts'

interface Answer {
  readonly message: string
  readonly provider: string
  readonly key: ProviderKey
}

const one = (id: string): string => `admin/provider-keys/${encodeURIComponent(id)}`

export const listProviderKeys = async (): Promise<ProviderKey[]> =>
  (await call<{ keys: ProviderKey[] }>('GET', 'admin/provider-keys')).keys
/** With what stood in for those that do not serve, the keys of others, and which providers do not answer. */
export const readProviderKeyPage = (): Promise<ProviderKeyList> =>
  call('GET', 'admin/provider-keys?include=stand_in,borrowed,ended,down')
export const testUnsavedKey = (body: TestProviderKeyBody): Promise<ProviderKeyTest> =>
  call('POST', 'admin/provider-keys/test', { body })
export const addProviderKey = (body: AddProviderKeyBody): Promise<Answer> =>
  call('POST', 'admin/provider-keys', { body })
export const editProviderKey = (id: string, body: EditProviderKeyBody): Promise<Answer> =>
  call('PATCH', one(id), { body })
export const replaceProviderKey = (id: string, body: ReplaceProviderKeyBody): Promise<Answer> =>
  call('PUT', one(id), { body })
export const testProviderKey = (id: string): Promise<ProviderKeyTest> => call('POST', `${one(id)}/test`)
export const deleteProviderKey = (id: string): Promise<{ message: string }> => call('DELETE', one(id))
export const readImpact = (id: string): Promise<ProviderKeyImpact> => call('GET', `${one(id)}/impact`)

export interface KeyUse {
  readonly requests: number
  /** Micro-dollars; what is unknown is not in it. */
  readonly costUsdMicros: number
  readonly unknownCost: number
}

/** What each key paid for in the last seven days, by id of the key; one call for all. */
export async function readWeekByKey(): Promise<Record<string, KeyUse>> {
  const from = new Date(Date.now() - 7 * 86_400_000).toISOString().slice(0, 10)
  const { groups } = await call<{
    groups: {
      provider_key: string | null
      requests: number
      cost_usd_micros: number
      unknown_cost_requests: number
    }[]
  }>('GET', `admin/usage?group_by=provider_key&from=${from}`)
  return Object.fromEntries(
    groups.map((group) => [
      group.provider_key ?? '',
      { requests: group.requests, costUsdMicros: group.cost_usd_micros, unknownCost: group.unknown_cost_requests },
    ]),
  )
}
