// `/admin/requests`: the log, page by page, and one request whole.
import type { ListedRequest, RequestDetail, RequestList } from '../../../../contract/requests.ts'
import { call } from './client.ts'
import { toQuery } from './query.ts'

export type { ListedRequest, RequestDetail, RequestList }

export interface RequestsQuestion {
  readonly everybody: boolean
  readonly status?: string
  readonly api_key?: string
  readonly provider_key?: string
  readonly billed_to?: string
  readonly model?: string
  readonly provider?: string
  readonly from?: string
  readonly id?: string
  readonly fell_back?: string
  readonly cursor?: string
}

export const listRequests = ({ everybody, ...query }: RequestsQuestion): Promise<RequestList> =>
  call('GET', `${everybody ? 'admin/requests/all' : 'admin/requests'}${toQuery(query)}`)
export const readRequest = (id: string): Promise<RequestDetail> =>
  call('GET', `admin/requests/${encodeURIComponent(id)}`)
