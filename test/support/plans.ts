// A planner over a few keys, with what this process found of them: for tests of who serves.
import { FALLBACK_REASONS } from '../../contract/common.ts'
import { createModelNames } from '../../server/catalog/model-names.ts'
import type { ApiKeyContext } from '../../server/features/api-keys/context.ts'
import type { ProviderKeyRecord } from '../../server/features/provider-keys/record.ts'
import type { BorrowedKey, Lease } from '../../server/features/teams/borrowed.ts'
import type { Grants } from '../../server/gateway/chain.ts'
import { createHealth, type Health, type Turn } from '../../server/gateway/health.ts'
import { createPlanner, healthName, type PlanRequest } from '../../server/gateway/plan.ts'
import { Secret } from '../../server/kernel/secret.ts'
import { createProviders } from '../../server/providers/registry.ts'
import { createMovableClock } from './account-rooms.ts'
import { PLAN_CALLER, PROVIDER_KEY } from './planned-keys.ts'

export interface PlannedSituation {
  readonly keys?: readonly Partial<ProviderKeyRecord>[]
  readonly caller?: Partial<ApiKeyContext>
  readonly request?: Partial<PlanRequest>
  readonly serverFallback?: readonly string[]
  readonly serverKey?: boolean
  readonly shared?: readonly BorrowedKey[]
}

/** Everybody allows the server's keys, whatever the reason. */
export const EVERYTHING: Grants = {
  operator: new Set(FALLBACK_REASONS),
  account: 'allow',
  apiKey: 'allow',
  request: null,
  serverAllowed: true,
  graceOver: new Set(),
  invalidOnceWorked: false,
}

/** A lease without terms, in team `T`. */
export const LEASE: Lease = {
  id: 'L',
  teamId: 'T',
  allowedModels: null,
  capUsdNanos: null,
  capPeriod: null,
  teamBudget: null,
  expiresAt: null,
}

/** A key of another user. */
export const LENT: ProviderKeyRecord = { ...PROVIDER_KEY, id: 'lent', userId: 'owner' }

export const turnOf = (health: Health, name: string, model = 'gpt-4o'): Turn => health.begin(name, model) as Turn

export const suspend = (health: Health, record: ProviderKeyRecord): unknown =>
  health.suspend(turnOf(health, healthName(record)), 'invalid')

/** Keys of `u` are called `key0`, `key1`, … where they are given no other id. */
export function createPlanned(situation: PlannedSituation) {
  const { keys = [], serverFallback = FALLBACK_REASONS, serverKey = true, shared = [], caller, request } = situation
  const clock = createMovableClock()
  const health = createHealth({ clock })
  const records = keys.map((key, index) => ({ ...PROVIDER_KEY, id: `key${index}`, ...key }))
  const providers = createProviders({
    endpoints: { ollama: { origin: 'http://localhost:11434', basePath: '', versionSegment: null } },
    custom: [],
    serverKeys: serverKey ? { openai: new Secret('sk-server') } : {},
    userBaseUrls: false,
  })
  const planner = createPlanner({
    providers,
    modelNames: createModelNames(providers.routable),
    health,
    clock,
    chainFor: async () => records,
    sharedFor: () => shared,
    serverFallback: new Set(serverFallback),
    invalidGraceMs: 24 * 3_600_000,
  })
  const wanted = (): PlanRequest => ({
    caller: { ...PLAN_CALLER, ...caller },
    provider: providers.get('openai')!,
    model: 'gpt-4o',
    fallbackHeader: null,
    ownKeysOnly: false,
    ...request,
  })
  const plan = () => planner.planChain(wanted())
  /** The next step of a fresh plan. */
  const first = async (): Promise<string> => {
    const step = (await plan()).next()
    if (step.kind === 'shared') return `${step.record.id} for ${step.reason}`
    return step.kind === 'own' ? step.record.id : step.kind === 'server' ? `server for ${step.reason}` : 'none'
  }
  const weigh = () => planner.weighKeys(wanted())
  return { clock, health, records, plan, first, weigh, planner }
}
