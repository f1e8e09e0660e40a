// Anthropic's rate-limit headers: a reset is a moment, as RFC 3339 writes it, in whole seconds.
import { createRateLimitHeaders } from '../rate-limits.ts'

const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i

export const anthropicRateLimits = createRateLimitHeaders({
  kinds: ['requests', 'tokens', 'input_tokens', 'output_tokens'],
  nameOf: (kind, field) => `anthropic-ratelimit-${kind.replace('_', '-')}-${field}`,
  readReset(text, now) {
    const at = MOMENT.test(text) ? Date.parse(text) : NaN
    return Number.isNaN(at) ? undefined : Math.max(at - now, 0)
  },
  // Rounded up: who waits until then does not come too early.
  writeReset: (resetMs, now) =>
    new Date(Math.ceil((now + resetMs) / 1000) * 1000).toISOString().replace(/\.\d+Z$/, 'Z'),
})
