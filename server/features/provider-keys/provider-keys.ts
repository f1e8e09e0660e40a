// The room of users' own provider keys: its rules, what the gateway uses of them, and its addresses.
import type { ControlRoute } from '../../http/route.ts'
import type { ProviderKeysOptions } from './context.ts'
import { createProviderKeyRoutes } from './routes.ts'
import { createProviderKeyService, type ProviderKeyService } from './service.ts'

export interface ProviderKeys extends ProviderKeyService {
  readonly routes: readonly ControlRoute[]
}

export function createProviderKeys(options: ProviderKeysOptions): ProviderKeys {
  const service = createProviderKeyService(options)
  return { ...service, routes: createProviderKeyRoutes(service) }
}
