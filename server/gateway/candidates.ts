// The models that come into question for one request, in order: usually one. Several come from the request's own list, or
// from an alias that has several targets. Nothing else ever puts one model in the place of another.
import { cleanModelName } from '../catalog/profiles.ts'
import { findModalities } from '../catalog/modalities.ts'
import { isAllowedModel, type ModelName, type ModelNames } from '../catalog/model-names.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { Catalog } from '../features/catalog/catalog.ts'
import { ERRORS, GatewayError, type ErrorCode } from '../kernel/errors.ts'
import type { RequestFacts } from '../protocols/request-facts.ts'
import type { Provider } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'

export interface Candidate {
  readonly provider: Provider
  /** As the provider knows it. */
  readonly model: string
  /** The model's name in an answer that is written anew. */
  readonly answeredAs: string
  /** Why it is passed over for this request; null = it may be tried. */
  readonly skip: SkipReason | null
}

export type SkipReason =
  /** By the API key's list. */
  | 'model_not_allowed'
  /** By an administrator. */
  | 'model_switched_off'
  | 'no_image_input'
  /** What an account stores is found at one provider only: the first. */
  | 'names_stored_things'

export interface CandidateTools {
  readonly modelNames: ModelNames
  readonly catalog: Pick<Catalog, 'overrides' | 'resolveModel'>
  readonly providers: Providers
}

export interface CandidateRequest {
  readonly caller: ApiKeyContext
  /** Of the client's dialect. */
  readonly vendor: string
  /** As the client wrote them, in order; at least one. */
  readonly names: readonly string[]
  /** Asked for only where several models come into question. */
  readonly facts: () => RequestFacts
}

/** Providers that one request may call. */
const MOST_PROVIDERS = 3

/** What is no fault of the request, so that another model may well serve it. */
const LEAVES_ROOM: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'rate_limit_exceeded',
  'upstream_error',
  'overloaded',
  'timeout',
  'provider_quota_exhausted',
  'own_cap_reached',
  'server_allowance_spent',
  'model_not_enabled',
  'model_not_found',
  'provider_key_invalid',
  'no_usable_key',
  'translation_not_available',
])

/** May the next model be asked after this refusal? */
export function leavesRoomForOthers(code: ErrorCode): boolean {
  return LEAVES_ROOM.has(code)
}

/**
 * Whose refusal is told, of those of the models in turn: the first that passes; else the one that ended the walk as a
 * fault of the request itself; else the first model's.
 */
export function chooseRefusal(codes: readonly ErrorCode[]): number {
  const temporary = codes.findIndex((code) => LEAVES_ROOM.has(code) && (ERRORS[code].retryable || code === 'timeout'))
  if (temporary !== -1) return temporary
  return LEAVES_ROOM.has(codes.at(-1)!) ? 0 : codes.length - 1
}

export function isOneTooMany(called: ReadonlySet<string>, provider: string): boolean {
  return called.size >= MOST_PROVIDERS && !called.has(provider)
}

/** Throws what the caller is told where none may be tried; at least one of the answer may. */
export async function findCandidates(
  tools: CandidateTools,
  request: CandidateRequest,
): Promise<readonly [Candidate, ...Candidate[]]> {
  const found: Candidate[] = []
  for (const name of request.names) found.push(...(await expandName(tools, request, name)))
  const all = withoutRepeats(found)
  const [only] = all
  if (only && all.length === 1) {
    refuse(only)
    return [only]
  }
  const judged = judgeAgainst(tools, request.facts(), all)
  const [first] = judged
  if (!first) throw new GatewayError('model_not_found')
  if (judged.every(({ skip }) => skip !== null)) refuse(first)
  return [first, ...judged.slice(1)]
}

async function expandName(
  tools: CandidateTools,
  { caller, vendor }: CandidateRequest,
  name: string,
): Promise<Candidate[]> {
  const resolved = await tools.catalog.resolveModel(caller.principal.userId, name, vendor)
  return [describe(tools, caller, resolved, name)]
}

function describe(tools: CandidateTools, caller: ApiKeyContext, named: ModelName, answeredAs: string): Candidate {
  const { provider: id, model } = named
  const provider = tools.providers.get(id)
  if (!provider) throw new GatewayError('model_not_found')
  const isAllowed = isAllowedModel(tools.modelNames, caller.allowedModels, named)
  const isOff = tools.catalog.overrides.find(id, model)?.isEnabled === false
  const skip = isAllowed ? (isOff ? 'model_switched_off' : null) : 'model_not_allowed'
  return { provider, model, answeredAs, skip }
}

function withoutRepeats(candidates: readonly Candidate[]): Candidate[] {
  const byName = new Map<string, Candidate>()
  for (const candidate of candidates) {
    const name = `${candidate.provider.id}/${candidate.model}`
    if (!byName.has(name)) byName.set(name, candidate)
  }
  return [...byName.values()]
}

function judgeAgainst(tools: CandidateTools, facts: RequestFacts, candidates: readonly Candidate[]): Candidate[] {
  return candidates.map((candidate, index) => {
    if (candidate.skip !== null) return candidate
    if (facts.namesStoredThings && index > 0) return { ...candidate, skip: 'names_stored_things' }
    return facts.hasImages && !maySeeImages(tools, candidate) ? { ...candidate, skip: 'no_image_input' } : candidate
  })
}

/** A model of which nothing is known is asked. */
function maySeeImages({ catalog }: CandidateTools, { provider, model }: Candidate): boolean {
  const told = catalog.overrides.find(provider.id, model)?.inputModalities
  const input = told ?? findModalities(cleanModelName(model))?.input
  return input?.includes('image') ?? true
}

function refuse({ skip }: Candidate): void {
  switch (skip) {
    case null:
      return
    case 'model_switched_off':
      throw new GatewayError('model_not_allowed', {
        message: 'An administrator of this server has switched that model off. Choose another one.',
      })
    case 'model_not_allowed':
      throw new GatewayError('model_not_allowed', {
        message: 'This UniRoute API key may not use that model. Choose one of its allowed models, or change the key.',
      })
    default:
      throw new GatewayError('bad_request', {
        message:
          'None of the models that come into question for this request can look at its images. Name one that can.',
      })
  }
}
