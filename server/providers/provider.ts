// Who serves: a company or an endpoint, as data. Where it listens, how it wants its key, which dialects it speaks, how
// its keys look, how a key is tested for free, and which words of its errors mean what.
import type { ChatDialect } from '../protocols/profile.ts'
import type { ProtocolId, UpstreamError } from '../protocols/protocol.ts'
import type { BillingApi } from './billing.ts'

/** What an upstream refusal says about the key, the model or the provider (the table of states). */
export type Verdict =
  | 'request' // the request's own fault: relayed, no state
  | 'overflow' // the same, since the conversation is longer than the model's context
  | 'invalid' // the key is rejected
  | 'exhausted' // the account has no credit or quota
  | 'cooling' // a rate limit, gone after a while
  | 'restricted' // this account may not use this model
  | 'unfit' // the key is good, but not for this address, or not from here
  | 'model_not_found'
  | 'forbidden' // account or region, not the key
  | 'overloaded'
  | 'failed' // 5xx and the like

/** One recognised refusal: the first rule whose conditions all hold decides. */
export interface ErrorRule {
  readonly statuses?: readonly number[]
  /** One of the body's machine-readable words, in lower case; or a pattern one of them matches. */
  readonly signal?: string | RegExp
  readonly message?: RegExp
  readonly verdict: Verdict
}

export interface AuthHeader {
  readonly name: string
  /** Stands before the key. */
  readonly scheme: '' | 'Bearer '
}

export interface Provider {
  readonly id: string
  readonly name: string
  /** Scheme, host and port. */
  readonly origin: string
  /** Path before the version segment, without a trailing slash: '' or '/openai'. */
  readonly basePath: string
  /** `/v1`; null where the base path already has its version. */
  readonly version: string | null
  /** Versions a client may ask for in its own path instead of `version`. */
  readonly versions: readonly string[]
  readonly dialects: ReadonlySet<ProtocolId>
  /** The dialect that requests translated to it use. */
  readonly translateVia: ProtocolId
  /** What its chat endpoint knows and refuses; the cautious record where it has none. */
  readonly chatDialect: ChatDialect
  /** Bare model names that begin so belong here. */
  readonly modelPrefixes: readonly string[]
  /** Public beginnings of its keys, longest match wins. */
  readonly keyPrefixes: readonly string[]
  /** Serves without a key (a machine of the operator's own). */
  readonly keyless: boolean
  /** Streams with `stream_options.include_usage` are understood. */
  readonly streamUsage: boolean
  /** What it says in its answers that it charged is the cost, whatever the price list says. */
  readonly tellsCharge?: true
  /** Silence allowed before the first and between later events of a stream, milliseconds. */
  readonly streamSilenceMs: number
  /** The free call that shows whether a key works. */
  readonly modelListPath: string
  /** Client headers that go on to this provider in its own dialect, lower case; `x-codex-*` is a prefix. */
  readonly forwardHeaders: readonly string[]
  /** Flags of `anthropic-beta` that go on to it, where it takes not all of them as they come but these. */
  readonly betaFlags?: ReadonlySet<string>
  authHeader(clientHeaders: Readonly<Record<string, string | undefined>>): AuthHeader
  /** Headers sent when the client gave none, for example Anthropic's version. */
  readonly defaultHeaders: Readonly<Record<string, string>>
  readonly errorRules: readonly ErrorRule[]
  /** Where it says what an account used and owes; absent where it has no such addresses. */
  readonly billing?: BillingApi | undefined
}

// What every vendor's status codes mean where no rule of its own says otherwise.
const COMMON_RULES: readonly ErrorRule[] = [
  // OpenAI's code for a conversation that is too long, which many servers send.
  { statuses: [400, 413, 422], signal: 'context_length_exceeded', verdict: 'overflow' },
  { statuses: [401], verdict: 'invalid' },
  { statuses: [402], verdict: 'exhausted' },
  { statuses: [429], signal: 'insufficient_quota', verdict: 'exhausted' },
  { statuses: [429], verdict: 'cooling' },
  { statuses: [400, 403], signal: 'insufficient_quota', verdict: 'exhausted' },
  { statuses: [400, 403], signal: 'invalid_api_key', verdict: 'invalid' },
  { statuses: [400, 403], message: /(?:incorrect|invalid|missing) api[ -]key/i, verdict: 'invalid' },
  // OpenRouter's word for a spending cap on the key itself.
  { statuses: [403], message: /\bkey limit exceeded/i, verdict: 'exhausted' },
  {
    statuses: [403],
    message: /not allowed to .{0,200}\bmodel\b|access to (?:this |the )?model/i,
    verdict: 'restricted',
  },
  { statuses: [403], verdict: 'forbidden' },
  { statuses: [404], message: /do(?:es)? not have access|not have permission/i, verdict: 'restricted' },
  { statuses: [404], verdict: 'model_not_found' },
  { statuses: [529], verdict: 'overloaded' },
  { statuses: [503], signal: 'overloaded_error', verdict: 'overloaded' },
  { statuses: [503], message: /overloaded/i, verdict: 'overloaded' },
]

/**
 * What a refusal means: the provider's own rules first, then those all share, then the status alone. `isEcho`: did the
 * words that were found come from the request itself? Then they tell nothing.
 */
export function judgeRefusal(
  provider: Provider,
  status: number,
  error: UpstreamError,
  isEcho: (found: RegExpExecArray) => boolean = () => false,
): Verdict {
  for (const rules of [provider.errorRules, COMMON_RULES]) {
    for (const rule of rules) {
      if (rule.statuses && !rule.statuses.includes(status)) continue
      if (rule.signal && !hasSignal(error.signals, rule.signal)) continue
      if (rule.message) {
        const found = rule.message.exec(error.message)
        if (found === null || isEcho(found)) continue
      }
      return rule.verdict
    }
  }
  if (status >= 500 || status === 408 || status < 400) return 'failed'
  return 'request'
}

function hasSignal(signals: readonly string[], wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? signals.includes(wanted) : signals.some((signal) => wanted.test(signal))
}

/** The status that an error stands for which came with a good one, from its words, else from the number it names. */
export function statusOfSignals(error: UpstreamError): number {
  for (const signal of error.signals) {
    const known = SIGNAL_STATUS[signal]
    if (known !== undefined) return known
  }
  return error.status ?? 500
}

const SIGNAL_STATUS: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  invalid_argument: 400,
  context_length_exceeded: 400,
  exceed_context_size_error: 400,
  badrequesterror: 400,
  authentication_error: 401,
  invalid_api_key: 401,
  unauthenticated: 401,
  billing_error: 402,
  permission_error: 403,
  permission_denied: 403,
  not_found_error: 404,
  not_found: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  insufficient_quota: 429,
  resource_exhausted: 429,
  overloaded_error: 529,
  unavailable: 503,
  timeout_error: 504,
}

/** The longest public prefix a key begins with, or ''. */
export function findKeyPrefix(provider: Pick<Provider, 'keyPrefixes'>, key: string): string {
  let longest = ''
  for (const prefix of provider.keyPrefixes) {
    if (prefix.length > longest.length && key.startsWith(prefix)) longest = prefix
  }
  return longest
}

/** The path at the provider for a path behind the version segment. */
export function providerPath(provider: Provider, clientVersion: string | null, path: string): string {
  const version =
    provider.version !== null && clientVersion !== null && provider.versions.includes(clientVersion)
      ? `/${clientVersion}`
      : (provider.version ?? '')
  return provider.basePath + version + path
}
