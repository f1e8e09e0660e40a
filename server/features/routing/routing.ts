// The room of routing: how requests choose among several models, everybody's default and each user's own. Knows no keys
// and makes no calls: the gateway asks it what is in force.
import type { Database } from '../../database/database.ts'
import type { ControlRoute } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Providers } from '../../providers/registry.ts'
import type { Audit } from '../audit/audit.ts'
import { createRoutingMemory, type RoutingMemory } from './memory.ts'
import { createRoutingRoutes } from './routes.ts'
import { createRoutingService } from './service.ts'
import { createRoutingStore } from './store.ts'

export interface Routing extends Pick<RoutingMemory, 'settingsFor' | 'forget'> {
  readonly routes: readonly ControlRoute[]
  /** Loads what is held, so that the first request finds it. */
  start(): Promise<void>
}

export function createRouting(options: {
  database: Database
  providers: Providers
  audit: Audit
  clock: Clock
  announce?: (owner: string | null) => void
}): Routing {
  const store = createRoutingStore(options.database)
  const memory = createRoutingMemory({ ...options, store })
  return {
    settingsFor: memory.settingsFor,
    forget: memory.forget,
    routes: createRoutingRoutes(createRoutingService({ ...options, store, memory })),
    start: memory.refresh,
  }
}
