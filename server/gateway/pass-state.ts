// Reasoning state that UniRoute sealed, in JSON bodies that are passed through: no provider can read it, and none gets
// to see it. Where the body holds requests as for generating (batches, what is to be compacted or cached), it is taken
// out as there; in any other place it is a 400. What is uploaded as a file is not looked into.
import type { Profiles } from '../catalog/profiles.ts'
import { itemsOf, memberOf, parseJsonTree, type Edit, type JsonNode } from '../kernel/json-tree.ts'
import { createLossReport } from '../protocols/codec.ts'
import { reportLosses } from './crossing.ts'
import type { Exchange, Target } from './exchange.ts'
import { isSealed, mayHoldSealed } from '../protocols/sealed-state.ts'
import type { PassRule } from './pass-table.ts'
import { refuseSealed } from './sealed-leftovers.ts'

export function editSealedState(profiles: Profiles, exchange: Exchange, target: Target, pass: PassRule): Edit[] {
  if (/^multipart\//i.test(exchange.match.headers['content-type'] ?? '')) return []
  const body = Buffer.concat(exchange.body)
  if (!mayHoldSealed(body)) return []
  const root = parseJsonTree(body)
  if (!root || (root.kind !== 'object' && root.kind !== 'array')) return []
  const edits = findEdits(profiles, exchange, target, { body, root, pass })
  refuseSealed(body, edits)
  const losses = createLossReport()
  if (edits.length > 0) losses.drop('reasoning_state', 'it was made by another provider or account')
  reportLosses(exchange, losses.losses)
  return edits
}

function findEdits(
  profiles: Profiles,
  { protocol }: Exchange,
  { provider, model }: Target,
  { body, root, pass }: { body: Buffer; root: JsonNode; pass: PassRule },
): Edit[] {
  const slots = protocol.stateSlots
  if (!slots) return []
  const { needsThoughtSignature: needsStandIn } = profiles.profileOf(provider.id, model, provider.chatDialect)
  const steps = pass.requestsAt === '' ? [] : pass.requestsAt.split('.')
  return findRequests([root], steps).flatMap((request) => [
    ...slots.remove(body, request, { isForeign: isSealed, needsStandIn }).edits,
  ])
}

function findRequests(nodes: readonly JsonNode[], [step, ...rest]: readonly string[]): readonly JsonNode[] {
  if (step === undefined) return nodes
  const camel = step.replaceAll(/_([a-z])/g, (_whole, letter: string) => letter.toUpperCase())
  const found = nodes.flatMap((node) =>
    step === '*' ? itemsOf(node) : (memberOf(node, step) ?? memberOf(node, camel) ?? []),
  )
  return findRequests(found, rest)
}
