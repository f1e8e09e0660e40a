// Recorded answers of the dialects that generate, read into the middle model, each with the request it answered.
import type { ChatRequest, ChatResponse, StreamEvent } from '../../server/protocols/canonical.ts'
import { CannotCross } from '../../server/protocols/codec.ts'
import { CODECS } from '../../server/protocols/codecs.ts'
import { asObject, parseJson } from '../../server/protocols/read.ts'
import { findChatServer } from '../../server/providers/chat-dialects.ts'
import { decodeRequest, decodeStream, decodingOf, type Dialect, EMPTY_REQUEST } from './cross-dialect.ts'
import { readRecordings, type Recording } from './recordings.ts'

export interface RecordedAnswer {
  readonly recording: Recording
  readonly from: Dialect
  readonly response: ChatResponse
  /** As they came, of a stream. */
  readonly events: readonly StreamEvent[] | null
  readonly request: ChatRequest
}

const GENERATING = /^(?:openai-chat|openai-responses|anthropic-messages|gemini-generate|gemini-stream)$/

/** The answers, and the recordings that are none, by reason. */
export function readAnswers(): { answers: RecordedAnswer[]; failures: ReadonlyMap<string, readonly Recording[]> } {
  const failures = new Map<string, Recording[]>()
  const answers = readRecordings().flatMap((recording): RecordedAnswer[] => {
    if (!GENERATING.test(recording.file)) return []
    const skip = (why: string): [] => {
      failures.set(why, [...(failures.get(why) ?? []), recording])
      return []
    }
    if (recording.status >= 400) return skip('an error, not an answer')
    const from = recording.protocol.id as Dialect
    const decoding = decodingOf(undefined, findChatServer(recording.provider.id)?.chatDialect)
    const request = readRequest(from, recording)
    const stream = streamOf(recording)
    if (stream !== null) {
      const { events, response, error } = decodeStream(from, stream, decoding)
      return error === null ? [{ recording, from, response, events, request }] : skip('a stream that ends in an error')
    }
    const body = asObject(parseJson(recording.answer))
    if (!body) return skip('no JSON object')
    if (body['error'] !== undefined && body['error'] !== null) return skip('an error with status 200')
    return [{ recording, from, response: CODECS[from].decodeResponse(body, decoding), events: null, request }]
  })
  return { answers, failures }
}

/**
 * A recorded stream as events, null for a whole answer. Gemini streams as a JSON array where it is not asked for
 * events; each member is what an event holds.
 */
export function streamOf({ answer, isSse }: Recording): string | null {
  if (isSse) return answer
  const members = parseJson(answer)
  return Array.isArray(members) ? members.map((member) => `data: ${JSON.stringify(member)}\n\n`).join('') : null
}

/** The request, where it is kept and sensible: some answers echo it. */
function readRequest(from: Dialect, { requestBody }: Recording): ChatRequest {
  if (!requestBody) return EMPTY_REQUEST
  try {
    return decodeRequest(from, requestBody)
  } catch (error) {
    if (error instanceof CannotCross) return EMPTY_REQUEST
    throw error
  }
}
