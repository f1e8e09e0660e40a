// A Messages stream as events of the middle model. Unknown events are passed over; a stream without its last event has
// broken off, whatever was said before.
import type { StreamError, StreamEvent } from '../canonical.ts'
import type { ResponseDecoding, StreamDecoder } from '../codec.ts'
import { asObject, asText, readErrorBody, type JsonObject } from '../read.ts'
import { BROKEN_OFF, readEventData, UNREADABLE } from '../stream-data.ts'
import { createAnswerReader, type AnswerReader } from './answer-reader.ts'

const STATUSES: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
}

/**
 * Most events of a stream, as the provider writes them, where nothing in the text is escaped: what is between the
 * quotes is the text. All else is parsed.
 */
const PIECE_OF_TEXT =
  // oxlint-disable-next-line no-control-regex
  /^\{"type":"content_block_delta","index":(0|[1-9]\d{0,5}),"delta":\{"type":"text_delta","text":"([^"\\\u0000-\u001f]*)"\} *\}$/

export function createMessagesDecoder(decoding: ResponseDecoding): StreamDecoder {
  const reader = createAnswerReader(decoding)
  let over = false // finished or failed: nothing that comes behind counts

  return {
    push(event) {
      if (over) return []
      const piece = PIECE_OF_TEXT.exec(event.data)
      if (piece && reader.has(piece[1]!)) {
        reader.delta(piece[1]!, { type: 'text_delta', text: piece[2]! })
        return reader.take()
      }
      const data = readEventData(event)
      if (data === null) return []
      if (data === 'unreadable') {
        over = true
        return [...reader.take(), UNREADABLE]
      }
      const type = asText(data['type']) ?? event.event ?? ''
      if (type === 'error') {
        over = true
        return [...reader.take(), { type: 'error', error: readStreamError(event.data) }]
      }
      if (type === 'ping') return [{ type: 'ping' }]
      read(type, data, reader)
      over = type === 'message_stop'
      return reader.take()
    },
    end(): StreamEvent[] {
      if (over) return []
      over = true
      return [...reader.take(), BROKEN_OFF]
    },
  }
}

function read(type: string, data: JsonObject, reader: AnswerReader): void {
  // Whatever stands there: an odd one names a part of its own.
  const key = JSON.stringify(data['index']) ?? ''
  const isContent = type.startsWith('content_block_') || type.startsWith('message_')
  if (type === 'message_start') {
    const message = asObject(data['message']) ?? {}
    reader.start(message)
    reader.usage(asObject(message['usage']))
    reader.stop({ container: message['container'], context_management: message['context_management'] })
    return
  }
  if (isContent) reader.start({})
  switch (type) {
    case 'content_block_start':
      reader.close(key)
      reader.open(key, asObject(data['content_block']) ?? {})
      break
    case 'content_block_delta': {
      const delta = asObject(data['delta']) ?? {}
      if (!reader.has(key)) openImplied(key, delta, reader)
      reader.delta(key, delta)
      break
    }
    case 'content_block_stop':
      reader.close(key)
      break
    case 'message_delta': {
      const { context_management: management } = data
      reader.stop({ ...asObject(data['delta']), ...(management ? { context_management: management } : {}) })
      reader.usage(asObject(data['usage']))
      break
    }
    case 'message_stop':
      reader.finish()
      break
  }
}

// Some servers leave out the start of a block of text.
function openImplied(key: string, delta: JsonObject, reader: AnswerReader): void {
  if (delta['type'] === 'text_delta') reader.open(key, { type: 'text', text: '' })
  if (delta['type'] === 'thinking_delta') reader.open(key, { type: 'thinking', thinking: '' })
}

function readStreamError(data: string): StreamError {
  const { signals, message } = readErrorBody(data)
  const known = signals.find((signal) => STATUSES[signal] !== undefined)
  return { status: known === undefined ? 500 : STATUSES[known]!, signals, message, retryAfterMs: null }
}
