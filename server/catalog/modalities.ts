// What families of models take in and give out, as data for people to look at; nothing is refused for it. The first row
// whose pattern stands at the beginning of a model's name at home holds. Source: the vendors' public model pages,
// November 2026; a name without a row is unknown, not text.
export const MODALITIES = ['text', 'image', 'pdf', 'audio', 'video', 'embedding'] as const
export type Modality = (typeof MODALITIES)[number]

export interface Modalities {
  readonly input: readonly Modality[]
  readonly output: readonly Modality[]
}

const to = (input: readonly Modality[], output: readonly Modality[] = ['text']): Modalities => ({ input, output })
const TEXT = to(['text'])
const SEES = to(['text', 'image'])
const READS = to(['text', 'image', 'pdf'])
const ALL = ['text', 'image', 'pdf', 'audio', 'video'] as const

const ROWS: readonly (readonly [RegExp, Modalities])[] = [
  [/^(?:text-embedding|gemini-embedding|mistral-embed|nomic-embed|embed-)/, to(['text'], ['embedding'])],
  [/^claude-(?:v?1|instant|2)/, TEXT],
  [/^claude-3-(?:opus|sonnet|haiku)/, SEES],
  [/^claude/, READS],
  [/^gpt-3|^gpt-oss|^o1-(?:mini|preview)|^o3-mini/, TEXT],
  [/^gpt-4o(?:-mini)?-(?:audio|realtime)|^gpt-audio/, to(['text', 'audio'], ['text', 'audio'])],
  [/^gpt-4o(?:-mini)?-search|^gpt-4-(?:0|1106|32k)|^gpt-4$/, TEXT],
  [/^gpt-image|^dall-e/, to(['text', 'image'], ['image'])],
  [/^gpt-4-turbo|^gpt-4\.5/, SEES],
  [/^(?:gpt-[4-9]|gpt-\d\d|chatgpt-4o|o1|o3|o4|codex|gpt-chat-latest)/, READS],
  [/^gemini-[\d.]+-\w+(?:-preview)?-tts/, to(['text'], ['audio'])],
  [/^gemini-[\d.]+-\w+(?:-\w+)?-image|^nano-banana/, to(['text', 'image'], ['text', 'image'])],
  [/^gemini/, to(ALL)],
  [/^gemma-3n/, to(['text', 'image', 'audio', 'video'])],
  [/^gemma-[34]/, SEES],
  [/^gemma/, TEXT],
  [/^(?:pixtral|mistral-(?:small|medium)-(?:3|25|latest)|ministral-3)/, SEES],
  [/^voxtral/, to(['text', 'audio'])],
  [/^(?:mistral|open-mi|codestral|devstral|magistral)/, TEXT],
  [/^(?:meta-)?llama-?(?:4|3\.2-(?:11|90)b)/, SEES],
  [/^(?:meta-)?llama/, TEXT],
  [/^grok-(?:4|2-vision)/, SEES],
  [/^(?:grok|deepseek|kimi-k2(?!\.5)|moonshot|qwen-?\d*(?:\.\d)?-(?:coder|max|turbo))/, TEXT],
]

/** By the name at home (`cleanModelName`); undefined where nothing is known. */
export function findModalities(cleanName: string): Modalities | undefined {
  return ROWS.find(([pattern]) => pattern.test(cleanName))?.[1]
}
