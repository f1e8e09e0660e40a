// Which models can this caller's keys reach? Each provider is asked for its own list with the first key that may serve,
// at most every ten minutes per key (every minute where it failed); an unreachable provider is left out rather than
// failing the whole list.
import { asCount, asText } from '../protocols/read.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { Secret } from '../kernel/secret.ts'
import type { ModelNames } from '../catalog/model-names.ts'
import type { Catalog } from '../features/catalog/catalog.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import { judgeRefusal, type Provider, type Verdict } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { OnceResult } from '../upstream/request-once.ts'
import { readModelEntries, requestModelList } from '../upstream/model-list.ts'
import { PAYER_OF, type KeyFate } from './chain.ts'
import { healthName, serverKeyName, type Planner } from './plan.ts'
import { showModels, type ListedModel, type ReachedList, type ReachedModel } from './shown-models.ts'
import type { Turns } from './turns.ts'
import type { KeyRing } from './walk.ts'

export interface ModelLists {
  listModels(caller: ApiKeyContext): Promise<ReachedModel[]>
}

export interface ModelListTools {
  readonly providers: Providers
  readonly planner: Planner
  readonly keys: KeyRing
  readonly turns: Turns
  readonly upstream: Upstream
  readonly modelNames: ModelNames
  readonly catalog: Pick<Catalog, 'overrides' | 'aliasesFor'>
  readonly clock: Clock
}

const FRESH_MS = 600_000
const FAILURE_FRESH_MS = 60_000
const MOST_LISTS = 1_000

/** The list of one key, or why there is none. */
type Loaded = { readonly models: readonly ListedModel[] } | { readonly fate: KeyFate; readonly reason: string | null }
type HeldList = Loaded & { readonly at: number }

export function createModelLists(tools: ModelListTools): ModelLists {
  const held = new Map<string, HeldList>()
  const loading = new Map<string, Promise<HeldList>>()

  async function listOf(caller: ApiKeyContext, provider: Provider): Promise<readonly ReachedList[]> {
    const chain = await tools.planner.planChain({
      caller,
      provider,
      model: null,
      fallbackHeader: null,
      ownKeysOnly: false,
    })
    for (let step = chain.next(); step.kind !== 'none'; step = chain.next()) {
      const record = step.kind === 'server' ? null : step.record
      const at = record?.baseUrl ? tools.providers.atBaseUrl(record.baseUrl) : provider
      const name = record ? healthName(record) : serverKeyName(provider.id)
      const open = (): Promise<Secret | undefined> =>
        Promise.resolve(record ? tools.keys.openCredential(record) : tools.providers.serverKey(provider.id))
      const known = findFresh(name)
      const found = known ?? (await loadOnce(name, at, record !== null && record.baseUrl !== null, open))
      if ('models' in found) {
        return [
          {
            provider: provider.id,
            models: found.models,
            payer: PAYER_OF[step.kind],
            providerKeyId: record?.id ?? null,
            allowed: [record?.allowedModels ?? null, step.kind === 'shared' ? step.lease.allowedModels : null],
          },
        ]
      }
      // Told once: a remembered refusal must not undo a key test that passed since.
      if (!known && record && found.fate === 'invalid') await suspendKey(record, at, found.reason)
      chain.report(found.fate)
    }
    return []
  }

  async function suspendKey(key: ProviderKeyRecord, provider: Provider, reason: string | null): Promise<void> {
    const turn = await tools.turns.take({ key, provider }, '')
    if (typeof turn === 'string') return
    turn.suspended('invalid', reason)
    turn.end()
  }

  function findFresh(name: string): HeldList | undefined {
    const found = held.get(name)
    if (!found) return undefined
    const age = tools.clock.monotonic() - found.at
    return age < ('models' in found ? FRESH_MS : FAILURE_FRESH_MS) ? found : undefined
  }

  function loadOnce(
    name: string,
    provider: Provider,
    guarded: boolean,
    open: () => Promise<Secret | undefined>,
  ): Promise<HeldList> {
    const running = loading.get(name)
    if (running) return running
    const promise = load(name, provider, guarded, open).finally(() => loading.delete(name))
    loading.set(name, promise)
    return promise
  }

  async function load(
    name: string,
    provider: Provider,
    guarded: boolean,
    open: () => Promise<Secret | undefined>,
  ): Promise<HeldList> {
    const credential = await open()
    const result = await requestModelList(tools.upstream, provider, guarded, credential ?? null)
    const list = { ...readAnswer(provider, result, tools.modelNames), at: tools.clock.monotonic() }
    held.delete(name)
    held.set(name, list)
    if (held.size > MOST_LISTS) held.delete(held.keys().next().value!)
    return list
  }

  return {
    async listModels(caller) {
      const [aliases, ...lists] = await Promise.all([
        tools.catalog.aliasesFor(caller.principal.userId),
        ...tools.providers.all.map((provider) => listOf(caller, provider).catch(leaveOut)),
      ])
      const { modelNames: names, catalog } = tools
      const { allowedModels } = caller
      return showModels(lists.flat(), { names, aliases, overrides: catalog.overrides, allowedModels })
    },
  }
}

function readAnswer(provider: Provider, result: OnceResult, names: ModelNames): Loaded {
  if (result.kind !== 'answer') return { fate: 'outage', reason: null }
  const text = result.body.toString('utf8')
  if (result.status === 200) {
    const models = parseModelList(provider, text, names)
    return models ? { models } : { fate: 'outage', reason: null }
  }
  const error = PROTOCOLS[[...provider.dialects][0]!].decodeError(result.status, text)
  const verdict = judgeRefusal(provider, result.status, error)
  return { fate: FATES[verdict], reason: error.signals[0] ?? null }
}

const FATES: Readonly<Record<Verdict, KeyFate>> = {
  invalid: 'invalid',
  exhausted: 'exhausted',
  cooling: 'rate_limited',
  overloaded: 'outage',
  failed: 'outage',
  // Of this call only: the key may serve requests all the same, so nobody else has to answer for it.
  restricted: 'restricted',
  forbidden: 'restricted',
  unfit: 'restricted',
  model_not_found: 'restricted',
  request: 'restricted',
  overflow: 'restricted',
}

// A key that cannot be opened leaves its provider out of the list; anything unexpected is not hidden.
function leaveOut(error: unknown): readonly ReachedList[] {
  if (error instanceof GatewayError) return []
  throw error
}

function parseModelList(provider: Provider, text: string, names: ModelNames): ListedModel[] | null {
  const entries = readModelEntries(text)
  return (
    entries?.map(({ id, raw }) => {
      const plain = names.resolve(id, '')
      const date = Date.parse(asText(raw['created_at']) ?? '')
      return {
        id: plain.provider === provider.id && plain.model === id ? id : `${provider.id}/${id}`,
        provider: provider.id,
        model: id,
        displayName: asText(raw['display_name']) ?? asText(raw['displayName']) ?? id,
        created: asCount(raw['created']) ?? (Number.isNaN(date) ? 0 : Math.floor(date / 1000)),
        ownedBy: asText(raw['owned_by']) ?? provider.id,
        raw,
        dialects: provider.dialects,
      }
    }) ?? null
  )
}
