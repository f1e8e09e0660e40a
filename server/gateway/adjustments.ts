// What a provider's 400 teaches: a model does not take something that its profile said it takes. Recognised texts are
// mended once, the request is sent once more, and the lesson is kept per base URL and model, so that the next request
// goes right at once. Only for translated requests, and for the one bridge of relay (Chat → Responses); never in strict
// mode, where the client gets the provider's own words.
import type { LossName } from '../protocols/losses.ts'
import type { ModelProfile } from '../protocols/profile.ts'
import type { UpstreamError } from '../protocols/protocol.ts'
import { isStrict, type Exchange, type Target } from './exchange.ts'

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
  /** The lesson of a refusal, now noted on the exchange; null where none is recognised, or it was tried already. */
  learn(exchange: Exchange, target: Target, error: UpstreamError, relayed: boolean): Lesson | null
  /** The profile with what was learned of this base URL and model. */
  adjustProfile(exchange: Exchange, target: Target, profile: ModelProfile): ModelProfile
  /** Chat requests with function tools go to Responses for this base URL and model. */
  isBridged(exchange: Exchange, target: Pick<Target, 'provider' | 'model'>): boolean
  /** This exchange goes without reasoning state. */
  stripsState(exchange: Exchange): boolean
}

export const BRIDGE = 'chat_to_responses'
const STRIP_STATE = 'reasoning_state'
const MOST_LESSONS = 5_000

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

export function createAdjustments(): Adjustments {
  const learned = new Map<string, Set<Lesson>>()

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

  return {
    learn(exchange, target, error, relayed) {
      if (isStrict(exchange)) return null
      const carrying = relayed ? 'relayed' : 'translated'
      const lesson = LESSONS.find((known) => known.carrying === carrying && known.pattern.test(error.message))
      if (!lesson || exchange.adjusted.has(lesson.name)) return null
      if (lesson.name === BRIDGE && target.provider.translateVia !== 'openai-responses') return null
      if (!lesson.once) keep(target, lesson)
      exchange.adjusted.add(lesson.name)
      return lesson
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
    stripsState: (exchange) => exchange.adjusted.has(STRIP_STATE),
  }
}
