// The catalogue of models: aliases of everybody and of each user, and what administrators say of models in the place of
// the built-in data. May import features/audit; knows no keys: what a person can reach is handed in.
import type { ReachableModel } from '../../../contract/catalog.ts'
import type { Database } from '../../database/database.ts'
import type { ControlRoute } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Providers } from '../../providers/registry.ts'
import type { Audit } from '../audit/audit.ts'
import { createCatalogMemory, type CatalogMemory } from './memory.ts'
import { createCatalogRoutes } from './routes.ts'
import { createCatalogService } from './service.ts'
import { createCatalogStore } from './store.ts'

export interface Catalog extends Pick<CatalogMemory, 'overrides' | 'resolveModel' | 'aliasesFor' | 'forget'> {
  /** Loads what is held, so that the first request finds it. */
  start(): Promise<void>
  createRoutes(listReachable: (userId: string) => Promise<ReachableModel[]>): readonly ControlRoute[]
}

export function createCatalog(options: {
  database: Database
  providers: Providers
  audit: Audit
  clock: Clock
  announce?: (userId: string | null) => void
}): Catalog {
  const store = createCatalogStore(options.database)
  const memory = createCatalogMemory({ ...options, store })
  const service = createCatalogService({ ...options, store, memory })
  return {
    overrides: memory.overrides,
    resolveModel: memory.resolveModel,
    aliasesFor: memory.aliasesFor,
    forget: memory.forget,
    start: memory.refresh,
    createRoutes: (listReachable) => createCatalogRoutes(service, listReachable),
  }
}
