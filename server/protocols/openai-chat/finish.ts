// Why an answer ended, both ways. The list of words is open: one we do not know is a plain end, and marked as unknown.
import type { Finish, FinishUnified } from '../canonical.ts'
import { asText } from '../read.ts'

const UNIFIED: Readonly<Record<string, FinishUnified>> = {
  stop: 'stop',
  length: 'length',
  max_tokens: 'length',
  model_length: 'context_window',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
  error: 'malformed',
  insufficient_system_resource: 'malformed',
}

export interface Said {
  readonly calls: boolean
  readonly refusal: boolean
}

/** `met`: the stop sequence, where the server tells it (vLLM's `stop_reason`). */
export function readFinish(reason: unknown, met: unknown, said: Said): Finish {
  const raw = asText(reason) ?? ''
  const sequence = asText(met)
  const known = Object.hasOwn(UNIFIED, raw)
  let unified: FinishUnified = known ? UNIFIED[raw]! : 'stop'
  if (unified === 'tool_calls' && !said.calls) unified = 'stop'
  if (unified === 'stop' && said.calls) unified = 'tool_calls'
  if (said.refusal && (unified === 'stop' || unified === 'content_filter')) unified = 'refusal'
  if (unified === 'stop' && sequence !== null)
    return { unified: 'stop_sequence', raw, sequence, ...(known ? {} : { unknown: true }) }
  return { unified, raw, ...(known ? {} : { unknown: true }) }
}

/** null: the answer is malformed, which is an error here and no way to end. */
export function writeFinish({ unified, raw }: Finish, said: Said & { legacy: boolean }): string | null {
  switch (unified) {
    case 'stop':
    case 'tool_calls':
      if (!said.calls) return 'stop'
      return said.legacy ? 'function_call' : 'tool_calls'
    case 'stop_sequence':
    case 'pause':
      return 'stop'
    case 'length':
    case 'context_window':
      return 'length'
    case 'refusal':
      // OpenAI's own refusals end plainly.
      return raw === 'stop' && said.refusal ? 'stop' : 'content_filter'
    case 'content_filter':
      return 'content_filter'
    case 'malformed':
      return null
  }
}
