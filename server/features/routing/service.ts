// The rules of routing settings: one's own, or the administrators' default, which may be locked; written with their
// entry in the audit log, and in force on this instance before the answer is sent.
import {
  STRATEGIES,
  type RoutingBody,
  type RoutingDefault,
  type RoutingDefaultBody,
  type RoutingView,
  type Strategy,
} from '../../../contract/routing.ts'
import { createModelNames } from '../../catalog/model-names.ts'
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { Providers } from '../../providers/registry.ts'
import type { Audit } from '../audit/audit.ts'
import type { RoutingMemory } from './memory.ts'
import { BUILT_IN_BODY, normaliseSettings, readStoredSettings } from './settings.ts'
import type { RoutingOwner, RoutingRow, RoutingStore } from './store.ts'

export interface RoutingActor {
  readonly userId: string
  readonly ip: string
}

export interface RoutingService {
  readRouting(userId: string): Promise<RoutingView>
  /** Refused while an administrator has locked the default. */
  putRouting(actor: RoutingActor, body: RoutingBody): Promise<RoutingView>
  /** Back to the default. */
  removeRouting(actor: RoutingActor): Promise<RoutingView>
  readDefault(): Promise<RoutingDefault>
  putDefault(actor: RoutingActor, body: RoutingDefaultBody): Promise<RoutingDefault>
}

const SUMMARIES: Readonly<Record<Strategy, string>> = {
  priority: 'The targets in the order they are listed; the next one only where the one before cannot serve.',
  cost: 'The cheapest for this request by list price first; targets without a known price last.',
  latency: 'The one that answered fastest lately first; one of unknown speed is tried now and then.',
  weighted: 'Conversations are spread by weight; each stays with its target.',
  custom: 'Your rules decide, the first that fits; targets in the order they are listed.',
}

const describeRow = ({ settings, isLocked }: RoutingRow): object => ({
  ...readStoredSettings(settings),
  locked: isLocked,
})

export function createRoutingService(options: {
  database: Database
  store: RoutingStore
  memory: RoutingMemory
  providers: Pick<Providers, 'names' | 'routable'>
  audit: Audit
  clock: Clock
}): RoutingService {
  const { database, store, memory, providers, audit, clock } = options
  const names = createModelNames(providers.routable)

  async function write(owner: RoutingOwner, actor: RoutingActor, row: RoutingRow | null): Promise<void> {
    await database.transaction(async (tx) => {
      const before = await store.find(owner, tx)
      if (row) await store.put(owner, row, actor.userId, tx)
      else if (!(await store.remove(owner, tx))) return
      await audit.record(
        {
          actorType: 'user',
          actorId: actor.userId,
          ip: actor.ip,
          action: row ? 'routing.saved' : 'routing.removed',
          targetType: owner === null ? 'routing-default' : 'user-routing',
          targetId: owner ?? 'default',
          details: { from: before ? describeRow(before) : null, to: row ? describeRow(row) : null },
        },
        tx,
      )
    })
    await memory.changed(owner)
  }

  async function readRouting(userId: string): Promise<RoutingView> {
    const [shared, mine] = await Promise.all([store.find(null), store.find(userId)])
    const locked = shared?.isLocked ?? false
    const inForce = locked ? shared : (mine ?? shared)
    return {
      effective: inForce ? readStoredSettings(inForce.settings) : BUILT_IN_BODY,
      source: inForce === undefined ? 'built_in' : inForce === shared ? 'default' : 'own',
      locked,
      own: mine ? { ...readStoredSettings(mine.settings), updated_at: new Date(mine.updatedAt).toISOString() } : null,
      strategies: STRATEGIES.map((id) => ({ id, summary: SUMMARIES[id] })),
    }
  }

  async function readDefault(): Promise<RoutingDefault> {
    const row = await store.find(null)
    if (!row) return { ...BUILT_IN_BODY, locked: false, updated_at: null }
    const updated_at = new Date(row.updatedAt).toISOString()
    return { ...readStoredSettings(row.settings), locked: row.isLocked, updated_at }
  }

  const toRow = (body: RoutingBody, isLocked: boolean): RoutingRow => ({
    settings: JSON.stringify(normaliseSettings(names, providers.names, body)),
    isLocked,
    updatedAt: clock.now(),
  })

  return {
    readRouting,
    async putRouting(actor, body) {
      const row = toRow(body, false)
      if ((await store.find(null))?.isLocked) {
        throw new GatewayError('forbidden', {
          message: 'An administrator has locked the routing of this server, so your own would not be in force.',
        })
      }
      await write(actor.userId, actor, row)
      return readRouting(actor.userId)
    },
    async removeRouting(actor) {
      await write(actor.userId, actor, null)
      return readRouting(actor.userId)
    },
    readDefault,
    async putDefault(actor, { locked, ...body }) {
      await write(null, actor, toRow(body, locked))
      return readDefault()
    },
  }
}
