// Which models can this caller's keys reach? Each provider is asked for its own list with the first key that may serve,
// at most every ten minutes per key (every minute where it failed); an unreachable provider is left out rather than
// failing the whole list.
import { asCount, asText, type JsonObject } from '../protocols/read.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { Secret } from '../kernel/secret.ts'
import { isAllowedModel, type ModelNames } from '../catalog/model-names.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import { judgeRefusal, type Provider, type Verdict } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { OnceResult } from '../upstream/request-once.ts'
import { readModelEntries, requestModelList } from '../upstream/model-list.ts'
import type { KeyFate, Step } from './chain.ts'
import type { Health } from './health.ts'
import { healthName, serverKeyName, type Planner } from './plan.ts'
import type { KeyRing } from './walk.ts'

export interface ListedModel {
  /** As a client asks for it: bare where the bare name leads to this provider, else `provider/model`. */
  readonly id: string
  readonly provider: string
  readonly displayName: string
  /** Seconds since the epoch; 0 where unknown. */
  readonly created: number
  readonly ownedBy: string
  /** The provider's own entry, for its own dialect. */
  readonly raw: JsonObject
}

export interface ModelLists {
  listModels(caller: ApiKeyContext): Promise<ListedModel[]>
}

export interface ModelListTools {
  readonly providers: Providers
  readonly planner: Planner
  readonly keys: KeyRing
  readonly health: Health
  readonly upstream: Upstream
  readonly modelNames: ModelNames
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

  async function listOf(caller: ApiKeyContext, provider: Provider): Promise<readonly ListedModel[]> {
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
      if ('models' in found) return allowedBy(tools.modelNames, step, found.models)
      // Told once: a remembered refusal must not undo a key test that passed since.
      if (!known && record && found.fate === 'invalid') tools.keys.markStatus(record, 'invalid', found.reason)
      chain.report(found.fate)
    }
    return []
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
      const lists = await Promise.all(tools.providers.all.map((provider) => listOf(caller, provider).catch(leaveOut)))
      const models = lists.flat()
      const allowed = caller.allowedModels
      return allowed === null ? models : models.filter(({ id }) => allowed.has(id))
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
  model_not_found: 'restricted',
  request: 'restricted',
}

// A key that cannot be opened leaves its provider out of the list; anything unexpected is not hidden.
function leaveOut(error: unknown): readonly ListedModel[] {
  if (error instanceof GatewayError) return []
  throw error
}

function allowedBy(
  names: ModelNames,
  step: Exclude<Step, { kind: 'none' }>,
  models: readonly ListedModel[],
): readonly ListedModel[] {
  const lists = step.kind === 'server' ? [] : [step.record.allowedModels]
  if (step.kind === 'shared') lists.push(step.lease.allowedModels)
  return lists.reduce<readonly ListedModel[]>((left, allowed) => {
    if (allowed === null) return left
    return left.filter(({ id, provider }) =>
      isAllowedModel(names, allowed, {
        provider,
        model: id.startsWith(`${provider}/`) ? id.slice(provider.length + 1) : id,
      }),
    )
  }, models)
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
        displayName: asText(raw['display_name']) ?? asText(raw['displayName']) ?? id,
        created: asCount(raw['created']) ?? (Number.isNaN(date) ? 0 : Math.floor(date / 1000)),
        ownedBy: asText(raw['owned_by']) ?? provider.id,
        raw,
      }
    }) ?? null
  )
}
