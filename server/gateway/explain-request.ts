// What an explanation is asked for: the body of a chat request in any dialect, as it would be sent, and beside it what
// is to be supposed. The dialect is told by the body's own shape, or named where two have the same.
import { simulateSchema } from '../../contract/route.ts'
import { DIALECT_WORDS } from '../../contract/routing.ts'
import type { RequestHeaders } from '../http/route.ts'
import { GatewayError } from '../kernel/errors.ts'
import { parsePublicId } from '../kernel/ids.ts'
import { scanJsonObject } from '../kernel/json-scan.ts'
import type { ProtocolId } from '../protocols/protocol.ts'
import { asObject, asText, parseJson, type JsonObject } from '../protocols/read.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import { removeMember } from './body-members.ts'
import type { Endpoint } from './exchange.ts'
import type { Simulation } from './explain.ts'

export interface ExplainRequest {
  readonly endpoint: Endpoint
  /** Where the dialect has it in the path; else null. */
  readonly pathModel: string | null
  readonly simulation: Simulation | null
  /** Bare id of the API key that the request would come with; null: of whoever asks. */
  readonly apiKeyId: string | null
  /** The request itself, without what is meant for the explanation alone. */
  readonly body: Buffer
}

/** The operations of whole and of streamed answers, where the address tells them apart. */
const STREAMED_APART: Partial<Record<ProtocolId, readonly [whole: string, streamed: string]>> = {
  gemini: ['generate', 'stream-generate'],
  'uniroute-chat': ['chat', 'chat-stream'],
}

/** Throws bad_request or invalid_json, in words that help. */
export function readExplainRequest(bytes: Buffer, headers: RequestHeaders): ExplainRequest {
  const sent = asObject(parseJson(bytes.toString('utf8')))
  if (!sent) throw new GatewayError('invalid_json')
  const protocol = PROTOCOLS[readDialect(sent, headers)]
  const { operations, id } = protocol
  const apart = STREAMED_APART[id]
  const operation = apart
    ? operations[apart[sent['stream'] === true ? 1 : 0]]!
    : Object.values(operations).find(({ task }) => task === 'generate')!
  const isModelInPath = operation.modelIn === 'path'
  const beside = ['simulate', 'dialect', 'api_key', ...(apart ? ['stream'] : []), ...(isModelInPath ? ['model'] : [])]
  return {
    endpoint: { protocol, operation },
    pathModel: isModelInPath ? (asText(sent['model']) ?? '').replace(/^models\//, '') : null,
    simulation: readSimulate(sent['simulate']),
    apiKeyId: readApiKey(sent['api_key']),
    body: beside.filter((key) => sent[key] !== undefined).reduce(withoutMember, bytes),
  }
}

function withoutMember(bytes: Buffer, key: string): Buffer {
  const range = scanJsonObject([bytes], new Set([key])).values.get(key)
  return range ? Buffer.concat(removeMember(bytes, range)) : bytes
}

function readDialect(body: JsonObject, headers: RequestHeaders): ProtocolId {
  const named = body['dialect']
  if (named !== undefined) {
    const known = DIALECT_WORDS.find((word) => word === named)
    if (known) return known
    throw new GatewayError('bad_request', {
      message: `dialect is one of ${DIALECT_WORDS.join(', ')}. Without it the shape of the body tells.`,
    })
  }
  if (body['contents'] !== undefined) return 'gemini'
  if (body['messages'] === undefined && RESPONSES_KEYS.some((key) => body[key] !== undefined)) return 'openai-responses'
  // Its clients always send the header; `system` stands beside the messages in this dialect alone.
  const isAnthropic = headers['anthropic-version'] !== undefined || body['system'] !== undefined
  return isAnthropic ? 'anthropic-messages' : 'openai-chat'
}

const RESPONSES_KEYS = ['input', 'previous_response_id', 'conversation', 'prompt'] as const

function readApiKey(wanted: unknown): string | null {
  if (wanted === undefined) return null
  const id = typeof wanted === 'string' ? parsePublicId('ak', wanted) : undefined
  if (id !== undefined) return id
  throw new GatewayError('bad_request', {
    message: 'api_key is the id of an API key of yours (ak_…), never the key itself.',
  })
}

function readSimulate(wanted: unknown): Simulation | null {
  if (wanted === undefined) return null
  const parsed = simulateSchema.safeParse(wanted)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new GatewayError('bad_request', { message: `simulate: ${issue?.message ?? 'cannot be read'}.` })
  }
  return new Map(Object.entries(parsed.data).map(([name, answer]) => [parsePublicId('pk', name) ?? name, answer]))
}
