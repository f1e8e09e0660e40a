// What is known of a model and of the server that speaks for it, as data handed to the encoders. A codec asks these
// facts; it never asks for a provider's name.
import type { Effort } from './canonical.ts'

/** Peculiarities of one OpenAI-compatible server. */
export interface ChatDialect {
  readonly maxTokensField: 'max_completion_tokens' | 'max_tokens'
  /** Takes role `developer`; else it becomes `system`. */
  readonly developerRole: boolean
  /** Takes system messages in the middle of a conversation. */
  readonly midSystem: boolean
  readonly streamUsage: boolean
  readonly schema: 'strict' | 'jsonObject' | 'none'
  readonly forcedToolChoice: boolean
  readonly parallelFlag: boolean
  /** Where the wish for effort goes. */
  readonly reasoningIn: 'reasoning_effort' | 'thinking' | 'enable_thinking' | 'reasoning' | 'none'
  /**
   * Where thoughts stand in its answers, and in the turns it is handed back. `thinking_parts`: in the content
   * (Mistral).
   */
  readonly reasoningOut: 'reasoning_content' | 'reasoning' | 'think_tags' | 'thinking_parts'
  /** Thoughts must be handed back on tool turns. */
  readonly replayReasoning: boolean
  readonly idRule: 'any' | 'alnum9'
  readonly cacheControl: boolean
  readonly imageInTool: boolean
  /** Penalties, seed, logit_bias and the like are known. */
  readonly extras: boolean
  /** `strict` in tools is known. */
  readonly strictTools: boolean
  /** Freeform (`custom`) tools and the choice of `allowed_tools` are known; absent = no. */
  readonly customTools?: boolean
}

/** An unknown server gets nothing that an old one might refuse. */
export const CONSERVATIVE_DIALECT: ChatDialect = {
  maxTokensField: 'max_tokens',
  developerRole: false,
  midSystem: true,
  streamUsage: true,
  schema: 'jsonObject',
  forcedToolChoice: true,
  parallelFlag: false,
  reasoningIn: 'none',
  reasoningOut: 'reasoning_content',
  replayReasoning: false,
  idRule: 'any',
  cacheControl: false,
  imageInTool: false,
  extras: true,
  strictTools: false,
}

export interface ModelProfile {
  /** As the provider knows it. */
  readonly model: string
  /** Most output tokens; what Anthropic's required field defaults to. */
  readonly maxOutput: number
  /**
   * How the model takes a wish for effort: not at all · a token budget · adaptively with an effort word · Gemini's
   * level · OpenAI's effort word.
   */
  readonly thinking: 'none' | 'budget' | 'adaptive' | 'level' | 'effort'
  /** Most tokens for thinking, where that is less than the output maximum (Gemini 2.5). */
  readonly maxThinkingBudget?: number
  /** Effort words it knows, in rising order. */
  readonly efforts: readonly Effort[]
  /** May thinking be switched off? */
  readonly canDisableThinking: boolean
  /** all · none · one: never temperature and top_p together. */
  readonly sampling: 'all' | 'none' | 'one'
  /** Schema-bound answers: native, or by a forced tool. */
  readonly schema: 'native' | 'forced-tool'
  /** A system message in mid-thread is allowed (Anthropic 4.8 and 5). */
  readonly midSystem: boolean
  /** Images may stand inside a tool result (Gemini 3 and later). */
  readonly imageInToolResult: boolean
  /** A first function call needs a thought signature (Gemini 3). */
  readonly needsThoughtSignature: boolean
  /** Cache breakpoints are understood in this dialect. */
  readonly cacheBreakpoints: boolean
  readonly dialect: ChatDialect
}
