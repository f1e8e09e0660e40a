// What is known of model families, as data: the first row whose pattern stands at the beginning of a model's name (as
// `cleanModelName` leaves it) holds, so the particular comes before the general.
//
// Sources, November 2026:
// - 04-protocols.md §3: effort, sampling, thinking that cannot be switched off, system messages in mid-thread.
// - Vendors' model lists as recorded: Gemini's output limits (`outputTokenLimit`), Anthropic's names.
// - Types of the official SDKs (@anthropic-ai/sdk 1.12, openai 7.57, @google/genai 3.1): names, effort words, cache
//   breakpoints from gpt-5.6 on.
// - Vendors' public model pages for the rest. `note` marks what no source settles: there the value is the one that
//   least often gets a request refused (a smaller output maximum, fewer effort words). Overrides replace any row.
import type { Effort } from '../protocols/canonical.ts'
import type { ModelProfile } from '../protocols/profile.ts'

export type ModelFacts = Omit<ModelProfile, 'model' | 'dialect'>

export interface ModelFamily {
  readonly match: RegExp
  readonly facts: ModelFacts
  /** What is not certain about it. */
  readonly note?: string
}

type Facts = Partial<ModelFacts>

export const LOW_TO_HIGH: readonly Effort[] = ['low', 'medium', 'high']

/** Of a model nobody knows: nothing is asked of it that one of its kind might refuse. */
export const PLAIN: ModelFacts = {
  maxOutput: 8192,
  thinking: 'none',
  efforts: [],
  canDisableThinking: true,
  sampling: 'all',
  schema: 'native',
  midSystem: false,
  imageInToolResult: false,
  needsThoughtSignature: false,
  cacheBreakpoints: false,
}

const family =
  (base: ModelFacts) =>
  (match: RegExp, facts: Facts, note?: string): ModelFamily => ({
    match,
    facts: { ...base, ...facts },
    ...(note === undefined ? {} : { note }),
  })

/** A name that both orders of words fit: claude-sonnet-4-5, claude-4.5-sonnet. */
const claude = (kinds: string, version: string): RegExp =>
  new RegExp(`^claude-(?:(?:${kinds})-${version}(?![\\d.])|${version}-(?:${kinds})(?![\\d.]))`)

// ---- Anthropic -----------------------------------------------------------------------------------------------------

const CLAUDE_OLD: ModelFacts = {
  ...PLAIN,
  sampling: 'one',
  schema: 'forced-tool',
  imageInToolResult: true,
  cacheBreakpoints: true,
}
const CLAUDE_BUDGET: ModelFacts = { ...CLAUDE_OLD, thinking: 'budget', maxOutput: 64_000 }
const CLAUDE_ADAPTIVE: ModelFacts = {
  ...CLAUDE_OLD,
  thinking: 'adaptive',
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  schema: 'native',
  sampling: 'none',
  maxOutput: 128_000,
}
const CLAUDE_5: ModelFacts = { ...CLAUDE_ADAPTIVE, midSystem: true, maxOutput: 64_000 }

const claudeOld = family(CLAUDE_OLD)
const claudeBudget = family(CLAUDE_BUDGET)
const claudeAdaptive = family(CLAUDE_ADAPTIVE)
const claude5 = family(CLAUDE_5)

const ANTHROPIC: readonly ModelFamily[] = [
  claudeOld(/^claude-(?:v?1|instant|2)/, { maxOutput: 4096, cacheBreakpoints: false }),
  claudeBudget(claude('sonnet', '3[.-]7'), {}),
  claudeOld(claude('sonnet|haiku', '3[.-]5'), { maxOutput: 8192 }),
  claudeOld(/^claude-3-/, { maxOutput: 4096 }),
  claudeBudget(claude('sonnet|haiku|opus', '4[.-]5'), { schema: 'native' }),
  claudeAdaptive(claude('opus', '4[.-]6'), { efforts: ['low', 'medium', 'high', 'max'], sampling: 'one' }),
  claudeAdaptive(claude('sonnet|haiku', '4[.-]6'), {
    efforts: ['low', 'medium', 'high', 'max'],
    sampling: 'one',
    maxOutput: 64_000,
  }),
  claudeAdaptive(claude('sonnet|haiku|opus', '4[.-]7'), {}),
  claudeAdaptive(claude('sonnet|haiku|opus', '4[.-][89]'), { midSystem: true }, 'the output maximum is that of 4.7'),
  claudeBudget(claude('opus', '4(?:[.-][01])?'), { maxOutput: 32_000 }),
  claudeBudget(/^claude-(?:(?:sonnet|haiku)-4|4(?:-0)?-(?:sonnet|haiku))/, {}),
  claudeBudget(/^claude-(?:opus-4|4(?:[.-][01])?-opus)/, { maxOutput: 32_000 }),
  // Fable and Mythos think always: neither `enabled` nor `disabled` is taken.
  claude5(/^claude-(?:fable|mythos)/, { canDisableThinking: false }, 'the output maximum'),
  claude5(/^claude-(?:opus|sonnet|haiku)-[5-9]/, {}, 'the output maximum; switching thinking off above effort high'),
  // A name of a time to come is read as the newest, without asking for what only some of them take.
  claude5(/^claude/, { canDisableThinking: false, efforts: LOW_TO_HIGH, maxOutput: 32_000 }, 'unknown Claude'),
]

// ---- OpenAI --------------------------------------------------------------------------------------------------------

const GPT_PLAIN: ModelFacts = { ...PLAIN, schema: 'native', maxOutput: 16_384 }
/** Models that think take no sampling; the least effort is no switch. */
const GPT_THINKING: ModelFacts = {
  ...GPT_PLAIN,
  thinking: 'effort',
  efforts: LOW_TO_HIGH,
  canDisableThinking: false,
  sampling: 'none',
  maxOutput: 128_000,
}
/** From 5.1 on `none` switches thinking off. */
const GPT_SWITCHED: ModelFacts = {
  ...GPT_THINKING,
  efforts: ['none', 'low', 'medium', 'high', 'xhigh'],
  canDisableThinking: true,
}

const gptPlain = family(GPT_PLAIN)
const gptThinking = family(GPT_THINKING)
const gptSwitched = family(GPT_SWITCHED)

const OPENAI: readonly ModelFamily[] = [
  gptPlain(/^gpt-oss/, { thinking: 'effort', efforts: LOW_TO_HIGH, canDisableThinking: false, maxOutput: 32_768 }),
  gptPlain(/^(?:gpt-3\.?5|davinci|babbage)/, { schema: 'forced-tool', maxOutput: 4096 }),
  gptPlain(/^gpt-4o-2024-05-13/, { schema: 'forced-tool', maxOutput: 4096 }),
  gptPlain(/^gpt-4o(?:-mini)?-search/, { sampling: 'none' }),
  gptPlain(/^(?:gpt-4o|chatgpt-4o|gpt-audio)/, {}),
  gptPlain(/^gpt-4\.1/, { maxOutput: 32_768 }),
  gptPlain(/^gpt-4\.5/, {}),
  gptPlain(/^gpt-4-(?:turbo|vision|1106|0125)/, { schema: 'forced-tool', maxOutput: 4096 }),
  gptPlain(/^gpt-4(?:-|$)/, { schema: 'forced-tool', maxOutput: 4096 }, 'the maximum is what the window leaves'),
  gptPlain(/^o1-(?:mini|preview)/, { sampling: 'none', schema: 'forced-tool', maxOutput: 32_768 }),
  gptThinking(/^(?:o1|o3|o4|codex-mini)/, { maxOutput: 100_000 }),
  gptPlain(/^computer-use/, { sampling: 'none', schema: 'forced-tool', maxOutput: 1024 }),
  gptPlain(/^(?:gpt-5-chat|gpt-chat-latest)/, {}, 'gpt-chat-latest'),
  gptThinking(/^gpt-5(?:\.\d)?-chat/, { efforts: ['medium'], maxOutput: 16_384 }),
  gptThinking(/^gpt-5-pro/, { efforts: ['high'] }),
  gptThinking(/^gpt-5\.\d-pro/, { efforts: ['medium', 'high'] }, 'xhigh'),
  gptThinking(/^gpt-5-codex/, {}),
  gptThinking(/^gpt-5(?:-|$)/, { efforts: ['minimal', 'low', 'medium', 'high'] }),
  gptThinking(/^gpt-5\.1-codex-max/, { efforts: ['low', 'medium', 'high', 'xhigh'] }),
  gptThinking(/^gpt-5\.1-codex/, {}),
  gptSwitched(/^gpt-5\.1/, { efforts: ['none', 'low', 'medium', 'high'] }),
  gptThinking(/^gpt-5\.[2-9]-codex/, { efforts: ['low', 'medium', 'high', 'xhigh'] }),
  gptSwitched(/^gpt-5\.[2-5](?:-|$)/, {}),
  gptSwitched(/^gpt-5\.[6-9]/, { cacheBreakpoints: true }, 'effort max'),
  gptSwitched(/^gpt-(?:[6-9]|\d\d)/, { cacheBreakpoints: true }, 'effort words, output maximum'),
]

// ---- Google --------------------------------------------------------------------------------------------------------

const GEMINI_OLD: ModelFacts = { ...PLAIN, maxOutput: 8192 }
const GEMINI_BUDGET: ModelFacts = {
  ...GEMINI_OLD,
  thinking: 'budget',
  maxOutput: 65_536,
  maxThinkingBudget: 24_576,
}
/** Generation 3: a level, which cannot be none; images in tool results; signatures on calls. */
const GEMINI_LEVEL: ModelFacts = {
  ...GEMINI_OLD,
  thinking: 'level',
  efforts: ['minimal', 'low', 'medium', 'high'],
  canDisableThinking: false,
  imageInToolResult: true,
  needsThoughtSignature: true,
  maxOutput: 65_536,
}

const geminiOld = family(GEMINI_OLD)
const geminiBudget = family(GEMINI_BUDGET)
const geminiLevel = family(GEMINI_LEVEL)

const GOOGLE: readonly ModelFamily[] = [
  geminiOld(/^gemini-(?:1|pro-1|flash-1|pro$|pro-vision)/, {}),
  geminiOld(/^gemini-2\.[0-4]/, {}),
  geminiOld(/^gemini-2\.5-\w+(?:-preview)?-tts/, { maxOutput: 16_384 }),
  geminiOld(/^gemini-2\.5-flash-image/, { maxOutput: 32_768 }),
  geminiBudget(/^gemini-2\.5-pro/, { canDisableThinking: false, maxThinkingBudget: 32_768 }),
  geminiBudget(/^gemini-2\.5/, {}),
  geminiBudget(/^gemini-(?:robotics-er-1|exp-1206)/, {}),
  geminiLevel(/^gemini-[3-9](?:\.\d+)?-\w+-tts/, { thinking: 'none', efforts: [], maxOutput: 16_384 }),
  geminiLevel(/^(?:gemini-[3-9](?:\.\d+)?-pro-image|nano-banana-pro)/, {
    thinking: 'none',
    efforts: [],
    maxOutput: 32_768,
  }),
  geminiLevel(/^gemini-[3-9](?:\.\d+)?-flash(?:-lite)?-image/, { thinking: 'none', efforts: [] }),
  geminiLevel(/^gemini-3-pro/, { efforts: ['low', 'high'] }),
  geminiLevel(/^gemini-\d+(?:\.\d+)?-pro/, { efforts: LOW_TO_HIGH }),
  // From 3.7 on flash has no `minimal`.
  geminiLevel(/^gemini-3(?:\.[0-6])?-flash/, {}),
  geminiLevel(/^gemini-\d+(?:\.\d+)?-flash/, { efforts: LOW_TO_HIGH }),
  geminiLevel(
    /^gemini-(?:flash|flash-lite|pro)-latest/,
    { efforts: ['low', 'high'] },
    'moves; words that all of 3 take',
  ),
  geminiOld(/^gemma-3n/, { maxOutput: 2048 }),
  geminiOld(/^gemma-4/, { maxOutput: 32_768 }, 'thinking'),
  geminiOld(/^gemma/, {}),
  geminiLevel(/^gemini/, { efforts: ['low', 'high'] }, 'unknown Gemini'),
]

// ---- Models behind compatible servers ------------------------------------------------------------------------------
// Their dialect says where the wish for effort goes; here only whether the model takes one. The output maximum is used
// for nothing but the size of a thinking budget.

const open = family({ ...PLAIN, maxOutput: 16_384 })
const THINKS: Facts = { thinking: 'effort', efforts: LOW_TO_HIGH }

const OPEN: readonly ModelFamily[] = [
  open(/^deepseek-(?:reasoner|r1)/, { canDisableThinking: false, maxOutput: 32_768 }),
  open(/^deepseek-(?:v[4-9]|flash|pro)/, { ...THINKS, maxOutput: 65_536 }, 'effort words but high'),
  open(/^deepseek/, { maxOutput: 8192 }),
  open(/^magistral/, { canDisableThinking: false, maxOutput: 40_960 }),
  open(/^mistral-(?:small|medium)/, { thinking: 'effort', efforts: ['none', 'high'] }, 'versions before they thought'),
  open(/^(?:mistral|ministral|pixtral|codestral|devstral|voxtral|open-mi)/, {}),
  open(/^grok-3-mini/, { thinking: 'effort', efforts: ['low', 'high'], canDisableThinking: false }),
  open(/^grok-4\.[2-9]/, { ...THINKS, canDisableThinking: false }, 'effort words'),
  open(/^grok/, {}),
  open(/^qwen-?3(?!-(?:coder|max)|.*instruct)/, THINKS),
  open(/^(?:qwen|qwq)/, {}),
  open(/^(?:zai-)?glm-(?:4\.[5-9]|[5-9])/, THINKS, 'effort words; it knows on and off'),
  open(/^kimi-k2\.[5-9]/, THINKS, 'effort words; it knows on and off'),
  open(/^(?:kimi|moonshot)/, {}),
  open(/^minimax/, { canDisableThinking: false }),
  open(/^(?:meta-)?llama/, { maxOutput: 4096 }),
  open(/^sonar-(?:reasoning|deep)/, { ...THINKS, canDisableThinking: false }),
  open(/^sonar/, { maxOutput: 8192 }),
]

export const MODEL_FAMILIES: readonly ModelFamily[] = [...ANTHROPIC, ...OPENAI, ...GOOGLE, ...OPEN]
