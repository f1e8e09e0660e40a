// Embeddings across dialects: OpenAI's one address and Gemini's two. Anthropic has none.
import { GatewayError } from '../kernel/errors.ts'
import { createLossReport, type LossReport } from '../protocols/codec.ts'
import {
  decodeGeminiEmbedding,
  decodeGeminiVectors,
  decodeOpenaiEmbedding,
  decodeOpenaiVectors,
  encodeGeminiEmbedding,
  encodeGeminiVectors,
  encodeOpenaiEmbedding,
  encodeOpenaiVectors,
  type EmbeddingRequest,
  type EmbeddingResponse,
} from '../protocols/embeddings.ts'
import type { Operation, ProtocolId } from '../protocols/protocol.ts'
import { asObject, type JsonObject } from '../protocols/read.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import type { Carrier } from './carrier.ts'
import { ConvertedAnswer } from './converted-answer.ts'
import { createCrossing, crossOver, readBodyObject, reportLosses, writeBody } from './crossing.ts'
import type { Exchange, Target } from './exchange.ts'

interface Embedder {
  decodeRequest(body: JsonObject, options: { operation: Operation; losses: LossReport }): EmbeddingRequest
  encodeRequest(request: EmbeddingRequest, options: { model: string; losses: LossReport }): Record<string, unknown>
  decodeResponse(body: JsonObject): EmbeddingResponse | null
  encodeResponse(response: EmbeddingResponse, request: EmbeddingRequest, model: string): Record<string, unknown>
  /** The operation that takes any number of texts. */
  readonly operation: string
}

const EMBEDDERS: Readonly<Partial<Record<ProtocolId, Embedder>>> = {
  'openai-chat': {
    decodeRequest: (body, { losses }) => decodeOpenaiEmbedding(body, losses),
    encodeRequest: encodeOpenaiEmbedding,
    decodeResponse: decodeOpenaiVectors,
    encodeResponse: (response, { format }, model) => encodeOpenaiVectors(response, { model, format }),
    operation: 'embeddings',
  },
  gemini: {
    decodeRequest: (body, { operation, losses }) => decodeGeminiEmbedding(body, operation.id === 'embed', losses),
    encodeRequest: encodeGeminiEmbedding,
    decodeResponse: decodeGeminiVectors,
    encodeResponse: (response, { single }) => encodeGeminiVectors(response, single),
    operation: 'batch-embed',
  },
}

export function translateEmbeddings(exchange: Exchange, target: Target): Carrier {
  const client = EMBEDDERS[exchange.protocol.id]
  const dialect = [...target.provider.dialects].find((id) => EMBEDDERS[id])
  const upstream = dialect && EMBEDDERS[dialect]
  if (!client || !dialect || !upstream) {
    throw new GatewayError('unsupported_parameter', {
      message: `${target.provider.name} has no embeddings. Ask a model of another provider.`,
    })
  }
  const protocol = PROTOCOLS[dialect]
  const operation = protocol.operations[upstream.operation]!
  const losses = createLossReport()
  const request = crossOver(() =>
    client.decodeRequest(readBodyObject(exchange), { operation: exchange.operation, losses }),
  )
  const body = crossOver(() => upstream.encodeRequest(request, { model: target.model, losses }))
  reportLosses(exchange, losses.losses)
  return createCrossing(
    exchange,
    target,
    { protocol, operation },
    writeBody(body),
    (_status, headers) =>
      new ConvertedAnswer(exchange, headers, (answer) => {
        const response = upstream.decodeResponse(answer)
        if (!response) return null
        return {
          body: client.encodeResponse(response, request, exchange.answeredAs),
          usage: response.usage,
          rawUsage: protocol.rawUsageKeys.map((key) => asObject(answer[key])).find((usage) => usage !== null) ?? null,
        }
      }),
  )
}
