// Stop reasons, both ways. The vendor's list is open: a word we do not know is a plain end, and marked as unknown.
import type { Finish, FinishUnified } from '../canonical.ts'
import { readExplanation } from '../codec.ts'
import { asText } from '../read.ts'

const UNIFIED: Readonly<Record<string, FinishUnified>> = {
  end_turn: 'stop',
  stop_sequence: 'stop_sequence',
  max_tokens: 'length',
  model_context_window_exceeded: 'context_window',
  tool_use: 'tool_calls',
  refusal: 'refusal',
  pause_turn: 'pause',
  compaction: 'pause',
}

/** `calls`: a call was emitted. It upgrades a plain end, and only that; a forced schema tool is no call. */
export function readFinish(reason: unknown, sequence: unknown, details: unknown, calls: boolean): Finish {
  const raw = asText(reason) ?? ''
  const known = Object.hasOwn(UNIFIED, raw)
  let unified: FinishUnified = known ? UNIFIED[raw]! : 'stop'
  if (unified === 'tool_calls' && !calls) unified = 'stop'
  if (unified === 'stop' && calls) unified = 'tool_calls'
  const met = asText(sequence)
  return {
    unified,
    raw,
    ...(known ? {} : { unknown: true }),
    ...(met === null ? {} : { sequence: met }),
    ...(details === null || details === undefined ? {} : { details }),
  }
}

export interface StopFields {
  readonly stop_reason: string
  readonly stop_sequence: string | null
  readonly stop_details?: unknown
}

/** null: the answer is malformed, which is an error here and no way to stop. */
export function writeFinish(finish: Finish, seen: { calls: boolean; refusal: boolean }): StopFields | null {
  const reason = stopReason(finish, seen)
  if (reason === null) return null
  return {
    stop_reason: reason,
    stop_sequence: reason === 'stop_sequence' ? (finish.sequence ?? null) : null,
    ...stopDetails(finish),
  }
}

// Anthropic's own details say more than those of others, of which a sentence alone is known.
function stopDetails(finish: Finish): Pick<StopFields, 'stop_details'> {
  if (finish.raw === 'refusal' && finish.details !== undefined) return { stop_details: finish.details }
  const explanation = readExplanation(finish)
  return explanation === null ? {} : { stop_details: { type: 'refusal', category: null, explanation } }
}

function stopReason({ unified, raw, sequence }: Finish, seen: { calls: boolean; refusal: boolean }): string | null {
  switch (unified) {
    case 'stop':
    case 'tool_calls':
      if (seen.calls) return 'tool_use'
      return seen.refusal ? 'refusal' : 'end_turn'
    case 'stop_sequence':
      return sequence === undefined ? 'end_turn' : 'stop_sequence'
    case 'length':
      return 'max_tokens'
    case 'context_window':
      return 'model_context_window_exceeded'
    case 'refusal':
    case 'content_filter':
      return 'refusal'
    case 'pause':
      return raw === 'compaction' ? 'compaction' : 'pause_turn'
    case 'malformed':
      return null
  }
}
