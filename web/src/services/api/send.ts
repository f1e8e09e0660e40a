// One call to the server: JSON out, JSON in, every failure an ApiError. Addresses are relative to the page's base, so
// the dashboard works under any path.
const METHODS_WITHOUT_BODY = new Set(['GET', 'DELETE'])

/** Why a call failed: the server's sentence and code, or `unreachable` where it did not answer. */
export class ApiError extends Error {
  /** HTTP status; 0 where the server could not be reached. */
  readonly status: number
  readonly code: string
  /** `req_…`, to find the call in the server's log. */
  readonly requestId: string | null
  readonly details: unknown

  constructor(facts: { status: number; code: string; message: string; requestId?: string | null; details?: unknown }) {
    super(facts.message)
    this.name = 'ApiError'
    this.status = facts.status
    this.code = facts.code
    this.requestId = facts.requestId ?? null
    this.details = facts.details
  }
}

export interface SendOptions {
  readonly body?: unknown
  readonly token?: string | null
  readonly signal?: AbortSignal
  readonly accept?: string
}

export async function send<Answer>(method: string, path: string, options: SendOptions = {}): Promise<Answer> {
  return (await readJson(await sendForAnswer(method, path, options))) as Answer
}

/** The answer itself, its body not read yet: a file, or a stream. */
export async function sendForAnswer(method: string, path: string, options: SendOptions = {}): Promise<Response> {
  const headers: Record<string, string> = { accept: options.accept ?? 'application/json' }
  if (options.token) headers['authorization'] = `Bearer ${options.token}`
  const hasBody = !METHODS_WITHOUT_BODY.has(method)
  if (hasBody) headers['content-type'] = 'application/json'
  const response = await fetch(path.replace(/^\//, ''), {
    method,
    headers,
    credentials: 'same-origin',
    cache: 'no-store',
    ...(hasBody && { body: JSON.stringify(options.body ?? {}) }),
    ...(options.signal && { signal: options.signal }),
  }).catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    throw new ApiError({ status: 0, code: 'unreachable', message: 'UniRoute did not answer.' })
  })
  if (response.ok) return response
  const answer = await readJson(response)
  const { error, code, details } = (answer ?? {}) as { error?: string; code?: string; details?: unknown }
  throw new ApiError({
    status: response.status,
    code: code ?? 'unknown',
    message: error ?? `UniRoute answered with status ${response.status}.`,
    requestId: response.headers.get('x-request-id'),
    details,
  })
}

/** What is no JSON (a proxy's page of HTML) counts as no answer. */
async function readJson(response: Response): Promise<unknown> {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
