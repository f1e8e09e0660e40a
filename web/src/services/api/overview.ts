// `/admin/overview`
import type { Overview } from '../../../../contract/overview.ts'
import { call } from './client.ts'

export const readOverview = (timeZone: string): Promise<Overview> =>
  call('GET', `admin/overview?time_zone=${encodeURIComponent(timeZone)}`)
