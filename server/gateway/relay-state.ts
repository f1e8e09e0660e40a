// Reasoning state in relayed bodies. Answers are watched for it as they pass, so that it is known whose key made it; of
// requests, state that another account made, and sealed envelopes, are taken out before the provider sees them.
import { GatewayError } from '../kernel/errors.ts'
import { joinChunks, textOfChunks } from '../kernel/json-scan.ts'
import { parseJsonTree, type Edit } from '../kernel/json-tree.ts'
import type { Profiles } from '../catalog/profiles.ts'
import { createLossReport } from '../protocols/codec.ts'
import { asObject, asText, parseJson } from '../protocols/read.ts'
import type { StateSlots } from '../protocols/protocol.ts'
import { isSealed, mayHoldSealed } from '../protocols/sealed-state.ts'
import { accountOf, reportLosses } from './crossing.ts'
import type { Exchange, Target } from './exchange.ts'
import type { Producer, ReasoningState } from './reasoning-state.ts'
import { refuseSealed } from './sealed-leftovers.ts'
import { createStateTap, type StateTap } from './state-tap.ts'

export interface StateTools {
  readonly reasoningState: ReasoningState
  readonly profiles: Profiles
}

interface StateOfRequest {
  readonly body: Buffer
  readonly slots: StateSlots
  /** Native values whose maker is known, in order. */
  readonly makers: ReadonlyMap<string, Producer>
  readonly hasEnvelope: boolean
}

/** The same for every try of an exchange. */
const seen = new WeakMap<Exchange, StateOfRequest | 'none'>()

function stateOfRequest({ reasoningState }: StateTools, exchange: Exchange): StateOfRequest | null {
  const known = seen.get(exchange)
  if (known) return known === 'none' ? null : known
  const found = readRequest(reasoningState, exchange)
  seen.set(exchange, found ?? 'none')
  return found
}

function readRequest(reasoningState: ReasoningState, exchange: Exchange): StateOfRequest | null {
  const { operation } = exchange
  const slots = exchange.protocol.stateSlots
  if (!slots || operation.task === 'embed') return null
  const body = joinChunks(exchange.body)
  const hasEnvelope = mayHoldSealed(body)
  const tenant = exchange.caller.principal.userId
  const makers = new Map<string, Producer>()
  for (const value of reasoningState.holdsFor(tenant) ? listValues(body, slots) : []) {
    const maker = makers.get(value) ?? reasoningState.producerOf(tenant, slots.spell(value))
    if (!maker) continue
    makers.delete(value)
    makers.set(value, maker)
  }
  return hasEnvelope || makers.size > 0 ? { body, slots, makers, hasEnvelope } : null
}

function listValues(body: Buffer, slots: StateSlots): string[] {
  if (slots.rareMark !== undefined && body.includes(slots.rareMark)) {
    const root = parseJsonTree(body)
    return root ? slots.list(body, root) : []
  }
  if (slots.requestKeys.length === 0) return []
  const values: string[] = []
  createStateTap(slots.requestKeys, (value) => values.push(value)).push(body)
  return values
}

/**
 * The key whose account holds the thread that the request goes on with; else the one that made the latest state it has.
 */
export function findMaker(tools: StateTools, exchange: Exchange): string | null {
  const keeper = findKeeper(tools, exchange, listThreads(exchange))
  if (keeper !== null) return keeper
  const makers = [...(stateOfRequest(tools, exchange)?.makers.values() ?? [])]
  return makers.findLast(({ provider }) => provider === exchange.provider.id)?.account ?? null
}

/** The key with which one of these was stored at the provider asked for, as far as it is remembered. */
export function findKeeper(
  { reasoningState }: StateTools,
  { caller, provider }: Exchange,
  ids: readonly string[],
): string | null {
  const { userId } = caller.principal
  const makers = ids.map((id) => reasoningState.producerOf(userId, id))
  return makers.find((maker) => maker?.provider === provider.id)?.account ?? null
}

function listThreads({ protocol, scan, body }: Exchange): string[] {
  return (protocol.stateSlots?.threads?.requestKeys ?? []).flatMap((key) => {
    const range = scan.values.get(key)
    const value = range ? parseJson(textOfChunks(body, range.start, range.end)) : undefined
    return asText(value) ?? asText(asObject(value)?.['id']) ?? []
  })
}

/** Edits that leave in the body only state that the target's account can read; what goes is a warning. */
export function editState(tools: StateTools, exchange: Exchange, target: Target): Edit[] {
  const state = stateOfRequest(tools, exchange)
  const losses = createLossReport()
  const edits = state ? removeForeign(tools, state, target, losses) : []
  reportLosses(exchange, losses.losses)
  return edits
}

function removeForeign(
  { profiles }: StateTools,
  { body, slots, makers, hasEnvelope }: StateOfRequest,
  target: Target,
  losses: ReturnType<typeof createLossReport>,
): Edit[] {
  const { provider, model } = target
  const account = accountOf(target)
  const isForeign = (value: string): boolean => {
    if (isSealed(value)) return true
    const maker = makers.get(value)
    return maker !== undefined && (maker.provider !== provider.id || maker.account !== account)
  }
  if (!hasEnvelope && [...makers.keys()].every((value) => !isForeign(value))) return []
  const root = parseJsonTree(body)
  if (!root) {
    if (!hasEnvelope) return []
    throw new GatewayError('invalid_json')
  }
  const needsStandIn = profiles.profileOf(provider.id, model, provider.chatDialect).needsThoughtSignature
  const { edits, thinkingOff } = slots.remove(body, root, { isForeign, needsStandIn })
  if (hasEnvelope) refuseSealed(body, edits)
  if (edits.length > 0) losses.drop('reasoning_state', 'it was made by another provider or account')
  if (thinkingOff) losses.approximate('thinking', 'the last tool turn lost its thinking')
  return [...edits]
}

/** Watches an answer for state; null where the dialect has none. */
export function watchState({ reasoningState }: StateTools, exchange: Exchange, target: Target): StateTap | null {
  const slots = exchange.protocol.stateSlots
  if (!slots || slots.answerKeys.length === 0 || exchange.operation.task !== 'generate') return null
  const tenant = exchange.caller.principal.userId
  const producer: Producer = { provider: target.provider.id, account: accountOf(target) }
  const states = createStateTap(slots.answerKeys, (value) => {
    reasoningState.noteProducer(tenant, slots.spell(value), producer)
  })
  const { threads } = slots
  if (!threads) return states
  const noted = new Set<string>()
  const ids = createStateTap(['id'], (id) => {
    if (!threads.id.test(id) || noted.has(id)) return
    noted.add(id)
    reasoningState.noteProducer(tenant, id, producer)
  })
  return {
    push(chunk) {
      states.push(chunk)
      ids.push(chunk)
    },
  }
}
