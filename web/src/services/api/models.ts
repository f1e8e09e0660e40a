// `/admin/models`: what the signed-in person can reach, and through whose key.
import type { ReachableModel } from '../../../../contract/catalog.ts'
import { call } from './client.ts'

export const listReachableModels = async (): Promise<ReachableModel[]> =>
  (await call<{ models: ReachableModel[] }>('GET', 'admin/models')).models
