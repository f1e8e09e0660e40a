// What tests of the Responses codec hand in for what the gateway knows: a model that takes everything, envelopes that
// are only marked, and a stream's text as its events.
import { parseSseEvent } from '../../server/kernel/sse.ts'
import {
  UNKNOWN_USAGE,
  type CallItem,
  type ChatRequest,
  type ChatResponse,
  type Finish,
  type Item,
  type ResultItem,
  type Signature,
  type StreamEvent,
} from '../../server/protocols/canonical.ts'
import {
  createLossReport,
  type LossReport,
  type RequestDecoding,
  type RequestEncoding,
  type ResponseDecoding,
  type ResponseEncoding,
  type StreamDecoder,
} from '../../server/protocols/codec.ts'
import { eventsOf } from '../../server/protocols/collect.ts'
import { openaiResponsesCodec as codec } from '../../server/protocols/openai-responses/codec.ts'
import { CONSERVATIVE_DIALECT, type ModelProfile } from '../../server/protocols/profile.ts'
import { hash8 } from '../../server/protocols/testing.ts'

export const CAPABLE: ModelProfile = {
  model: 'gpt-5.6',
  maxOutput: 128_000,
  thinking: 'effort',
  efforts: ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'],
  canDisableThinking: true,
  sampling: 'all',
  schema: 'native',
  midSystem: true,
  imageInToolResult: true,
  needsThoughtSignature: false,
  cacheBreakpoints: true,
  dialect: { ...CONSERVATIVE_DIALECT, developerRole: true, strictTools: true, parallelFlag: true },
}

const ENVELOPE = 'urs1.'

export const sealMarked = (signature: Signature): string =>
  ENVELOPE + Buffer.from(JSON.stringify(signature)).toString('base64url')

export function openMarked(text: string): Signature | null {
  if (!text.startsWith(ENVELOPE) || text === `${ENVELOPE}broken`) return null
  return JSON.parse(Buffer.from(text.slice(ENVELOPE.length), 'base64url').toString()) as Signature
}

export function requestDecoding(
  more: Partial<RequestDecoding & { stream: boolean }> = {},
): RequestDecoding & { model: string; stream: boolean } {
  return { model: 'gpt-5.6', stream: false, openEnvelope: openMarked, losses: createLossReport(), ...more }
}

export function requestEncoding(more: Partial<RequestEncoding> = {}): RequestEncoding {
  return {
    profile: CAPABLE,
    provider: 'openai',
    account: 'account-1',
    stream: false,
    hash8,
    losses: createLossReport(),
    ...more,
  }
}

export const PROVIDER: ResponseDecoding = {
  provider: 'openai',
  account: 'account-1',
  model: 'gpt-5.6',
  restoreTool: (name) => ({ name, style: 'json' }),
}

export const PLAIN_REQUEST: ChatRequest = {
  model: 'gpt-5.6',
  stream: false,
  streamUsage: true,
  instructions: [],
  items: [{ turn: 0, kind: 'text', role: 'user', text: 'Hi' }],
  tools: [],
  builtins: [],
  sampling: {},
  stop: [],
  extensions: {},
}

export function responseEncoding(more: Partial<ResponseEncoding> = {}): ResponseEncoding {
  return {
    requestedModel: 'my-model',
    requestId: 'req_01J0000000000000000000000A',
    created: 1_700_000_000,
    sealEnvelope: sealMarked,
    streamUsage: true,
    request: PLAIN_REQUEST,
    losses: createLossReport(),
    ...more,
  }
}

export type WireEvent = Record<string, any>

/** The wire text of a stream for these events, as its events. */
export function writeStream(events: Iterable<StreamEvent>, encoding = responseEncoding()): WireEvent[] {
  const encoder = codec.streamEncoder(encoding)
  let text = ''
  for (const event of events) text += encoder.push(event)
  return readWire(text)
}

export function readWire(text: string): WireEvent[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => JSON.parse(parseSseEvent(block).data) as WireEvent)
}

export function writeStreamOf(response: ChatResponse, encoding = responseEncoding()): WireEvent[] {
  return writeStream(eventsOf(response), encoding)
}

export function readStream(
  events: readonly WireEvent[],
  decoder: StreamDecoder = codec.streamDecoder(PROVIDER),
): StreamEvent[] {
  return [
    ...events.flatMap((event) => decoder.push({ event: event['type'], data: JSON.stringify(event) })),
    ...decoder.end(),
  ]
}

/** Encodes a request and gives the body with what was lost. */
export function encode(
  request: ChatRequest,
  more: Partial<RequestEncoding> = {},
): { body: WireEvent; losses: LossReport['losses']; enforceStop: readonly string[] } {
  const encoding = requestEncoding(more)
  const { body, enforceStop } = codec.encodeRequest(request, encoding)
  return { body, losses: encoding.losses.losses, enforceStop }
}

export function decode(body: WireEvent, more: Partial<RequestDecoding> = {}): ChatRequest {
  return codec.decodeRequest(body, requestDecoding(more))
}

export const answerOf = (
  items: Item[],
  unified: Finish['unified'] = 'stop',
  more: Partial<Finish> = {},
): ChatResponse => ({
  id: 'x',
  model: 'y',
  created: 0,
  items,
  finish: { unified, raw: '', ...more },
  usage: UNKNOWN_USAGE,
  extensions: {},
})

export const say = (text: string): Item => ({ turn: 0, kind: 'text', role: 'assistant', text })

export const call = (more: Partial<CallItem> = {}): Item => ({
  turn: 0,
  kind: 'call',
  id: 'c1',
  name: 'f',
  argsText: '{"x":1}',
  style: 'json',
  ...more,
})

export const result = (more: Partial<ResultItem> = {}): Item => ({
  turn: 1,
  kind: 'result',
  callId: 'c1',
  parts: [{ kind: 'text', text: '42' }],
  isError: false,
  style: 'json',
  ...more,
})

export function media(kind: 'image' | 'audio' | 'video'): Extract<Item, { kind: 'media' }> {
  return { turn: 0, kind: 'media', role: 'user', media: kind, source: { from: 'url', url: 'https://x.test/a' } }
}

export const typesOf = (wire: readonly WireEvent[]): string[] => wire.map(({ type }) => type as string)
