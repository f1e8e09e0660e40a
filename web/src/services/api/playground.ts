// `/admin/playground/v1/*`: the data plane for the signed-in person, without an API key.
import type { ReachableModel } from '../../../../contract/catalog.ts'
import type { Receipt } from '../../../../contract/usage.ts'
import { call } from './client.ts'
import { openStream, type OpenedStream } from './stream.ts'

const BASE = 'admin/playground/v1'

export const listModels = async (): Promise<ReachableModel[]> =>
  (await call<{ models: ReachableModel[] }>('GET', 'admin/models')).models
export const openChat = (body: object, signal: AbortSignal): Promise<OpenedStream> =>
  openStream(`${BASE}/chat/completions`, body, signal)
export const readReceipt = (requestId: string): Promise<Receipt> =>
  call('GET', `${BASE}/generations/${encodeURIComponent(requestId)}`)
