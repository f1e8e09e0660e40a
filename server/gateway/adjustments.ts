// What a provider's 400 teaches: a model does not take something that its profile said it takes. Recognised texts are
// mended once, the request is sent once more, and the lesson is kept per base URL and model for a day, so that the next
// request goes right at once. Where only a combination was refused, it holds for requests with that combination alone.
// Only for translated requests, and for the one bridge of relay (Chat → Responses); never in strict mode, where the
// client gets the provider's own words.
import type { Clock } from '../kernel/clock.ts'
import type { ChatRequest } from '../protocols/canonical.ts'
import { effortOf } from '../protocols/effort.ts'
import type { LossName } from '../protocols/losses.ts'
import type { ModelProfile } from '../protocols/profile.ts'
import type { UpstreamError } from '../protocols/protocol.ts'
import { createEchoCheck } from './echoed-words.ts'
import { isStrict, type Exchange, type Target } from './exchange.ts'
import { NOTHING_REFUSED, readRefusedParts, type RefusedParts } from './refused-parts.ts'

export interface Lesson {
  /** Stands in the warnings header behind `adjusted=`. */
  readonly name: LossName
  readonly pattern: RegExp
  /** For which way of carrying it counts. */
  readonly carrying: 'translated' | 'relayed'
  adjust?(profile: ModelProfile): ModelProfile
  /**
   * What about a request the refusal may be due to: it counts for requests that are alike in this. Absent = for all.
   */
  scopeOf?(request: ChatRequest): string
  /** Counts for this one request only; nothing is kept. */
  readonly once?: true
}

export interface Adjustments {
  /** Did a refusal teach something that was not tried yet? Then it is noted on the exchange. */
  learn(exchange: Exchange, target: Target, error: UpstreamError, relayed: boolean): boolean
  /** The profile with what was learned of this base URL and model for requests like this one. */
  adjustProfile(exchange: Exchange, target: Target, profile: ModelProfile, request: ChatRequest): ModelProfile
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
/** Providers change: what was learned is found out anew after this. */
const LESSON_LIFE_MS = 24 * 60 * 60_000

/** Models that think refuse settings that they take where they are told not to. */
const thinkingOf = ({ reasoning }: ChatRequest): string =>
  reasoning === undefined ? 'unsaid' : effortOf(reasoning) === 'none' ? 'off' : 'on'
/** A schema may be put to a model as a call that is forced. */
const forcingOf = ({ toolChoice, format }: ChatRequest): string => {
  const isForced =
    toolChoice?.mode === 'required' ||
    toolChoice?.mode === 'named' ||
    (toolChoice?.mode === 'allowed' && toolChoice.required)
  return isForced ? 'forced' : format?.kind === 'json_schema' ? 'schema' : 'free'
}

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
    scopeOf: thinkingOf,
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
    scopeOf: forcingOf,
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

interface Learned {
  readonly lessons: Map<Lesson, Set<string>>
  readonly fields: Set<string>
  readonly betas: Set<string>
  /** Monotonic ms. */
  readonly since: number
}

export function createAdjustments({ clock }: { clock: Clock }): Adjustments {
  const learned = new Map<string, Learned>()
  /** How many parts the last try of an exchange went without. */
  const leftOut = new WeakMap<Exchange, number>()
  const requests = new WeakMap<Exchange, ChatRequest>()

  const nameOf = (target: Pick<Target, 'provider' | 'model'>): string =>
    `${target.provider.origin}${target.provider.basePath}\n${target.model}`

  function recall(target: Pick<Target, 'provider' | 'model'>): Learned | undefined {
    const name = nameOf(target)
    const found = learned.get(name)
    if (!found || clock.monotonic() - found.since < LESSON_LIFE_MS) return found
    learned.delete(name)
    return undefined
  }

  /** What is known of the target, to be added to. */
  function remember(target: Target): Learned {
    const name = nameOf(target)
    const known = recall(target) ?? {
      lessons: new Map(),
      fields: new Set(),
      betas: new Set(),
      since: clock.monotonic(),
    }
    learned.delete(name)
    learned.set(name, known)
    if (learned.size > MOST_LESSONS) learned.delete(learned.keys().next().value!)
    return known
  }

  function keep(exchange: Exchange, target: Target, lesson: Lesson): void {
    const { lessons } = remember(target)
    const request = requests.get(exchange)
    const scopes = lessons.get(lesson) ?? new Set()
    lessons.set(lesson, scopes.add((request && lesson.scopeOf?.(request)) ?? ''))
  }

  /** Relayed requests are changed so for servers like Anthropic's alone, never for Anthropic itself. */
  function learnRefused(exchange: Exchange, target: Target, error: UpstreamError, relayed: boolean): boolean {
    if (relayed && !target.provider.betaFlags) return false
    const parts = readRefusedParts(error.message)
    if (!parts) return false
    const known = remember(target)
    for (const field of parts.fields) if (known.fields.size < MOST_PARTS) known.fields.add(field)
    for (const flag of parts.betas) if (known.betas.size < MOST_PARTS) known.betas.add(flag)
    // Another request may have taught it meanwhile; what was left out already and is refused again cannot be helped.
    return sizeOf(known) > (leftOut.get(exchange) ?? 0)
  }

  return {
    learn(exchange, target, error, relayed) {
      if (isStrict(exchange)) return false
      const carrying = relayed ? 'relayed' : 'translated'
      const isEcho = createEchoCheck(exchange)
      const lesson = LESSONS.find(({ carrying: way, pattern }) => {
        const found = way === carrying ? pattern.exec(error.message) : null
        return found !== null && !isEcho(found)
      })
      if (!lesson) return learnRefused(exchange, target, error, relayed)
      if (exchange.adjusted.has(lesson.name)) return false
      if (lesson.name === BRIDGE && target.provider.translateVia !== 'openai-responses') return false
      if (!lesson.once) keep(exchange, target, lesson)
      exchange.adjusted.add(lesson.name)
      return true
    },
    adjustProfile(exchange, target, profile, request) {
      requests.set(exchange, request)
      // What was learned would be a warning; strict clients get the provider's own words instead.
      if (isStrict(exchange)) return profile
      let adjusted = profile
      for (const [lesson, scopes] of recall(target)?.lessons ?? []) {
        if (!lesson.adjust || !scopes.has(lesson.scopeOf?.(request) ?? '')) continue
        adjusted = lesson.adjust(adjusted)
        exchange.adjusted.add(lesson.name)
      }
      return adjusted
    },
    isBridged(exchange, target) {
      if (exchange.protocol.id !== 'openai-chat' || exchange.operation.id !== 'chat') return false
      for (const lesson of recall(target)?.lessons.keys() ?? []) {
        if (lesson.name !== BRIDGE || !exchange.peek.functionTools) continue
        if (isStrict(exchange)) return false
        exchange.adjusted.add(BRIDGE)
        return true
      }
      return false
    },
    refusedParts(exchange, target) {
      const parts = isStrict(exchange) ? NOTHING_REFUSED : (recall(target) ?? NOTHING_REFUSED)
      leftOut.set(exchange, sizeOf(parts))
      return parts
    },
    stripsState: (exchange) => exchange.adjusted.has(STRIP_STATE),
  }
}
