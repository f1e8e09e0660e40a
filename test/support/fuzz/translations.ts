// Translation between the dialects, whole and streamed: whatever a client or a provider says, only the refusals of the
// codecs are thrown, what is written is JSON, and a stream written to a client can be read by its splitter.
import { createSseSplitter } from '../../../server/kernel/sse-splitter.ts'
import type { ChatRequest, StreamEvent } from '../../../server/protocols/canonical.ts'
import { CannotCross, createLossReport } from '../../../server/protocols/codec.ts'
import { CODECS } from '../../../server/protocols/codecs.ts'
import { createCollector } from '../../../server/protocols/collect.ts'
import type { ProtocolId } from '../../../server/protocols/protocol.ts'
import { asObject, parseJson } from '../../../server/protocols/read.ts'
import { PROTOCOLS } from '../../../server/protocols/registry.ts'
import { checkJsonDepth } from '../../../server/http/json-depth.ts'
import { GatewayError } from '../../../server/kernel/errors.ts'
import {
  decodingOf,
  DIALECTS,
  type Dialect,
  EMPTY_REQUEST,
  encodeRequest,
  encodingOf,
  MODELS,
  profileFor,
} from '../cross-dialect.ts'
import { type FuzzTarget, promise } from './target.ts'

const CLIENTS = Object.keys(CODECS) as ProtocolId[]
/** An envelope of somebody else's. */
const openEnvelope = (): null => null

/** What the depth limit refuses never reaches a codec. */
function readBody(input: Buffer): Record<string, unknown> | null {
  try {
    checkJsonDepth([input])
  } catch (error) {
    if (error instanceof GatewayError) return null
    throw error
  }
  return asObject(parseJson(input.toString('utf8')))
}

function checkRequest(from: ProtocolId): (input: Buffer) => void {
  return (input) => {
    const body = readBody(input)
    if (body === null) return
    const decode = (): ChatRequest =>
      CODECS[from].decodeRequest(body, { model: 'asked-for', stream: true, openEnvelope, losses: createLossReport() })
    const request = unlessRefused(decode)
    if (request === null) return
    for (const to of DIALECTS) {
      for (const which of MODELS[to].keys()) {
        unlessRefused(() => JSON.stringify(encodeRequest(to, request, createLossReport(), profileFor(to, which)).body))
      }
    }
  }
}

function unlessRefused<Result>(work: () => Result): Result | null {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof CannotCross)) throw error
    promise(error.message.length < 1000, 'a refusal repeats too much of the request')
    return null
  }
}

function checkAnswer(from: Dialect): (input: Buffer) => void {
  return (input) => {
    const body = readBody(input)
    PROTOCOLS[from].decodeError(500, input.toString('utf8'))
    if (body === null) return
    const response = CODECS[from].decodeResponse(body, decodingOf())
    for (const to of CLIENTS) {
      const written = CODECS[to].encodeResponse(response, { ...encodingOf(), request: EMPTY_REQUEST })
      promise(typeof JSON.stringify(written) === 'string', `${to} says nothing`)
    }
  }
}

function checkStream(from: Dialect): (input: Buffer) => void {
  return (input) => {
    const splitter = createSseSplitter()
    const decoder = CODECS[from].streamDecoder(decodingOf())
    const events: StreamEvent[] = []
    for (const piece of [...splitter.push(input), ...splitter.end()]) {
      PROTOCOLS[from].stream.readError(piece)
      events.push(...decoder.push(piece))
    }
    events.push(...decoder.end())
    const collector = createCollector()
    for (const event of events) collector.push(event)
    collector.response()
    promise(collector.finished || collector.error !== null, 'a stream ends without an end and without an error')
    for (const to of CLIENTS) {
      const encoder = CODECS[to].streamEncoder(encodingOf())
      const wire = Buffer.from(events.map((event) => (event.type === 'error' ? '' : encoder.push(event))).join(''))
      const readable = createSseSplitter()
      for (const { data } of [...readable.push(wire), ...readable.end()]) {
        promise(data === '[DONE]' || asObject(parseJson(data)) !== null, `${to} gets an event that is no JSON object`)
      }
    }
  }
}

const COMMON = [
  'user',
  'assistant',
  'system',
  'tool',
  'text',
  'image',
  'function',
  'auto',
  'required',
  'none',
  'json_schema',
]
const WORDS: Readonly<Record<ProtocolId, readonly string[]>> = {
  'openai-chat': [
    ...COMMON,
    'tool_calls',
    'reasoning_content',
    'image_url',
    'input_audio',
    'developer',
    'stop',
    'length',
    'refusal',
    'delta',
  ],
  'openai-responses': [
    ...COMMON,
    'function_call',
    'function_call_output',
    'reasoning',
    'input_text',
    'output_text',
    'custom_tool_call',
    'response.completed',
    'response.output_text.delta',
    'item_reference',
    'encrypted_content',
  ],
  'anthropic-messages': [
    ...COMMON,
    'tool_use',
    'tool_result',
    'thinking',
    'redacted_thinking',
    'signature',
    'server_tool_use',
    'message_delta',
    'content_block_start',
    'content_block_delta',
    'ephemeral',
    'end_turn',
    'refusal',
    'pause_turn',
  ],
  gemini: [
    ...COMMON,
    'functionCall',
    'functionResponse',
    'thoughtSignature',
    'inlineData',
    'fileData',
    'model',
    'STOP',
    'SAFETY',
    'MALFORMED_FUNCTION_CALL',
    'groundingMetadata',
    'parts',
  ],
  'uniroute-chat': [...COMMON, 'prompt', 'messages', 'provider'],
}

export const TRANSLATION_TARGETS: readonly FuzzTarget[] = [
  ...CLIENTS.map((from) => ({
    name: `request-${from}`,
    kind: 'json' as const,
    words: WORDS[from],
    check: checkRequest(from),
  })),
  ...DIALECTS.map((from) => ({
    name: `answer-${from}`,
    kind: 'json' as const,
    words: WORDS[from],
    check: checkAnswer(from),
  })),
  ...DIALECTS.map((from) => ({
    name: `stream-${from}`,
    kind: 'events' as const,
    words: WORDS[from],
    check: checkStream(from),
  })),
]
