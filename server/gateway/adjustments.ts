// What a provider's 400 teaches: a model does not take something that its profile said it takes. Recognised texts are
// mended once, the request is sent once more, and the lesson is kept per base URL and model, so that the next request
// goes right at once. Only for translated requests, and for the one bridge of relay (Chat → Responses); never in strict
// mode, where the client gets the provider's own words.
import type { LossName } from '../protocols/losses.ts'
import type { ModelProfile } from '../protocols/profile.ts'
import type { UpstreamError } from '../protocols/protocol.ts'
import { isStrict, type Exchange, type Target } from './exchange.ts'
import { NOTHING_REFUSED, readRefusedParts, type RefusedParts } from './refused-parts.ts'

export interface Lesson {
  /** Stands in the warnings header behind `adjusted=`. */
  readonly name: LossName
  readonly pattern: RegExp
  /** For which way of carrying it counts. */
  readonly carrying: 'translated' | 'relayed'
  adjust?(profile: ModelProfile): ModelProfile
  /** Counts for this one request only; nothing is kept. */
  readonly once?: true
}

export interface Adjustments {
  /** Did a refusal teach something that was not tried yet? Then it is noted on the exchange. */
  learn(exchange: Exchange, target: Target, error: UpstreamError, relayed: boolean): boolean
  /** The profile with what was learned of this base URL and model. */
  adjustProfile(exchange: Exchange, target: Target, profile: ModelProfile): ModelProfile
  /** Chat requests with function tools go to Responses for this base URL and model. */
  isBridged(exchange: Exchange, target: Pick<Target, 'provider' | 'model'>): boolean
  /** What this base URL and model was found not to know, to be left out. */
  refusedParts(exchange: Exchange, target: Pick<Target, 'provider' | 'model'>): RefusedParts
  /** This exchange goes without reasoning state. */
  stripsState(exchange: Exchange): boolean
}

export const BRIDGE = 'chat_to_responses'
const STRIP_STATE = 'reasoning_state'
const MOST_LESSONS = 5_000
/** Fields, and flags, that are kept of one base URL and model. */
const MOST_PARTS = 32

const LESSONS: readonly Lesson[] = [
  {
    name: BRIDGE,
    pattern: /Function tools with reasoning_effort are not supported/i,
    carrying: 'relayed',
  },
  {
    name: 'sampling',
    pattern: /temperature.{0,40}(?:deprecated|not supported)|Unsupported (?:parameter|value): '(?:temperature|top_p)'/i,
    carrying: 'translated',
    adjust: (profile) => ({ ...profile, sampling: 'none' }),
  },
  {
    name: 'sampling',
    pattern: /temperature.{0,20}and.{0,20}top_p.{0,20}cannot both/i,
    carrying: 'translated',
    adjust: (profile) => ({ ...profile, sampling: 'one' }),
  },
  {
    name: 'max_tokens',
    pattern: /Unsupported parameter: 'max_tokens'/i,
    carrying: 'translated',
    adjust: (profile) => ({ ...profile, dialect: { ...profile.dialect, maxTokensField: 'max_completion_tokens' } }),
  },
  {
    name: 'thinking',
    pattern: /Thinking may not be enabled when tool_choice forces/i,
    carrying: 'translated',
    adjust: (profile) => ({ ...profile, thinking: 'none' }),
  },
  {
    name: 'system',
    pattern: /System messages? (?:are|is) not allowed/i,
    carrying: 'translated',
    adjust: (profile) => ({ ...profile, midSystem: false, dialect: { ...profile.dialect, midSystem: false } }),
  },
  {
    name: 'thought_signature',
    pattern: /missing a thought_signature/i,
    carrying: 'translated',
    adjust: (profile) => ({ ...profile, needsThoughtSignature: true }),
  },
  {
    name: STRIP_STATE,
    pattern:
      /Invalid [`'"]?signature|Could not decrypt.{0,60}encrypted_content|encrypted content could not be (?:decrypted|verified)/i,
    carrying: 'translated',
    once: true,
  },
]

const sizeOf = ({ fields, betas }: RefusedParts): number => fields.size + betas.size

export function createAdjustments(): Adjustments {
  const learned = new Map<string, Set<Lesson>>()
  /** How many parts the last try of an exchange went without. */
  const leftOut = new WeakMap<Exchange, number>()
  const refused = new Map<string, { fields: Set<string>; betas: Set<string> }>()

  const nameOf = (target: Pick<Target, 'provider' | 'model'>): string =>
    `${target.provider.origin}${target.provider.basePath}\n${target.model}`

  function keep(target: Target, lesson: Lesson): void {
    const name = nameOf(target)
    const lessons = learned.get(name) ?? new Set()
    lessons.add(lesson)
    learned.delete(name)
    learned.set(name, lessons)
    if (learned.size > MOST_LESSONS) learned.delete(learned.keys().next().value!)
  }

  /** Relayed requests are changed so for servers like Anthropic's alone, never for Anthropic itself. */
  function learnRefused(exchange: Exchange, target: Target, error: UpstreamError, relayed: boolean): boolean {
    if (relayed && !target.provider.betaFlags) return false
    const parts = readRefusedParts(error.message)
    if (!parts) return false
    const name = nameOf(target)
    const known = refused.get(name) ?? { fields: new Set(), betas: new Set() }
    for (const field of parts.fields) if (known.fields.size < MOST_PARTS) known.fields.add(field)
    for (const flag of parts.betas) if (known.betas.size < MOST_PARTS) known.betas.add(flag)
    refused.delete(name)
    refused.set(name, known)
    if (refused.size > MOST_LESSONS) refused.delete(refused.keys().next().value!)
    // Another request may have taught it meanwhile; what was left out already and is refused again cannot be helped.
    return sizeOf(known) > (leftOut.get(exchange) ?? 0)
  }

  return {
    learn(exchange, target, error, relayed) {
      if (isStrict(exchange)) return false
      const carrying = relayed ? 'relayed' : 'translated'
      const lesson = LESSONS.find((known) => known.carrying === carrying && known.pattern.test(error.message))
      if (!lesson) return learnRefused(exchange, target, error, relayed)
      if (exchange.adjusted.has(lesson.name)) return false
      if (lesson.name === BRIDGE && target.provider.translateVia !== 'openai-responses') return false
      if (!lesson.once) keep(target, lesson)
      exchange.adjusted.add(lesson.name)
      return true
    },
    adjustProfile(exchange, target, profile) {
      // What was learned would be a warning; strict clients get the provider's own words instead.
      if (isStrict(exchange)) return profile
      let adjusted = profile
      for (const lesson of learned.get(nameOf(target)) ?? []) {
        if (!lesson.adjust) continue
        adjusted = lesson.adjust(adjusted)
        exchange.adjusted.add(lesson.name)
      }
      return adjusted
    },
    isBridged(exchange, target) {
      if (exchange.protocol.id !== 'openai-chat' || exchange.operation.id !== 'chat') return false
      for (const lesson of learned.get(nameOf(target)) ?? []) {
        if (lesson.name !== BRIDGE || !exchange.peek.functionTools) continue
        if (isStrict(exchange)) return false
        exchange.adjusted.add(BRIDGE)
        return true
      }
      return false
    },
    refusedParts(exchange, target) {
      const parts = isStrict(exchange) ? NOTHING_REFUSED : (refused.get(nameOf(target)) ?? NOTHING_REFUSED)
      leftOut.set(exchange, sizeOf(parts))
      return parts
    },
    stripsState: (exchange) => exchange.adjusted.has(STRIP_STATE),
  }
}
