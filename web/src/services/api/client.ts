// Calls as the signed-in person. A refused token is refreshed once; if that fails too, the call waits for the sign-in
// that opens over the page, then goes out again. Whoever is refused after that is told so: there is no loop.
import { readToken, refreshSession, waitForSignIn } from '../session.ts'
import { ApiError, send, type SendOptions } from './send.ts'

type CallOptions = Omit<SendOptions, 'token'>

export async function call<Answer>(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const token = readToken()
  try {
    return await send<Answer>(method, path, { ...options, token })
  } catch (error) {
    if (!isRefusedToken(error)) throw error
  }
  if (!(await refreshSession(token))) await waitForSignIn()
  return send<Answer>(method, path, { ...options, token: readToken() })
}

function isRefusedToken(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401 && error.code !== 'reauthentication_required'
}
