// `/admin/usage`: one call a view; what is shown is added up by the server, never here.
import type { UsageAnswer, UsageRow, UsageTotal } from '../../../../contract/usage.ts'
import { call, callForAnswer } from './client.ts'
import { toQuery } from './query.ts'

export type { UsageAnswer, UsageRow, UsageTotal }

export interface UsageQuestion {
  readonly everybody: boolean
  readonly from: string
  readonly to: string
  readonly time_zone: string
  readonly group_by: string
  readonly provider?: string
  readonly model?: string
  readonly provider_key?: string
  readonly api_key?: string
  readonly billed_to?: string
  readonly user?: string
}

const placeOf = (everybody: boolean): string => (everybody ? 'admin/usage/all' : 'admin/usage')

export const readUsage = ({ everybody, ...query }: UsageQuestion): Promise<UsageAnswer> =>
  call('GET', `${placeOf(everybody)}${toQuery({ ...query, percentiles: 'totals' })}`)

export async function readUsageFile({ everybody, ...query }: UsageQuestion, format: 'csv' | 'json'): Promise<Blob> {
  const path = `${placeOf(everybody)}/export${toQuery({ ...query, format })}`
  return (await callForAnswer('GET', path, { accept: '*/*' })).blob()
}
