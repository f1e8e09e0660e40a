// How large a prompt can be at most where a request does not say it: the model's context window, and what one picture
// may come to. Patterns stand for the beginning of a model's name, as `cleanModelName` leaves it.
import { cleanModelName } from './profiles.ts'

/** Where neither an administrator nor the price list tells. */
const WINDOWS: readonly (readonly [RegExp, number])[] = [
  [/^gemini-1\.5-pro/, 2_097_152],
  [/^gemini/, 1_048_576],
  [/^gemma/, 131_072],
]
/** No model that is sold by the token reads more at once, as far as is known; used where nothing else tells. */
export const LARGEST_WINDOW = 2_097_152

/**
 * Tokens of one picture at the most, by the vendors' own formulas for the largest size and the finest detail they take,
 * with room above: OpenAI's tiles and patches, Anthropic's pixels by 750, Google's tiles.
 */
const PICTURES: readonly (readonly [RegExp, number])[] = [
  [/^gpt-4o-mini/, 49_000],
  [/^(?:gpt-4o|chatgpt-4o|gpt-4\.5|gpt-4-|o1|o3|gpt-4\.1(?:-\d|$)|computer-use)/, 2_500],
  [/^(?:gpt-4\.1-|o4-mini|gpt-5(?:-|$)|gpt-5\.[1-3])/, 4_500],
  [/^gpt-/, 26_000],
  [/^claude/, 6_000],
  [/^gemini/, 6_000],
]

const find = (table: readonly (readonly [RegExp, number])[], model: string): number | null =>
  table.find(([pattern]) => pattern.test(cleanModelName(model)))?.[1] ?? null

/** Tokens; `told` by an administrator or the price list holds first. */
export function contextWindowOf(model: string, told: number | null | undefined): number {
  return told ?? find(WINDOWS, model) ?? LARGEST_WINDOW
}

/** Tokens; null where only the context window bounds it. */
export function largestPicture(model: string): number | null {
  return find(PICTURES, model)
}
