// Values by which nothing is asked for: empty ones, and those that name what happens anyway. To leave one out loses
// nothing, so nobody is warned of it, and neither strict mode nor a dialect without the field refuses it.
import type { LossName } from './losses.ts'
import { asObject } from './read.ts'

/** By the name of the loss; an empty list and an empty object are nothing in any case. */
const DEFAULTS: Readonly<Partial<Record<LossName, readonly unknown[]>>> = {
  temperature: [1],
  top_p: [1],
  top_k: [0, -1],
  frequency_penalty: [0],
  presence_penalty: [0],
  verbosity: ['medium'],
  tier: ['auto'],
  speed: ['standard'],
  truncation: ['disabled'],
  prompt_cache_retention: ['in_memory', 'in-memory'],
}

/** Empty, off, or a word of protocol buffers for a value that was not set. */
export function saysNothing(value: unknown): boolean {
  const object = asObject(value)
  return value === false || (object ? Object.values(object).every(isEmpty) : isEmpty(value))
}

// Inside something else, what is off and which kind of object stands there is only known to be nothing where the field
// is.
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true
  return Array.isArray(value) ? value.length === 0 : typeof value === 'string' && value.endsWith('_UNSPECIFIED')
}

/** Is nothing lost where this value of what `name` stands for is left out? */
export function isNoWish(name: LossName, value: unknown): boolean {
  if (saysNothing(value) || DEFAULTS[name]?.includes(value)) return true
  // Who may call a tool, where that is the model, as always; padding of a stream, where it is to be left out.
  if (name === 'allowed_callers') return Array.isArray(value) && value.join() === 'direct'
  const { include_obfuscation: padded, ...others } = asObject(value) ?? {}
  return name === 'stream_options' && padded === false && saysNothing(others)
}
