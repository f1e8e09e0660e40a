// How servers say that a conversation is longer than the model's context: one table for each API, by status and body.
// Where their words hold the numbers, those stand in the groups `tokens` and `limit`; none is ever made up.
// Sources, November 2026: `recorded` = in recorded traffic; `docs` = the vendor's or project's documentation or source;
// `reported` = quoted by users of that server.
import type { ErrorRule } from './provider.ts'

export interface Overflow {
  /** Of the request; null where it was not said. */
  readonly tokens: number | null
  /** The most that fit; null where it was not said. */
  readonly limit: number | null
}

/** Servers disagree about which of them a body too long for the model is. */
const STATUSES = [400, 413, 422] as const

const rule = (message: RegExp): ErrorRule => ({ statuses: STATUSES, message, verdict: 'overflow' })

export const OPENAI_OVERFLOW: readonly ErrorRule[] = [
  // docs: "…is 8192 tokens. However, your messages resulted in 9000 tokens", "…, however you requested 9000 tokens
  // (…)".
  rule(
    /maximum context length is (?<limit>[\d,]+) tokens?[.,]? however,? (?:your \w+ (?:resulted in|has)|you requested(?: about)?) (?<tokens>[\d,]+)/i,
  ),
  // docs: of Responses.
  rule(/input exceeds the context window/i),
]

export const ANTHROPIC_OVERFLOW: readonly ErrorRule[] = [
  // recorded
  rule(/prompt is too long(?:: (?<tokens>\d+) tokens > (?<limit>\d+) maximum)?/i),
  // docs: the prompt and the room asked for the answer together.
  rule(/input length and [`'"]?max_tokens[`'"]? exceed context limit/i),
]

export const GOOGLE_OVERFLOW: readonly ErrorRule[] = [
  // docs; older models say the limit alone.
  rule(
    /input token count(?: \((?<tokens>\d+)\))? exceeds the maximum number of tokens allowed (?:\((?<limit>\d+)\)|\d+)/i,
  ),
  // docs: of Vertex AI.
  rule(/input token count is (?<tokens>\d+) but model only supports up to (?<limit>\d+)/i),
]

/** Servers of OpenAI's chat dialect. */
export const CHAT_SERVER_OVERFLOW: readonly ErrorRule[] = [
  // vLLM, DeepSeek, OpenRouter and others word it as OpenAI does.
  ...OPENAI_OVERFLOW,
  // docs: vLLM.
  rule(/passed (?<tokens>\d+) input tokens .{0,200}context length is only (?<limit>\d+) tokens/i),
  rule(/prompt \(length (?<tokens>\d+)\) is longer than the maximum model length of (?<limit>\d+)/i),
  rule(/input length \((?<tokens>\d+)\) exceeds model's maximum context length \((?<limit>\d+)\)/i),
  // docs: Ollama, and the server inside it (llama.cpp), which also counts in fields of its own.
  rule(/input length exceeds (?:the |maximum |the maximum )?context length|prompt (?:is )?too long/i),
  rule(/request \((?<tokens>\d+) tokens\) exceeds the available context size \((?<limit>\d+) tokens\)/i),
  { statuses: STATUSES, signal: 'exceed_context_size_error', verdict: 'overflow' },
  // reported: Mistral, xAI.
  rule(/prompt contains (?<tokens>\d+) tokens .{0,80}too large for model with (?<limit>\d+) maximum context length/i),
  rule(/maximum prompt length is (?<limit>\d+) but the request contains (?<tokens>\d+) tokens/i),
]

/** The numbers in a server's words, by its own table. */
export function readOverflow(rules: readonly ErrorRule[], message: string): Overflow {
  for (const { verdict, message: pattern } of rules) {
    const groups = verdict === 'overflow' ? pattern?.exec(message)?.groups : undefined
    const [tokens, limit] = [readNumber(groups?.['tokens']), readNumber(groups?.['limit'])]
    if (tokens !== null || limit !== null) return { tokens, limit }
  }
  return { tokens: null, limit: null }
}

function readNumber(text: string | undefined): number | null {
  const number = text === undefined ? NaN : Number(text.replaceAll(',', ''))
  return Number.isSafeInteger(number) ? number : null
}
