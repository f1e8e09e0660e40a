// Prices written down by hand, and a cost worked out by hand from them: independent of the price list that the product
// uses, so that the two can be held against each other.
// US dollars per million tokens of text, standard service. Where to look them up: openai.com/api/pricing,
// claude.com/pricing (a cache read is a tenth of input, a write for five minutes 1.25 times, for an hour twice),
// ai.google.dev/gemini-api/docs/pricing, docs.x.ai/docs/models. Written down on 2026-11-22 from what is known of these
// pages and the models' announcements, GPT-5.2 and 5.4 from a report on them (benchlm.ai/blog/posts/openai-api-pricing,
// 2026-04-13); the pages themselves could not be reached, so whoever can should look again.

export interface HandPrice {
  /** When the price was announced or reported, as far as is known. */
  readonly published: string
  readonly input: string
  readonly cacheRead?: string
  readonly cacheWrite?: string
  readonly cacheWrite1h?: string
  readonly output: string
  /** For the whole request where the prompt has more tokens than that. */
  readonly above?: { readonly tokens: number; readonly price: Omit<HandPrice, 'published' | 'above'> }
}

const anthropic = (
  published: string,
  input: string,
  cacheRead: string,
  cacheWrite: string,
  cacheWrite1h: string,
  output: string,
): HandPrice => ({ published, input, cacheRead, cacheWrite, cacheWrite1h, output })
const cached = (published: string, input: string, cacheRead: string, output: string): HandPrice => ({
  published,
  input,
  cacheRead,
  output,
})
const long = (short: HandPrice, tokens: number, price: HandPrice): HandPrice => ({ ...short, above: { tokens, price } })

export const HAND_PRICES: Readonly<Record<string, HandPrice>> = {
  'openai/gpt-4o': cached('2024-10-02', '2.50', '1.25', '10.00'),
  'openai/gpt-4o-mini': cached('2024-10-02', '0.15', '0.075', '0.60'),
  'openai/gpt-4.1': cached('2025-04-14', '2.00', '0.50', '8.00'),
  'openai/gpt-4.1-mini': cached('2025-04-14', '0.40', '0.10', '1.60'),
  'openai/gpt-4.1-nano': cached('2025-04-14', '0.10', '0.025', '0.40'),
  'openai/gpt-5': cached('2025-08-07', '1.25', '0.125', '10.00'),
  'openai/gpt-5-mini': cached('2025-08-07', '0.25', '0.025', '2.00'),
  'openai/gpt-5-nano': cached('2025-08-07', '0.05', '0.005', '0.40'),
  'openai/gpt-5.2': cached('2025-12-11', '1.75', '0.175', '14.00'),
  'openai/gpt-5.4': cached('2026-04-13', '2.50', '0.25', '15.00'),
  'openai/o3-mini': cached('2025-01-31', '1.10', '0.55', '4.40'),
  'openai/o4-mini': cached('2025-04-16', '1.10', '0.275', '4.40'),
  'openai/gpt-3.5-turbo': { published: '2024-01-25', input: '0.50', output: '1.50' },
  'openai/gpt-4': { published: '2023-03-14', input: '30.00', output: '60.00' },
  'anthropic/claude-3-haiku': anthropic('2024-08-14', '0.25', '0.03', '0.30', '0.50', '1.25'),
  'anthropic/claude-3-5-haiku': anthropic('2024-12-03', '0.80', '0.08', '1.00', '1.60', '4.00'),
  'anthropic/claude-3-opus': anthropic('2024-08-14', '15.00', '1.50', '18.75', '30.00', '75.00'),
  'anthropic/claude-3-5-sonnet': anthropic('2024-08-14', '3.00', '0.30', '3.75', '6.00', '15.00'),
  'anthropic/claude-3-7-sonnet': anthropic('2025-02-24', '3.00', '0.30', '3.75', '6.00', '15.00'),
  'anthropic/claude-sonnet-4': anthropic('2025-05-22', '3.00', '0.30', '3.75', '6.00', '15.00'),
  'anthropic/claude-sonnet-4-5': long(
    anthropic('2025-09-29', '3.00', '0.30', '3.75', '6.00', '15.00'),
    200_000,
    anthropic('2025-09-29', '6.00', '0.60', '7.50', '12.00', '22.50'),
  ),
  'anthropic/claude-sonnet-4-6': anthropic('2026-03-13', '3.00', '0.30', '3.75', '6.00', '15.00'),
  'anthropic/claude-haiku-4-5': anthropic('2025-10-15', '1.00', '0.10', '1.25', '2.00', '5.00'),
  'anthropic/claude-opus-4-6': anthropic('2026-03-13', '5.00', '0.50', '6.25', '10.00', '25.00'),
  'google/gemini-2.0-flash': cached('2025-02-05', '0.10', '0.025', '0.40'),
  'google/gemini-2.5-flash': cached('2025-06-17', '0.30', '0.03', '2.50'),
  'google/gemini-2.5-pro': long(
    cached('2025-06-17', '1.25', '0.125', '10.00'),
    200_000,
    cached('2025-06-17', '2.50', '0.25', '15.00'),
  ),
  'google/gemini-3-flash-preview': cached('2025-12-17', '0.50', '0.05', '3.00'),
  'google/gemini-3-pro-preview': cached('2025-11-18', '2.00', '0.20', '12.00'),
  'google/gemini-3.1-pro-preview': cached('2026-02-19', '2.00', '0.20', '12.00'),
  'xai/grok-4-fast': cached('2025-09-19', '0.20', '0.05', '0.50'),
  'xai/grok-code-fast-1': cached('2025-08-28', '0.20', '0.02', '1.50'),
}

/** Without the day of a snapshot, which costs what the model costs. */
export function findHandPrice(source: string, model: string): HandPrice | undefined {
  const name = model.replace(/^models\//, '').replace(/(?:-\d{8}|-\d{4}-\d{2}-\d{2}|-latest|-0613|-0125|-001)$/, '')
  return HAND_PRICES[`${source}/${name}`]
}

/** Tokens by class, each counted once: what is cached or written is not in `input`, thoughts are in `output`. */
export interface HandCount {
  readonly input: number
  readonly cacheRead: number
  readonly cacheWrite: number
  readonly cacheWrite1h: number
  readonly output: number
}

/**
 * Whole micro-dollars: exact, then rounded half up to nano-dollars as rows keep them, then to micro-dollars, and at
 * least 1 where anything was spent.
 */
export function costByHand(price: HandPrice, count: HandCount): number {
  const prompt = count.input + count.cacheRead + count.cacheWrite + count.cacheWrite1h
  const { above } = price
  const rates = above && prompt > above.tokens ? above.price : price
  const exact =
    picoDollars(rates.input) * BigInt(count.input) +
    picoDollars(rates.cacheRead ?? rates.input) * BigInt(count.cacheRead) +
    picoDollars(rates.cacheWrite ?? rates.input) * BigInt(count.cacheWrite) +
    picoDollars(rates.cacheWrite1h ?? rates.input) * BigInt(count.cacheWrite1h) +
    picoDollars(rates.output) * BigInt(count.output)
  const nanos = (exact + 500n) / 1000n
  const micros = (nanos + 500n) / 1000n
  return Number(nanos > 0n && micros === 0n ? 1n : micros)
}

/** A dollar a million tokens is a million pico-dollars a token. */
function picoDollars(dollars: string): bigint {
  const [whole = '0', fraction = ''] = dollars.split('.')
  return BigInt(whole + fraction.padEnd(6, '0'))
}
