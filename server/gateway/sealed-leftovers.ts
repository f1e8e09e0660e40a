// Reasoning state that UniRoute sealed, where no dialect keeps state and so nothing takes it out: the body is refused
// rather than sent with it.
import { GatewayError } from '../kernel/errors.ts'
import { editChunks } from '../kernel/json-scan.ts'
import { parseJsonTree, type Edit } from '../kernel/json-tree.ts'
import type { LossReport } from '../protocols/codec.ts'
import type { Protocol } from '../protocols/protocol.ts'
import { holdsSealed, isSealed, mayHoldSealed } from '../protocols/sealed-state.ts'

/** Throws a 400 where the body still holds an envelope when the edits are done. */
export function refuseSealed(body: Buffer, edits: readonly Edit[]): void {
  if (!holdsSealed(withoutEdits(body, edits))) return
  throw new GatewayError('bad_request', {
    message:
      'The body holds reasoning state that UniRoute sealed (a text that begins with urs1.), where it cannot be taken out. Leave it out.',
  })
}

/** A translated body without the envelopes that came in parts of a message that only the provider's own dialect knows. */
export function takeOutSealed(
  chunks: readonly Uint8Array[],
  { stateSlots: slots }: Protocol,
  losses: LossReport,
): readonly Uint8Array[] {
  const body = Buffer.concat(chunks)
  const root = mayHoldSealed(body) ? parseJsonTree(body) : null
  if (!root) return chunks
  const edits = slots ? [...slots.remove(body, root, { isForeign: isSealed, needsStandIn: false }).edits] : []
  refuseSealed(body, edits)
  if (edits.length > 0) losses.drop('reasoning_state', 'it was sealed for someone else, or stands where none belongs')
  return editChunks(chunks, edits)
}

function withoutEdits(body: Buffer, edits: readonly Edit[]): string {
  let text = ''
  let from = 0
  for (const { start, end, text: instead } of [...edits].sort((a, b) => a.start - b.start)) {
    text += body.toString('latin1', from, Math.max(start, from)) + instead
    from = Math.max(from, end)
  }
  return text + body.toString('latin1', from)
}
