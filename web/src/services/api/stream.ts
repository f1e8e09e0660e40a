// A call whose answer is read as it comes: server-sent events, until the server ends them or somebody stops.
import { readToken, refreshSession, waitForSignIn } from '../session.ts'
import { ApiError } from './send.ts'

export interface StreamedEvent {
  readonly event: string | null
  readonly data: string
}

export interface OpenedStream {
  readonly headers: Headers
  readonly events: AsyncIterable<StreamedEvent>
}

/**
 * Opens it as the signed-in person; a session that has ended is renewed first. Throws an ApiError where the server
 * refuses, and what `signal` is aborted with.
 */
export async function openStream(path: string, body: unknown, signal: AbortSignal): Promise<OpenedStream> {
  const token = readToken()
  let response = await post(path, body, { token, signal })
  if (response.status === 401) {
    if (!(await refreshSession(token))) await waitForSignIn()
    signal.throwIfAborted()
    response = await post(path, body, { token: readToken(), signal })
  }
  if (!response.ok || response.body === null) throw await readRefusal(response)
  return { headers: response.headers, events: readEvents(response.body) }
}

async function post(
  path: string,
  body: unknown,
  { token, signal }: { token: string | null; signal: AbortSignal },
): Promise<Response> {
  try {
    return await fetch(path, {
      method: 'POST',
      headers: {
        accept: 'text/event-stream',
        'content-type': 'application/json',
        ...(token && { authorization: `Bearer ${token}` }),
      },
      credentials: 'same-origin',
      cache: 'no-store',
      body: JSON.stringify(body),
      signal,
    })
  } catch (error) {
    if (signal.aborted) throw error
    throw new ApiError({ status: 0, code: 'unreachable', message: 'UniRoute did not answer.' })
  }
}

/** The data plane tells errors in the dialect of the call: `{error: {message, code}}`. */
async function readRefusal(response: Response): Promise<ApiError> {
  const answer: unknown = await response.json().catch(() => null)
  const { message, code } = readStreamError(answer) ?? { message: null, code: null }
  return new ApiError({
    status: response.status,
    code: code ?? 'unknown',
    message: message ?? `UniRoute answered with status ${response.status}.`,
    requestId: response.headers.get('x-request-id'),
    details: { source: response.headers.get('x-uniroute-error-source') },
  })
}

export function readStreamError(answer: unknown): { message: string | null; code: string | null } | null {
  const error = (answer as { error?: unknown } | null)?.error
  if (typeof error === 'string') {
    const { code } = answer as { code?: unknown }
    return { message: error, code: typeof code === 'string' ? code : null }
  }
  if (typeof error !== 'object' || error === null) return null
  const { message, code } = error as { message?: unknown; code?: unknown }
  return { message: typeof message === 'string' ? message : null, code: typeof code === 'string' ? code : null }
}

export async function* readEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<StreamedEvent> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(tellBreak)
      if (done) return
      rest += value
      const blocks = rest.split(/\r?\n\r?\n/)
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const event = parseBlock(block)
        if (event) yield event
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** A connection that is lost is no fault of the page; what somebody stopped stays what it is. */
function tellBreak(error: unknown): never {
  if (!(error instanceof TypeError)) throw error
  throw new ApiError({ status: 0, code: 'broken_off', message: 'The connection to UniRoute was lost.' })
}

function parseBlock(block: string): StreamedEvent | null {
  let event: string | null = null
  const data: string[] = []
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === 'event') event = value ?? ''
    else if (field === 'data') data.push(value ?? '')
  }
  return data.length > 0 ? { event, data: data.join('\n') } : null
}
