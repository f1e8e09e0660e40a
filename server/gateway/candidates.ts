// The models that come into question for one request, in order: usually one. Several come from the request's own list,
// from an alias that has several targets, or from a rule. Nothing else ever puts one model in the place of another.
import { cleanModelName } from '../catalog/profiles.ts'
import { findModalities } from '../catalog/modalities.ts'
import type { ModelTarget, ResolvedModel } from '../catalog/choices.ts'
import { bareModelName, isAllowedModel, type ModelName, type ModelNames } from '../catalog/model-names.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { Catalog } from '../features/catalog/catalog.ts'
import type { Routing } from '../features/routing/routing.ts'
import { findRule, type RoutingSettings } from '../features/routing/rules.ts'
import { ERRORS, GatewayError, type ErrorCode } from '../kernel/errors.ts'
import { toPublicId } from '../kernel/ids.ts'
import type { Operation, Protocol } from '../protocols/protocol.ts'
import type { RequestFacts } from '../protocols/request-facts.ts'
import type { Provider } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'
import type { Choosing, ChosenFor } from './choosing.ts'

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
  readonly routing: Pick<Routing, 'settingsFor'>
  readonly choosing: Choosing
}

export interface CandidateRequest extends Omit<ChosenFor, 'userId'> {
  readonly caller: ApiKeyContext
  readonly protocol: Pick<Protocol, 'id' | 'vendor'>
  readonly operation: Pick<Operation, 'task'>
  /** As the client wrote them, in order; at least one. */
  readonly names: readonly string[]
  /** Asked for only where several models come into question. */
  readonly facts: () => RequestFacts
}

export interface Candidates {
  /** In order; at least one may be tried. */
  readonly all: readonly Candidate[]
  /** The first of those. */
  readonly first: Candidate
  /** Under which the one that serves is to be remembered; null where nothing was chosen. */
  readonly conversation: string | null
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
  'price_unknown',
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

/** Of those that come into question. */
export function providersOf(candidates: readonly Candidate[]): ReadonlySet<string> {
  return new Set(candidates.filter(({ skip }) => skip === null).map(({ provider }) => provider.id))
}

export function isOneTooMany(called: ReadonlySet<string>, provider: string): boolean {
  return called.size >= MOST_PROVIDERS && !called.has(provider)
}

/** Throws what the caller is told where none may be tried. */
export async function findCandidates(tools: CandidateTools, request: CandidateRequest): Promise<Candidates> {
  const found: Candidate[] = []
  let isChosen = false
  for (const name of request.names) {
    const expanded = await expandName(tools, request, name)
    found.push(...expanded.candidates)
    isChosen ||= expanded.isChosen
  }
  const all = withoutRepeats(found)
  const judged = all.length > 1 ? judgeAgainst(tools, request.facts(), all) : all
  const first = judged.find(({ skip }) => skip === null)
  if (!first) throw refusalOf(judged[0]?.skip ?? null)
  const { userId } = request.caller.principal
  const conversation = isChosen ? tools.choosing.conversationOf({ ...request, userId }) : null
  return { all: judged, first, conversation }
}

interface Expanded {
  readonly candidates: readonly Candidate[]
  /** By something else than the order in which they are listed. */
  readonly isChosen: boolean
}

async function expandName(tools: CandidateTools, request: CandidateRequest, name: string): Promise<Expanded> {
  const { caller, protocol, operation } = request
  const { userId } = caller.principal
  const found = tools.catalog.resolveModel(userId, name, protocol.vendor)
  const resolved = found instanceof Promise ? await found : found
  const held = tools.routing.settingsFor(userId)
  const settings = held instanceof Promise ? await held : held
  const choice = ruleFor(settings, request, name, resolved)?.choice ?? resolved.choice
  if (!choice) return { candidates: [describe(tools, caller, resolved, name)], isChosen: false }
  const targets = operation.task === 'embed' ? sameModelOf(choice.targets) : choice.targets
  const wanted = choice.order ?? settings.order
  // A thread that is stored somewhere stays with the first.
  const order = wanted !== 'priority' && targets.length > 1 && request.facts().namesStoredThings ? 'priority' : wanted
  const ordered = tools.choosing.order(order, targets, { ...request, userId })
  return {
    candidates: ordered.map((target) => describe(tools, caller, target, target.model)),
    isChosen: order !== 'priority' && targets.length > 1,
  }
}

function ruleFor(
  { rules }: RoutingSettings,
  request: CandidateRequest,
  name: string,
  { provider, model }: ResolvedModel,
): ReturnType<typeof findRule> {
  // Without a model's name the account's own template says which it is.
  if (rules.length === 0 || name === '') return undefined
  const { apiKeyId } = request.caller.principal
  return findRule(rules, {
    names: [bareModelName(name), model, `${provider}/${model}`],
    apiKey: apiKeyId === null ? null : toPublicId('ak', apiKeyId),
    dialect: request.protocol.id,
    promptTokens: request.promptTokens,
    streamed: request.streamed,
    hasTools: () => request.facts().hasTools,
    hasImages: () => request.facts().hasImages,
  })
}

/** Vectors of different models cannot be compared: an index must never get both. */
function sameModelOf(targets: readonly ModelTarget[]): readonly ModelTarget[] {
  const nameOf = ({ model }: ModelTarget) => cleanModelName(model)
  return targets.filter((target) => nameOf(target) === nameOf(targets[0]!))
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

function refusalOf(skip: SkipReason | null): GatewayError {
  switch (skip) {
    case null:
      return new GatewayError('model_not_found')
    case 'model_switched_off':
      return new GatewayError('model_not_allowed', {
        message: 'An administrator of this server has switched that model off. Choose another one.',
      })
    case 'model_not_allowed':
      return new GatewayError('model_not_allowed', {
        message: 'This UniRoute API key may not use that model. Choose one of its allowed models, or change the key.',
      })
    case 'no_image_input':
      return new GatewayError('bad_request', {
        message:
          'None of the models that come into question for this request can look at its images. Name one that can.',
      })
    case 'names_stored_things':
      return new GatewayError('bad_request', {
        message: 'This request names what an account stores, and the model it belongs to cannot be used.',
      })
  }
}
