// Embeddings across dialects: OpenAI's one address and Gemini's two.
import { GatewayError } from '../kernel/errors.ts'
import type { Carrier } from './carrier.ts'
import type { Exchange, Target } from './exchange.ts'

export function translateEmbeddings(_exchange: Exchange, target: Target): Carrier {
  throw new GatewayError('translation_not_available', {
    message: `${target.provider.name} has no counterpart of this address for a client of another dialect.`,
  })
}
