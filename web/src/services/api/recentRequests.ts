// `/admin/requests`: the newest few.
import type { ListedRequest, RequestList } from '../../../../contract/requests.ts'
import { call } from './client.ts'

const listRecentRequests = async (limit: number): Promise<ListedRequest[]> =>
  (await call<RequestList>('GET', `admin/requests?limit=${limit}`)).requests
export const listFirstRequest = async (): Promise<ListedRequest | undefined> =>
  (await listRecentRequests(10)).find(({ api_key_id }) => api_key_id !== null)
